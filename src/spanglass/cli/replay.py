"""`spanglass replay`: saved spans, sent to a receiver."""

import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

import click
from opentelemetry.sdk.trace import ReadableSpan

from spanglass.cli import INTERRUPTED, note
from spanglass.cli.bar import Advance, Tell, bar
from spanglass.cli.batches import send_batches
from spanglass.cli.endpoint import advice, endpoint_options, hushed, target_of
from spanglass.cli.new_ids import NewIds
from spanglass.cli.output import say
from spanglass.export.endpoint import Target
from spanglass.export.hearing import NO_ANSWER
from spanglass.export.jsonl import expanded, read_jsonl
from spanglass.export.otlp import open_receiver
from spanglass.export.reporting import Sent
from spanglass.export.words import one_line

PERHAPS_TAKEN: Final = frozenset({NO_ANSWER, "DEADLINE_EXCEEDED"})
"""Why sending failed, where the batch may have been taken all the same."""
REASONS: Final = 20
"""Reasons that are kept apart; a receiver may have one for each batch."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@endpoint_options(required=True)
@click.option(
    "--new-ids",
    is_flag=True,
    help="Give traces and spans new ids, the same ones within the file, so that a viewer which has the old ones, such "
    "as Phoenix, takes them once more.",
)
def replay(file: Path, endpoint: str, protocol: str | None, headers: tuple[str, ...], *, new_ids: bool) -> None:
    """Send the spans of FILE to an OTLP receiver: a file that configure(file=) or the Collector's file exporter wrote.

    What the receiver has taken is noted in FILE.replay until all is sent: after an interruption the same command goes
    on from there. The spans keep their resource, and with it their project. The exit status is 0 where every span was
    taken, 1 where the receiver does not answer or refuses, and 130 after Ctrl-C.
    """
    try:
        target = target_of(endpoint, protocol, headers)
        sys.exit(_replay(file, target, new_ids=new_ids))
    except OSError as error:
        why = f"{file} cannot be read ({error.strerror}): give the path of a file with spans as OTLP/JSON."
        raise click.ClickException(why if error.strerror else str(error)) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _replay(file: Path, target: Target, *, new_ids: bool) -> int:
    file = expanded(file)
    spans = read_jsonl(file)
    if not file.is_file():
        message = f"{file} is no regular file: save it first, since it is read more than once."
        raise ValueError(message)
    run = _Run(file, target, note.Note(file, target, new_ids=new_ids))
    spans = islice(spans, run.progress.settled, None)
    if new_ids:
        run.note_down()  # the seed, since also what is not known to be taken must have the same ids again
        spans = map(NewIds(run.progress.seed).renew, spans)
    try:
        with hushed("jsonl"), bar(file, run.progress.settled) as (advance, tell):
            stopped = run.send(spans, advance, tell)
    except KeyboardInterrupt:
        if run.progress.settled:
            run.note_down()  # again, as it may have come amid that
        click.echo(f"Stopped. {run.so_far(under_way=True)}", err=True)
        return INTERRUPTED
    except ValueError as error:
        message = f"{error} {run.so_far()}"
        raise ValueError(message) from None
    if stopped is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is taken, and not to be sent again for a late Ctrl-C
        return run.end()
    what = f"it asks for {stopped.again:.0f} s: try again then" if stopped.asked else advice(stopped.why, target)
    so_far = run.so_far(under_way=stopped.why in PERHAPS_TAKEN)
    message = f"{target.shown} does not take spans ({stopped.why}): {what}. {so_far}"
    raise ValueError(message)


class _Run:
    """One run of the command, which goes on from where the one before has stopped."""

    def __init__(self, file: Path, target: Target, noted: note.Note) -> None:
        self._file, self._target, self._note = file, target, noted
        self._can_note = True
        known = note.known_by(file)
        before = noted.read()
        self.progress = before if before is not None and before.file == known else note.Progress(known)
        self._before = self.progress.taken
        if before is not None and before is not self.progress:
            click.echo(f"{file} has changed since a part of it was sent: starting anew.", err=True)
        elif self.progress.settled:
            click.echo(f"Going on after the first {_spans(self.progress.settled)}, which were sent before.", err=True)

    def send(self, spans: Iterator[ReadableSpan], advance: Advance, tell: Tell) -> Sent | None:
        """Send what is left, and return None, or what came of the batch at which it stopped."""
        receiver = open_receiver(self._target)

        def settled(count: int, sent: Sent) -> None:
            self._settle(count, sent)
            advance(count)

        def waiting(sent: Sent) -> None:
            asked = "asks for" if sent.asked else "takes nothing for now, trying again in"
            tell(f"{self._target.shown} {asked} {sent.again or 0:.0f} s ({sent.why})")

        stopped = send_batches(receiver, spans, settled, waiting)
        receiver.close()
        return stopped

    def _settle(self, count: int, sent: Sent) -> None:
        self.progress.settled += count
        if sent.lost:
            refused = self.progress.refused
            reason = f"{sent.why}: {one_line(sent.said)}" if sent.said and len(refused) < REASONS else sent.why
            refused[reason] = refused.get(reason, 0) + sent.lost
        self.note_down()

    def note_down(self) -> None:
        """Note how far it is, and say once where that cannot be noted."""
        if self._can_note:
            try:
                self._note.write(self.progress)
            except OSError as error:
                self._can_note = False
                why = f"{self._note.path} cannot be written ({error.strerror})"
                click.echo(f"{why}: this run cannot be gone on with, if it ends early.", err=True)

    def so_far(self, *, under_way: bool = False) -> str:
        """Return how far it is, and how to go on; what is `under_way` may have been taken, and is sent again then."""
        if not self.progress.settled:
            return "No span is known to be taken." if under_way else "Nothing was sent."
        perhaps = ", perhaps some more" if under_way else ""
        sent = f"The first {_spans(self.progress.settled)} of {self._file} are sent{perhaps}"
        return f"{sent}; the same command goes on from there." if self._can_note else f"{sent}."

    def end(self) -> int:
        """Say how many spans were taken and how many were not, and return the exit status."""
        with suppress(OSError):
            self._note.remove()
        before = f", after {self._before} before" if self._before else ""
        say(f"{_spans(self.progress.taken - self._before)} sent to {self._target.shown}{before}.")
        for reason, count in self.progress.refused.items():
            click.echo(f"{_spans(count)} not taken: {reason}", err=True)
        return 1 if self.progress.refused else 0


def _spans(count: int) -> str:
    return f"{count:,} span{'' if count == 1 else 's'}"
