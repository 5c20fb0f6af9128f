"""Where the dashboard keeps spans: a file in the user's data directory, or one that is gone when it ends."""

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FOLDER: Final = "spanglass"
FILE: Final = "traces.db"


def data_file() -> Path:
    """Return the file in which spans are kept where nothing else is said, in a directory of the user's alone.

    Raises OSError of one sentence where there can be no such directory.
    """
    folder = _data_folder(os.environ) / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder} cannot be made ({error.strerror}): set XDG_DATA_HOME to a directory that can be written."
        raise OSError(message) from None
    return folder / FILE


def _data_folder(environ: Mapping[str, str]) -> Path:
    """Return where this system has data of a user's programs."""
    said = Path(environ.get("XDG_DATA_HOME", ""))
    if said.is_absolute():  # as the XDG Base Directory Specification has it: a relative one says nothing
        return said
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "share"


@contextmanager
def temporary_file() -> Generator[Path]:
    """Give a file of the user's alone, which is removed after the block; not in a process that is forked in it."""
    folder, owner = tempfile.mkdtemp(prefix="spanglass-"), os.getpid()
    try:
        yield Path(folder) / FILE
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
