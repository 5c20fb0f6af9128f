"""What each setting hides: the parts that it names are nowhere in what leaves the process, and the others are there.

Every text of the call has a canary of its own, named after its place.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import openai
import pytest
from asks import RESPONSES, RETRIEVE
from openinference.instrumentation import TraceConfig

from flavours import Flavour
from spanglass import Record, using
from spanglass.record import Message
from spanglass.testing import (
    CapturedSpans,
    OpenAIServer,
    Reply,
    Stream,
    captured_spans,
    chunks,
    completion,
    error,
    response,
    response_events,
)

CONVENTIONS = ("openinference", "spanglass", "gen_ai")
PNG = "data:image/png;base64,picture00sent"
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":"arguments sent"}'}}
MADE = {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": '{"a":"arguments received"}'}}
ASKED: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "system sent"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "text sent"},
                {"type": "image_url", "image_url": {"url": PNG}},
                {"type": "image_url", "image_url": {"url": "https://example.com/picture01sent.png"}},
                {"type": "input_audio", "input_audio": {"data": "sound00sent", "format": "wav"}},
                {
                    "type": "file",
                    "file": {"filename": "file sent", "file_data": "data:application/pdf;base64,pdf00sent"},
                },
                {"type": "scent", "scent": "scent sent"},
            ],
        },
        {"role": "assistant", "content": "turn sent", "refusal": "refusal sent", "reasoning_content": "reasoning sent"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "legacy sent"}},
        {"role": "tool", "tool_call_id": "call_1", "content": "result sent"},
    ],
    "tools": [{"type": "function", "function": {"name": "look", "description": "tool sent"}}],
    "tool_choice": {"type": "function", "function": {"name": "choice sent"}},
    "prediction": {"type": "content", "content": "prediction sent"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "schema", "schema": {"title": "schema sent"}}},
    "stop": ["stop sent"],
    "user": "user sent",
    "metadata": {"a": "metadata sent"},
    "temperature": 0.25,
    "extra_body": {"guided": "extra sent"},
}
TEXTS = {
    "system sent", "text sent", "turn sent", "refusal sent", "reasoning sent", "arguments sent", "legacy sent",
    "result sent", "sound00sent", "file sent", "pdf00sent",
}  # fmt: skip
PICTURES = {"picture00sent", "picture01sent"}
# What nobody knows may be a text or a picture; a prediction is a message, an unknown parameter may be.
UNKNOWN = {"scent sent"}
PARAMETERS = {"schema sent", "stop sent", "user sent", "metadata sent", "choice sent"}
# What is left where all content is hidden.
NUMBERS = {'"temperature":0.25'}
SAID = {"prediction sent", "extra sent"}
TOOLS = {"tool sent"}
TEMPLATE = {"template sent", "variable sent"}
SENT = TEXTS | PICTURES | UNKNOWN | PARAMETERS | NUMBERS | SAID | TOOLS | TEMPLATE
RECEIVED = {"text received", "arguments received", "refusal received", "reasoning received", "field received"}
QUOTED = {"quoted"}

# What each hides, of all that a call says.
HIDES: dict[str, set[str]] = {
    "inputs": (SENT - NUMBERS) | QUOTED,
    "outputs": RECEIVED | QUOTED,
    "input_messages": TEXTS | PICTURES | UNKNOWN | SAID | TEMPLATE | QUOTED,
    "output_messages": RECEIVED | QUOTED,
    "input_text": TEXTS | UNKNOWN | SAID | TEMPLATE | QUOTED,
    "output_text": RECEIVED | QUOTED,
    "input_images": PICTURES | UNKNOWN | SAID | QUOTED | {"pdf00sent"},
    "llm_invocation_parameters": PARAMETERS | NUMBERS | SAID | QUOTED,
    "llm_tools": TOOLS | {"choice sent", "extra sent"} | QUOTED,
    # A chat has none of these.
    "prompts": set(),
    "choices": set(),
    "embeddings_text": set(),
    "embeddings_vectors": set(),
    "embedding_vectors": set(),
    "retrieval_documents": set(),
}


def answer() -> dict[str, Any]:
    """Return an answer in which everything that can hold content does."""
    body = completion("text received", tool_calls=[MADE])
    body["choices"][0]["message"] |= {"refusal": "refusal received", "reasoning_content": "reasoning received"}
    return {**body, "field": "field received"}


def plain(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is answered."""
    server.script(Reply(answer()))
    flavour.create(client, **ASKED)


def streamed(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call, and read its stream to the error that quotes it."""
    pieces = chunks(["text ", "received"], tool_calls=[MADE], finish_reason=None)
    pieces[1]["choices"][0]["delta"] |= {"refusal": "refusal received", "reasoning_content": "reasoning received"}
    pieces[1]["choices"][0]["delta"]["field"] = "field received"
    server.script(Stream([*pieces, error("quoted", param="quoted")]))
    with suppress(openai.APIError):
        flavour.take(flavour.create(client, stream=True, **ASKED))


def failed(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Make a call that is refused, with a text that quotes it."""
    server.script(Reply(error("quoted", param="quoted"), status=400))
    with suppress(openai.BadRequestError):
        flavour.create(client, **ASKED)


Act = Callable[[Flavour, OpenAIServer, Any], None]
ACTS: dict[str, tuple[Act, set[str]]] = {
    "plain": (plain, SENT | RECEIVED),
    "streamed": (streamed, SENT | RECEIVED | QUOTED),
    "failed": (failed, SENT | QUOTED),
}


def everything(captured: CapturedSpans) -> str:
    """Return all that leaves of the spans, JSON within JSON as it is read."""
    said = "\n".join(
        json.dumps([span.to_json(), [dict(event.attributes or {}) for event in span.events]]) for span in captured.spans
    )
    return said.replace("\\", "")


def there(captured: CapturedSpans) -> set[str]:
    """Return the canaries that sing."""
    said = everything(captured)
    return {canary for canary in SENT | RECEIVED | QUOTED if canary in said}


@pytest.fixture(autouse=True)
def all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every convention record all content, and each attempt."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
    monkeypatch.setenv("SPANGLASS_ATTEMPT_SPANS", "always")
    monkeypatch.setenv("SPANGLASS_CONVENTIONS", ",".join(CONVENTIONS))


def act_with(act: Act, flavour: Flavour, server: OpenAIServer, **options: Any) -> CapturedSpans:
    """Make the call under these options, and return its spans."""
    template: Any = {"template": "template sent", "variables": {"a": "variable sent"}}
    with captured_spans(**options) as captured, using(prompt_template=template):
        act(flavour, server, flavour.client(server))
    return captured


@pytest.mark.parametrize(("act", "said"), ACTS.values(), ids=ACTS)
def test_all_is_there(act: Act, said: set[str], flavour: Flavour, server: OpenAIServer) -> None:
    """Where nothing hides, everything is told."""
    assert said == there(act_with(act, flavour, server))


# The variables, and the options in code, that hide a part.
Way = Callable[[str], tuple[dict[str, str], dict[str, Any]]]
WAYS: dict[str, Way] = {
    "SPANGLASS_HIDE": lambda name: ({"SPANGLASS_HIDE": name}, {}),
    "OPENINFERENCE_HIDE": lambda name: ({f"OPENINFERENCE_HIDE_{name.upper()}": "true"}, {}),
    "TraceConfig": lambda name: ({}, {"config": TraceConfig(**{f"hide_{name}": True})}),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("act", "said"), ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(("name", "hidden"), HIDES.items(), ids=HIDES)
def test_hidden_part(
    act: Act, said: set[str], name: str, hidden: set[str], flavour: Flavour, server: OpenAIServer
) -> None:
    """A part that is hidden is nowhere, in no convention, event, status or attempt, and all other parts are there."""
    assert said - hidden == there(act_with(act, flavour, server, hide=(name,)))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("name", HIDES)
def test_ways_to_hide(
    way: Way, name: str, flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each other way to say what is hidden hides the same."""
    variables, options = way(name)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)

    assert (SENT | RECEIVED) - HIDES[name] == there(act_with(plain, flavour, server, **options))


@pytest.mark.parametrize("act", [act for act, _ in ACTS.values()], ids=ACTS)
def test_content_off_in_a_block(act: Act, flavour: Flavour, server: OpenAIServer) -> None:
    """In a block without content nothing is told, whatever a block inside it says; the call after it is told whole."""
    with captured_spans() as captured, using(content="off"), using(content="on"):
        act(flavour, server, flavour.client(server))

    assert NUMBERS == there(captured)


def test_content_off_for_one_stream(flavour: Flavour, server: OpenAIServer, captured: CapturedSpans) -> None:
    """A stream that was begun in a block without content stays without, though it is read outside of it."""
    client = flavour.client(server)
    server.script(Stream(chunks(["text received"])))
    with using(content="off"):
        stream = flavour.create(client, stream=True, **ASKED)
    flavour.take(stream)
    hidden = there(captured)
    flavour.create(client, **ASKED)

    assert NUMBERS == hidden
    assert there(captured) >= TEXTS


def test_hiding_of_two(flavour: Flavour, server: OpenAIServer) -> None:
    """What two settings hide is all hidden."""
    captured = act_with(plain, flavour, server, hide=("input_text", "input_images", "llm_tools"))
    hidden = HIDES["input_text"] | HIDES["input_images"] | HIDES["llm_tools"]

    assert (SENT | RECEIVED) - hidden == there(captured)


def call_of(captured: CapturedSpans) -> dict[str, Any]:
    """Return the attributes of the call's own span."""
    (span,) = [span for span in captured.spans if span.name == "ChatCompletion"]
    return dict(span.attributes or {})


def test_what_is_left(flavour: Flavour, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a part is hidden, what was sent is told anew from what remains, with a mark for what is not told."""
    monkeypatch.setenv("SPANGLASS_CONVENTIONS", "openinference")
    said = [{"type": "text", "text": "text sent"}, {"type": "image_url", "image_url": {"url": PNG}}]
    with captured_spans(hide=("input_text", "output_messages")) as captured:
        flavour.create(flavour.client(server), messages=[{"role": "user", "content": said}], temperature=0.5)

    attributes = call_of(captured)
    at = "llm.input_messages.0.message.contents"
    told = [{"kind": "text", "text": "__REDACTED__"}, {"kind": "image", "url": PNG}]
    shown = {
        "input.value": {"model": "gpt-4o-mini", "temperature": 0.5, "messages": [{"role": "user", "content": told}]},
        "output.value": {"messages": [{"finish_reason": "stop"}]},
    }
    assert {
        "input.mime_type": "application/json",
        "output.mime_type": "application/json",
        f"{at}.0.message_content.text": "__REDACTED__",
        f"{at}.1.message_content.image.image.url": PNG,
        "llm.finish_reason": "stop",
        "llm.token_count.total": 11,
    }.items() <= attributes.items()
    assert shown == {name: json.loads(attributes[name]) for name in shown}
    assert [] == [name for name in attributes if name.startswith("llm.output_messages")]


# A program's own function


def whisper(record: Record) -> None:
    """Take the secret out of what was said."""
    for message in [*(record.input_messages or ()), *(record.output_messages or ())]:
        if message.content is not None:
            message.content = message.content.replace("secret", "***")


def test_redactor(flavour: Flavour, server: OpenAIServer) -> None:
    """A program's own function changes the record before anything is written, and so all that tells the same."""
    server.script(Reply(completion("the secret is 7")))
    with captured_spans(redactor=whisper) as captured:
        result = flavour.create(flavour.client(server), messages=[{"role": "user", "content": "the secret?"}])

    attributes = call_of(captured)
    assert "secret" not in everything(captured)
    assert ("the ***?", "the *** is 7") == (
        attributes["llm.input_messages.0.message.content"],
        attributes["llm.output_messages.0.message.content"],
    )
    assert {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "the ***?"}]} == json.loads(
        attributes["input.value"]
    )
    assert "the secret is 7" == result.choices[0].message.content
    assert b"the secret?" in server.journal[0].body


def test_redactor_of_texts_that_are_no_messages(flavour: Flavour, server: OpenAIServer) -> None:
    """What came is no chat's answer: the function has its text, and what it makes of it is told."""

    def redactor(record: Record) -> None:
        assert record.output_value is not None
        record.output_value = record.output_value.replace("secret", "***")

    server.script(Reply(b"<p>secret</p>", headers={"content-type": "text/html"}))
    with captured_spans(redactor=redactor) as captured:
        flavour.create(flavour.client(server))

    assert "<p>***</p>" == call_of(captured)["output.value"]


def test_redactor_changes_no_argument(flavour: Flavour, server: OpenAIServer) -> None:
    """What the function changes of tools and parameters is the record's alone."""

    def redactor(record: Record) -> None:
        record.tools = record.tools or []
        record.tools[0]["function"]["name"] = "***"
        record.parameters["metadata"]["a"] = "***"

    tools: list[Any] = [{"type": "function", "function": {"name": "look"}}]
    metadata = {"a": "b"}
    with captured_spans(redactor=redactor) as captured:
        flavour.create(flavour.client(server), tools=tools, metadata=metadata)

    attributes = call_of(captured)
    assert {"type": "function", "function": {"name": "***"}} == json.loads(attributes["llm.tools.0.tool.json_schema"])
    assert {"a": "***"} == json.loads(attributes["llm.invocation_parameters"])["metadata"]
    assert ("look", "b") == (tools[0]["function"]["name"], metadata["a"])


def raises(record: Record) -> None:
    """Change something, and fail."""
    record.input_messages = [Message("user", "text sent")]
    message = "text sent"
    raise RuntimeError(message)


def breaks(record: Record) -> None:
    """Leave what no writer can read, and fail."""
    record.input_messages = 7  # type: ignore[assignment]
    raises(record)


@pytest.mark.usefixtures("lenient_guard")
@pytest.mark.parametrize("redactor", [raises, breaks])
@pytest.mark.parametrize("act", [act for act, _ in ACTS.values()], ids=ACTS)
def test_redactor_that_raises(
    act: Act,
    redactor: Callable[[Record], None],
    flavour: Flavour,
    server: OpenAIServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where the function raises, the call has none of its content, the caller meets nothing, and it is told once."""
    captured = act_with(act, flavour, server, redactor=redactor)
    logged = [record for record in caplog.records if record.name == "spanglass"]

    assert NUMBERS == there(captured)
    assert "LLM" == call_of(captured)["openinference.span.kind"]
    assert all("text sent" not in record.getMessage() for record in logged)


def test_redactor_in_threads(server: OpenAIServer) -> None:
    """Each call has a record of its own: calls in several threads do not meet in the function."""
    barrier = threading.Barrier(8, timeout=30)

    def redactor(record: Record) -> None:
        barrier.wait()  # all eight are in here at once
        whisper(record)

    def ask(number: int) -> None:
        with openai.OpenAI(base_url=server.base_url, api_key="test") as client:
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": f"secret {number}"}]
            )

    with captured_spans(redactor=redactor) as captured:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {f"*** {number}" for number in range(8)} == {
        (span.attributes or {}).get("llm.input_messages.0.message.content")
        for span in captured.spans
        if span.name == "ChatCompletion"
    }


class Stop(BaseException):
    """What no guard holds back, as a KeyboardInterrupt."""


def stops(record: Record) -> None:
    """Be interrupted."""
    raise Stop(record.name)


def test_redactor_that_is_interrupted(flavour: Flavour, server: OpenAIServer) -> None:
    """Where the function is interrupted, so is the program, and the span has ended without any content."""
    with captured_spans(redactor=stops) as captured, pytest.raises(Stop):
        plain(flavour, server, flavour.client(server))

    assert ["ChatCompletion"] == [span.name for span in captured.spans]
    assert set() == there(captured)


def test_redactor_that_asks_a_model(flavour: Flavour, server: OpenAIServer) -> None:
    """What the function itself asks a model is no call of the program's, and is not asked of the function again."""
    asked: list[str] = []

    def redactor(record: Record) -> None:
        asked.append(record.name)
        with openai.OpenAI(base_url=server.base_url, api_key="test") as client:
            client.chat.completions.create(model="judge", messages=[{"role": "user", "content": "secret?"}])
        whisper(record)

    with captured_spans(redactor=redactor, attempt_spans="off") as captured:
        flavour.create(flavour.client(server))

    assert (["ChatCompletion"], 1, 2) == (asked, len(captured.spans), len(server.journal))


@pytest.mark.usefixtures("lenient_guard")
def test_redactor_that_returns_another_record(flavour: Flavour, server: OpenAIServer) -> None:
    """A function that returns another record, which nobody would write, has not hidden what it was to hide."""
    captured = act_with(plain, flavour, server, redactor=lambda record: Record(record.name, record.kind, "chat"))

    assert NUMBERS == there(captured)


def test_redactor_changes_the_model(flavour: Flavour, server: OpenAIServer) -> None:
    """The model's name is what the function makes of it, in the span's name too; a sampler sees none that is a text."""
    seen: list[Any] = []

    def redactor(record: Record) -> None:
        seen.append(record.request_model)
        record.request_model = "a model"

    server.script(Reply(completion()))
    with captured_spans(redactor=redactor, conventions=("gen_ai", "openinference"), attempt_spans="off") as captured:
        flavour.create(flavour.client(server), model="text sent")

    (span,) = captured.spans
    attributes = span.attributes or {}
    assert (["text sent"], "chat a model") == (seen, span.name)
    assert ("a model", "a model") == (attributes["gen_ai.request.model"], attributes["llm.request.model_name"])


def test_content_off_hides_more_where_more_is_hidden(flavour: Flavour, server: OpenAIServer) -> None:
    """Without content, what another setting hides is hidden too, though it is none."""
    assert set() == there(act_with(plain, flavour, server, content="off", hide=("llm_invocation_parameters",)))


ODD_NAMES: dict[str, Any] = {
    "messages": [{"role": "the role sent", "name": "the name sent", "content": [{"type": "the kind sent", "x": 1}]}],
}


def test_texts_in_the_place_of_names(flavour: Flavour, server: OpenAIServer) -> None:
    """Where texts are hidden, what stands for a name and is none is hidden as well."""
    with captured_spans(hide=("input_text",)) as captured:
        flavour.create(flavour.client(server), **ODD_NAMES)

    assert [name for name in ("the role sent", "the name sent", "the kind sent") if name in everything(captured)] == []


def test_model_in_a_path(flavour: Flavour, server: OpenAIServer) -> None:
    """Azure puts the model's name into the path: without content it is told of no attempt where it may be a text."""
    with captured_spans(content="off", attempt_spans="always") as captured:
        flavour.create(flavour.azure(server), model="the model sent")

    assert "the model sent" not in everything(captured).replace("%20", " ")


def test_odd_answer(flavour: Flavour, server: OpenAIServer) -> None:
    """A text in the place of an id, a model or a reason that came back is hidden with the outputs."""
    odd = {"id": "odd id", "model": "odd model", "service_tier": "odd tier", "system_fingerprint": "odd print"}
    body = {**completion("x"), **odd, "usage": {"total_tokens": 7, "odd count": 8}}
    body["choices"][0]["finish_reason"] = "odd reason"
    server.script(Reply(body))
    with captured_spans(hide=("outputs",)) as captured:
        flavour.create(flavour.client(server))

    assert "odd" not in everything(captured)
    assert 7 == call_of(captured)["llm.token_count.total"]


# A response, which repeats what was asked of it

ECHOED: dict[str, Any] = {
    "instructions": "system sent",
    "tools": [{"type": "function", "name": "look", "description": "tool sent", "parameters": {}, "strict": False}],
    "tool_choice": {"type": "function", "name": "choice sent"},
    "text": {"format": {"type": "json_schema", "name": "schema", "schema": {"title": "schema sent"}}},
    "prompt": {"id": "pmpt_1", "variables": {"city": "prompt sent"}},
    "user": "user sent",
    "metadata": {"a": "metadata sent"},
    "temperature": 0.25,
}
ITEMS: list[dict[str, Any]] = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "text sent"},
            {"type": "input_image", "image_url": PNG},
            {"type": "input_image", "image_url": "https://example.com/picture01sent.png"},
            {"type": "input_file", "filename": "file sent", "file_data": "data:application/pdf;base64,pdf00sent"},
            {"type": "scent", "scent": "scent sent"},
        ],
    },
    {"role": "assistant", "content": "turn sent"},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "reasoning sent"}]},
    {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"a":"arguments sent"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "result sent"},
]
MADE_ITEMS: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "reasoning received"}]},
    {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [
            {"type": "output_text", "text": "text received", "annotations": []},
            {"type": "refusal", "refusal": "refusal received"},
        ],
    },
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_2",
        "name": "look",
        "arguments": '{"a":"arguments received"}',
    },
]
RESPONSE = response(MADE_ITEMS, **ECHOED)
FAILURE: dict[str, Any] = {"status": "failed", "error": {"code": "server_error", "message": "quoted"}}


def responded(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Ask for a response that is answered."""
    server.script(Reply(RESPONSE))
    RESPONSES.create(flavour, client, **ECHOED, input=ITEMS, extra_body={"guided": "extra sent"})


def responded_in_pieces(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Ask for a stream of one, and read it to the failure that quotes it."""
    server.script(Stream(response_events(MADE_ITEMS, **ECHOED, **FAILURE), done=False))
    flavour.take(RESPONSES.open(flavour, client, **ECHOED, input=ITEMS, extra_body={"guided": "extra sent"}))


def fetched(flavour: Flavour, server: OpenAIServer, client: Any) -> None:
    """Fetch one that was made elsewhere."""
    server.script(Reply(RESPONSE))
    RETRIEVE.create(flavour, client)


# Of these words of a chat a response has none, or those of its own.
OWN = {"prompt sent"}
NOT = {"sound00sent", "legacy sent", "refusal sent", "prediction sent", "stop sent", "field received"}
RESPONSE_SENT = (SENT | OWN) - NOT
REPEATED = {"system sent", "tool sent", "choice sent", "schema sent", "prompt sent", "user sent", "metadata sent"}
RESPONSE_ACTS: dict[str, tuple[Act, set[str]]] = {
    "plain": (responded, RESPONSE_SENT | (RECEIVED - NOT)),
    "streamed": (responded_in_pieces, RESPONSE_SENT | (RECEIVED - NOT) | QUOTED),
}
# What each hides beyond that: the variables of a prompt are said.
MORE: dict[str, set[str]] = dict.fromkeys(
    ("inputs", "input_messages", "input_text", "input_images", "llm_invocation_parameters"), OWN
)


def all_there(captured: CapturedSpans) -> set[str]:
    """Return the canaries that sing, those of a response among them."""
    said = everything(captured)
    return {canary for canary in SENT | RECEIVED | QUOTED | OWN if canary in said}


@pytest.mark.parametrize(("act", "said"), RESPONSE_ACTS.values(), ids=RESPONSE_ACTS)
@pytest.mark.parametrize("name", HIDES)
def test_hidden_part_of_a_response(act: Act, said: set[str], name: str, flavour: Flavour, server: OpenAIServer) -> None:
    """So it is for a response; what it repeats of its request is hidden with that."""
    assert said - HIDES[name] - MORE.get(name, set()) == all_there(act_with(act, flavour, server, hide=(name,)))


@pytest.mark.parametrize("name", HIDES)
def test_hidden_part_of_a_response_that_is_fetched(name: str, flavour: Flavour, server: OpenAIServer) -> None:
    """What one that was made elsewhere repeats of its request is told only where nothing of a call is hidden."""
    told = all_there(act_with(fetched, flavour, server, hide=(name,)))
    hidden = set[str]() if name == "retrieval_documents" else HIDES[name] | REPEATED

    assert (REPEATED | TEMPLATE | RECEIVED) - NOT - hidden == told - NUMBERS


LINKS: dict[str, Any] = {"previous_response_id": "odd previous", "conversation": "odd conversation"}
ENDS: dict[str, Any] = {"incomplete_details": {"reason": "odd reason"}}


@pytest.mark.parametrize("name", ["inputs", "outputs", "llm_invocation_parameters"])
def test_odd_ids_of_a_response(name: str, flavour: Flavour, server: OpenAIServer) -> None:
    """Texts in the place of the ids that a request says and its response repeats are hidden with either."""
    server.script(Reply(response("text received", **LINKS)), Reply(response("text received", **LINKS)))
    client = flavour.client(server)
    with captured_spans(hide=(name,)) as captured:
        RESPONSES.create(flavour, client, extra_body=LINKS if name != "outputs" else {})
        RETRIEVE.create(flavour, client)

    assert "odd" not in everything(captured)


@pytest.mark.parametrize("name", ["outputs", "output_messages", "output_text"])
def test_odd_end_of_a_response(name: str, flavour: Flavour, server: OpenAIServer) -> None:
    """Texts in the place of a status, and of the reason for an end, are hidden with what was received."""
    server.script(Reply(response("x", **ENDS)), Reply(response("x", status="odd status")))
    client = flavour.client(server)
    with captured_spans(hide=(name,)) as captured:
        for _ in range(2):
            RESPONSES.create(flavour, client)

    assert "odd" not in everything(captured)


def test_ids_of_a_response_stay(flavour: Flavour, server: OpenAIServer) -> None:
    """Ids, a status and a reason that are words stay, whatever is hidden."""
    links = {"previous_response_id": "resp_0", "conversation": "conv_1"}
    for name in HIDES:
        server.script(Reply(response("x", **ENDS | {"incomplete_details": {"reason": "max_output_tokens"}})))
        with captured_spans(hide=(name,)) as captured:
            RESPONSES.create(flavour, flavour.client(server), extra_body=links)
        told = dict(captured.spans[-1].attributes or {})
        names = ("request.previous_response_id", "request.conversation_id", "response.status")
        assert ["resp_0", "conv_1", "completed", "max_output_tokens"] == [
            *(told[f"spanglass.{part}"] for part in names),
            told["llm.finish_reason"],
        ]
