"""`spanglass dashboard`."""

import re
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from spanglass.cli.output import say
from spanglass.cli.traces import spans_of, stop
from spanglass.dashboard.retention import Limits
from spanglass.dashboard.session import running_class
from spanglass.dashboard.store import Unavailable

if TYPE_CHECKING:
    from spanglass.dashboard.running import Running

QUANTITY: Final = re.compile(r"(\d{1,12}(?:\.\d*)?|\.\d+)\s*([a-z]*)", re.ASCII)
AGES: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SIZES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
LEAST: Final = 10**6
"""Bytes of the smallest file."""
ENDING: Final = ("SIGTERM", "SIGHUP")
"""The signals besides Ctrl-C that end it; Windows does not have them all."""


def _age(_: click.Context, __: click.Parameter, value: str) -> float:
    """Read how long spans are kept, in seconds."""
    return _quantity(value, AGES, "no age: give a number and its unit, as in 12h or 7d")


def _size(_: click.Context, __: click.Parameter, value: str) -> int:
    """Read how many bytes are kept: an empty file has some 100,000 already."""
    size = int(_quantity(value, SIZES, "no size: give a number and its unit, as in 500MB or 1GB"))
    if size < LEAST:
        message = f"{value!r} leaves no room for spans: give at least {LEAST // 10**6}MB."
        raise click.BadParameter(message)
    return size


def _quantity(value: str, units: dict[str, int], otherwise: str) -> float:
    found = QUANTITY.fullmatch(value.strip().lower())
    if found is None or found[2] not in units or not float(found[1]):
        message = f"{value!r} is {otherwise}."
        raise click.BadParameter(message)
    return float(found[1]) * units[found[2]]


@click.command()
@click.argument("file", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens; elsewhere it demands a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=3000, show_default=True, help="0 is any that is free.")
@click.option(
    "--token",
    envvar="SPANGLASS_DASHBOARD_TOKEN",
    show_envvar=True,
    help="What must be known by who asks or sends; where others may ask, one is made if none is given.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep spans in this file; without it in one in the user's data directory.",
)
@click.option(
    "--max-age", callback=_age, default="7d", show_default=True, help="How long after its last span a trace is kept."
)
@click.option(
    "--max-size", callback=_size, default="1GB", show_default=True, help="Of a larger file the oldest traces leave."
)
def dashboard(  # noqa: PLR0913 - one option each
    file: str | None, *, host: str, port: int, token: str | None, data: Path | None, max_age: float, max_size: int
) -> None:
    """Take spans by OTLP over HTTP, keep them, and show them as pages, until Ctrl-C.

    With FILE it shows the spans that configure(file=...) or the Collector's file exporter saved there, and those that
    it takes besides, until it ends: they are in a temporary file, for which no limit holds.
    """
    if file is not None and data is not None:
        message = "FILE is shown from a temporary file: give either it or --data."
        raise click.UsageError(message)
    for name in ENDING:
        _end_by(name)
    try:
        kind = running_class()
        from spanglass.dashboard.safety import Access  # noqa: PLC0415 - an extra, which is there

        access, limits = Access.at(host, token), Limits(max_age, max_size)
        running = kind(access, port, spans=file if file is None else spans_of(file), data=data, limits=limits)
    except (ImportError, OSError, ValueError) as error:
        stop(str(error).replace("port=", "--port "))
    except Unavailable as error:
        stop(f"The spans of {file} cannot be kept ({error}): make room where temporary files are, or set TMPDIR.")
    with _ending(running):
        url = running.server.url
        say(f"The dashboard is at {access.entrance(url + '/') if access.token else url} until Ctrl-C.")
        given = f', headers={{"Authorization": "Bearer {access.token}"}}' if access.token else ""
        say(f'It takes spans by OTLP over HTTP, as of configure(endpoint="{url}"{given}).')
        if file is None:
            say(f"It keeps them in {running.store.path}.")
        else:
            _load(running, file)
        running.server.wait()


def _end_by(name: str) -> None:
    """Have a signal end the command in order, unless it is ignored, as under nohup."""
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_DFL:
        signal.signal(number, lambda _, __: sys.exit(0))


@contextmanager
def _ending(running: "Running") -> Generator[None]:
    try:
        yield
    finally:
        running.end()


def _load(running: "Running", file: str) -> None:
    """Load the rest of a file, and say how much of it is there: also where something is wrong in its midst."""
    try:
        running.load()
    except (click.ClickException, Unavailable) as error:
        click.echo(f"Error: {error}", err=True)
    loading = running.loading
    say(f"It has {loading.spans:,} spans of {file}.")
    if loading.left_out:
        click.echo(f"Left out, without ids or with values that are too deep: {loading.left_out:,}.", err=True)
