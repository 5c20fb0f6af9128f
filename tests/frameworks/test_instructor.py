"""Instructor around the SDK's clients."""

from collections.abc import Iterator
from typing import Any

import instructor
import openai
import pytest
from comparing import Program, taken, traced, untraced, wait
from counting import counted, due, others
from openinference.instrumentation.instructor import InstructorInstrumentor
from pydantic import BaseModel
from saying import Said

from spanglass.testing import CapturedSpans, OpenAIServer

PARIS = Said(name="City", arguments='{"name": "Paris", "people": 2}')
WRONG = Said(name="City", arguments='{"name": "Paris", "people": "many"}')
TEXT = Said('{"name": "Paris", "people": 2}')


class City(BaseModel):
    """A city."""

    name: str
    people: int


ASK: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Paris?"}],
    "response_model": City,
}

COUNTED: dict[str, Any] = {"stream_options": {"include_usage": True}}


def client(base_url: str, mode: Any = instructor.Mode.TOOLS) -> Any:
    """Return a client of the server's."""
    return instructor.from_openai(openai.OpenAI(base_url=base_url, api_key="test"), mode=mode)


def aclient(base_url: str) -> Any:
    """Return a client of the server's for an event loop."""
    return instructor.from_openai(openai.AsyncOpenAI(base_url=base_url, api_key="test"))


def create(base_url: str) -> Any:
    """Ask for an object."""
    return client(base_url).create(**ASK).model_dump()


def acreate(base_url: str) -> Any:
    """Ask for an object in an event loop."""
    return wait(aclient(base_url).create(**ASK)).model_dump()


def mode(mode: Any) -> Program:
    """Ask for an object in another way."""
    return lambda base_url: client(base_url, mode).create(**ASK).model_dump()


def again(base_url: str) -> Any:
    """Ask anew for an object that was wrong."""
    return client(base_url).create(**ASK, max_retries=2).model_dump()


def with_completion(base_url: str) -> Any:
    """Ask for an object, and for what it came in."""
    city, answer = client(base_url).create_with_completion(**ASK)
    return city.model_dump(), answer.model_dump()


def partial(base_url: str) -> Any:
    """Ask for an object as it grows."""
    return [city.model_dump() for city in client(base_url).create_partial(**ASK, **COUNTED)]


def apartial(base_url: str) -> Any:
    """Ask for an object as it grows, in an event loop."""
    return [city.model_dump() for city in wait(taken(aclient(base_url).create_partial(**ASK, **COUNTED)))]


CASES: dict[str, tuple[Program, list[Said]]] = {
    "create": (create, [PARIS]),
    "acreate": (acreate, [PARIS]),
    "create, as JSON": (mode(instructor.Mode.JSON), [TEXT]),
    "create, Responses API": (mode(instructor.Mode.RESPONSES_TOOLS), [PARIS]),
    "create, asked anew": (again, [WRONG, PARIS]),
    "create_with_completion": (with_completion, [PARIS]),
    "create_partial": (partial, [PARIS]),
    "acreate_partial": (apartial, [PARIS]),
}


@pytest.mark.parametrize("case", CASES)
def test_calls(case: str, server: OpenAIServer) -> None:
    """Each call of the framework's has one whole span, and nothing else changes."""
    assert untraced(server, *CASES[case]) == traced(server, *CASES[case])


@pytest.fixture
def theirs(captured: CapturedSpans) -> Iterator[CapturedSpans]:
    """Turn on the framework's own instrumentor beside ours."""
    instrumentor = InstructorInstrumentor()
    instrumentor.instrument(tracer_provider=captured.provider)
    yield captured
    instrumentor.uninstrument()


@pytest.mark.parametrize("case", [case for case in CASES if "embed" not in case])
def test_tokens(case: str, server: OpenAIServer, theirs: CapturedSpans) -> None:
    """Beside the framework's own instrumentor, the tokens of each call are counted once."""
    untraced(server, *CASES[case])

    assert due(theirs.spans) == counted(theirs.spans)
    assert others(theirs.spans) == {"openinference.instrumentation.instructor"}
