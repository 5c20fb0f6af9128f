"""An exception, read into the record: what it is, what the API said in it, and a traceback of bounded depth."""

import traceback
from typing import Any

from spanglass.endpoints.shapes import text
from spanglass.guard import foreign
from spanglass.record import Failure
from spanglass.writers.redaction import scrub_failure

FRAMES = 20
LONGEST = 20_000


def read_failure(error: BaseException, *, trace: bool = True) -> Failure:
    """Return the failure that an exception is; `trace` adds the innermost frames of its traceback."""
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
        code=text(own["code"] if "code" in own else None),
        param=text(own["param"] if "param" in own else None),
        api_type=text(own["type"] if "type" in own else None),
        request_id=text(own["request_id"] if "request_id" in own else None),
        cancelled=not isinstance(error, Exception),
    )
    scrub_failure(failure)
    return failure


def _text(error: BaseException) -> tuple[str, str | None]:
    told = str(error)
    return f"{told[:LONGEST]}… ({len(told)} characters)" if told[LONGEST:] else told, None


def _texts(error: BaseException) -> tuple[str, str | None]:
    """Return the message, and the traceback as Python prints it, with the innermost frames of each exception."""
    frames = "".join(traceback.format_exception(error.__class__, error, error.__traceback__, -FRAMES))
    return _text(error)[0], f"{frames[:LONGEST]}…" if frames[LONGEST:] else frames
