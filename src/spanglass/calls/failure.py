"""An exception, read into the record: what it is, what the API said in it, and a traceback of bounded depth."""

import traceback
from typing import Any

from spanglass.credentials import AROUND, scrub_failure
from spanglass.endpoints.shapes import text
from spanglass.guard import foreign
from spanglass.record import Failure

FRAMES = 20
LONGEST = 20_000
# Read beyond the longest, so that no credential stands half before the end when it is looked for.
MARGIN = AROUND


def read_failure(error: BaseException, secrets: tuple[str, ...] = (), *, trace: bool = True) -> Failure:
    """Return the failure that an exception is, without the secrets; `trace` adds its traceback's innermost frames."""
    kind = error.__class__
    module = kind.__module__
    own: dict[str, Any] = error.__dict__
    status = own["status_code"] if "status_code" in own else None
    message, stacktrace = foreign(_texts if trace else _text, error) or (kind.__name__, None)
    failure = Failure(
        type=kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}",
        message=message,
        stacktrace=stacktrace,
        status=status if status.__class__ is int else None,
        code=_told(own, "code"),
        param=_told(own, "param"),
        api_type=_told(own, "type"),
        request_id=_told(own, "request_id"),
        cancelled=not isinstance(error, Exception),
    )
    scrub_failure(failure, secrets)
    if failure.message[LONGEST:]:
        failure.message = f"{failure.message[:LONGEST]}…"
    if failure.stacktrace is not None and failure.stacktrace[LONGEST:]:
        failure.stacktrace = f"{failure.stacktrace[:LONGEST]}…"
    return failure


def _told(own: dict[str, Any], key: str) -> str | None:
    value = own[key] if key in own else None
    return value if value is None or value.__class__ is str else text(value)


def _text(error: BaseException) -> tuple[str, str | None]:
    return str(error)[: LONGEST + MARGIN], None


def _texts(error: BaseException) -> tuple[str, str | None]:
    """Return the message, and the traceback as Python prints it, with the innermost frames of each exception."""
    frames = "".join(traceback.format_exception(error.__class__, error, error.__traceback__, -FRAMES))
    return str(error)[: LONGEST + MARGIN], frames[: LONGEST + MARGIN]
