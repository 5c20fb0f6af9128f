"""A web application: `/7` makes call 7, and every answer tells the process that gave it."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from numbered import ask, trace

trace()


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer one request; `/` makes no call, and takes so long that two at a time need two processes."""
    if number := environ["PATH_INFO"].strip("/"):
        ask(int(number))
    else:
        time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
