"""However much a span holds, its page is of a size that a browser draws at once, and says what it leaves out."""

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import Event, ReadableSpan
from serving import Dashboard
from showing import calls, chat, made, part, path_of, says

from spanglass.dashboard.entry import entry

pytest_plugins = ["served"]

LARGEST = 7_000_000
"""Bytes of a page; of what anybody means to send none has a tenth of it."""
LONGEST = 20.0
"""Seconds, where some 0.3 are the rule."""
UNSEEN = "\u202ea\0\0" * 4000


def _parts(count: int, text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "user"}
    for number in range(count):
        message.update(part(number, "text", text=text))
    return message


def _numbered(name: str, count: int, text: str) -> dict[str, Any]:
    return {"openinference.span.kind": "LLM", **{name.format(number): text for number in range(count)}}


FLOODS: dict[str, tuple[Mapping[str, Any], list[Event], str]] = {
    "messages": (chat(*[says("user", UNSEEN)] * 150), [], "are not shown"),
    "parts": (chat(_parts(150, UNSEEN)), [], "parts more: the raw span has them"),
    "results": (
        chat(calls("f", "{}", "c"), *[{**says("tool", '"' * 9000), "tool_call_id": "c"} for _ in range(300)]),
        [],
        "results more: the raw span has them",
    ),
    "parameters": (
        {
            "openinference.span.kind": "LLM",
            "llm.invocation_parameters": json.dumps(dict.fromkeys(map(str, range(120)), UNSEEN)),
        },
        [],
        "parameters more: the raw span has them",
    ),
    "tools": (
        _numbered("llm.tools.{}.tool.json_schema", 100, json.dumps({"name": "f", "description": UNSEEN})),
        [],
        "tools more: the raw span has them",
    ),
    "attributes": (_numbered(f"{UNSEEN[:400]}{{}}", 2000, UNSEEN[:200]), [], "attributes more: the raw span has them"),
    "events": (
        {},
        [Event("e", {f"{UNSEEN[:40]}{name}": UNSEEN[:300] for name in range(100)}, time) for time in range(60)],
        "events more: the raw span has them",
    ),
    "exceptions": (
        {},
        [
            Event("exception", {"exception.message": f"{time}", "exception.stacktrace": UNSEEN[:500]}, time)
            for time in range(4000)
        ],
        "events more: the raw span has them",
    ),
}


@pytest.mark.parametrize("which", FLOODS)
def test_a_span_that_floods(dashboard: Dashboard, which: str) -> None:
    """A page has room for so much, whatever there is most of, and says that there is more."""
    attributes, events, said = FLOODS[which]
    span = made(attributes, events=events, failed="It failed" if events else None)
    dashboard.store.add([entry(span)])

    assert _asked(dashboard, path_of(span), said) == (200, True, True, True)


def test_a_session_that_floods(dashboard: Dashboard) -> None:
    """The transcript of a hundred calls that each add long texts has room for so much too, and says so."""
    texts = [says("user", f"{number} {'x' * 16_000}") for number in range(10)]
    dashboard.store.add(map(entry, (_of_session(texts, number) for number in range(100))))

    assert _asked(dashboard, "/session?id=s", "messages more before these", 4_000_000) == (200, True, True, True)


def _of_session(texts: list[dict[str, Any]], number: int) -> ReadableSpan:
    sent = [{**text, "content": f"{number} {text['content']}"} for text in texts]
    return made(chat(*sent, received=[says("assistant", "y" * 16_000)], others={"session.id": "s"}), at=20 * number)


def _asked(dashboard: Dashboard, path: str, said: str, largest: int = LARGEST) -> tuple[int, bool, bool, bool]:
    begun = time.monotonic()
    answer = dashboard.ask(path)
    return answer.status, len(answer.body) < largest, time.monotonic() - begun < LONGEST, said in answer.text
