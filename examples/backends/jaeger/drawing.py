"""Spans in, an SVG out: a header, the tree of services and operations, and a timeline with a bar for each span."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from html import escape
from typing import Any, NamedTuple

# All in pixels. How wide a text is, is guessed: an SVG cannot measure.
WIDTH, HEAD, RULER, ROW, BAR = 880, 74, 28, 30, 16
NAMES, INDENT, MARGIN, LETTER = 256, 18, 16, 6.6
TIMELINE = WIDTH - NAMES - 2 * MARGIN

QUARTERS = ((0.0, "start"), (0.25, "middle"), (0.5, "middle"), (0.75, "middle"), (1.0, "end"))
UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))
COLORS = ("#0e7c86", "#6b5ca5", "#a3621b", "#3d6fb4", "#5b7f2b")  # one for each service, and then again
STYLE = """
text { font: 12px -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; fill: #1f2933 }
.title { font-size: 17px; font-weight: 600 }
.strong { font-weight: 600 }
.grey { fill: #66727f; font-weight: 400 }
.note { font-size: 11.5px }
.beside { paint-order: stroke; stroke: #fff; stroke-width: 3px }
.inside, .inside tspan { fill: #fff }
.failed { fill: #c62f3b }
line, path { stroke: #dfe5ea; fill: none }
.open { stroke: #66727f; stroke-width: 1.5 }
.wait { stroke: #c62f3b; stroke-width: 2; stroke-dasharray: 2 3 }
"""


class Span(NamedTuple):
    """A span as it is drawn: its ids, `parent` empty where it has none; its times in nanoseconds since 1970."""

    trace: str
    id: str
    parent: str
    service: str
    name: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, Any]


def draw(spans: Sequence[Span]) -> str:
    """Return the SVG of one trace, of at least one span."""
    lines = list(tree(spans))
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    scale = TIMELINE / max(end - start, 1)
    services = list(dict.fromkeys(span.service for _, span in lines))
    height = HEAD + RULER + ROW * len(lines) + MARGIN / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}">',
        f"<style>{STYLE}</style>",
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1:g}" rx="6" fill="#fff" stroke="#d0d7de"/>',
        *_header(lines, end - start, len(services)),
        *_ruler(end - start, height),
    ]
    for index, (depth, span) in enumerate(lines):
        color = COLORS[services.index(span.service) % len(COLORS)]
        has_children = index + 1 < len(lines) and lines[index + 1][0] > depth
        parts += [
            f'<g transform="translate(0 {HEAD + RULER + ROW * index})">',
            f"<title>{_text(span.service)} {_text(span.name)}</title>",
            *_name(span, depth, color, has_children=has_children),
            *_bar(span, color, (span.start - start) * scale, scale),
            "</g>",
        ]
    return "\n".join([*parts, "</svg>", ""])


def tree(spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """Yield the spans as they stand below each other, each with its depth; one without its parent stands at the top."""
    known = {span.id for span in spans}
    children = defaultdict[str, list[Span]](list)
    for span in sorted(spans, key=lambda span: span.start, reverse=True):
        children[span.parent if span.parent in known else ""].append(span)
    waiting = [(0, span) for span in children[""]]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        waiting += [(depth + 1, child) for child in children[span.id]]


def duration(nanoseconds: float) -> str:
    """Return a duration in three digits, with its unit."""
    size, unit = next((pair for pair in UNITS if nanoseconds >= pair[0]), UNITS[-1])
    return f"{float(f'{nanoseconds / size:.3g}'):g} {unit}"


def _seconds(value: Any) -> str:
    return duration(float(value) * 1e9)


# What is told of a span beside its bar, in this order: the first of the attributes that it has, in these words.
NOTES: tuple[tuple[tuple[str, ...], Callable[[Any], str]], ...] = (
    (("http.response.status_code", "spanglass.attempt.retry_reason", "error.type"), str),
    (("spanglass.attempt.backoff",), lambda value: f"wait {_seconds(value)}"),
    (("spanglass.attempt.backoff_source",), lambda value: f"by {value}"),
    (("llm.model_name",), str),
    (("spanglass.attempt.count",), lambda value: f"{value} attempts" if int(value) > 1 else ""),
    (("spanglass.time.backoff",), lambda value: f"{_seconds(value)} of waits" if float(value) else ""),
    (("spanglass.stream.time_to_first_chunk",), lambda value: f"first chunk after {_seconds(value)}"),
    (("spanglass.stream.outcome",), str),
)


def note(span: Span) -> str:
    """Return what is told of a span beside its bar, besides the duration."""
    own = span.attributes
    told = (words(own[name]) for names, words in NOTES for name in [name for name in names if name in own][:1])
    return " · ".join(filter(None, told))


def _header(lines: Sequence[tuple[int, Span]], length: int, services: int) -> Iterator[str]:
    root = lines[0][1]
    began = datetime.fromtimestamp(min(span.start for _, span in lines) / 1e9, tz=timezone.utc)
    facts = {
        "Trace Start": f"{began:%B} {began.day} {began:%Y, %H:%M:%S}.{began.microsecond // 1000:03} UTC",
        "Duration": duration(length),
        "Services": services,
        "Depth": max(depth for depth, _ in lines) + 1,
        "Total Spans": len(lines),
    }
    title = f"{_text(root.service)}: {_text(root.name)}"
    yield f'<text class="title" x="{MARGIN}" y="31">{title} <tspan class="grey">{_text(root.trace[:7])}</tspan></text>'
    told = "".join(
        f'<tspan class="grey" dx="{14 if index else 0}">{name}</tspan><tspan class="strong" dx="5">{value}</tspan>'
        for index, (name, value) in enumerate(facts.items())
    )
    yield f'<text x="{MARGIN}" y="55">{told}</text>'


def _ruler(length: int, height: float) -> Iterator[str]:
    """Draw the columns' heads, and a line at each quarter of the trace."""
    yield f'<rect x="1" y="{HEAD}" width="{WIDTH - 2}" height="{RULER}" fill="#f4f6f8"/>'
    yield f'<text class="strong" x="{MARGIN}" y="{HEAD + 18}">Service &amp; Operation</text>'
    yield f'<line x1="{NAMES}" y1="{HEAD}" x2="{NAMES}" y2="{height - 1:g}"/>'
    for part, anchor in QUARTERS:
        x = NAMES + MARGIN + TIMELINE * part
        yield f'<line x1="{x:g}" y1="{HEAD + RULER}" x2="{x:g}" y2="{height - 1:g}"/>'
        time = duration(length * part)
        yield f'<text class="note grey" x="{x:g}" y="{HEAD + 18}" text-anchor="{anchor}">{time}</text>'


def _name(span: Span, depth: int, color: str, *, has_children: bool) -> Iterator[str]:
    x = MARGIN + INDENT * depth
    for level in range(depth):
        guide = MARGIN + INDENT * level + 4
        yield f'<line x1="{guide}" y1="0" x2="{guide}" y2="{ROW}"/>'
    if has_children:
        yield f'<path class="open" d="M{x} 13l4 4l4 -4"/>'
    yield f'<rect x="{x + 14}" y="7" width="3" height="{BAR}" fill="{color}"/>'
    x += 23
    if span.failed:
        yield f'<circle class="failed" cx="{x + 6}" cy="15" r="6"/>'
        yield f'<text class="note strong inside" x="{x + 6}" y="19" text-anchor="middle">!</text>'
        x += 17
    room = int((NAMES - x) / LETTER) - len(span.service) - 1
    name = span.name if len(span.name) <= room else f"{span.name[: max(room - 1, 0)]}…"
    yield (
        f'<text class="name" x="{x}" y="19">'
        f'<tspan class="strong">{_text(span.service)}</tspan><tspan class="grey" dx="6">{_text(name)}</tspan></text>'
    )


def _bar(span: Span, color: str, offset: float, scale: float) -> Iterator[str]:
    """Draw how long a span took and what is told of it: behind its bar, or where there is more room."""
    left = NAMES + MARGIN + offset
    width = max((span.end - span.start) * scale, 2)
    right = left + width
    kind = "bar failed" if span.failed else "bar"
    yield f'<rect class="{kind}" fill="{color}" x="{left:.1f}" y="7" width="{width:.1f}" height="{BAR}" rx="2"/>'
    wait = float(span.attributes.get("spanglass.attempt.backoff", 0)) * 1e9 * scale
    if wait:
        yield f'<line class="wait" x1="{right:.1f}" y1="15" x2="{right + wait:.1f}" y2="15"/>'
    time, told = duration(span.end - span.start), note(span)
    needed = (len(time) + len(told) + 1) * LETTER
    behind = WIDTH - MARGIN - (right + wait)
    if needed > behind and needed < width:
        place = f'class="note inside" x="{left + 8:.1f}"'
    elif needed > behind and offset > behind:
        place = f'class="note beside" x="{left - 6:.1f}" text-anchor="end"'
    else:
        place = f'class="note beside" x="{right + wait + 6:.1f}"'
    kind = "failed" if span.failed else "grey"
    words = f'<tspan class="strong">{time}</tspan><tspan class="{kind}" dx="6">{_text(told)}</tspan>'
    yield f'<text {place} y="19">{words}</text>'


def _text(value: str) -> str:
    """Return a text as XML can hold it."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value))
