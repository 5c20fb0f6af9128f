"""`spanglass doctor`: why no spans arrive."""

import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import Final

import click

from spanglass.cli.endpoint import endpoint_options, hushed
from spanglass.cli.finding import MORE, WRONG, Finding
from spanglass.cli.in_force import in_force, turned_off
from spanglass.cli.output import say
from spanglass.cli.patched import patched
from spanglass.cli.reached import reached
from spanglass.cli.versions import versions

WIDTH: Final = 80
MARK: Final = 8  # columns of a mark, with what is before and after it


@click.command()
@endpoint_options(required=False)
def doctor(endpoint: str | None, protocol: str | None, headers: tuple[str, ...]) -> None:
    """Find out why no spans arrive: what is installed, what is patched and by whom, and which settings are in force.

    A test span is sent to where a program in this environment would send its own, or to where the options say, and the
    answer is told. The exit status is 0 where all is well, and 1 where something is wrong.
    """
    off = bool(turned_off())
    sections: tuple[tuple[str, Callable[[], Iterable[Finding]]], ...] = (
        ("Versions", versions),
        ("What is patched, and by whom (from the outside in)", patched),
        ("Endpoint", lambda: reached(endpoint, protocol, headers, send=not off)),
        ("Settings of the environment; what a program gives in code goes before", in_force),
    )
    wrong = 0
    with hushed():
        for title, look in sections:
            say(title)
            for finding in look():
                wrong += finding.mark == WRONG
                say(_line(finding))
            say("")
    say(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong." if wrong else "All is well.")
    sys.exit(1 if wrong else 0)


def _line(finding: Finding) -> str:
    """Return a finding as it is printed: in as many lines as it needs, with what it says in a column of its own."""
    indent = " " * (MARK + 2 * (finding.mark == MORE))
    first = f"  {finding.mark}".ljust(MARK) if finding.mark != MORE else indent
    return textwrap.fill(
        finding.text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
