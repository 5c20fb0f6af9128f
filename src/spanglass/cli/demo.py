"""`spanglass demo`: what a trace is, on the screen and in a file, or at a receiver."""

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER

from spanglass.cli.endpoint import endpoint_options, target_of
from spanglass.cli.in_force import turned_off
from spanglass.cli.output import say
from spanglass.cli.reached import ENDPOINTS
from spanglass.configure import configure
from spanglass.export.endpoint import Target
from spanglass.export.file import trace_file
from spanglass.export.variables import first
from spanglass.instrumentor import OpenAIInstrumentor

PROJECT: Final = "spanglass-demo"
PATIENCE: Final = 15.0
"""Seconds that a receiver has for the spans of the demo."""
MOST: Final = 100
"""More spans than the demo has."""


@click.command()
@endpoint_options(required=False)
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Add the traces to this file; without it and without an endpoint they go to one in a temporary folder.",
)
def demo(endpoint: str | None, protocol: str | None, headers: tuple[str, ...], file: Path | None) -> None:
    """Show a plain call, a stream, a tool, a call that is retried and one that fails, and the trace that each becomes.

    A small server on this machine plays OpenAI's part. Where OPENAI_API_KEY is set, the calls go to the real API (or to
    OPENAI_BASE_URL) with the model OPENAI_MODEL or gpt-4o-mini, and the two scenes that need a failing server are left
    out. With an endpoint, here or in OTEL_EXPORTER_OTLP_ENDPOINT, the spans are sent there; else they are in a file.
    """
    try:
        target = target_of(endpoint, protocol, headers) if endpoint or first(os.environ, *ENDPOINTS) else None
        if file:
            trace_file(file)
    except (ValueError, OSError) as error:
        raise click.ClickException(re.sub("file= ?", "--file ", str(error))) from None
    if off := [finding for finding in turned_off() if target or not finding.text.startswith(OTEL_TRACES_EXPORTER)]:
        raise click.ClickException(off[0].text)
    file = file or (None if target else _temporary())
    played = perform(target, file)
    if target:
        say(f"{played.sent} of {played.spans} spans were delivered to {target.shown}, project {PROJECT}.")
    if file:
        written = played.spans if target else played.sent
        say(f"{written} spans were written to {file}; to look at them again:")
        say(f"  spanglass show {shlex.quote(str(file))}")
    sys.exit(0 if played.sent == played.spans else 1)


def _temporary() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="spanglass-")) / "demo.jsonl"
    except OSError:
        message = (
            "There is no temporary folder that can be written: give a path by --file, or a receiver by --endpoint."
        )
        raise click.ClickException(message) from None


class Played(NamedTuple):
    """How many spans there were, and how many a receiver took."""

    spans: int
    sent: int


def perform(target: Target | None, file: Path | None) -> Played:
    """Play the scenes, print what becomes of them, and send the spans to `target` and write them to `file`."""
    play = _play()
    at: dict[str, Any] = {}
    if target is not None:
        at = {"endpoint": target.url, "protocol": target.protocol, "headers": target.headers}
    pipeline = configure(project=PROJECT, environment="demo", console=True, file=file, keep=MOST, **at)
    OpenAIInstrumentor().instrument()
    with redirect_stderr(sys.stdout):  # where panels go, which are what the demo is about
        for line in play():
            say(line)
    pipeline.flush(PATIENCE)
    spans = len(pipeline.spans())
    pipeline.shutdown()
    return Played(spans, spans - pipeline.dropped)


def _play() -> Callable[[], Iterator[str]]:
    try:
        from spanglass.cli.scenes import play  # noqa: PLC0415 - it imports the SDK
    except ImportError as error:
        if error.name != "openai":
            raise
        message = "The demo needs the OpenAI SDK, 1.6.0 or newer: pip install 'spanglass[openai]'."
        raise click.ClickException(message) from None
    return play
