"""A program that ends with a stream open has its span exported, however it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from leaving import OURS

from spanglass.testing import OpenAIServer, Stall, Stream, chunks

HERE = Path(__file__).parent
PATIENCE = 90
SYNC = """
    import sys
    from itertools import islice
    import openai
    from leaving import instrument
    client = openai.OpenAI(base_url=instrument(), api_key="test")
    stream = client.chat.completions.create(model="m", messages=[], stream=True)
"""
ASYNC = """
    import asyncio, sys
    import openai
    from leaving import instrument
    client = openai.AsyncOpenAI(base_url=instrument(), api_key="test")
    kept = []

    async def read():
        stream = await client.chat.completions.create(model="m", messages=[], stream=True)
        taken = 0
        async for chunk in stream:
            taken += 1
            if taken == 2:
                break
        return stream
"""
HALF: list[Any] = ["abandoned", 2, "Hel"]
PROGRAMS: dict[str, tuple[str, str, int, list[Any]]] = {
    "falls off the end": (SYNC, "for chunk in islice(stream, 2): pass", 0, HALF),
    "never reads": (SYNC, "", 0, ["abandoned", 0, None]),
    "has dropped it": (SYNC, "next(stream), next(stream); del stream", 0, HALF),
    "sys.exit": (SYNC, "next(stream), next(stream); sys.exit(3)", 3, HALF),
    "sys.exit in a loop": (SYNC, "for number, chunk in enumerate(stream, 1): number == 2 and sys.exit(3)", 3, HALF),
    "sys.exit in a with": (SYNC, "with stream: next(stream), next(stream), sys.exit(3)", 3, ["closed", 2, "Hel"]),
    "async, falls off the end": (ASYNC, "asyncio.run(read())", 0, HALF),
    "async, holds it": (ASYNC, "kept.append(asyncio.run(read()))", 0, HALF),
    "async, sys.exit": (ASYNC, "kept.append(asyncio.run(read())); sys.exit(3)", 3, HALF),
    "async, sys.exit in a task": (
        ASYNC,
        """
    async def leave():
        kept.append(await read())
        sys.exit(3)

    asyncio.run(leave())
""",
        3,
        HALF,
    ),
    "async, loop never closed": (ASYNC, "kept.append(asyncio.new_event_loop().run_until_complete(read()))", 0, HALF),
}


def run(server: OpenAIServer, program: str) -> tuple[int, list[Any], str]:
    """Run a program, and return its exit status, what its spans told, and what it wrote to stderr."""
    ran = subprocess.run(  # noqa: S603 - a program of this file
        [sys.executable, "-c", dedent(program), server.base_url],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return ran.returncode, [json.loads(line) for line in ran.stdout.splitlines()], ran.stderr


def status_of_bare(met: int, due: int, server: OpenAIServer, program: str) -> int:
    """Return the exit status that is due; where another was met, what the program has without spanglass.

    CPython 3.13.0 itself may die of a stream that is open as the program ends.
    """
    if met == due:
        return due
    server.script(Stream([*chunks()[:2], Stall()]))
    return run(server, program.replace("import instrument", "import leave_bare as instrument"))[0]


@pytest.mark.parametrize("case", PROGRAMS)
def test_exits(server: OpenAIServer, case: str) -> None:
    """The span of a stream that is open when the program ends is exported, with what had arrived, and in silence."""
    beginning, end, status, told = PROGRAMS[case]
    server.script(Stream([*chunks()[:2], Stall()]))
    program = f"{beginning}    {end.strip()}\n"
    ended = run(server, program)

    assert (status_of_bare(ended[0], status, server, program), [told]) == ended[:2], ended[2]
    assert OURS not in ended[2]


FORKED = """
    import faulthandler, gc, os, sys
    import openai
    from leaving import instrument
    from spanglass.calls.unfinished import drain
    client = openai.OpenAI(base_url=instrument(), api_key="test")
    stream = client.chat.completions.create(model="m", messages=[], stream=True)
    next(stream)
    faulthandler.cancel_dump_traceback_later()  # its thread would not be in the child, which waits for it
    child = os.fork()
    if child == 0:
        del stream
        gc.collect()
        drain()
        sys.exit()
    os.waitpid(child, 0)
    next(stream)
    sys.exit()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked(server: OpenAIServer) -> None:
    """A stream that is open at a fork stays its parent's: what the child drops, or leaves open, is not told twice."""
    server.script(Stream([*chunks()[:2], Stall()]))
    ended = run(server, FORKED)

    assert (status_of_bare(ended[0], 0, server, FORKED), [HALF]) == ended[:2], ended[2]
    assert OURS not in ended[2]
