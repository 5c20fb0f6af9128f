"""A span takes what its limits allow, and what matters most is on it."""

import base64
import hashlib
import json
import logging
import random
from typing import Any

import openai
import pytest
from openinference.instrumentation import TraceConfig
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from flavours import Flavour
from spanglass import OpenAIInstrumentor, using
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, Stream, captured_spans, chunks, completion, error

COMMON = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o-mini",
    "llm.finish_reason": "stop",
    "llm.output_messages.0.message.content": "Hello",
    "llm.token_count.total": 11,
}


def conversation(count: int) -> list[dict[str, str]]:
    """Return a conversation of so many messages."""
    said = [{"role": ("user", "assistant")[number % 2], "content": f"message {number}"} for number in range(count - 1)]
    return [{"role": "system", "content": "the system"}, *said]


def shown(attributes: Any) -> list[str]:
    """Return the contents of the input messages that a span shows, in order."""
    found: list[str] = []
    while (key := f"llm.input_messages.{len(found)}.message.content") in attributes:
        found.append(attributes[key])
    return found


@pytest.mark.parametrize(("count", "whole"), [(10, True), (40, True), (100, False), (1000, False)])
def test_conversation(
    count: int,
    whole: bool,  # noqa: FBT001 - the row
    flavour: Flavour,
    server: OpenAIServer,
    captured: CapturedSpans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A long conversation folds its middle under a placeholder that counts it, and nothing else is lost or logged."""
    messages = conversation(count)
    flavour.create(flavour.client(server), messages=messages)

    (span,) = captured.spans
    attributes: Any = span.attributes
    contents = [message["content"] for message in messages]
    told = shown(attributes)
    folded = count - len(told) + 1
    placeholder = f"{folded} messages are folded here, to keep within the span's limit; input.value has them."
    assert told == (contents if whole else [contents[0], placeholder, *contents[folded + 1 :]])
    assert attributes["input.value"].encode() == server.journal[0].body
    assert {name: attributes.get(name) for name in COMMON} == COMMON
    assert len(attributes) in (range(128) if whole else range(126, 129))
    assert caplog.records == []


@pytest.mark.parametrize("limit", [1, 12, 24, 32, 64])
def test_lower_limit(limit: int, flavour: Flavour, server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    """Under a lower limit of the program's, no attribute is dropped by the SDK, which would log each."""
    caplog.set_level(logging.WARNING)
    exporter = InMemorySpanExporter()
    limits = SpanLimits(max_span_attributes=limit)
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tool = {"type": "function", "function": {"name": "look"}}
    with captured_spans() as captured:
        from spanglass.calls import tracing  # noqa: PLC0415 - as it is when the test runs

        assert tracing.current is not None
        tracing.current.tracer = provider.get_tracer("limited")
        flavour.create(flavour.client(server), messages=conversation(30), tools=[tool] * 20)

    (span,) = exporter.get_finished_spans()
    attributes: Any = span.attributes
    assert captured.spans == []
    assert limit - 4 < len(attributes) <= limit
    assert limit == 1 or attributes["openinference.span.kind"] == "LLM"
    assert [] == [record for record in caplog.records if limit > 6]  # so many are given at the start


# Bytes

RAW = random.Random(7).randbytes(20_000_000)  # noqa: S311 - the same at each run
DATA = base64.b64encode(RAW).decode()
FOUND = f"{len(RAW)} bytes, sha256 {hashlib.sha256(RAW).hexdigest()}"
MOST = 2_097_152


def size(attributes: Any) -> int:
    """Return the bytes of all texts of a span, keys and values."""
    return sum(len(key.encode()) + len(str(value).encode()) for key, value in attributes.items())


def the_call(captured: CapturedSpans) -> dict[str, Any]:
    """Return the attributes of the one span."""
    (span,) = captured.spans
    return dict(span.attributes or {})


AT = "llm.input_messages.0.message.contents.0.message_content"
MEDIA: dict[str, tuple[dict[str, Any], str, str]] = {
    "image": (
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
        f"{AT}.image.image.url",
        f"[image/png: {FOUND}]",
    ),
    "audio": (
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}},
        f"{AT}.audio.audio.url",
        f"[base64: {FOUND}]",
    ),
    "PDF": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}},
        f"{AT}.document.document.url",
        f"[application/pdf: {FOUND}]",
    ),
}


@pytest.mark.parametrize(("part", "name", "shown"), MEDIA.values(), ids=MEDIA)
def test_media_sent(
    part: dict[str, Any], name: str, shown: str, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans
) -> None:
    """A medium of 20 MB is sent whole, and told by its type, size and sha256, wherever it would stand."""
    flavour.create(flavour.client(server), messages=[{"role": "user", "content": [part]}])

    attributes = the_call(captured)
    told = server.journal[0].body.decode().replace(f"data:image/png;base64,{DATA}", shown)
    told = told.replace(f"data:application/pdf;base64,{DATA}", shown).replace(DATA, shown)
    assert shown == attributes[name]
    assert told == attributes["input.value"]
    assert size(attributes) < 5_000


def test_short_medium(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A medium within its limit is told whole."""
    url = f"data:image/png;base64,{DATA[:30_000]}"
    flavour.create(
        flavour.client(server),
        messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
    )

    assert url == the_call(captured)[f"{AT}.image.image.url"]


def test_medium_received(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A sound that comes back is told by its size and sha256, with its transcript."""
    body = completion(None)
    body["choices"][0]["message"]["audio"] = {"id": "audio_1", "data": DATA, "expires_at": 1, "transcript": "Hi."}
    server.script(Reply(body))
    result = flavour.create(flavour.client(server))

    attributes = the_call(captured)
    assert DATA == result.choices[0].message.audio.data
    assert f"[base64: {FOUND}]" == json.loads(attributes["output.value"])["choices"][0]["message"]["audio"]["data"]
    assert "Hi." == attributes["llm.output_messages.0.message.contents.0.message_content.audio.audio.transcript"]


@pytest.mark.parametrize("stream", [False, True])
def test_long_texts(*, stream: bool, flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A tool's output, a schema and an answer that are long are cut, each with what it was."""
    output, description, said = "o" * 1_000_000, "d" * 1_000_000, "s" * 1_000_000
    tool = {"type": "function", "function": {"name": "look", "description": description}}
    server.script(Stream(chunks([said])) if stream else Reply(completion(said)))
    result = flavour.create(
        flavour.client(server),
        messages=[{"role": "tool", "tool_call_id": "call_1", "content": output}],
        tools=[tool],
        stream=stream,
    )
    if stream:
        flavour.take(result)

    attributes = the_call(captured)
    found = {
        "o": attributes["llm.input_messages.0.message.content"],
        "d": json.loads(attributes["llm.tools.0.tool.json_schema"])["function"]["description"],
        "s": attributes["llm.output_messages.0.message.content"],
    }
    for letter, text in found.items():
        assert text.startswith(letter * 262_000)
        assert text.endswith(f"… [cut: 1000000 bytes, sha256 {hashlib.sha256(letter.encode() * 10**6).hexdigest()}]")
    assert len(json.loads(attributes["input.value"])["messages"][0]["content"].encode()) <= 262_144
    assert size(attributes) <= MOST


@pytest.mark.parametrize("conventions", [("openinference", "spanglass"), ("openinference", "spanglass", "gen_ai")])
@pytest.mark.parametrize(("count", "length"), [(10, 400_000), (100, 40_000), (1000, 4_000), (1000, 400)])
@pytest.mark.parametrize("most", [MOST, 65_536])
def test_long_conversation(  # noqa: PLR0913, PLR0917 - the rows, and the fixtures
    most: int,
    count: int,
    length: int,
    conventions: tuple[str, ...],
    server: OpenAIServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However much is said, a span has no more bytes than it may, and still says what it is and what was said last."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    said = [{"role": "user", "content": f"{number:04}é{'x' * length}"} for number in range(count)]
    with (
        captured_spans(max_span_bytes=most, conventions=conventions) as captured,
        openai.OpenAI(base_url=server.base_url, api_key="test") as client,  # the other family writes no other
    ):
        client.chat.completions.create(model="gpt-4o-mini", messages=said)  # type: ignore[arg-type]

    attributes = the_call(captured)
    last = max(int(key.split(".")[2]) for key in attributes if key.startswith("llm.input_messages."))
    assert size(attributes) <= most
    assert {name: attributes.get(name) for name in COMMON} == COMMON
    assert attributes[f"llm.input_messages.{last}.message.content"].startswith(f"{count - 1:04}é")
    assert len(attributes) <= 128
    assert [] == caplog.records
    try:
        whole = json.loads(attributes["input.value"])["messages"] == said
    except ValueError:
        whole = False
    assert ("application/json" if whole else "text/plain") == attributes["input.mime_type"]


class Uploader:
    """Keeps media elsewhere, as OpenInference wants it done."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def upload(self, blob: Any) -> str:
        """Keep one."""
        self.given.append(blob)
        return f"s3://bucket/{blob.content_sha256}"

    def shutdown(self, timeout_sec: float = 10.0) -> None:
        """End nothing."""


def picture(flavour: Flavour, server: OpenAIServer) -> None:
    """Send a picture that is too long."""
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA[:40_000]}"}}
    flavour.create(flavour.client(server), messages=[{"role": "user", "content": [part]}])


def test_uploader(flavour: Flavour, server: OpenAIServer) -> None:
    """A medium that is too long goes to OpenInference's uploader, where there is one, and its URI is told."""
    uploader = Uploader()
    with captured_spans(config=TraceConfig(blob_uploader=uploader)) as captured:
        picture(flavour, server)

    (blob,) = uploader.given
    assert (RAW[:30_000], "image/png", "image") == (blob.data, blob.mime_type, blob.modality)
    assert f"s3://bucket/{blob.content_sha256}" == the_call(captured)[f"{AT}.image.image.url"]


HIDING: dict[str, dict[str, Any]] = {
    "content": {"content": "off"},
    "images": {"hide": ["input_images"]},
    "redactor": {"redactor": lambda record: None},  # noqa: ARG005 - it may hide anything
}


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING)
def test_what_is_hidden_is_not_uploaded(hiding: dict[str, Any], flavour: Flavour, server: OpenAIServer) -> None:
    """Where anything is hidden, nothing is uploaded."""
    uploader = Uploader()
    with captured_spans(uploader=uploader, **hiding):
        picture(flavour, server)
    with captured_spans(uploader=uploader), using(content="off"):
        picture(flavour, server)

    assert [] == uploader.given


def test_names_without_end(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """What a program says of its spans, and a model's name, are cut too."""
    with using(metadata={"a": "m" * 3_000_000}, tags=["t" * 3_000_000]):
        flavour.create(flavour.client(server), model="x" * 5_000)

    attributes = the_call(captured)
    assert size(attributes) <= MOST
    assert "x" * 256 == attributes["llm.request.model_name"]


@pytest.mark.parametrize("most", [MOST, 16_384])
def test_long_failure(most: int, flavour: Flavour, server: OpenAIServer) -> None:
    """The bytes of a failed call's event and status count too, and its attempts have no more than a span may."""
    texts = {"message": "m" * 3_000_000, "kind": "k" * 3_000_000, "code": "c" * 3_000_000}
    server.script(Reply(error(**texts), status=400))
    client = flavour.client(server)
    with (
        captured_spans(max_span_bytes=most) as captured,
        using(metadata={"a": "x" * 3_000_000}),
        pytest.raises(openai.BadRequestError),
    ):
        flavour.create(client, messages=conversation(100))

    sizes = {span.name: encode_spans([span]).ByteSize() for span in captured.spans}
    assert {"attempt", "ChatCompletion"} == sizes.keys()
    assert max(sizes.values()) <= most


def test_usage_of_long_names(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A count whose name would be a very long attribute's is not told."""
    server.script(Reply(completion(usage={"prompt_tokens": 1, "x" * 5_000_000: 2, "y": 3})))
    flavour.create(flavour.client(server))

    attributes = the_call(captured)
    told = {name: attributes[name] for name in attributes if name.startswith("spanglass.usage.details.")}
    assert {"spanglass.usage.details.y": 3} == told


def test_nothing_is_uploaded_for_nobody(flavour: Flavour, server: OpenAIServer) -> None:
    """A call whose span is not sampled uploads nothing, though it is counted."""
    uploader = Uploader()
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider, meter_provider=meters, uploader=uploader)
    try:
        picture(flavour, server)
    finally:
        instrumentor.uninstrument()

    assert [] == uploader.given
