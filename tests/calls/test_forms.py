"""The form matrix: however a call is written, it has its one span, and the caller gets what the SDK gives."""

import json
from typing import Any

import pytest
from asks import Ask
from bare import Met, meet
from forms import FORMS, Form, Said
from opentelemetry.sdk.trace import ReadableSpan
from told import Told, call, told

from flavours import Flavour, held
from spanglass.testing import OpenAIServer, captured_spans


def given(form: Form, flavour: Flavour, server: OpenAIServer) -> Any:
    """Return what the form is done with: a client, or what it takes of one."""
    client = form.client(flavour, server)
    return client if form.kept is None else form.kept(client)


def met(form: Form, flavour: Flavour, server: OpenAIServer, using: Any) -> Met:
    """Do what the form does, and return what the caller meets; nothing of it may be left in the context."""
    server.script(*form.answers)
    before = held()
    found = meet(server, using, None, lambda client, results: results.extend(form.act(form.ask, flavour, client)))

    assert held() == before
    return found


def place(span: ReadableSpan, spans: list[ReadableSpan]) -> Any:
    """Return the parent of a span as `Said` has it: by its place, if it is one of these."""
    contexts = [one.context for one in spans]
    return contexts.index(span.parent) if span.parent in contexts else span.parent


def tell(ask: Ask, span: ReadableSpan) -> Told:
    """Return all that a span says, with its bodies read: how the SDK wrote them, with which spaces, is not ours."""
    said = told(span)
    read = {name: json.loads(said.attributes[name]) for name in ("input.value", ask.parameters)}
    return said._replace(attributes={**said.attributes, **read})


def expected(server: OpenAIServer, ask: Ask, said: Said) -> Told:
    """Return all that it must say."""
    body = {**ask.body, **said.asked}
    parameters = {name: body[name] for name in body if name != ask.read}
    read = {"input.value": body, ask.parameters: parameters}
    whole = call(server, said.attributes, read, ask=ask, status=said.status, events=said.events)
    return whole._replace(attributes={name: value for name, value in whole.attributes.items() if value is not None})


@pytest.mark.parametrize("form", FORMS, ids=[form.name for form in FORMS])
def test_form(form: Form, flavour: Flavour, server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    """A call has one span, whole, however it is written; results, requests, warnings and context are as ever."""
    reason = form.absent(flavour, server)
    if reason is not None:
        pytest.skip(reason)
    bare = met(form, flavour, server, given(form, flavour, server))
    before = given(form, flavour, server) if form.kept else None
    with captured_spans() as captured:
        instrumented = met(form, flavour, server, before or given(form, flavour, server))
        spans = captured.spans

    assert instrumented == bare
    assert bare.raised == ""
    assert [tell(form.ask, span) for span in spans] == [expected(server, form.ask, said) for said in form.said]
    assert [place(span, spans) for span in spans] == [said.parent for said in form.said]
    assert [] == [record.getMessage() for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
