"""The endpoints as tests call them: what is asked, what the server answers, and what the spans say of both."""

import importlib
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from asking import need, sent
from flavours import ASK, Flavour, known
from spanglass.testing import (
    Answer,
    OpenAIServer,
    Reply,
    Stream,
    chunks,
    completion,
    embeddings,
    response,
    response_events,
    text_chunks,
    text_completion,
)
from spanglass.testing.bodies import MODEL
from spanglass.testing.responses import EMBEDDING_MODEL, TEXT_MODEL

COMPACT_JSON = (",", ":")


class Ask(NamedTuple):
    """One endpoint, as it is called by a `method` of a client, or by posting to a `path`.

    `body` is what is asked, of which the parameter `read` is told by what is `said`, as are the model and the like; all
    others are invocation parameters. `reply` is a plain answer, by which is `answered` and `counted`; `chunks` are that
    of a stream, of which has `arrived` what is told after so many; the first text has come with `half` of them. `types`
    are those of an answer and of a chunk. What is not told as it was sent, but as it was asked, has no `wire`.
    """

    name: str
    method: str
    path: str
    span: str
    body: Mapping[str, Any]
    read: str
    said: Mapping[str, Any]
    reply: Mapping[str, Any]
    answered: Mapping[str, Any]
    counted: Mapping[str, Any]
    chunks: Sequence[Mapping[str, Any]] = ()
    done: bool = True
    half: int = 2
    arrived: Mapping[int, Mapping[str, Any]] = {}
    types: tuple[str, str] = ("", "")
    kind: str = "LLM"
    operation: str = "chat"
    parameters: str = "llm.invocation_parameters"
    wire: bool = True
    verb: str = "POST"

    @property
    def all(self) -> int:
        """How many chunks there are: with the last of them the model has said that it is done."""
        return len(self.chunks)

    @property
    def helper(self) -> str:
        """The name of the method."""
        return self.method.rpartition(".")[2]

    @property
    def owner(self) -> str:
        """The path of the resource that has the method."""
        return self.method.rpartition(".")[0]

    @property
    def answer(self) -> Answer:
        """The plain answer."""
        return Reply(self.reply)

    @property
    def stream(self) -> Answer:
        """The streamed one."""
        return Stream(self.chunks, done=self.done)

    def create(self, flavour: Flavour, client: Any, **more: Any) -> Any:
        """Call it with `more` in its body, or in place of what is there; skip the test where this SDK has no such."""
        method = need(client, self.method)
        return flavour.wait(method(**known(method, {**self.body, **more})))

    def streaming(self, client: Any) -> Any:
        """Return the method; skip the test where this SDK's does not stream."""
        method = need(client, self.method)
        if "stream" not in inspect.signature(method).parameters:
            pytest.skip(f"this SDK's {self.method} does not stream")
        return method

    def open(self, flavour: Flavour, client: Any, **more: Any) -> Any:
        """Call it for a stream."""
        self.streaming(client)
        return self.create(flavour, client, stream=True, **more)

    def type(self, number: int) -> Any:
        """Return the SDK's type of an answer, or of a chunk."""
        module, _, name = f"openai.types.{self.types[number]}".rpartition(".")
        return getattr(importlib.import_module(module), name)

    def asked(self, server: OpenAIServer, **more: Any) -> dict[str, Any]:
        """Return what a span says of the request, with `more` in its body."""
        written = self._written({**self.body, **more})
        body = json.loads(written)  # in the order of the SDK at hand
        parameters = {name: body[name] for name in body if name != self.read}
        return {
            "openinference.span.kind": self.kind,
            "server.address": "127.0.0.1",
            "server.port": server.port,
            "input.value": written,
            "input.mime_type": "application/json",
            self.parameters: _json(parameters),
            **self.said,
            "spanglass.sdk.helper": self.helper,
            "spanglass.attempt.count": 1,
        }

    def _written(self, body: Mapping[str, Any]) -> str:
        """Return the body as it is told: as it was sent, or without what the SDK has added."""
        if self.wire:
            return sent(self.method, body)
        order = json.loads(sent(self.method, body)) if self.verb == "POST" and self.read else body
        return _json({name: body[name] for name in order if name in body})


def _json(value: Any) -> str:
    return json.dumps(value, separators=COMPACT_JSON)


def _models(model: str) -> dict[str, Any]:
    return {"llm.system": "openai", **dict.fromkeys(("llm.model_name", "llm.request.model_name"), model)}


HI = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi"}
TOKENS = {"llm.token_count.prompt": 9, "llm.token_count.completion": 2, "llm.token_count.total": 11}
DETAILS = ("prompt_details.cache_read", "prompt_details.cache_write", "completion_details.reasoning")
ESTIMATED = "spanglass.usage.estimated_completion_tokens"
JSON = {"output.mime_type": "application/json"}


def _chatted(content: str, tokens: int, finish: str | None) -> dict[str, Any]:
    """Return what is known of a streamed chat."""
    choice = {"index": 0, "message": {"content": content, "role": "assistant"}, "finish_reason": finish}
    head = {"id": "chatcmpl-test", "created": 1700000000, "model": MODEL, "object": "chat.completion"}
    return {
        "output.value": _json({**head, "choices": [choice]}),
        **JSON,
        "llm.response.model_name": MODEL,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": content,
        "spanglass.response.id": "chatcmpl-test",
        ESTIMATED: tokens,
        **({} if finish is None else {"llm.finish_reason": finish}),
    }


CHAT = Ask(
    name="chat",
    method="chat.completions.create",
    path="/chat/completions",
    span="ChatCompletion",
    body=ASK,
    read="messages",
    said={**_models(MODEL), **HI},
    reply=completion(),
    answered={
        **JSON,
        "llm.response.model_name": MODEL,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Hello",
        "llm.finish_reason": "stop",
        "spanglass.response.id": "chatcmpl-test",
    },
    counted=TOKENS,
    chunks=chunks(),
    arrived={
        0: {ESTIMATED: 0},
        1: _chatted("", 0, None),
        2: _chatted("Hel", 1, None),
        3: _chatted("Hello", 2, None),
        4: _chatted("Hello", 2, "stop"),
    },
    types=("chat.ChatCompletion", "chat.ChatCompletionChunk"),
)


def _spoken(text: str) -> dict[str, Any]:
    """Return what is told of a message that the model says in a response."""
    return {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": text,
    }


def _responded(status: str, text: str | None, tokens: int) -> dict[str, Any]:
    """Return what is known of a streamed response that has not come to its end."""
    return {
        **JSON,
        "llm.response.model_name": MODEL,
        "spanglass.response.id": "resp_test",
        "spanglass.response.status": status,
        **({} if text is None else _spoken(text)),
        ESTIMATED: tokens,
    }


RESPONDED = {
    **JSON,
    "llm.response.model_name": MODEL,
    **_spoken("Hello"),
    "llm.finish_reason": "completed",
    "spanglass.response.id": "resp_test",
    "spanglass.response.status": "completed",
}
RESPONSE_TOKENS = {**TOKENS, **{f"llm.token_count.{name}": 0 for name in DETAILS}}
# Of tokens that another call's span counts.
RETOLD = {
    "spanglass.usage.told.prompt_tokens": 9,
    "spanglass.usage.told.completion_tokens": 2,
    "spanglass.usage.told.total_tokens": 11,
}
RESPONSES = Ask(
    name="responses",
    method="responses.create",
    path="/responses",
    span="Response",
    body={"model": MODEL, "input": "hi"},
    read="input",
    said={**_models(MODEL), **HI},
    reply=response(),
    answered=RESPONDED,
    counted=RESPONSE_TOKENS,
    chunks=response_events(),
    done=False,
    half=5,
    arrived={
        0: {ESTIMATED: 0},
        5: _responded("in_progress", "Hel", 1),
        9: _responded("in_progress", "Hello", 2),
        10: {**RESPONDED, **RESPONSE_TOKENS},
    },
    types=("responses.Response", "responses.ResponseStreamEvent"),
)
COMPACT = RESPONSES._replace(
    name="compact",
    method="responses.compact",
    path="/responses/compact",
    span="CompactResponse",
    operation="compact",
    reply={
        "id": "resp_compact",
        "object": "response.compaction",
        "created_at": 1_700_000_000,
        "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "sealed"}],
        "usage": response()["usage"],
    },
    answered={
        **JSON,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.0.message_content.type": "compaction",
        "llm.output_messages.0.message.contents.0.message_content.id": "cmp_1",
        "llm.output_messages.0.message.contents.0.message_content.encrypted_content": "sealed",
        "spanglass.response.id": "resp_compact",
    },
    chunks=(),
    arrived={},
    types=("responses.CompactedResponse", ""),
)
COUNT = COMPACT._replace(
    name="input_tokens",
    method="responses.input_tokens.count",
    path="/responses/input_tokens",
    span="CountInputTokens",
    kind="CHAIN",
    operation="count_tokens",
    reply={"object": "response.input_tokens", "input_tokens": 9},
    answered=JSON,
    counted={"spanglass.usage.told.prompt_tokens": 9},
    types=("responses.InputTokenCountResponse", ""),
)
RETRIEVE = RESPONSES._replace(
    name="retrieve",
    method="responses.retrieve",
    path="/responses/resp_test",
    span="RetrieveResponse",
    kind="CHAIN",
    operation="fetch_response",
    body={"response_id": "resp_test"},
    read="",
    said={"llm.system": "openai"},
    answered={**RESPONDED, "llm.model_name": MODEL},
    counted=RETOLD,
    arrived={
        count: {**told, **({"llm.model_name": MODEL} if count else {})}
        for count, told in {**RESPONSES.arrived, 10: {**RESPONDED, **RETOLD}}.items()
    },
    wire=False,
    verb="GET",
)
CANCEL = RETRIEVE._replace(
    name="cancel",
    method="responses.cancel",
    path="/responses/resp_test/cancel",
    span="CancelResponse",
    operation="cancel_response",
    chunks=(),
    arrived={},
    verb="POST",
)


def _completed(text: str, tokens: int, finish: str | None) -> dict[str, Any]:
    """Return what is known of a streamed completion."""
    return {
        **JSON,
        "llm.response.model_name": TEXT_MODEL,
        "llm.choices.0.completion.text": text,
        "spanglass.response.id": "cmpl-test",
        ESTIMATED: tokens,
        **({} if finish is None else {"llm.finish_reason": finish}),
    }


COMPLETIONS = Ask(
    name="completions",
    method="completions.create",
    path="/completions",
    span="Completion",
    operation="text_completion",
    body={"model": TEXT_MODEL, "prompt": "hi"},
    read="prompt",
    said={**_models(TEXT_MODEL), "llm.prompts.0.prompt.text": "hi"},
    reply=text_completion(),
    answered={
        **JSON,
        "llm.response.model_name": TEXT_MODEL,
        "llm.choices.0.completion.text": "Hello",
        "llm.finish_reason": "stop",
        "spanglass.response.id": "cmpl-test",
    },
    counted=TOKENS,
    chunks=text_chunks(),
    arrived={
        0: {ESTIMATED: 0},
        1: _completed("Hel", 1, None),
        2: _completed("Hello", 2, None),
        3: _completed("Hello", 2, "stop"),
    },
    types=("Completion", "Completion"),
)
EMBEDDINGS = Ask(
    name="embeddings",
    method="embeddings.create",
    path="/embeddings",
    span="CreateEmbeddings",
    kind="EMBEDDING",
    operation="embeddings",
    body={"model": EMBEDDING_MODEL, "input": "hi"},
    read="input",
    said={"embedding.model_name": EMBEDDING_MODEL, "embedding.embeddings.0.embedding.text": "hi"},
    reply=embeddings(),
    answered={
        **JSON,
        "embedding.embeddings.0.embedding.vector": (0.25, -0.5),
        "spanglass.response.vector_count": 1,
    },
    counted={"llm.token_count.prompt": 9, "llm.token_count.total": 9},
    types=("CreateEmbeddingResponse", ""),
    parameters="embedding.invocation_parameters",
    wire=False,
)

MODELS: tuple[Ask, ...] = (CHAT, RESPONSES, COMPLETIONS, EMBEDDINGS)
"""The endpoints at which a model answers by what it makes."""

ASKS: tuple[Ask, ...] = (*MODELS, COMPACT, COUNT, RETRIEVE, CANCEL)
STREAMED: tuple[Ask, ...] = tuple(ask for ask in ASKS if ask.chunks)


def each(asks: Sequence[Ask]) -> pytest.MarkDecorator:
    """Give a test each of these, as `ask`."""
    return pytest.mark.parametrize("ask", asks, ids=[ask.name for ask in asks])
