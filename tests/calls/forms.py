"""The forms in which people write a call, as data: what each does with a client, and what its spans must say."""

import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from acts import (
    PROGRAM,
    Act,
    asked,
    between,
    body,
    body_by_hand,
    called,
    copied,
    created,
    created_in_thread,
    events_of,
    in_loop,
    in_messages,
    in_program,
    iterated,
    kept_method,
    kept_raw,
    left,
    managed,
    of_module,
    pooled,
    post_raw,
    post_stream,
    posted,
    raw_mine,
    raw_parsed,
    raw_read,
    raw_read_mine,
    raw_unparsed,
    read,
    read_in_thread,
    streamed,
    streamed_half,
    until_hel,
    with_options,
)
from asks import ASKS, CHAT, ESTIMATED, MODELS, RESPONSES, RETRIEVE, STREAMED, Ask
from clients import (
    AIO,
    Absent,
    Make,
    aio_absent,
    azure,
    both,
    default_of,
    exhaustible,
    hooked,
    mocked,
    never,
    of_library,
    over,
    provided,
    refused,
    sending_itself,
    subclass,
    sync_only,
    unparsable,
    untaken,
    usual,
    without,
)
from opentelemetry.trace import SpanContext
from stories import EVENT, FIRST, GAP, GAP_AT
from told import SECONDS, SPLIT

from spanglass.testing import Answer, Reply, completion


class Said(NamedTuple):
    """What the span of a call says beyond what that of every call does.

    `attributes` add to those, or replace them; None takes one away. `asked` is what the body has beside the usual. The
    span's parent is the program's own span, or that of another call by its place in the order of their ends, or none.
    """

    attributes: Mapping[str, Any]
    asked: Mapping[str, Any] = {}
    status: str = "OK"
    events: tuple[str, ...] = ()
    parent: SpanContext | int | None = None

    def but(self, attributes: Mapping[str, Any]) -> "Said":
        """Return the same with these attributes."""
        return self._replace(attributes={**self.attributes, **attributes})


def of_stream(ask: Ask, outcome: str, taken: int, *, timed: bool = True) -> Said:
    """Return what is said of a stream that was left after so many chunks."""
    known = ask.arrived[taken] if taken else {ESTIMATED: 0}
    arrived = {name: value for name, value in known.items() if name != "output.value"}
    times = dict.fromkeys([FIRST, *(GAP, GAP_AT) * (taken > 1)][: 3 * taken] if timed else [], SECONDS)
    stats = {"spanglass.stream.outcome": outcome, "spanglass.stream.chunk_count": taken}
    return Said(
        {**arrived, **stats, **times},
        {"stream": True},
        "OK" if outcome == "completed" else "UNSET",
        (EVENT,) if taken and timed else (),
    )


def plain(ask: Ask) -> Said:
    """Return what is said of a plain answer."""
    return Said({**ask.answered, **ask.counted})


def other(model: str, parent: SpanContext | int | None = None) -> Said:
    """Return what is said of a chat that asked another model."""
    names = dict.fromkeys(("llm.model_name", "llm.request.model_name", "llm.response.model_name"), model)
    return PLAIN.but(names)._replace(asked={"model": model}, parent=parent)


PLAIN = plain(CHAT)
WHOLE = of_stream(CHAT, "completed", CHAT.all)
HELPLESS: Mapping[str, Any] = {"spanglass.sdk.helper": None}
UNSEEN: Mapping[str, Any] = {"spanglass.attempt.count": None, **dict.fromkeys(SPLIT)}
AZURE: Mapping[str, Any] = {"llm.provider": "azure"}

CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
TOOL_CALL = Reply(completion(None, tool_calls=[CALL], finish_reason="tool_calls"))
CALLS_TOOL = PLAIN.but(
    {
        "llm.finish_reason": "tool_calls",
        "llm.output_messages.0.message.content": None,
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "add",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"a":1}',
    },
)


class Form(NamedTuple):
    """One way to write a call.

    `act` gets a client made while OpenAI is instrumented, or what `kept` takes of one before. `answers` are the
    server's first ones.
    """

    name: str
    act: Act
    said: tuple[Said, ...] = (PLAIN,)
    answers: tuple[Answer, ...] = (CHAT.answer,)
    absent: Absent = never
    client: Make = usual
    kept: Callable[[Any], Any] | None = None
    ask: Ask = CHAT


EVENTS = "data: " + "\n\ndata: ".join([*(json.dumps(chunk) for chunk in CHAT.chunks), "[DONE]"]) + "\n\n"


def form(ask: Ask, name: str, act: Act, *said: Said, way: str = "", stream: bool = False, **more: Any) -> Form:
    """Return a form of an endpoint, a `way` of its resource: all of a chat's but these are named after their method."""
    named = name if ask is CHAT else name.replace("create", ask.method) if "create" in name else f"{ask.method}: {name}"
    there = ".".join(filter(None, (ask.owner, way, ask.helper)))
    answers = (ask.stream if stream else ask.answer,)
    absent = both(without(there), untaken(ask.method, "stream")) if stream else without(there)
    given = {"said": said or (plain(ask),), "answers": answers, "absent": absent, "ask": ask, **more}
    return Form(named, act, **given)


RAW = "with_raw_response"
BODY = "with_streaming_response"


def usual_forms(ask: Ask) -> tuple[Form, ...]:
    """Return the forms of a plain call of any endpoint."""
    helpless = plain(ask).but(HELPLESS)
    unread = of_stream(ask, "closed", 0)._replace(asked={})
    return (
        form(ask, "create()", created),
        form(ask, f"{RAW}, parsed", raw_parsed(), way=RAW),
        form(ask, f"{RAW}, never parsed", raw_unparsed, way=RAW),
        form(
            ask,
            f"{RAW}, kept from before instrument()",
            kept_raw,
            helpless,
            way=RAW,
            kept=attrgetter(f"{ask.owner}.{RAW}"),
        ),
        form(ask, "create, kept from before instrument()", kept_method, helpless, kept=attrgetter(ask.method)),
        form(ask, f"{BODY}, parse()", body(called("parse")), way=BODY),
        form(ask, f"{BODY}, left unread", body(lambda *_: []), unread, way=BODY),
        *((form(ask, "client.post()", posted, helpless),) if ask.verb == "POST" else ()),
    )


def model_forms(ask: Ask) -> tuple[Form, ...]:
    """Return those of a plain call of a model."""
    return (
        form(ask, "client.post(), raw", post_raw, plain(ask).but(HELPLESS)),
        form(ask, "with_options()", with_options),
        form(ask, "", of_module, absent=both(sync_only, without(ask.method)))._replace(name=f"openai.{ask.method}()"),
        form(ask, "Azure", created, plain(ask).but({} if ask.parameters != CHAT.parameters else AZURE), client=azure),
        form(ask, f"client.{RAW}", raw_parsed(path=f"{RAW}.{ask.method}"), absent=without(f"{RAW}.{ask.method}")),
    )


def streamed_forms(ask: Ask) -> tuple[Form, ...]:
    """Return those of a streamed call of any endpoint that streams."""
    whole, half = of_stream(ask, "completed", ask.all), of_stream(ask, "closed", ask.half)
    return (
        form(ask, "create(stream=True), read", read, whole, stream=True),
        form(ask, "create(stream=True), left in a with", left, half, stream=True),
        form(ask, f"{RAW}, streamed", raw_read, whole, way=RAW, stream=True),
        form(ask, f"{BODY}, streamed, parse()", body(streamed, stream=True), whole, way=BODY, stream=True),
        form(ask, f"{BODY}, streamed, entered by hand", body_by_hand, whole, way=BODY, stream=True),
        form(ask, f"{BODY}, streamed, left early", body(streamed_half, stream=True), half, way=BODY, stream=True),
        form(
            ask,
            f"{BODY}, streamed, iter_lines()",
            body(iterated("iter_lines"), stream=True),
            of_stream(ask, "completed", ask.all, timed=False),
            way=BODY,
            stream=True,
        ),
        form(
            ask,
            f"{BODY}, streamed, iter_lines() left early",
            body(iterated("iter_lines", early=True), stream=True),
            of_stream(ask, "closed", ask.half, timed=False),
            way=BODY,
            stream=True,
        ),
    )


def streamed_model_forms(ask: Ask) -> tuple[Form, ...]:
    """Return those of a streamed call of a model."""
    whole = of_stream(ask, "completed", ask.all)
    return (
        form(ask, "client.post(), streamed", post_stream, whole.but(HELPLESS), stream=True),
        form(ask, "Azure, streamed", read, whole.but(AZURE), client=azure, stream=True),
        form(
            ask,
            f"{RAW}, streamed, parse(to=...)",
            raw_read_mine,
            whole,
            absent=both(without(ask.method), unparsable(ask)),
            stream=True,
        ),
    )


def managed_forms(
    ask: Ask, path: str, final: str, added: Mapping[str, Any] | None = None, **given: Any
) -> tuple[Form, ...]:
    """Return those of the SDK's `stream()` at a path of a client, whose end is asked by the method `final`.

    What is `given` stands for the body, and what is `added` to it goes out too.
    """
    whole, half = (
        said._replace(asked={**said.asked, **(added or {})})
        for said in (of_stream(ask, "completed", ask.all), of_stream(ask, "closed", ask.half))
    )
    named = path.removeprefix("chat.completions.") + (f"({', '.join(f'{name}=' for name in given)})" if given else "()")
    absent = both(without(path), *(untaken(path, name) for name in given))
    return tuple(
        Form(f"{named}, {name}", managed(path, reads, **given), (said,), (ask.stream,), absent, ask=ask)
        for name, reads, said in (
            ("its events", events_of, whole),
            ("its completion", called(final), whole),
            ("left early", until_hel, half),
        )
    )


def parsed_forms(ask: Ask, path: str, **asked_too: Any) -> tuple[Form, ...]:
    """Return those of the SDK's `parse()` at a path of a client."""
    said = plain(ask)._replace(asked=asked_too).but({"spanglass.sdk.helper": "parse"})
    owner, _, helper = path.rpartition(".")
    raw = f"{owner}.{RAW}.{helper}"
    return tuple(
        Form(f"{at.removeprefix('chat.completions.')}()", act, (said,), (ask.answer,), without(at), ask=ask)
        for at, act in ((path, asked(path)), (raw, raw_parsed(path=raw)))
    )


CHAT_FORMS = (
    form(CHAT, f"{RAW}, parsed twice", raw_parsed(2), way=RAW),
    form(CHAT, f"{RAW}, parse(to=...)", raw_mine, absent=unparsable(CHAT)),
    Form(
        "beta.chat.completions.create()",
        asked("beta.chat.completions.create"),
        absent=without("beta.chat.completions.create"),
    ),
    *(
        form(CHAT, f"{BODY}, {name}", body(reads), way=BODY)
        for name, reads in (
            ("json()", called("json")),
            ("read()", called("read")),
            ("text()", called("text")),
            ("iter_lines()", iterated("iter_lines")),
            ("iter_bytes()", iterated("iter_bytes")),
            ("iter_text()", iterated("iter_text")),
        )
    ),
    Form("copy()", copied),
    *(
        Form(f"{name}{how}", act, (said,), answers, refused(make), make)
        for name, make in (
            ("DefaultHttpxClient", default_of("DefaultHttpxClient", "DefaultAsyncHttpxClient")),
            ("a client of httpx", of_library("httpx")),
            ("a client of httpx2", of_library("httpx2")),
            ("a subclass of the HTTP client", over(subclass)),
        )
        for how, act, said, answers in (
            ("", created, PLAIN, (CHAT.answer,)),
            (", streamed", read, WHOLE, (CHAT.stream,)),
        )
    ),
    Form("DefaultAioHttpClient", created, absent=aio_absent, client=AIO),
    Form("DefaultAioHttpClient, streamed", read, (WHOLE,), (CHAT.stream,), aio_absent, AIO),
    Form("an HTTP client with its own send()", created, (PLAIN.but(UNSEEN),), client=over(sending_itself)),
    Form("MockTransport", created, client=over(mocked(json=completion()))),
    Form(
        "MockTransport, streamed",
        read,
        (WHOLE,),
        client=over(mocked(content=EVENTS.encode(), headers={"content-type": "text/event-stream"})),
    ),
    Form("in another's event hook", created, (other("inner", 1), PLAIN), (), client=hooked),
    Form("in another's token provider", created, (other("inner", 1), PLAIN.but(AZURE)), (), client=provided),
    Form("in another's generator of messages", in_messages, (other("inner"), PLAIN), (), absent=exhaustible),
    Form("in the loop of another's stream", in_loop, (other("inner"), WHOLE), (CHAT.stream,)),
    Form("in a tool between two calls", between, (CALLS_TOOL, other("add"), PLAIN), (TOOL_CALL,)),
    Form("under a span of the program", in_program(created), (PLAIN._replace(parent=PROGRAM),)),
    Form("in a thread", in_program(created_in_thread)),
    Form("in a thread of a pool", in_program(pooled)),
    Form("a stream read in another thread", read_in_thread, (WHOLE,), (CHAT.stream,)),
    Form(
        "a stream of a span of the program, read in a thread",
        in_program(read_in_thread),
        (WHOLE._replace(parent=PROGRAM),),
        (CHAT.stream,),
    ),
)

FORMS: tuple[Form, ...] = (
    *usual_forms(CHAT),
    *model_forms(CHAT),
    *parsed_forms(CHAT, "chat.completions.parse", stream=False),
    *parsed_forms(CHAT, "beta.chat.completions.parse", stream=False),
    *streamed_forms(CHAT),
    *streamed_model_forms(CHAT),
    *managed_forms(CHAT, "chat.completions.stream", "get_final_completion"),
    *managed_forms(CHAT, "beta.chat.completions.stream", "get_final_completion"),
    *CHAT_FORMS,
    *(form for ask in ASKS if ask is not CHAT for form in usual_forms(ask)),
    *(form for ask in MODELS if ask is not CHAT for form in model_forms(ask)),
    *(form for ask in STREAMED if ask is not CHAT for form in streamed_forms(ask)),
    *(form for ask in STREAMED if ask in MODELS and ask is not CHAT for form in streamed_model_forms(ask)),
    *parsed_forms(RESPONSES, "responses.parse"),
    *(
        Form(f"{path}()", asked(path), (plain(ask),), (ask.answer,), without(path), ask=ask)
        for ask, path in ((ask, f"beta.{ask.method}") for ask in ASKS if ask.owner.startswith("responses"))
    ),
    *managed_forms(RESPONSES, "responses.stream", "get_final_response"),
    *managed_forms(
        RETRIEVE, "responses.stream", "get_final_response", {"include": []}, response_id="resp_test", starting_after=0
    ),
)
