"""Servers of other people, run for the tests: started on loopback, awaited, and ended with all they wrote at hand."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Return `count` different ports of the loopback interface that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def listens(port: int) -> bool:
    """Say whether something accepts connections at `port`."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def answers(url: str) -> bool:
    """Say whether `url` answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own server's address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def variables(path: Path) -> dict[str, str]:
    """Return what a file of `NAME=value` lines sets."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def awaited(read: Callable[[], list[T]], count: int, where: str, *, every: float = 0.05) -> list[T]:
    """Return what `read()` finds as soon as it is `count`; raise TimeoutError naming `where` after 30 seconds."""
    found: list[T] = []

    def enough() -> bool:
        found[:] = read()
        return len(found) >= count

    wait_until(enough, f"{count} spans in {where}", seconds=30, every=every)
    return found


def wait_until(true: Callable[[], bool], what: str, *, seconds: float, every: float = 0.05) -> None:
    """Return as soon as `true()` holds; raise TimeoutError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            message = f"waited {seconds:g} s for {what}"
            raise TimeoutError(message)
        time.sleep(every)


@contextmanager
def running(
    command: list[str], ready: Callable[[], bool], *, directory: Path, environment: Mapping[str, str], seconds: float
) -> Iterator[None]:
    """Run `command` in `directory` for the block, which begins once `ready()` holds, at most `seconds` later.

    What it prints goes to `log.txt` there; its last lines are in the RuntimeError raised when it does not get ready.
    """
    log = directory / "log.txt"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - the commands are those of this directory
            command, cwd=directory, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            with suppress(TimeoutError):
                wait_until(lambda: process.poll() is not None or ready(), command[0], seconds=seconds)
            if process.poll() is not None or not ready():
                message = f"{command[0]} is not ready ({process.poll()}):\n{log.read_text(errors='replace')[-2000:]}"
                raise RuntimeError(message)
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
