"""What a block says of the calls inside it."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openinference.instrumentation import get_attributes_from_context, using_attributes
from opentelemetry.context import get_current

from flavours import Flavour
from spanglass import using
from spanglass.testing import CapturedSpans, OpenAIServer, Reply

SAID: dict[str, Any] = {
    "session.id": "s1",
    "user.id": "u1",
    "metadata": '{"team":"search"}',
    "tag.tags": ("a", "b"),
    "llm.prompt_template.template": "Say {what}",
    "llm.prompt_template.variables": '{"what":"hi"}',
    "llm.prompt_template.version": "2",
}


def test_block(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """All that a block says is on the spans of the calls inside it, and on no other."""
    client = flavour.client(server)
    server.script(Reply(b"", status=503, headers={"retry-after-ms": "1"}))
    with using(
        session="s1",
        user="u1",
        metadata={"team": "search"},
        tags=["a", "b"],
        prompt_template={"template": "Say {what}", "variables": {"what": "hi"}, "version": "2"},
    ):
        flavour.create(client)
    flavour.create(client)

    told = [{name: value for name, value in (span.attributes or {}).items() if name in SAID} for span in captured.spans]
    assert ["attempt", "attempt", "ChatCompletion", "ChatCompletion"] == [span.name for span in captured.spans]
    assert [SAID, SAID, SAID, {}] == told


def test_blocks_inside_blocks() -> None:
    """An inner block adds to what the outer says, also where OpenInference's own says it, and takes nothing back."""
    with using_attributes(session_id="s0", user_id="u0"), using(session="s1", prompt_template="Hi"):
        inner = dict(get_attributes_from_context())
        with using_attributes(user_id="u1", tags=["x"]):
            innermost = dict(get_attributes_from_context())
    assert {"session.id": "s1", "user.id": "u0", "llm.prompt_template.template": "Hi"} == inner
    assert {**inner, "user.id": "u1", "tag.tags": ["x"]} == innermost
    assert {} == dict(get_attributes_from_context())


def test_content_of_no_kind() -> None:
    """Content is on or off."""
    with pytest.raises(ValueError, match="content= cannot be 'no': use 'on' or 'off'"), using(content="no"):  # type: ignore[arg-type]
        pass


def test_a_generator_that_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """A block in an async generator that is left early ends in peace, in whatever task it is closed."""

    async def answers() -> AsyncIterator[int]:
        with using(session="s"):
            yield 1

    async def leave() -> object:
        async for _ in answers():
            break
        gc.collect()
        for _ in range(3):
            await asyncio.sleep(0)  # the loop closes what was dropped
        return get_current().get("session.id")

    asyncio.run(leave())

    assert [] == caplog.messages


def test_a_block_that_is_left_by_an_exception() -> None:
    """What a block says ends with it, however it is left."""
    before = get_current()
    for error in (KeyError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), using(session="s"):
            raise error

    assert get_current() is before


def test_one_tag() -> None:
    """A text is one tag."""
    with using(tags="beta"):
        assert {"tag.tags": ["beta"]} == dict(get_attributes_from_context())
