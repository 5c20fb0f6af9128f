"""A dashboard in a process of its own: `alone.py FILE PORT`."""

import sys
from pathlib import Path

from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import Server
from spanglass.dashboard.store import Store

if __name__ == "__main__":
    server = Server(Store(Path(sys.argv[1])), Access(), int(sys.argv[2]))
    server.start()
    print(server.url, flush=True)  # noqa: T201 - what is waited for
    server.wait()
