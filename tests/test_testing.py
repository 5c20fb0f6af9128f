"""The scriptable server, driven by the real SDK, and the capture of spans."""

import asyncio
import gc
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

from spanglass.testing import (
    Answer,
    HangUp,
    OpenAIServer,
    Reply,
    Request,
    Stall,
    Stream,
    captured_spans,
    chunks,
    completion,
    error,
)

ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}


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


def ask(client: OpenAI, **more: Any) -> dict[str, Any]:
    """Make one call and return the answer as it came."""
    answer: dict[str, Any] = client.chat.completions.create(**ASK, **more).to_dict()
    return answer


def stream(client: OpenAI, **more: Any) -> list[dict[str, Any]]:
    """Make one streamed call and return its chunks as they came."""
    with client.chat.completions.create(**ASK, stream=True, **more) as answer:
        return [chunk.to_dict() for chunk in answer]


def stream_async(server: OpenAIServer) -> list[dict[str, Any]]:
    """Do as `stream` with a client of the asynchronous kind."""

    async def run() -> list[dict[str, Any]]:
        async with AsyncOpenAI(base_url=server.base_url, api_key="test", max_retries=0) as client:
            answer: AsyncIterator[Any] = await client.chat.completions.create(**ASK, stream=True)
            return [chunk.to_dict() async for chunk in answer]

    return asyncio.run(run())


class TestDefaults:
    """What a server without a script says."""

    def test_completion(self, client: OpenAI) -> None:
        """A chat completion is answered, under the model that was asked for."""
        assert completion(model="gpt-4o") == ask(client)

    def test_stream(self, client: OpenAI) -> None:
        """A streamed chat completion is answered as a stream."""
        assert chunks(model="gpt-4o") == stream(client)

    def test_stream_with_usage(self, client: OpenAI) -> None:
        """A stream carries its usage when that is asked for."""
        expected = chunks(model="gpt-4o", usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})

        assert expected == stream(client, stream_options={"include_usage": True})

    def test_async(self, server: OpenAIServer) -> None:
        """An asynchronous client gets the same stream."""
        assert chunks(model="gpt-4o") == stream_async(server)

    def test_azure(self, server: OpenAIServer) -> None:
        """Azure's paths are served too, and the journal has them with their query."""
        with AzureOpenAI(azure_endpoint=server.url, api_version="2024-06-01", api_key="test") as client:
            answer = ask(client)

        assert completion(model="gpt-4o") == answer
        assert [request.path for request in server.journal] == [
            "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01"
        ]

    def test_elsewhere(self, client: OpenAI) -> None:
        """Another path is not found, in the API's words."""
        with pytest.raises(openai.NotFoundError) as caught:
            client.models.list()

        assert error("Nothing is served at GET /v1/models", code="unknown_url") == caught.value.response.json()


class TestScript:
    """What a script makes the server do."""

    def test_order(self, server: OpenAIServer, client: OpenAI) -> None:
        """Answers are taken in the order in which they were queued, then come the defaults."""
        server.script(Reply(completion("one")), Reply(completion("two")))
        server.script(Reply(completion("three")))

        assert [ask(client)["choices"][0]["message"]["content"] for _ in range(4)] == ["one", "two", "three", "Hello"]

    def test_function(self, server: OpenAIServer, client: OpenAI) -> None:
        """A function in the script answers the request that it is given."""
        server.script(lambda request: Reply(completion(request.json()["messages"][0]["content"])))

        assert completion("Hi") == ask(client)

    def test_error_with_headers(self, server: OpenAIServer, client: OpenAI) -> None:
        """Status, body and headers arrive as scripted."""
        body = error("Slow down", kind="requests", code="rate_limit_exceeded")
        headers = {"X-Request-Id": "req_1", "retry-after": "7", "x-ratelimit-remaining-requests": "0"}
        server.script(Reply(body, status=429, headers=headers))

        with pytest.raises(openai.RateLimitError) as caught:
            ask(client)

        assert body == caught.value.response.json()
        assert {
            "content-type": "application/json",
            "content-length": str(len(caught.value.response.content)),
            "x-request-id": "req_1",
            "retry-after": "7",
            "x-ratelimit-remaining-requests": "0",
        } == dict(caught.value.response.headers)

    @pytest.mark.parametrize(
        ("headers", "requests"),
        [({"retry-after-ms": "1"}, 2), ({"retry-after-ms": "1", "x-should-retry": "false"}, 1)],
        ids=["retried", "told not to"],
    )
    def test_retry(self, server: OpenAIServer, client: OpenAI, headers: dict[str, str], requests: int) -> None:
        """The SDK does with the retry headers what it does with the real API's."""
        server.script(Reply(error("Slow down"), status=429, headers=headers))
        try:
            ask(client.with_options(max_retries=1))
        except openai.RateLimitError:
            assert requests == 1

        assert requests == len(server.journal)

    @pytest.mark.parametrize(
        ("reply", "status", "kind", "body"),
        [
            (
                Reply(b"<h1>502</h1>", status=502, headers={"content-type": "text/html"}),
                502,
                "text/html",
                "<h1>502</h1>",
            ),
            (Reply(), 200, "application/octet-stream", ""),
            (Reply([1, None]), 200, "application/json", "[1, null]"),
            (Reply(b"{", status=529), 529, "application/octet-stream", "{"),
        ],
        ids=["html", "empty", "list", "garbage"],
    )
    def test_odd_bodies(self, server: OpenAIServer, reply: Reply, status: int, kind: str, body: str) -> None:
        """Whatever a gateway might answer can be scripted."""
        server.script(reply)
        answer = httpx.get(server.base_url)

        assert (status, kind, body) == (answer.status_code, answer.headers["content-type"], answer.text)

    def test_hang_up(self, server: OpenAIServer, client: OpenAI) -> None:
        """A connection can be closed without an answer."""
        server.script(HangUp())

        with pytest.raises(openai.APIConnectionError, match="Connection error"):
            ask(client)

    def test_cut_body(self, server: OpenAIServer) -> None:
        """A plain body can end short of the length it promised, even when nothing of it is missing."""
        server.script(Reply(b"whole", cut_at=2), Reply(b"whole", cut_at=5))

        for seen in (b"wh", b"whole"):
            got = b""
            with httpx.stream("GET", server.base_url) as answer, pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - what came first counts
                for piece in answer.iter_raw():
                    got += piece

            assert seen == got


class TestStream:
    """Streams, whole and otherwise."""

    def test_wire(self, server: OpenAIServer) -> None:
        """Dicts become events, text and bytes go as given, an empty one is nothing, and [DONE] is last."""
        server.script(Stream([{"a": 1}, ": ping\n\n", "", b"data: {\n\n"], delay=0.001))
        answer = httpx.get(server.base_url)

        assert (
            answer.headers["content-type"],
            answer.text,
        ) == ("text/event-stream", 'data: {"a": 1}\n\n: ping\n\ndata: {\n\ndata: [DONE]\n\n')

    def test_not_done(self, server: OpenAIServer) -> None:
        """A stream can end properly without [DONE]."""
        server.script(Stream([{"a": 1}], done=False))

        assert httpx.get(server.base_url).text == 'data: {"a": 1}\n\n'

    @pytest.mark.parametrize("cut", range(0, 40, 13))
    def test_cut(self, server: OpenAIServer, cut: int) -> None:
        """A stream that is cut gives exactly the bytes before the cut, then breaks."""
        server.script(Stream(["data: first\n\n", "data: second\n\n"], cut_at=cut))
        got = b""
        with httpx.stream("GET", server.base_url) as answer, pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - what came first counts
            for piece in answer.iter_raw():
                got += piece

        assert got == b"data: first\n\ndata: second\n\ndata: [DONE]\n\n"[:cut]

    @pytest.mark.parametrize("kind", ["sync", "async"])
    def test_cut_for_the_sdk(self, server: OpenAIServer, client: OpenAI, kind: str) -> None:
        """A client of the SDK meets the break in mid-stream as an error."""
        server.script(Stream(chunks(["a"] * 50), cut_at=500))

        with pytest.raises(Exception, match=r"(?i)connection error|incomplete chunked read") as caught:
            stream(client) if kind == "sync" else stream_async(server)

        assert "incomplete chunked read" in str(caught.value.__cause__)

    def test_error_in_mid_stream(self, server: OpenAIServer, client: OpenAI) -> None:
        """An error can come as a chunk."""
        server.script(Stream([*chunks(finish_reason=None), error("Overloaded", kind="server_error")]))

        with pytest.raises(openai.APIError, match="Overloaded"):
            stream(client)

    def test_gate(self, server: OpenAIServer, client: OpenAI) -> None:
        """A chunk is with the client before the next is sent, and a stall waits for its event."""
        gate = threading.Event()
        opening, *rest = chunks()
        server.script(Stream([opening, Stall(until=gate), *rest]))
        seen = []
        with client.chat.completions.create(**ASK, stream=True) as answer:
            for chunk in answer:
                seen.append((gate.is_set(), chunk.to_dict()))
                gate.set()

        assert [(False, opening), *((True, chunk) for chunk in rest)] == seen

    def test_client_leaves(self, server: OpenAIServer, client: OpenAI) -> None:
        """A client that leaves an endless stream ends it, and the server goes on."""
        ended = threading.Event()

        def endless() -> Iterator[dict[str, Any]]:
            try:
                while True:
                    yield chunks()[1]
            finally:
                ended.set()

        server.script(Stream(endless()))
        with client.chat.completions.create(**ASK, stream=True) as answer:
            first = next(iter(answer)).to_dict()

        assert chunks()[1] == first
        assert ended.wait(10)
        assert completion(model="gpt-4o") == ask(client)


class TestStall:
    """Servers that take their time."""

    @pytest.mark.parametrize("answer", [HangUp(before=Stall()), Reply(completion(), before=Stall())])
    def test_client_timeout(self, server: OpenAIServer, client: OpenAI, answer: Answer) -> None:
        """A server that says nothing makes the client time out, and the next call finds it well."""
        server.script(answer)

        with pytest.raises(openai.APITimeoutError):
            ask(client, timeout=0.05)

        assert completion(model="gpt-4o") == ask(client)

    def test_timeout_in_mid_stream(self, server: OpenAIServer, client: OpenAI) -> None:
        """A stream that stalls makes the client time out."""
        server.script(Stream([chunks()[0], Stall()]))

        with pytest.raises(Exception, match="timed out"):
            stream(client, timeout=0.05)

    def test_late_answer(self, server: OpenAIServer, client: OpenAI) -> None:
        """An answer that comes late is the same answer."""
        server.script(Reply(completion(), before=Stall(0.01)))

        assert completion() == ask(client)

    @pytest.mark.parametrize("seconds", [-1, 61, float("nan")])
    def test_bounds(self, seconds: float) -> None:
        """A stall that could hang a test run is refused."""
        with pytest.raises(ValueError, match="0 to 60 seconds"):
            Stall(seconds)


class TestServer:
    """The server itself."""

    def test_journal(self, server: OpenAIServer, client: OpenAI) -> None:
        """The journal has what came over the wire: method, path, headers, and the very bytes of the body."""
        ask(client, extra_headers={"X-Mine": "yes"}, user="zoë")
        (request,) = server.journal

        assert (
            request.method,
            request.path,
            request.headers["x-mine"],
            request.json(),
        ) == ("POST", "/v1/chat/completions", "yes", {**ASK, "user": "zoë"})
        assert str(len(request.body)) == request.headers["content-length"]

    def test_chunked_upload(self, server: OpenAIServer) -> None:
        """A body of a length unknown beforehand is journaled whole."""
        httpx.post(server.base_url, content=iter([b"a" * 20, b"", b"b"]))

        assert [request.body for request in server.journal] == [b"a" * 20 + b"b"]

    def test_keep_alive(self, server: OpenAIServer) -> None:
        """One connection serves request after request, streamed or not, until an answer that breaks off."""
        server.script(Reply(completion()), Stream(chunks()), Reply(status=500), Reply(b"whole", cut_at=2), Reply())
        ports = []
        with httpx.Client(base_url=server.base_url) as client:
            for _ in range(5):
                with suppress(httpx.RemoteProtocolError), client.stream("GET", "/") as answer:
                    ports.append(answer.extensions["network_stream"].get_extra_info("client_addr")[1])
                    answer.read()

        assert [ports[0]] * 4 == ports[:4]
        assert ports[4] != ports[0]

    @pytest.mark.parametrize(
        "answer",
        [HangUp(before=Stall()), Stream([chunks()[0], Stall(until=threading.Event())]), Stream(chunks(), delay=30)],
        ids=["before headers", "for an event", "between chunks"],
    )
    def test_close_during_stall(self, client: OpenAI, server: OpenAIServer, answer: Answer) -> None:
        """Closing the server frees a client that it keeps waiting, and leaves no thread behind."""
        arrived = threading.Event()
        failures = []

        def stall(_: Request) -> Answer:
            arrived.set()
            return answer

        def call() -> None:
            try:
                stream(client)
            except Exception as failure:  # noqa: BLE001 - its type differs with the family of HTTP client
                failures.append(failure)

        server.script(stall)
        caller = threading.Thread(target=call)
        caller.start()
        assert arrived.wait(10)
        begun = time.monotonic()
        server.close()
        server.close()
        caller.join()

        assert len(failures) == 1
        assert time.monotonic() - begun < 10
        assert not [thread for thread in threading.enumerate() if "OpenAIServer" in thread.name]

    def test_close_frees_the_port(self) -> None:
        """A closed server takes no connection, and a port can be chosen."""
        with OpenAIServer() as first:
            port = first.port
        with pytest.raises(httpx.ConnectError):
            httpx.get(first.base_url)

        with OpenAIServer(port) as second:
            assert (port, first.base_url) == (second.port, second.base_url)

    def test_crowd(self, server: OpenAIServer) -> None:
        """Many callers at once each get one answer of the script, in the order of the journal."""
        expected = {str(number): completion(str(number)) for number in range(20)}
        server.script(*(Reply(answer) for answer in expected.values()))

        async def run() -> list[dict[str, Any]]:
            async with AsyncOpenAI(base_url=server.base_url, api_key="test") as client:
                calls = (client.chat.completions.create(**ASK) for _ in expected)
                return [answer.to_dict() for answer in await asyncio.gather(*calls)]

        answers = asyncio.run(run())

        assert expected == {answer["choices"][0]["message"]["content"]: answer for answer in answers}
        assert len(expected) == len(server.journal)

    def test_light_import(self) -> None:
        """Importing it imports no openai."""
        code = "import sys, spanglass.testing; sys.exit('openai' in sys.modules)"

        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own line


class TestBodies:
    """The builders of what the API says."""

    def test_completion(self) -> None:
        """A completion is the same every time, and has what is chosen."""
        assert completion(
            None, model="m", usage=None, tool_calls=[CALL], finish_reason="tool_calls", service_tier="flex"
        ) == {
            "id": "chatcmpl-test",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": None, "refusal": None, "tool_calls": [CALL]},
                    "logprobs": None,
                    "finish_reason": "tool_calls",
                }
            ],
            "usage": None,
            "service_tier": "flex",
        }

    def test_chunks(self) -> None:
        """Chunks come in the API's order: role, text, tool calls in parts, the reason, the usage."""
        usage = {"prompt_tokens": 1}
        made = chunks(["a", "b"], usage=usage, tool_calls=[CALL], finish_reason="tool_calls", id="x")
        top = {"id": "x", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-4o-mini"}
        deltas: list[dict[str, Any]] = [
            {"role": "assistant", "content": ""},
            {"content": "a"},
            {"content": "b"},
            {
                "tool_calls": [
                    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "add", "arguments": ""}}
                ]
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '":1}'}}]},
        ]

        assert made == [
            *(
                {**top, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}
                for delta in deltas
            ),
            {**top, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": None},
            {**top, "choices": [], "usage": usage},
        ]

    def test_own_usage(self) -> None:
        """What a test changes in one body is not in the next."""
        completion()["usage"]["total_tokens"] = 0

        assert completion()["usage"]["total_tokens"] == 11


class TestCapturedSpans:
    """Spans of what ran in a block."""

    def test_order(self, client: OpenAI) -> None:
        """The spans of a block are there in the order in which they ended, and stay readable after it."""
        ask(client)
        with captured_spans() as captured:
            ask(client)
            inside = [span.name for span in captured.spans]
        ask(client)

        assert inside == ["ChatCompletion"]
        assert inside == [span.name for span in captured.spans]

    def test_dropped_stream(self, client: OpenAI) -> None:
        """A stream that was dropped unread has its span too, once it is collected."""
        with captured_spans() as captured:
            next(iter(client.chat.completions.create(**ASK, stream=True)))
            gc.collect()

            assert [span.name for span in captured.spans] == ["ChatCompletion"]

    def test_gives_back(self, client: OpenAI) -> None:
        """An instrumentor that was running goes on with what it had, also when the block fails."""
        with captured_spans() as outer:
            with pytest.raises(ZeroDivisionError), captured_spans() as inner:  # noqa: PT012 - the block is what is tested
                ask(client)
                _ = 1 / 0
            ask(client)
            ask(client)

        assert (len(inner.spans), len(outer.spans)) == (1, 2)
