"""How a call begins: what was asked, its record and its span; or why there is none."""

from collections.abc import Mapping
from functools import partial
from time import perf_counter_ns
from typing import Any

from opentelemetry.context import get_current

from spanglass.calls import background, rivals
from spanglass.calls.aside import Traced, Unrecorded
from spanglass.calls.enclosing import CURRENT, counts
from spanglass.calls.invocation import Invocation
from spanglass.calls.operation import Operation, operation
from spanglass.calls.server import server_of
from spanglass.calls.suppressed import OLDER, SUPPRESSED, suppressed
from spanglass.calls.tracing import Tracing
from spanglass.calls.unfinished import drain, lost
from spanglass.endpoints.endpoint import Endpoint
from spanglass.endpoints.shapes import text
from spanglass.guard import foreign
from spanglass.plain import fields
from spanglass.record import Record
from spanglass.writers.values import clean_text

LONGEST = 256  # characters of a model's name
SENTINELS = frozenset({"NotGiven", "Omit"})


def begin(tracing: Tracing, endpoint: Endpoint, client: Any, options: Any, held: str = "") -> Traced | None:
    """Begin a call, or return None where instrumentation is suppressed, or cannot be; `held` is the id in its path."""
    if lost:
        drain()
    context = get_current()
    # As `suppressed` does, free of a call.
    if (SUPPRESSED in context and context[SUPPRESSED]) or (OLDER in context and context[OLDER]):
        return None
    if rivals.due:
        rivals.look(client)
    noted = operation.get()
    if noted is None or noted.begun:
        noted = Operation("")
    body = options.json_data if options.extra_json is None else _with_extra(options)
    if endpoint.addressed:
        body = {"response_id": held, **fields(options.params)}
    elif endpoint.added:
        body = _asked(endpoint.added, noted.given, options, body)
    record = _record(endpoint, client, noted, body)
    if CURRENT in context and counts(context[CURRENT]):
        record.enclosed = True
        record.kind = "CHAIN"  # tokens are counted by the span's kind: once, in the span that is current
    span = tracing.start(record, context, background.links(held) if held else None)
    noted.begun = True
    if not span.is_recording() and not tracing.meters.live:
        return Unrecorded(span, context)
    tracing.read_context(record, context)
    return Invocation(tracing, endpoint, record, span, context, noted.origin, body, (client, options.headers))


def mistake(tracing: Tracing, endpoint: Endpoint, client: Any, noted: Operation, error: Exception) -> None:
    """Record a call that ended in an exception before any request was begun."""
    given = noted.given or {}
    context = get_current()
    if suppressed(context):
        return
    body = {key: given[key] for key in given if given[key].__class__.__name__ not in SENTINELS}
    record = _record(endpoint, client, noted, body)
    span = tracing.start(record, context)
    if span.is_recording() or tracing.meters.live:
        tracing.read_context(record, context)
        sender = (client, given.get("extra_headers"))
        call = Invocation(tracing, endpoint, record, span, context, noted.origin, body, sender)
        call.finish("", error, perf_counter_ns())
    else:
        span.end()


def _asked(added: frozenset[str], given: Mapping[str, Any] | None, options: Any, body: Any) -> Mapping[str, Any]:
    """Return the body as the program asked for it, without what the SDK has added by itself.

    Of a method that was kept from before nothing is known but what its parser of the response remembers.
    """
    own = fields(body)
    if given is None:
        if not callable(options.post_parser):
            return own
        given = foreign(_remembered, options.post_parser) or {}
    told = (fields(options.extra_json), given)
    chosen = {key for asked in told for key in asked if asked[key].__class__.__name__ not in SENTINELS}
    return {key: own[key] for key in own if key not in added or key in chosen}


def _remembered(parser: Any) -> Mapping[str, Any]:
    """Return the arguments that a function of the SDK's was made with: a partial one, or in an older SDK a closure."""
    if parser.__class__ is partial:
        keywords: Mapping[str, Any] = parser.keywords
        return keywords
    names, cells = parser.__code__.co_freevars, parser.__closure__
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=True)}


def _with_extra(options: Any) -> Any:
    extra = fields(options.extra_json)
    given = {key: extra[key] for key in extra if extra[key].__class__.__name__ not in SENTINELS}
    return {**fields(options.json_data), **given}


def _record(endpoint: Endpoint, client: Any, noted: Operation, body: Any) -> Record:
    server = server_of(client)
    own = fields(body)
    model: Any = own["model"] if "model" in own else None
    if model is not None and (model.__class__ is not str or not model.isascii() or "\0" in model or model[LONGEST:]):
        model = clean_text(text(model) or "")[:LONGEST]
    return Record(
        endpoint.name,
        endpoint.kind,
        endpoint.operation,
        start=noted.start,
        system="openai",
        provider=server.provider,
        address=server.address,
        port=server.port,
        helper=noted.helper or None,
        request_model=model,
    )
