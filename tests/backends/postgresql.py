"""Debian's PostgreSQL, run for the tests on loopback, with a database of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import chown, which
from tempfile import TemporaryDirectory

from processes import LOOPBACK, free_ports, running

ACCOUNT = "postgres"  # Debian's package makes it, since PostgreSQL refuses to run as root
UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")  # nothing outlives the test


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, or None where there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = which("initdb")
    return max(found, key=lambda path: int(path.parent.name), default=Path(on_path).parent if on_path else None)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run the PostgreSQL whose programs are in `folder` for the block; gives the URL of its database."""
    (port,) = free_ports(1)
    # A short path, since those of sockets are limited, and not among pytest's, which are closed to other accounts.
    with TemporaryDirectory(prefix="spanglass-", ignore_cleanup_errors=True) as place:
        directory, data = Path(place), str(Path(place) / "data")
        account = [] if os.geteuid() else ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
        if account:
            chown(directory, ACCOUNT, ACCOUNT)
        made = ["-D", data, f"--username={ACCOUNT}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(  # noqa: S603 - the programs are Debian's
            [*account, str(folder / "initdb"), *made], cwd=directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        options = (f"listen_addresses={LOOPBACK}", f"port={port}", f"unix_socket_directories={directory}", *UNSAFE)
        flags = [word for option in options for word in ("-c", option)]
        asked = [str(folder / "pg_isready"), "--quiet", f"--host={LOOPBACK}", f"--port={port}"]
        ready = lambda: subprocess.run(asked, check=False).returncode == 0  # noqa: E731, S603 - used once; Debian's
        command = [*account, str(folder / "postgres"), "-D", data, *flags]
        with running(command, ready, directory=directory, environment={}, seconds=60):
            yield f"postgresql://{ACCOUNT}@{LOOPBACK}:{port}/{ACCOUNT}"
