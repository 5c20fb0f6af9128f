"""What `spanglass doctor` finds: a line each, which says what to do where something is wrong."""

from typing import Final, NamedTuple

OK: Final = "ok"
NOTE: Final = "note"  # worth knowing, and nothing wrong
WRONG: Final = "WRONG"
MORE: Final = ""  # what belongs to the line before it


class Finding(NamedTuple):
    """One line, and how grave it is."""

    mark: str
    text: str
