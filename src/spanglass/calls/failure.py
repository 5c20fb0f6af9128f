"""An exception, read into the record: what it is, what the API said in it, and a traceback of bounded depth."""

import traceback
from typing import Any

from spanglass.endpoints.shapes import count, text
from spanglass.record import Failure
from spanglass.writers.redaction import scrub_failure

FRAMES = 20


def read_failure(error: BaseException, *, trace: bool = True) -> Failure:
    """Return the failure that an exception is; `trace` adds the innermost frames of its traceback."""
    kind = error.__class__
    module = kind.__module__
    own: dict[str, Any] = error.__dict__
    status = own.get("status_code")
    failure = Failure(
        type=kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}",
        message=str(error),
        stacktrace="".join(traceback.format_exception(kind, error, error.__traceback__, -FRAMES)) if trace else None,
        status=count(status),
        code=text(own.get("code")),
        param=text(own.get("param")),
        api_type=text(own.get("type")),
        request_id=text(own.get("request_id")),
        cancelled=not isinstance(error, Exception),
    )
    scrub_failure(failure)
    return failure
