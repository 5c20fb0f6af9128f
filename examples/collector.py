"""A collector on this machine for as long as a `with` block lasts: Rotel, from `pip install rotel`."""

import importlib.util
import json
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"
BOOT = 10.0  # seconds
QUIET = ("--exporter=blackhole", "--debug-log=traces", "--log-format=json")  # it counts, and keeps nothing


class Collector:
    """Takes OTLP over HTTP at `endpoint`; once the block has ended, `taken` is how many spans its own log counts."""

    def __init__(self) -> None:
        self.taken = 0
        self._port = _free_port()
        self.endpoint = f"http://{HOST}:{self._port}"

    def __enter__(self) -> "Collector":  # noqa: PYI034 - `Self` is newer than the oldest Python that runs this
        listen = [f"--otlp-http-endpoint={HOST}:{self._port}", f"--otlp-grpc-endpoint={HOST}:0"]
        self._process = subprocess.Popen(  # noqa: S603 - the program is the one that the package brings
            [_binary(), "start", *listen, *QUIET],
            stdout=subprocess.PIPE,
        )
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.taken = sum(json.loads(line).get("spans", 0) for line in self._stop().splitlines())

    def _wait(self) -> None:
        end = time.monotonic() + BOOT
        while time.monotonic() < end and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self._port)) == 0:
                    return
            time.sleep(0.02)
        message = f"The collector did not start listening at {self.endpoint}."
        raise RuntimeError(message)

    def _stop(self) -> bytes:
        self._process.terminate()
        return self._process.communicate(timeout=BOOT)[0]


def _binary() -> Path:
    package = importlib.util.find_spec("rotel")
    if package is None or package.origin is None:
        message = "There is no collector: `pip install rotel`, or name one with OTEL_EXPORTER_OTLP_ENDPOINT."
        raise SystemExit(message)
    return Path(package.origin).with_name("rotel-agent")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
