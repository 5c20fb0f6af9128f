"""The bodies for the Responses API, for embeddings and for completions before chat, as the real SDK takes them."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from spanglass.testing import (
    OpenAIServer,
    Reply,
    Stream,
    embeddings,
    response,
    response_events,
    said,
    text_chunks,
    text_completion,
)

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Look it up."}]}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": '{"a":1}'}
SEARCH = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "a", "queries": None, "sources": None},
}
ITEMS: list[dict[str, Any]] = [THOUGHT, CALL, SEARCH, said("Found.", 3)]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    """Give a server of the test's own."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def client(server: OpenAIServer) -> Iterator[OpenAI]:
    """Give a client of that server, which does not retry."""
    with OpenAI(base_url=server.base_url, api_key="test", max_retries=0) as client:
        yield client


def streamed(client: OpenAI) -> list[dict[str, Any]]:
    """Return the events of a streamed response, as they came."""
    with client.responses.create(model="gpt-4o", input="Hi", stream=True) as events:
        return [event.to_dict() for event in events]


class TestDefaults:
    """What a server without a script says."""

    def test_response(self, client: OpenAI) -> None:
        """A response is answered, under the model that was asked for."""
        assert client.responses.create(model="gpt-4o", input="Hi").to_dict() == response(model="gpt-4o")

    def test_streamed_response(self, client: OpenAI) -> None:
        """A streamed response is answered by its events."""
        assert streamed(client) == response_events(model="gpt-4o")

    @pytest.mark.parametrize(
        ("given", "vectors"),
        [("Hi", 1), (["Hi"], 1), (["Hi", "Bye", "Hi"], 3), ([1, 2, 3], 1), ([[1, 2], [3]], 2), ([], 1)],
        ids=["text", "list of one", "three texts", "tokens", "two of tokens", "nothing"],
    )
    def test_embeddings(self, client: OpenAI, given: Any, vectors: int) -> None:
        """Each input has a vector, the same by either encoding: the SDK asks for base64 by itself."""
        asked: dict[str, Any] = {"model": "text-embedding-3-large", "input": given}
        expected = embeddings([[0.25, -0.5]] * vectors, model="text-embedding-3-large")

        assert client.embeddings.create(**asked).to_dict() == expected
        assert client.embeddings.create(**asked, encoding_format="float").to_dict() == expected

    @pytest.mark.parametrize(
        ("prompt", "choices"), [("Hi", 1), (["Hi", "Bye"], 2), ([1, 2], 1)], ids=["text", "two texts", "tokens"]
    )
    def test_completion(self, client: OpenAI, prompt: Any, choices: int) -> None:
        """Each prompt of a completion before chat is completed."""
        answer = client.completions.create(model="davinci-002", prompt=prompt)

        assert answer.to_dict() == text_completion(*["Hello"] * choices, model="davinci-002")

    @pytest.mark.parametrize(("asked", "usage"), [({}, None), ({"include_usage": True}, USAGE)])
    def test_streamed_completion(self, client: OpenAI, asked: Any, usage: dict[str, Any] | None) -> None:
        """A streamed completion before chat is answered as a stream, with its usage where that is asked for."""
        pieces = client.completions.create(model="davinci-002", prompt="Hi", stream=True, stream_options=asked)

        assert [piece.to_dict() for piece in pieces] == text_chunks(model="davinci-002", usage=usage)


class TestScript:
    """What is made for a script."""

    def test_items(self, server: OpenAIServer, client: OpenAI) -> None:
        """Output items of all kinds arrive as they were given, and what is given by name is at the top."""
        server.script(Reply(response(ITEMS, id="resp_2", service_tier="flex")))
        answer = client.responses.create(model="gpt-4o", input="Hi")

        assert answer.to_dict() == response(ITEMS, id="resp_2", service_tier="flex")
        assert answer.output_text == "Found."

    @pytest.mark.parametrize("output", [["Hel", "lo", "!"], ITEMS], ids=["pieces of a text", "items"])
    @pytest.mark.parametrize("status", ["completed", "incomplete"])
    def test_events(self, server: OpenAIServer, client: OpenAI, output: Any, status: str) -> None:
        """The SDK's own accumulator makes of the events what would have come at once, and they are numbered."""
        server.script(Stream(response_events(output, status=status), done=False))
        with client.responses.stream(model="gpt-4o", input="Hi") as stream:
            events = [*stream]
            final: Any = stream.get_final_response() if status == "completed" else events[-1].response

        whole = response([said("Hello!")] if output is not ITEMS else ITEMS, status=status)
        told = final.to_dict()
        told["output"] = [_without_parsed(item) for item in told["output"]]
        assert {key: told.get(key) for key in whole} == whole
        assert [event.sequence_number for event in events] == [*range(len(events))]

    def test_no_end(self, server: OpenAIServer, client: OpenAI) -> None:
        """Of any other status no event tells of the end."""
        server.script(Stream(response_events(status="in_progress"), done=False))

        assert streamed(client) == response_events()[:-1]

    def test_choices(self, server: OpenAIServer, client: OpenAI) -> None:
        """A completion before chat has a choice for each text."""
        server.script(Reply(text_completion("one", "two", usage=None)))

        answer = client.completions.create(model="davinci-002", prompt="Hi", n=2)
        assert (answer.usage, [choice.text for choice in answer.choices]) == (None, ["one", "two"])


def _without_parsed(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without what the SDK has added to it in parsing."""
    left = {key: value for key, value in item.items() if key != "parsed_arguments"}
    if "content" in left:
        left["content"] = [{key: part[key] for key in part if key != "parsed"} for part in left["content"]]
    return left
