"""What is noted beside a file of how far it was sent, so that the next run goes on from there."""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from spanglass.export.endpoint import Target
from spanglass.export.file import append

SUFFIX: Final = ".replay"
ENDS: Final = 65_536
"""Bytes of either end of a file that it is known again by, besides its size."""


@dataclass
class Progress:
    """How far a file was sent: `settled` spans are taken or refused; `refused` counts those by their reasons.

    `file` is what the file is known again by, `seed` what new ids are made of.
    """

    file: str
    seed: str = field(default_factory=lambda: token_hex(16))
    settled: int = 0
    refused: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def taken(self) -> int:
        """How many spans the receiver has."""
        return self.settled - sum(self.refused.values())


class Note:
    """The note of one file about one receiver: a line each time, among those of others that may be at work as well."""

    def __init__(self, file: Path, target: Target, *, new_ids: bool) -> None:
        self.path = file.with_name(file.name + SUFFIX)
        query = target.url.partition("?")[2]  # where some services take their key
        told = f" {hashlib.sha256(query.encode()).hexdigest()[:12]}" if query else ""
        self._key = f"{target.protocol} {target.shown}{told}{' --new-ids' if new_ids else ''}"

    def read(self) -> Progress | None:
        """Return what was noted last, or None where nothing was that can be read."""
        with suppress(KeyError, TypeError):
            return Progress(**self._all()[self._key])
        return None

    def write(self, progress: Progress) -> None:
        """Note how far it is; raises OSError."""
        self._add(asdict(progress))

    def remove(self) -> None:
        """Note nothing any more; raises OSError."""
        if any(noted for key, noted in self._all().items() if key != self._key):
            self._add(None)
        else:
            self.path.unlink(missing_ok=True)

    def _add(self, noted: dict[str, Any] | None) -> None:
        append(self.path, f"{json.dumps({'to': self._key, 'noted': noted})}\n".encode())

    def _all(self) -> dict[str, Any]:
        """Return what was noted last of each receiver; a line that was cut short is none."""
        found: dict[str, Any] = {}
        with suppress(OSError):
            for line in self.path.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    noted = json.loads(line)
                    found[noted["to"]] = noted["noted"]
        return found


def known_by(file: Path) -> str:
    """Return what a file is known again by: its size, and what its ends are; raises OSError."""
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        ends = b""
        for start in (0, max(0, size - ENDS)):
            stream.seek(start)
            ends += stream.read(ENDS)
    return f"{size} {hashlib.sha256(ends).hexdigest()}"
