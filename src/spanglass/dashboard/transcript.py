"""The page of one session: what was said in it, over all of its traces."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanglass.dashboard.cards import Card, last, messages, size
from spanglass.dashboard.drawing import page
from spanglass.dashboard.facts import Fact, errors
from spanglass.dashboard.store import Store, spans_of
from spanglass.dashboard.threads import Threads
from spanglass.dashboard.values import bring
from spanglass.export.notes import id_of, parent_of, status_of, text_of
from spanglass.export.prices import cost
from spanglass.reading.calls import Tokens, calls, tokens
from spanglass.reading.conversation import vectors
from spanglass.reading.spans import (
    FIRST_CHUNK,
    MODEL,
    is_attempt,
    is_call,
    number,
    seconds,
    text,
    times,
    trace_of,
)
from spanglass.semconv import openinference as oi
from spanglass.semconv import spanglass as own

CALLS: Final = 100
"""Calls that a page shows: the newest, or those before the one that the query names."""
SPANS: Final = 2_000
SIZE: Final = 24_000_000
"""Characters of the spans that are read for a page."""
CARDS: Final = 12
"""Messages that are shown of a call that adds more of them: the last ones."""
ROOM: Final = 100_000
"""Characters of the texts that are shown of a call, unless it is one long text."""
PAGE: Final = 1_000_000
"""Characters of the texts of all calls; of each of those before the newest ones the last message is shown at least."""
BEFORE: Final = re.compile(r"(\d{1,19})-(\d{1,18})")

# The spans of its traces, but for those of other sessions in them.
OF_SESSION: Final = """
FROM spans WHERE trace IN (SELECT trace FROM spans WHERE session = ?) AND (session IS NULL OR session = ?)
"""
COUNT: Final = f"SELECT count(*), count(DISTINCT trace), min(id), max(id) {OF_SESSION}"
LINE: Final = "SELECT line FROM spans WHERE id = ?"
NEWEST: Final = f"SELECT id, start {OF_SESSION} AND (start, id) < (?, ?) ORDER BY start DESC, id DESC LIMIT ?"
LAST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Turn:
    """A call as a part of the transcript. `before` counts messages that were there already, `hidden` those left out."""

    trace: str
    span: str
    name: str
    agent: str | None
    thread: int
    start: int
    seconds: float
    first_chunk: float | None
    model: str | None
    status: str
    outcome: str | None
    attempts: int
    tokens: Tokens
    cost: Decimal | None
    errors: list[Fact]
    before: int
    hidden: int
    cards: list[Card]
    embedded: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What the calls that are shown add up to; `partial` where some of them have no cost."""

    calls: int
    failed: int
    retries: int
    tokens: Tokens
    cost: Decimal | None
    partial: bool
    models: list[str]
    threads: int


def session(request: Request) -> Response:
    """Answer with the transcript of the session whose id is the query's; `before` names the first call not shown."""
    store: Store = request.app.state.store
    name = request.query_params.get("id", "")
    ((spans, traces, first, last),) = store.read(COUNT, (name, name))
    if not spans:
        raise HTTPException(404, "There is no such session.")
    state = hashlib.sha256(f"{spans} {first} {last} {request.url.query}".encode()).hexdigest()[:32]
    before = _before(request.query_params)
    found, earlier = read(store, name, before)
    turns = [*_turns(found)]
    return page(
        request,
        "session.html",
        state,
        name=name,
        traces=traces,
        turns=turns,
        totals=_totals(turns, calls(found)),
        earlier=earlier,
        later=before != (LAST, LAST),
    )


def _before(query: Mapping[str, str]) -> tuple[int, int]:
    found = BEFORE.fullmatch(query.get("before", ""))
    return (min(int(found[1]), LAST), int(found[2])) if found else (LAST, LAST)


def read(store: Store, name: str, before: tuple[int, int]) -> tuple[list[ReadableSpan], str | None]:
    """Return the spans that a page is made of, by their start, and what names those before them, if there are any."""
    found: list[ReadableSpan] = []
    count = length = 0
    place = before
    # The lines one by one, since most of them may not be needed, and sorting would read them all.
    for row in store.read(NEWEST, (name, name, *before, SPANS)):
        identity, start = cast("tuple[int, int]", row)
        lines = [str(line) for (line,) in store.read(LINE, (identity,))]
        if not lines:
            continue  # it has been too old for the file since
        (line,) = lines
        (span,) = spans_of([line])
        length += len(line)
        if found and (length > SIZE or (count == CALLS and is_call(span))):
            return found[::-1], f"{place[0]}-{place[1]}"
        found.append(span)
        count += is_call(span)
        place = (start, identity)
    return found[::-1], f"{place[0]}-{place[1]}" if len(found) == SPANS else None


def _turns(spans: Sequence[ReadableSpan]) -> Iterator[Turn]:
    """Yield the calls with what each of them adds."""
    around = {id_of(span): span for span in spans}
    threads = Threads()
    made = [(span, threads.add(span, messages(span))) for span in calls(spans) if not is_attempt(span)]
    bring([card for _, added in made for card in added.cards], spans)
    shown: list[list[Card]] = []
    room = PAGE
    for _, added in reversed(made):
        shown.append(last(added.cards, CARDS, min(ROOM, max(room, 0))))
        room -= size(shown[-1])
    for (span, added), cards in zip(made, reversed(shown), strict=True):
        hidden = len(added.cards) - len(cards)
        yield _turn(span, _agent(span, around), added.thread.number, added.before, hidden, cards)


def _turn(span: ReadableSpan, agent: str | None, thread: int, before: int, hidden: int, cards: list[Card]) -> Turn:
    attributes = span.attributes or {}
    return Turn(
        trace=format_trace_id(trace_of(span)),
        span=format_span_id(id_of(span)),
        name=span.name,
        agent=agent,
        thread=thread,
        start=times(span)[0],
        seconds=seconds(span),
        first_chunk=number(span, *FIRST_CHUNK),
        model=next((model for name in MODEL if (model := text_of(attributes, name))), None),
        status=status_of(span),
        outcome=text(span, own.SPANGLASS_STREAM_OUTCOME),
        attempts=int(number(span, own.SPANGLASS_ATTEMPT_COUNT) or 1),
        tokens=tokens([span]),
        cost=cost(span),
        errors=errors(span),
        before=before,
        hidden=hidden,
        cards=cards,
        embedded=vectors(span)[0],
    )


def _agent(span: ReadableSpan, around: Mapping[int, ReadableSpan]) -> str | None:
    """Return the name of the agent that a call is within, or else of the innermost function."""
    inner: str | None = None
    above = parent_of(span)
    for _ in around:  # which may go round in circles
        outer = around.get(above or 0)
        if outer is None:
            break
        if text(outer, oi.OPENINFERENCE_SPAN_KIND) == "AGENT":
            return text(outer, oi.AGENT_NAME) or outer.name
        inner = inner or outer.name
        above = parent_of(outer)
    return inner


def _totals(turns: Sequence[Turn], made: Sequence[ReadableSpan]) -> Totals:
    costs = [turn.cost for turn in turns if turn.cost is not None]
    return Totals(
        calls=len(turns),
        failed=sum(turn.status == "FAILED" for turn in turns),
        retries=sum(turn.attempts - 1 for turn in turns),
        tokens=tokens(made),
        cost=sum(costs, Decimal(0)) if costs else None,
        partial=0 < len(costs) < len(turns),
        models=sorted({turn.model for turn in turns if turn.model})[:4],
        threads=len({turn.thread for turn in turns} - {0}),
    )
