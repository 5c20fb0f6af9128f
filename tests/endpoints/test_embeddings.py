"""Embeddings: each input beside its vector, in whatever form either comes, and of many as many as a span takes."""

import json
import tracemalloc
from array import array
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

import openai
import pytest
from openai.types import CreateEmbeddingResponse
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from flavours import Flavour
from spanglass.endpoints import vectors
from spanglass.endpoints.embeddings import EmbeddingAccumulator, extract, read_request, read_response
from spanglass.export.sizes import origin_bytes, span_bytes
from spanglass.record import Embedding, Record, Usage
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, captured_spans, embeddings

MODEL = "text-embedding-3-small"
USAGE = {"prompt_tokens": 9, "total_tokens": 9}
# What no 32-bit float is, and what it becomes.
TENTH, NEAREST = 0.1, 0.10000000149011612


def record(*inputs: str | None, **more: Any) -> Record:
    """Return the record of embeddings of these inputs."""
    embedded = [Embedding(one) for one in inputs]
    return Record("CreateEmbeddings", "EMBEDDING", "embeddings", **{"embeddings": embedded, **more})


class Text(str):
    """A text of a class of its own, as numpy has one."""

    __slots__ = ()


INPUTS: dict[str, tuple[Any, list[str | None]]] = {
    "a text": ("a", ["a"]),
    "an empty text": ("", [""]),
    "texts": (["a", "b"], ["a", "b"]),
    "a tuple": (("a", "b"), ["a", "b"]),
    "a text of another class": (Text("a"), ["a"]),
    "texts of another class": ([Text("a"), "b"], ["a", "b"]),
    "tokens": ([1, 2], [None]),
    "lists of tokens": ([[1, 2], [3]], [None, None]),
    "both": (["a", [1]], ["a", None]),
    "nothing": (None, []),
    "no texts": ([], []),
    "something else": ({"a": 1}, []),
}


@pytest.mark.parametrize(("given", "inputs"), INPUTS.values(), ids=INPUTS)
def test_inputs(given: Any, inputs: list[str | None]) -> None:
    """Each input has an embedding, with its text if it is one, and all else of the request is a parameter."""
    asked = {"model": MODEL, "dimensions": 2, "encoding_format": "float", "user": "me"}
    read = record()

    read_request(read, {"input": given, **asked}, "what is sent")

    assert read == record(
        *inputs, input_value="what is sent", input_mime="application/json", parameters=asked, dimensions=2
    )


def test_request_that_was_not_sent() -> None:
    """Where nothing was sent, the input is the body as JSON, without the credentials in it."""
    read = record()

    read_request(read, {"model": "m", "input": [[1, 2]], "api_key": "abc"}, None)

    assert read == record(
        None, input_value='{"model":"m","input":[[1,2]]}', input_mime="application/json", parameters={"model": "m"}
    )


def construct(body: dict[str, Any]) -> CreateEmbeddingResponse:
    """Return a response as the SDK makes it, unchecked."""
    return CreateEmbeddingResponse.construct(**body)


@pytest.mark.parametrize("made", [dict, construct, None], ids=["dict", "model", "text"])
@pytest.mark.parametrize("base64_encoded", [False, True])
def test_response(*, base64_encoded: bool, made: Any) -> None:
    """Vectors are told as numbers, each beside the input of its index; the output has a mark in the place of each."""
    body = embeddings([(TENTH, 1), (0.5, -2)], base64_encoded=base64_encoded, id="embd-1", usage=USAGE)
    body["data"].reverse()
    read = record("a", "b")

    response, told = extract(read, None if made is None else made(body), json.dumps(body))
    read_response(read, response, told)

    marked = {**body, "data": [{"object": "embedding", "index": index, "embedding": "[2 floats]"} for index in (1, 0)]}
    assert marked == json.loads(read.output_value or "")
    assert read == record(
        embeddings=[
            Embedding("a", [NEAREST if base64_encoded else TENTH, 1.0]),
            Embedding("b", [0.5, -2.0]),
        ],
        response_id="embd-1",
        response_model=MODEL,
        output_value=read.output_value,
        output_mime="application/json",
        vectors=2,
        dimensions=2,
        usage=Usage(prompt=9, total=9),
    )
    assert all(number.__class__ is float for one in read.embeddings or () for number in one.vector or ())


def given(*told: tuple[Any, Any]) -> dict[str, Any]:
    """Return a response of these indexes and vectors."""
    return {"data": [{"index": index, "embedding": vector} for index, vector in told]}


ONE, TWO = [0.5], [0.25]
Told = tuple[Any, list[Any], int | None]
"""A response, the vectors of the two inputs (and of what came beyond), and how many are said to have come."""

ODD: dict[str, Told] = {
    "indexes that are all the same": (given((0, ONE), (0, TWO)), [ONE, TWO], 2),
    "no indexes": (given((None, ONE), ("1", TWO)), [ONE, TWO], 2),
    "indexes from one on": (given((1, ONE), (2, TWO)), [ONE, TWO], 2),
    "a huge index": (given((0, ONE), (10**12, TWO)), [ONE, TWO], 2),
    "a negative one": (given((-1, ONE), (0, TWO)), [ONE, TWO], 2),
    "only the second": (given((1, TWO)), [None, TWO], 1),
    "more than there are inputs": (given((2, [1.0]), (1, TWO), (0, ONE)), [ONE, TWO, [1.0]], 3),
    "none": ({"data": []}, [None, None], None),
    "no data": ({"error": "no"}, [None, None], None),
    "no list": ({"data": "ab"}, [None, None], None),
    "items that are none": ({"data": [1, {"embedding": TWO}]}, [None, TWO], 1),
    "null": (given((0, None), (1, TWO)), [None, TWO], 1),
    "empty": (given((0, []), (1, "")), [None, None], 0),
    "a word": (given((0, "hello!"), (1, TWO)), [None, TWO], 1),
    "base64 that is cut": (given((0, "AAAAP"), (1, TWO)), [None, TWO], 1),
    "base64 with a blank in it": (given((0, "AAAA Pw=="), (1, TWO)), [None, TWO], 1),
    "base64 of three bytes": (given((0, "AAAA"), (1, TWO)), [None, TWO], 1),
    "not a number in it": (given((0, [0.5, "a"]), (1, TWO)), [None, TWO], 1),
    "truth in it": (given((0, [True]), (1, TWO)), [None, TWO], 1),
    "several of one input": (given((0, [ONE, TWO]), (1, TWO)), [None, TWO], 1),
    "numbers that no float is": (given((0, [10**400]), (1, TWO)), [None, TWO], 1),
    "whole numbers": (given((0, [1, -1]), (1, (1, 0.5))), [[1.0, -1.0], [1.0, 0.5]], 2),
    "a text": ("Service Unavailable", [None, None], None),
    "nothing": (None, [None, None], None),
}


@pytest.mark.parametrize(("response", "expected", "count"), ODD.values(), ids=ODD)
def test_odd_response(response: Any, expected: list[Any], count: int | None) -> None:
    """Whatever comes in the place of a response is read as far as it is one; no vector is beside another's input."""
    read = record("a", "b")

    read_response(read, response, None if isinstance(response, dict) else "what came")

    embedded = read.embeddings or []
    assert (expected, count) == ([one.vector for one in embedded], read.vectors)
    assert ["a", "b", None][: len(embedded)] == [one.text for one in embedded]


JUNK: tuple[Any, ...] = (
    *(None, 1, "a", "AAAA", "AAAAPw==", [], {}, [{}], [0.5], [1], ["a"], [[0.5]], (0.5,), float("nan"), b"a", object),
    *([float("inf")], 2**80, [2**80], "[3 floats]", "\ud800", {"embedding": 1}, True),
)


def test_junk() -> None:
    """No request, no response and no chunk is so odd that reading it raises."""
    random = Random(3)  # noqa: S311 - the same at each run
    names = ("embedding", "index", "object", "data", "usage", "model", "id", "input", "dimensions")
    for _ in range(3_000):
        made = {name: random.choice(JUNK) for name in names if random.random() < 0.7}
        if random.random() < 0.7:
            made["data"] = [{name: random.choice(JUNK) for name in names[:3]}, random.choice(JUNK)]
        read = record("a")
        accumulator = EmbeddingAccumulator()
        accumulator.take(made)
        read_request(read, made, None)
        read_response(read, *extract(read, random.choice([made, accumulator.settle()]), "text"))
        read_response(record(), *extract(record(), None, repr(made)))


# Many

LONG = [0.5] * 1_536
FIT = vectors.MOST // 1_536  # so many of them a span takes


@pytest.mark.parametrize("base64_encoded", [False, True])
@pytest.mark.parametrize("made", [dict, construct, None], ids=["dict", "model", "text"])
def test_many(*, base64_encoded: bool, made: Any) -> None:
    """Of many vectors those of the first inputs are kept, all are counted; no more memory is taken than those need."""
    body = embeddings([LONG] * 500, base64_encoded=base64_encoded)
    if made is not None:
        body["data"].reverse()
    text, response = json.dumps(body), None if made is None else made(body)
    read = record(*["a"] * 500)

    tracemalloc.start()
    _, told = extract(read, response, text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    kept = [number for number, one in enumerate(read.embeddings or ()) if one.vector is not None]
    assert ([*range(FIT)], 500, 1_536) == (kept, read.vectors, read.dimensions)
    assert [LONG] * FIT == [one.vector for one in (read.embeddings or ())[:FIT]]
    assert ["[1536 floats]"] * 500 == [one["embedding"] for one in json.loads(told)["data"]]
    assert peak < 10_000_000


def test_larger_than_a_span_takes() -> None:
    """A vector of more numbers than a span takes is counted, and left out."""
    read = record("a", "b")

    extract(read, given((0, [0.5] * (vectors.MOST + 1)), (1, [0.5])), "")

    assert record("a", "b", vectors=2, dimensions=vectors.MOST + 1) == read


TRAPS: dict[str, Any] = {
    "nested": [[0.5] * 1_000] * 300,
    "texts": ["]", '"embedding": [1', "\\"] * 100_000,
    "objects": [{"a": "]"}] * 50_000,
    "a text": '\\"] "embedding": [1, 2]' * 20_000,
    "numbers": [1] * 200_000,
    "nothing": None,
}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_text_that_is_thinned(trap: Any) -> None:
    """A long text is read as it would be without a limit, whatever else it says."""
    body = {"embedding": trap, **given((0, trap), (1, [0.5] * vectors.MOST), (2, [0.25]), (3, trap))}
    text, whole = record(), record()

    extract(text, None, json.dumps(body))
    extract(whole, body, "")

    assert whole == text
    assert 2 <= (whole.vectors or 0) <= 4


def test_text_that_is_cut() -> None:
    """A long text that is no JSON stays a text."""
    text = json.dumps(embeddings([LONG] * 500))[:-1_000]
    read = record("a")

    read_response(read, *extract(read, None, text))

    assert record("a", output_value=text, output_mime="text/plain") == read


# Over HTTP


def text(flavour: Flavour, client: Any, **asked: Any) -> Any:
    """Ask for the embedding of a text."""
    return flavour.wait(client.embeddings.create(model=MODEL, input="hi", **asked))


def raw(flavour: Flavour, client: Any, **asked: Any) -> Any:
    """Ask for the response itself, and parse it."""
    return flavour.wait(client.embeddings.with_raw_response.create(model=MODEL, input="hi", **asked)).parse()


def streaming(flavour: Flavour, client: Any, **asked: Any) -> Any:
    """Ask for the response before its body, and parse it."""
    made = client.embeddings.with_streaming_response.create(model=MODEL, input="hi", **asked)
    with flavour.entered(made) as response:
        return flavour.wait(response.parse())


def posted(flavour: Flavour, client: Any, **asked: Any) -> Any:
    """Send the request by hand."""
    body = {"model": MODEL, "input": "hi", **asked}
    return flavour.wait(client.post("/embeddings", body=body, cast_to=CreateEmbeddingResponse))


class Way(NamedTuple):
    """How a call is made, and the format that is shown as the program's."""

    ask: Callable[..., Any]
    asked: dict[str, Any]
    shown: str | None


WAYS: dict[str, Way] = {
    f"{ask.__name__}, {name}": Way(ask, asked, shown)
    for ask in (text, raw, streaming)
    for name, asked, shown in (
        ("nothing", {}, None),
        ("float", {"encoding_format": "float"}, "float"),
        ("base64", {"encoding_format": "base64"}, "base64"),
        ("extra_body", {"extra_body": {"encoding_format": "base64"}}, "base64"),
    )
} | {
    "posted, nothing": Way(posted, {}, None),
    "posted, base64": Way(posted, {"encoding_format": "base64"}, "base64"),
}


def told(captured: CapturedSpans) -> dict[str, Any]:
    """Return what the one span tells of the embeddings."""
    (span,) = captured.spans
    names = ("embedding.", "openinference.", "llm.", "gen_ai.request", "gen_ai.embeddings", "spanglass.response")
    return {name: value for name, value in (span.attributes or {}).items() if name.startswith(names)}


def expected(shown: str | None) -> dict[str, Any]:
    """Return what is told of one text, with the format that the program is shown to have asked for."""
    parameters = {"model": MODEL} if shown is None else {"model": MODEL, "encoding_format": shown}
    return {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": MODEL,
        "embedding.invocation_parameters": json.dumps(parameters, separators=(",", ":")),
        "embedding.embeddings.0.embedding.text": "hi",
        "embedding.embeddings.0.embedding.vector": (0.25, -0.5),
        "llm.token_count.prompt": 9,
        "llm.token_count.total": 9,
        "gen_ai.request.model": MODEL,
        **({} if shown is None else {"gen_ai.request.encoding_formats": (shown,)}),
        "gen_ai.embeddings.dimension.count": 2,
        "spanglass.response.vector_count": 1,
    }


ALL = ("openinference", "spanglass", "gen_ai")


def asked_bare(way: Way, flavour: Flavour, client: Any) -> Any:
    """Return what the bare SDK gives; an older one does not have each way, or takes vectors in base64 by numpy only."""
    try:
        return way.ask(flavour, client, **way.asked)
    except (AttributeError, openai.OpenAIError) as error:
        return pytest.skip(f"{error}")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_way(way: Way, flavour: Flavour, server: OpenAIServer) -> None:
    """However it is asked for, a vector is told as numbers; a format that the SDK has added is not shown as asked."""
    client = flavour.client(server)
    bare = asked_bare(way, flavour, client)
    with captured_spans(conventions=ALL) as captured:
        result = way.ask(flavour, client, **way.asked)

    (span,) = captured.spans
    attributes: dict[str, Any] = dict(span.attributes or {})
    assert (bare, server.journal[0].body) == (result, server.journal[1].body)
    assert expected(way.shown) == told(captured)
    marked = [{"object": "embedding", "index": 0, "embedding": "[2 floats]"}]
    assert {**embeddings(model=MODEL), "data": marked} == json.loads(attributes["output.value"])
    assert way.shown == json.loads(attributes["input.value"]).get("encoding_format")


@pytest.mark.parametrize("way", [way for way in WAYS.values() if way.ask is text])
@pytest.mark.parametrize("kind", ["", "with_raw_response"])
def test_kept_method(way: Way, kind: str, flavour: Flavour, server: OpenAIServer) -> None:
    """A method that was kept from before is told as any other, and what the SDK adds within is not shown either."""
    client = flavour.client(server)
    asked_bare(way, flavour, client)
    resource = client.embeddings
    create = (getattr(resource, kind) if kind else resource).create
    with captured_spans(conventions=ALL) as captured:
        flavour.wait(create(model=MODEL, input="hi", **way.asked))

    assert expected(way.shown) == told(captured)


def test_several(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """Texts and lists of tokens are told beside their vectors, whatever the order these come in."""
    body = embeddings([(0.5,), (0.25,), (0.125,)], model="text-embedding-3-small-v2", usage=USAGE)
    body["data"].reverse()
    server.script(Reply(body))

    inputs: Any = ["a", [1, 2], "c"]
    flavour.wait(flavour.client(server).embeddings.create(model=MODEL, input=inputs, encoding_format="float"))

    assert told(captured) == {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": "text-embedding-3-small-v2",
        "embedding.invocation_parameters": f'{{"model":"{MODEL}","encoding_format":"float"}}',
        "embedding.embeddings.0.embedding.text": "a",
        "embedding.embeddings.0.embedding.vector": (0.5,),
        "embedding.embeddings.1.embedding.vector": (0.25,),
        "embedding.embeddings.2.embedding.text": "c",
        "embedding.embeddings.2.embedding.vector": (0.125,),
        "llm.token_count.prompt": 9,
        "llm.token_count.total": 9,
        "spanglass.response.vector_count": 3,
    }


def test_not_finite(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A vector with numbers that are none is told as texts, and the caller has it as it came."""
    odd = b64encode(array("f", [0.5, float("nan")]).tobytes()).decode()
    server.script(Reply({**embeddings(), **given((0, odd))}))

    result = text(flavour, flavour.client(server), encoding_format="base64")

    assert odd == result.data[0].embedding
    assert ("0.5", '"nan"') == told(captured)["embedding.embeddings.0.embedding.vector"]


def test_batch(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A large batch keeps what it is, its tokens and its first vectors, says how many came, and the SDK drops none."""
    server.script(Reply(embeddings([LONG] * 100, usage=USAGE)))

    inputs = [f"text {number}" for number in range(100)]
    flavour.wait(flavour.client(server).embeddings.create(model=MODEL, input=inputs, encoding_format="float"))

    (span,) = captured.spans
    attributes = told(captured)
    shown = [name for name in attributes if name.endswith(".vector")]
    texts = [value for name, value in attributes.items() if name.endswith(".text")]
    assert [f"embedding.embeddings.{number}.embedding.vector" for number in range(len(shown))] == shown
    assert 40 < len(shown) <= len(texts) <= len(shown) + 1
    assert inputs[: len(texts)] == texts
    assert {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": MODEL,
        "llm.token_count.prompt": 9,
        "llm.token_count.total": 9,
        "spanglass.response.vector_count": 100,
    }.items() <= attributes.items()
    assert (0, True) == (span.dropped_attributes, len(span.attributes or {}) <= 128)


def test_worst_size(flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all the text and all the numbers that it takes, a span is below the 4 MB that a collector takes."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1000")
    server.script(Reply(embeddings([[0.1] * 1_024] * 300, note="n" * 3_000_000)))
    with captured_spans() as captured:
        inputs = [f"{number}" + "é" * 20_000 for number in range(300)]
        flavour.wait(flavour.client(server).embeddings.create(model=MODEL, input=inputs, encoding_format="float"))

    (span,) = captured.spans
    encoded = encode_spans([span]).ByteSize()
    kept = sum(name.endswith(".vector") for name in span.attributes or {})
    assert vectors.MOST // 1_024 == kept
    assert 3_000_000 < encoded <= span_bytes(span) + origin_bytes(span) < 4_000_000


def test_low_limit(flavour: Flavour, server: OpenAIServer) -> None:
    """Where a span may have few bytes, it has few numbers too."""
    server.script(Reply(embeddings([LONG] * 10)))
    with captured_spans(max_span_bytes=65_536) as captured:
        asked: Any = {"model": MODEL, "input": ["a"] * 10, "encoding_format": "float"}
        flavour.wait(flavour.client(server).embeddings.create(**asked))

    (span,) = captured.spans
    assert [f"embedding.embeddings.{number}.embedding.vector" for number in range(3)] == [
        name for name in span.attributes or {} if name.endswith(".vector")
    ]


@pytest.mark.parametrize("whole", [False, True])
def test_stream(*, whole: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """There are no streams of embeddings, and a server that makes one all the same breaks nothing."""
    server.script(Stream([embeddings(usage=USAGE)] if whole else [{"a": 1}, "data: 5\n\n"]))
    client = flavour.client(server)
    kind = openai.AsyncStream if isinstance(client, openai.AsyncOpenAI) else openai.Stream
    body = {"model": MODEL, "input": "hi", "stream": True}
    stream = flavour.wait(
        client.post("/embeddings", body=body, cast_to=object, stream=True, stream_cls=kind[object]),
    )
    flavour.take(stream)

    vector = {"embedding.embeddings.0.embedding.vector": (0.25, -0.5), "spanglass.response.vector_count": 1}
    attributes = told(captured)
    assert attributes["embedding.embeddings.0.embedding.text"] == "hi"
    assert {name: attributes[name] for name in vector if name in attributes} == (vector if whole else {})


def test_failed(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A call that is refused tells what was asked, and that no vector came."""
    server.script(Reply({"error": {"message": "no"}}, status=400))
    with suppress(openai.BadRequestError):
        text(flavour, flavour.client(server, max_retries=0))

    (span,) = [span for span in captured.spans if span.name != "attempt"]
    attributes = span.attributes or {}
    assert "hi" == attributes["embedding.embeddings.0.embedding.text"]
    assert not {"embedding.embeddings.0.embedding.vector", "spanglass.response.vector_count"} & attributes.keys()


def test_program_changes_vectors(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What a program does to a vector that it has got changes nothing of what is told."""
    text(flavour, flavour.client(server)).data[0].embedding.clear()

    assert (0.25, -0.5) == told(captured)["embedding.embeddings.0.embedding.vector"]
