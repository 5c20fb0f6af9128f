"""The forms in which people write a chat call, as data: what each does with a client, and what its spans must say."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from acts import (
    ASKED,
    PROGRAM,
    Act,
    asked,
    between,
    body,
    called,
    created,
    in_loop,
    in_messages,
    in_program,
    in_thread,
    iterated,
    managed,
    of_module,
    parsed,
    pooled,
    post,
    post_raw,
    post_stream,
    raw,
    raw_mine,
    raw_read,
    raw_read_mine,
    read,
    read_in_thread,
    taken,
    until_hel,
)
from clients import (
    AIO,
    Absent,
    Make,
    aio_absent,
    azure,
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
    usual,
    without,
)
from opentelemetry.trace import SpanContext
from stories import ARRIVED, EVENT, FIRST, GAP, SPLIT
from told import ANSWERED, COUNTED, SECONDS

from spanglass.testing import Answer, Reply, Stream, chunks, completion
from spanglass.testing.bodies import USAGE

ESTIMATED = "spanglass.usage.estimated_completion_tokens"
STREAM = Stream(chunks(usage=USAGE))


class Said(NamedTuple):
    """What the span of a call says beyond what that of every `ASK` does.

    `attributes` add to those, or replace them; None takes one away. `asked` is what the body has beside `ASK`. The
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


def streamed(outcome: str, taken: int, *, timed: bool = True) -> Said:
    """Return what is said of `STREAM`, left after so many chunks: four, and a fifth with the usage."""
    arrived = {name: value for name, value in ARRIVED[min(taken, 4)].items() if name != "output.value"}
    times = dict.fromkeys([FIRST, GAP][:taken] if timed else [], SECONDS)
    usage = {**COUNTED, ESTIMATED: None} if taken > 4 else {}
    stats = {"spanglass.stream.outcome": outcome, "spanglass.stream.chunk_count": taken}
    return Said(
        {**arrived, **stats, **times, **usage},
        {"stream": True},
        "OK" if outcome == "completed" else "UNSET",
        (EVENT,) if taken and timed else (),
    )


def other(model: str, parent: SpanContext | int | None = None) -> Said:
    """Return what is said of a call that asked another model."""
    names = dict.fromkeys(("llm.model_name", "llm.request.model_name", "llm.response.model_name"), model)
    return Said({**ANSWERED, **COUNTED, **names}, {"model": model}, parent=parent)


PLAIN = Said({**ANSWERED, **COUNTED})
PARSED = PLAIN._replace(asked={"stream": False}).but({"spanglass.sdk.helper": "parse"})
WHOLE = streamed("completed", 5)
LEFT = streamed("closed", 2)
UNREAD = streamed("closed", 0)._replace(asked={})
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
    answers: tuple[Answer, ...] = ()
    absent: Absent = never
    client: Make = usual
    kept: Callable[[Any], Any] | None = None


RAW = without("chat.completions.with_raw_response")
BODY = without("chat.completions.with_streaming_response")
EVENTS = "data: " + "\n\ndata: ".join([*(json.dumps(chunk) for chunk in STREAM.chunks), "[DONE]"]) + "\n\n"


FORMS: tuple[Form, ...] = (
    Form("create()", created),
    Form("create(stream=True), read", read, (WHOLE,), (STREAM,)),
    Form(
        "create(stream=True), left in a with",
        lambda flavour, client: taken(flavour, flavour.create(client, stream=True), 2, entered=True),
        (LEFT,),
        (STREAM,),
    ),
    Form("parse()", asked("chat.completions.parse"), (PARSED,), absent=without("chat.completions.parse")),
    *(
        Form(f"beta.chat.completions.{name}()", asked(f"beta.chat.completions.{name}"), (said,), absent=absent)
        for name, said, absent in (
            ("create", PLAIN, without("beta.chat.completions.create")),
            ("parse", PARSED, without("beta.chat.completions.parse")),
        )
    ),
    *(
        Form(f"{beta}stream(), {name}", managed(path, reads), (said,), (STREAM,), without(path))
        for beta, path in (("", "chat.completions.stream"), ("beta.chat.completions.", "beta.chat.completions.stream"))
        for name, reads, said in (
            ("its events", lambda flavour, events: flavour.take(events), WHOLE),
            ("its completion", called("get_final_completion"), WHOLE),
            ("left early", until_hel, LEFT),
        )
    ),
    Form("with_raw_response, parsed", lambda flavour, client: parsed(flavour, raw(flavour, client)), absent=RAW),
    Form(
        "with_raw_response, parsed twice",
        lambda flavour, client: parsed(flavour, raw(flavour, client), times=2),
        absent=RAW,
    ),
    Form(
        "with_raw_response, never parsed",
        lambda flavour, client: [raw(flavour, client).http_response.content],
        absent=RAW,
    ),
    Form("with_raw_response, parse(to=...)", raw_mine, absent=unparsable),
    Form("with_raw_response, streamed", raw_read, (WHOLE,), (STREAM,), RAW),
    Form("with_raw_response, streamed, parse(to=...)", raw_read_mine, (WHOLE,), (STREAM,), unparsable),
    Form(
        "with_raw_response.parse()",
        lambda flavour, client: parsed(flavour, *asked("chat.completions.with_raw_response.parse")(flavour, client)),
        (PARSED,),
        absent=without("chat.completions.with_raw_response.parse"),
    ),
    Form(
        "client.with_raw_response",
        lambda flavour, client: parsed(flavour, *asked("with_raw_response.chat.completions.create")(flavour, client)),
        absent=without("with_raw_response.chat.completions"),
    ),
    Form(
        "with_raw_response, kept from before instrument()",
        lambda flavour, kept: parsed(flavour, flavour.wait(kept.create(**ASKED))),
        (PLAIN.but(HELPLESS),),
        absent=RAW,
        kept=lambda client: client.chat.completions.with_raw_response,
    ),
    Form(
        "create, kept from before instrument()",
        lambda flavour, create: [flavour.wait(create(**ASKED))],
        (PLAIN.but(HELPLESS),),
        kept=lambda client: client.chat.completions.create,
    ),
    *(
        Form(f"with_streaming_response, {name}", body(reads), absent=BODY)
        for name, reads in (
            ("parse()", called("parse")),
            ("json()", called("json")),
            ("read()", called("read")),
            ("text()", called("text")),
            ("iter_lines()", iterated("iter_lines")),
            ("iter_bytes()", iterated("iter_bytes")),
            ("iter_text()", iterated("iter_text")),
        )
    ),
    Form("with_streaming_response, left unread", body(lambda _, __: []), (UNREAD,), absent=BODY),
    *(
        Form(f"with_streaming_response, streamed, {name}", body(reads, stream=True), (said,), (STREAM,), BODY)
        for name, reads, said in (
            ("parse()", lambda flavour, response: taken(flavour, flavour.wait(response.parse())), WHOLE),
            ("left early", lambda flavour, response: taken(flavour, flavour.wait(response.parse()), 2), LEFT),
            ("iter_lines()", iterated("iter_lines"), streamed("completed", 5, timed=False)),
            ("iter_lines() left early", iterated("iter_lines", 3), streamed("closed", 2, timed=False)),
        )
    ),
    Form("client.post()", lambda flavour, client: [post(flavour, client)], (PLAIN.but(HELPLESS),)),
    Form("client.post(), raw", post_raw, (PLAIN.but(HELPLESS),)),
    Form("client.post(), streamed", post_stream, (WHOLE.but(HELPLESS),), (STREAM,)),
    Form("with_options()", lambda flavour, client: [flavour.create(client.with_options(timeout=30, max_retries=1))]),
    Form("copy()", lambda flavour, client: [flavour.create(client.copy())]),
    Form("openai.chat.completions.create()", of_module, absent=sync_only),
    Form("Azure", created, (PLAIN.but(AZURE),), client=azure),
    Form("Azure, streamed", read, (WHOLE.but(AZURE),), (STREAM,), client=azure),
    *(
        Form(f"{name}{how}", act, (said,), answers, refused(make), make)
        for name, make in (
            ("DefaultHttpxClient", default_of("DefaultHttpxClient", "DefaultAsyncHttpxClient")),
            ("a client of httpx", of_library("httpx")),
            ("a client of httpx2", of_library("httpx2")),
            ("a subclass of the HTTP client", over(subclass)),
        )
        for how, act, said, answers in (("", created, PLAIN, ()), (", streamed", read, WHOLE, (STREAM,)))
    ),
    Form("DefaultAioHttpClient", created, absent=aio_absent, client=AIO),
    Form("DefaultAioHttpClient, streamed", read, (WHOLE,), (STREAM,), aio_absent, AIO),
    Form("an HTTP client with its own send()", created, (PLAIN.but(UNSEEN),), client=over(sending_itself)),
    Form("MockTransport", created, client=over(mocked(json=completion()))),
    Form(
        "MockTransport, streamed",
        read,
        (WHOLE,),
        client=over(mocked(content=EVENTS.encode(), headers={"content-type": "text/event-stream"})),
    ),
    Form("in another's event hook", created, (other("inner", 1), PLAIN), client=hooked),
    Form("in another's token provider", created, (other("inner", 1), PLAIN.but(AZURE)), client=provided),
    Form("in another's generator of messages", in_messages, (other("inner"), PLAIN), absent=exhaustible),
    Form("in the loop of another's stream", in_loop, (other("inner"), WHOLE), (STREAM,)),
    Form("in a tool between two calls", between, (CALLS_TOOL, other("add"), PLAIN), (TOOL_CALL,)),
    Form("under a span of the program", in_program(created), (PLAIN._replace(parent=PROGRAM),)),
    Form("in a thread", in_program(lambda flavour, client: in_thread(lambda: created(flavour, client)))),
    Form("in a thread of a pool", in_program(pooled)),
    Form("a stream read in another thread", read_in_thread, (WHOLE,), (STREAM,)),
    Form(
        "a stream of a span of the program, read in a thread",
        in_program(read_in_thread),
        (WHOLE._replace(parent=PROGRAM),),
        (STREAM,),
    ),
)
