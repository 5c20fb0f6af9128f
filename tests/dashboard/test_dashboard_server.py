"""The dashboard's server: where it listens, and how it ends."""

import errno
import gc
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from processes import wait_until

from spanglass.dashboard.listening import listening, url_of
from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import GRACE, Server
from spanglass.dashboard.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give a store."""
    store = Store(tmp_path / "traces.db")
    yield store
    store.close()


def has(address: str) -> bool:
    """Tell whether this machine has an address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def status(url: str) -> int:
    """Return the status that the server answers by."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own server's address
        return int(response.status)


def test_loopback_by_either_family(store: Store) -> None:
    """It answers as localhost, which is 127.0.0.1 to some and ::1 to others, and at both of these."""
    server = Server(store, Access(), 0)
    server.start()
    hosts = ["localhost", "127.0.0.1", *["[::1]"] * has("::1")]
    answers = {host: status(f"http://{host}:{server.port}/health") for host in hosts}
    server.stop()

    assert (server.url, answers) == (f"http://localhost:{server.port}", dict.fromkeys(hosts, 200))


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104 - what another may do
def test_a_port_that_another_has(address: str, store: Store) -> None:
    """Whoever listens at the port, at one of the addresses or at all, keeps it: one sentence says so."""
    if not has(address):
        pytest.skip(f"this machine has no {address}")
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError) as raised:  # noqa: PT011 - its whole text is compared
            Server(store, Access(), port)

    assert str(raised.value) == (
        f"Port {port} of 127.0.0.1 is in use: end what listens there, or choose another, as by port={port + 1}."
    )


def test_a_port_is_of_one_alone(store: Store) -> None:
    """Of two dashboards the second does not get the port of the first, whichever of them comes to listen at once."""
    server = Server(store, Access(), 0)
    with pytest.raises(OSError, match=rf"^Port {server.port} of 127\.0\.0\.1 is in use"):
        Server(store, Access(), server.port)
    server.stop()
    again = Server(store, Access(), server.port)
    again.stop()

    assert again.port == server.port


def test_a_machine_without_the_other_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ::1, it listens at 127.0.0.1 alone."""
    bind = socket.socket.bind

    def without(self: socket.socket, address: tuple[str, int]) -> None:
        if ":" in address[0]:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        bind(self, address)

    monkeypatch.setattr(socket.socket, "bind", without)
    sockets = listening("127.0.0.1", 0)
    names = [each.getsockname()[0] for each in sockets]
    for each in sockets:
        each.close()

    assert names == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://localhost:3000"),
        ("localhost", "http://localhost:3000"),
        ("0.0.0.0", "http://localhost:3000"),  # noqa: S104 - nothing listens there
        ("::1", "http://[::1]:3000"),
        ("192.0.2.1", "http://192.0.2.1:3000"),
        ("traces.example", "http://traces.example:3000"),
    ],
)
def test_the_url(host: str, url: str) -> None:
    """A browser finds it by the URL that it tells, wherever it listens."""
    assert url_of(host, 3000) == url


def test_a_host_that_is_not_of_this_machine(store: Store) -> None:
    """Of a host at which it cannot listen one sentence says so."""
    with pytest.raises(OSError) as raised:  # noqa: PT011 - its whole text is compared
        Server(store, Access.at("192.0.2.1", "token"), 3000)

    assert str(raised.value) == (
        "Port 3000 of 192.0.2.1 cannot be had (Cannot assign requested address): choose another host or port, as by "
        "port=3000."
    )


NONE_LEFT = """
import resource, socket, sys
from contextlib import suppress
from pathlib import Path
from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import Server
from spanglass.dashboard.store import Store

store, taken = Store(Path(sys.argv[1])), []
server = Server(store, Access(), 0)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (50, limits[1]))
with suppress(OSError):
    while True:
        taken.append(socket.socket())
try:
    server.start()
except OSError as error:
    print(error)
taken.clear()
Server(store, Access(), server.port).start()
"""


def test_no_descriptors_left(tmp_path: Path) -> None:
    """Where the system lets it open nothing more its start is an error of one sentence, and the port is free again."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and a program of this file
        [sys.executable, "-c", NONE_LEFT, str(tmp_path / "traces.db")],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (
        0,
        "The dashboard cannot be started ([Errno 24] Too many open files): have fewer files open, or other limits.\n",
    )


def test_requests_under_way(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """It ends at once with a page's connection open, and in bounded time with a request whose rest never comes."""
    server = Server(store, Access(), 0)
    server.start()
    head = b"Host: localhost\r\nContent-Type: application/json\r\n"
    with (
        socket.create_connection(("127.0.0.1", server.port)) as idle,
        socket.create_connection(("127.0.0.1", server.port)) as slow,
    ):
        idle.sendall(b"GET /health HTTP/1.1\r\n" + head + b"\r\n")
        answer = b""
        while not answer.endswith(b"ok\n"):
            answer += idle.recv(4096)
        slow.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Length: 100\r\n" + head + b"\r\n{")
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        stopping.join(GRACE + 20)

        ended = [each.recv(4096) for each in (idle, slow)]
    gc.collect()  # where a socket that was left open is a warning

    assert (stopping.is_alive(), ended, caplog.messages) == (False, [b"", b""], [])


def test_what_is_under_way_is_answered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is being worked on when the server ends is answered."""
    begun, go_on = threading.Event(), threading.Event()
    state = store.state

    def slow() -> str:
        begun.set()
        go_on.wait(30)
        return state()

    monkeypatch.setattr(store, "state", slow)
    server = Server(store, Access(), 0)
    server.start()
    answers: list[int] = []

    def ask() -> None:
        answers.append(status(server.url))

    asking, stopping = threading.Thread(target=ask), threading.Thread(target=server.stop)
    asking.start()
    begun.wait(30)
    stopping.start()
    wait_until(lambda: is_free(server.port), "a server that takes no more", seconds=30)
    go_on.set()
    asking.join(30)
    stopping.join(30)

    assert answers == [200]


def is_free(port: int) -> bool:
    """Tell whether nobody listens at a port, without asking there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def test_its_own_work_is_no_trace(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does is done in a context in which nothing of the program's is sampled."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    recording: list[bool] = []
    state = store.state

    def traced() -> str:
        with tracer.start_as_current_span("page") as span:
            recording.append(span.is_recording())
        return state()

    monkeypatch.setattr(store, "state", traced)
    server = Server(store, Access(), 0)
    server.start()
    status(server.url)
    server.stop()

    assert recording == [False]
