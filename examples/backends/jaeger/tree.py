"""Draws a trace as Jaeger's trace page lays it out, as an SVG, from what Jaeger's query API answers.

    python tree.py 4bf92f3577b34da6a3ce929d0e0e4736
    python tree.py --last customer-support --api http://localhost:16686 --out trace.svg

`--last` takes the newest trace of a service, from within a day. It needs nothing but Python.
"""

import argparse
import json
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from drawing import Span, draw

API = "http://127.0.0.1:16686"
ERROR = 2  # OTLP's status code of a span that failed


def fetch(api: str, trace_id: str) -> list[Span]:
    """Return the spans of a trace; raises SystemExit, saying why, where Jaeger does not give it."""
    (spans,) = _traces(api, f"/{trace_id}")
    return spans


def last(api: str, service: str) -> list[Span]:
    """Return the spans of the newest trace of a service; raises SystemExit, saying why, where Jaeger gives none."""
    now = datetime.now(timezone.utc)
    query = {
        "query.service_name": service,
        "query.start_time_min": (now - timedelta(days=1)).isoformat(),
        "query.start_time_max": now.isoformat(),
        "query.num_traces": 20,
    }
    return max(_traces(api, f"?{urlencode(query)}"), key=lambda spans: min(span.start for span in spans))


def _traces(api: str, which: str) -> list[list[Span]]:
    try:
        with urlopen(f"{api.rstrip('/')}/api/v3/traces{which}", timeout=30) as response:  # noqa: S310 - the user's own
            groups = json.load(response)["result"]["resourceSpans"]
    except HTTPError as error:
        with error:
            said = error.read().decode(errors="replace").strip()
        message = f"Jaeger does not give the trace: {error.code} {said}"
        raise SystemExit(message) from None
    except URLError as error:
        message = f"No Jaeger at {api} ({error.reason}): start it, or say with --api where its query API is."
        raise SystemExit(message) from None
    traces = defaultdict[str, list[Span]](list)
    for group in groups:
        service = str(_attributes(group["resource"]).get("service.name", "unknown"))
        for scope in group["scopeSpans"]:
            for span in scope["spans"]:
                traces[span["traceId"]].append(_span(span, service))
    return list(traces.values())


def _span(span: dict[str, Any], service: str) -> Span:
    return Span(
        trace=span["traceId"],
        id=span["spanId"],
        parent=span.get("parentSpanId", ""),
        service=service,
        name=span["name"],
        start=int(span["startTimeUnixNano"]),
        end=int(span["endTimeUnixNano"]),
        failed=span.get("status", {}).get("code") == ERROR,
        attributes=_attributes(span),
    )


def _attributes(owner: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span or a resource; each value comes under the name of its type."""
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in owner.get("attributes", ())}


def main() -> None:
    """Draw the trace that the arguments name."""
    words, options = (__doc__ or "").split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=words, epilog=options, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("trace_id", nargs="?", help="in hex")
    which.add_argument("--last", metavar="SERVICE", help="the newest trace of this service")
    parser.add_argument("--api", default=API, help="where Jaeger's query API is (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("trace.svg"), help="the file to write (%(default)s)")
    given = parser.parse_args()
    spans = last(given.api, given.last) if given.last else fetch(given.api, given.trace_id)
    given.out.write_text(draw(spans), encoding="utf-8")
    print(f"{given.out}: {len(spans)} spans of trace {spans[0].trace}")


if __name__ == "__main__":
    main()
