"""What hides a part of embeddings, and of completions before chat: that part is nowhere, and the rest stays."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from flavours import Flavour
from spanglass import Record
from spanglass.credentials import REDACTED
from spanglass.testing import OpenAIServer, Reply, Stream, captured_spans, embeddings, text_chunks, text_completion

CONVENTIONS = ("openinference", "spanglass", "gen_ai")
# What stands for each part in what leaves: its own text, number or token.
VECTOR = 0.8125
BASE64 = "AABQPwAA"  # how the vector begins in base64
TOKEN = 31337
EMBEDDED = {"text sent", "0.8125"}
COMPLETED = {"prompt sent", "suffix sent", "stop sent", "choice received"}


def embed(given: Any = "text sent", **more: Any) -> "Call":
    """Return what has a text embedded."""

    def call(flavour: Flavour, server: OpenAIServer) -> None:
        server.script(lambda asked: Reply(embeddings([(VECTOR, 0)], base64_encoded=is_base64(asked.json()))))
        flavour.wait(flavour.client(server).embeddings.create(model="m", input=given, **more))

    return call


def is_base64(asked: dict[str, Any]) -> bool:
    """Tell whether the vectors are to come in base64."""
    return asked.get("encoding_format") == "base64"


Call = Callable[[Flavour, OpenAIServer], None]


def complete(prompt: Any = "prompt sent", **more: Any) -> Call:
    """Return what has a prompt completed."""

    def call(flavour: Flavour, server: OpenAIServer) -> None:
        pieces = text_chunks(["choice ", "received"])
        server.script(Stream(pieces) if "stream" in more else Reply(text_completion("choice received")))
        client = flavour.client(server)
        asked = {"model": "m", "prompt": prompt, "suffix": "suffix sent", "stop": ["stop sent"], **more}
        made = flavour.wait(client.completions.create(**asked))
        if "stream" in more:
            flavour.take(made)

    return call


PLAIN, TOKENS = embed(), embed([TOKEN, TOKEN])
TEXT, STREAM = complete(), complete(stream=True)
# The option, the call, what all is said in it, and what of it must go.
HIDES: list[tuple[str, Call, set[str], set[str]]] = [
    ("embeddings_text", PLAIN, EMBEDDED, {"text sent"}),
    ("embeddings_text", TOKENS, {f"{TOKEN}", "0.8125"}, {f"{TOKEN}"}),
    ("embeddings_vectors", PLAIN, EMBEDDED, {"0.8125"}),
    ("embeddings_vectors", TOKENS, {f"{TOKEN}", "0.8125"}, {"0.8125"}),
    ("embedding_vectors", embed(encoding_format="float"), EMBEDDED, {"0.8125"}),
    ("embedding_vectors", embed(encoding_format="base64"), EMBEDDED, {"0.8125"}),
    ("inputs", PLAIN, EMBEDDED, {"text sent"}),
    ("inputs", TOKENS, {f"{TOKEN}", "0.8125"}, {f"{TOKEN}"}),
    ("outputs", PLAIN, EMBEDDED, {"0.8125"}),
    ("input_text", PLAIN, EMBEDDED, {"text sent"}),
    *[
        (option, call, COMPLETED, gone)
        for call in (TEXT, STREAM)
        for option, gone in {
            "prompts": {"prompt sent", "suffix sent"},
            "choices": {"choice received"},
            "inputs": COMPLETED - {"choice received"},
            "outputs": {"choice received"},
            "input_messages": {"prompt sent", "suffix sent"},
            "output_messages": {"choice received"},
            "input_text": {"prompt sent", "suffix sent"},
            "output_text": {"choice received"},
            "llm_invocation_parameters": {"suffix sent", "stop sent"},
        }.items()
    ],
    ("prompts", complete([TOKEN, TOKEN]), {f"{TOKEN}", "choice received"}, {f"{TOKEN}"}),
]


def left(flavour: Flavour, server: OpenAIServer, call: Call, said: set[str], **settings: Any) -> set[str]:
    """Return what of all that a call says leaves, under these settings; vectors in base64 are never to."""
    with captured_spans(conventions=CONVENTIONS, **settings) as captured:
        call(flavour, server)
    everything = json.dumps([span.to_json() for span in captured.spans]).replace("\\", "")

    assert len(captured.spans) == 1
    assert BASE64 not in everything
    return {text for text in said if text in everything}


@pytest.fixture(autouse=True)
def _capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have gen_ai tell content too."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")


@pytest.mark.parametrize(("option", "call", "said", "gone"), HIDES)
def test_option(
    option: str, call: Call, said: set[str], gone: set[str], flavour: Flavour, server: OpenAIServer
) -> None:
    """An option takes what it names out of every attribute of every convention, and leaves the rest."""
    assert said == left(flavour, server, call, said)
    assert said - gone == left(flavour, server, call, said, hide=[option])


@pytest.mark.parametrize("call", [PLAIN, TOKENS, TEXT, STREAM])
def test_content_off(call: Call, flavour: Flavour, server: OpenAIServer) -> None:
    """Without content nothing of any of it leaves."""
    assert set() == left(flavour, server, call, {*EMBEDDED, *COMPLETED, f"{TOKEN}"}, content="off")


def masked(record: Record) -> None:
    """Mask what was sent and received."""
    record.prompts = record.prompts and ["masked" for _ in record.prompts]
    record.parameters.pop("suffix", None)
    for choice in record.choices or ():
        choice.text = "masked"
    for embedding in record.embeddings or ():
        embedding.text, embedding.vector = "masked", None


@pytest.mark.parametrize("call", [PLAIN, TEXT, STREAM])
def test_redactor(call: Call, flavour: Flavour, server: OpenAIServer) -> None:
    """What a program's own function takes away from a record is nowhere else."""
    said = (EMBEDDED | COMPLETED) - {"stop sent"}

    assert {"masked"} == left(flavour, server, call, {*said, "masked"}, redactor=masked)


ODD: dict[str, tuple[str, Any]] = {
    "vectors of another name": ("embeddings_vectors", {"vectors": [[VECTOR]]}),
    "vectors in an odd place": ("embeddings_vectors", {"data": {"embedding": [VECTOR]}}),
    "several vectors an input": ("embeddings_vectors", {"data": [{"embedding": [[VECTOR], [VECTOR]]}]}),
    "vectors by themselves": ("embeddings_vectors", [[VECTOR]]),
    "vectors by their tokens": ("embeddings_vectors", {"data": [{"embedding": {"a": VECTOR}}]}),
}


@pytest.mark.parametrize(("option", "body"), ODD.values(), ids=ODD)
def test_odd_server(option: str, body: Any, flavour: Flavour, server: OpenAIServer) -> None:
    """Vectors are hidden also where a server has them in a place of its own."""

    def call(flavour: Flavour, server: OpenAIServer) -> None:
        server.script(Reply(body))
        raw = flavour.client(server).embeddings.with_raw_response
        flavour.wait(raw.create(model="m", input="text sent", encoding_format="float"))

    assert {"text sent"} == left(flavour, server, call, EMBEDDED, hide=[option])


NAMES = (
    "input.value",
    "output.value",
    "llm.prompts.0.prompt.text",
    "llm.choices.0.completion.text",
    "llm.finish_reason",
)
CHOICE = ["choice received", "stop"]


@pytest.mark.parametrize(
    ("hide", "values", "parts"),
    [
        (["prompts"], [False, False], [None, *CHOICE]),
        (["inputs"], [True, False], [None, *CHOICE]),
        (["inputs", "prompts"], [True, False], [None, *CHOICE]),
        (["outputs", "choices"], [False, True], ["prompt sent", REDACTED, "stop"]),
    ],
    ids=["prompts", "inputs", "inputs and prompts", "outputs and choices"],
)
def test_what_stays(
    hide: list[str], values: list[bool], parts: list[str | None], flavour: Flavour, server: OpenAIServer
) -> None:
    """Choices stay where prompts are hidden; the whole of a side is a mark, even with a part of it named."""
    with captured_spans(hide=hide) as captured:
        TEXT(flavour, server)
    told = dict(captured.spans[0].attributes or {})

    found = [told.get(name) for name in NAMES]
    assert (values, parts) == ([value == REDACTED for value in found[:2]], found[2:])
