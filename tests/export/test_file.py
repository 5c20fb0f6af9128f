"""Spans in a file: whole lines whoever else writes, each span once, and what is said where it cannot be."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from denied import denied
from otlp_receivers import http_receiver, lost
from spanglass import read_jsonl
from spanglass.export.file import FileReceiver, append, trace_file
from spanglass.export.reporting import PAUSE, Sent

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
START = """
import json, logging, os, resource, signal, sys, threading, time
from opentelemetry import trace
from spanglass import configure
FILE = sys.argv[1]
def span(name): trace.get_tracer("test").start_span(name).end()
"""
GIVE = "give the path of a file that this program may write, such as file='trace.jsonl'."


def unwritten(file: Path, why: str) -> str:
    """Return what is said where a file cannot be written."""
    return (
        f"spanglass: spans cannot be written to {file} ({why}): make room there, or let this program write; until then "
        "spans wait in the queue, and are dropped when it is full, and this is said once."
    )


def run(script: str, *args: object, **variables: str) -> tuple[int, str, str]:
    """Run a program; return its exit status, what it printed, and its stderr."""
    done = subprocess.run(  # noqa: S603  # the program is the test's own
        [sys.executable, "-c", START + script, *map(str, args)],
        env={**CLEAN, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def names(file: Path) -> list[str]:
    """Return the names of the spans in a file, in order."""
    return [span.name for span in read_jsonl(file)]


def named(*names: str) -> list[ReadableSpan]:
    """Return spans of these names."""
    return [ReadableSpan(name, SpanContext(1, 2, is_remote=False), start_time=1, end_time=2) for name in names]


QUIET = (0, "", "")


def test_file_alone(tmp_path: Path) -> None:
    """Spans are added to a file whose directory need not be there, and nothing is sent nor said of a receiver."""
    file = tmp_path / "in" / "a" / "trace.jsonl"
    script = "configure(file=FILE, project='p'); span('a'); span('b')"
    outcomes = [run(script, file), run(script, file)]

    assert (outcomes, names(file)) == ([QUIET, QUIET], ["a", "b", "a", "b"])


def test_file_and_home(tmp_path: Path) -> None:
    """A path may begin with ~, and be relative to where the program was when it was given."""
    script = """
os.chdir(FILE)
configure(file="~/a.jsonl")
configure(file="b.jsonl")
os.chdir("/")
span("a")
"""
    outcome = run(script, tmp_path, HOME=str(tmp_path))

    assert (outcome, names(tmp_path / "a.jsonl"), names(tmp_path / "b.jsonl")) == (QUIET, ["a"], ["a"])


ADDRESSED = [
    ("configure(file=FILE, endpoint=URL)", {}),
    ("configure(file=FILE)", {"OTEL_EXPORTER_OTLP_ENDPOINT": "URL"}),
    ("configure(file=FILE)", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "URL/v1/traces"}),
    ("configure(file=FILE); configure(endpoint=URL)", {}),
]


@pytest.mark.parametrize(("call", "variables"), ADDRESSED)
def test_file_and_receiver(tmp_path: Path, call: str, variables: dict[str, str]) -> None:
    """Where a receiver is named as well, by an argument or a variable, spans go to both."""
    file = tmp_path / "trace.jsonl"
    with http_receiver() as received:
        named = {name: value.replace("URL", received.url) for name, value in variables.items()}
        outcome = run(f"URL = sys.argv[2]; {call}; span('a')", file, received.url, **named)

    assert (outcome, names(file), received.spans) == (QUIET, ["a"], ["a"])


def test_twice(tmp_path: Path) -> None:
    """The same file again, by whatever path, is written once; another one gets the spans as well."""
    one, other, link = tmp_path / "one", tmp_path / "other", tmp_path / "link"
    link.symlink_to(one)
    script = """
pipelines = {configure(file=name) for name in (FILE, *sys.argv[2:])}
span("a")
print(len(pipelines), pipelines.pop().flush())
"""
    (tmp_path / "in").mkdir()
    outcome = run(script, one, tmp_path / "in" / ".." / "one", link, other)

    assert (outcome, names(one), names(other)) == ((0, "1 True\n", ""), ["a"], ["a"])


def test_shutdown_and_again(tmp_path: Path) -> None:
    """After shutdown nothing is written, and another call of configure() writes again."""
    script = "one = configure(file=FILE); span('a'); one.shutdown(); span('lost'); configure(file=FILE); span('b')"
    outcome = run(script, tmp_path / "trace.jsonl")

    assert (outcome, names(tmp_path / "trace.jsonl")) == (QUIET, ["a", "b"])


def test_switched_off(tmp_path: Path) -> None:
    """Where the environment switches OpenTelemetry off, there is not even a file."""
    outcome = run("configure(file=FILE); span('a')", tmp_path / "trace.jsonl", OTEL_SDK_DISABLED="true")

    assert (outcome, [*tmp_path.iterdir()]) == (QUIET, [])


def test_no_exporter(tmp_path: Path) -> None:
    """Where the environment wants no exporter, the file that the program asks for is written, and nothing is sent."""
    file = tmp_path / "trace.jsonl"
    with http_receiver() as received:
        script = "configure(file=FILE, endpoint=sys.argv[2]); span('a')"
        outcome = run(script, file, received.url, OTEL_TRACES_EXPORTER="none")

    assert (outcome, names(file), received.spans) == (QUIET, ["a"], [])


def test_soon(tmp_path: Path) -> None:
    """What has ended stands in the file soon, without a flush, while the program goes on."""
    script = """
configure(file=FILE); span("a")
end = time.monotonic() + 20
while not os.path.getsize(FILE) and time.monotonic() < end: time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""
    outcome = run(script, tmp_path / "trace.jsonl")

    assert (outcome, names(tmp_path / "trace.jsonl")) == ((-signal.SIGKILL, "", ""), ["a"])


REFUSED = [
    ("", IsADirectoryError, "file= leads to {}, which cannot be written (Is a directory): " + GIVE),
    ("file/in", NotADirectoryError, "file= leads to {}, which cannot be written (Not a directory): " + GIVE),
    ("x" * 300, OSError, "file= leads to {}, which cannot be written (File name too long): " + GIVE),
]


@pytest.mark.parametrize(("name", "kind", "said"), REFUSED)
def test_what_cannot_be_written(tmp_path: Path, name: str, kind: type[OSError], said: str) -> None:
    """A path that cannot be written is an error of one sentence, of the kind that Python has for it."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError) as error:  # noqa: PT011 - its kind and its text are compared
        trace_file(tmp_path / name)

    assert (error.type, str(error.value)) == (kind, said.format(tmp_path / name))


@pytest.mark.parametrize("name", ["file", "new", "new/file"])
def test_what_may_not_be_written(name: str) -> None:
    """A file that the program may not write, or not make, is an error of the same words."""
    with denied() as folder, pytest.raises(PermissionError) as error:
        trace_file(folder / name)

    assert str(error.value) == f"file= leads to {folder / name}, which cannot be written (Permission denied): {GIVE}"


@pytest.mark.parametrize("given", [True, b"trace.jsonl", "a\0b", "~nobody-of-this-name/trace.jsonl"])
def test_what_is_no_path(given: object) -> None:
    """What is no path is a ValueError of one sentence."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is compared
        trace_file(given)  # type: ignore[arg-type]  # which is the point

    assert str(error.value) == f"file= cannot be {given!r}: {GIVE}"


@pytest.mark.parametrize("before", ["", "whole\n", "cut sh"])
def test_after_a_writer_that_was_killed(tmp_path: Path, before: str) -> None:
    """Lines begin with the end of one that was left without it, and only then."""
    file = tmp_path / "trace.jsonl"
    file.write_text(before)
    append(file, b"a\nb\n")
    append(file, b"c\n")

    assert file.read_text() == {"cut sh": "cut sh\n"}.get(before, before) + "a\nb\nc\n"


def test_rotation(tmp_path: Path) -> None:
    """A file that is renamed or removed is begun anew, also where its directory is gone."""
    file = tmp_path / "in" / "trace.jsonl"
    receiver = FileReceiver(trace_file(file))
    sent = [receiver.send(named("a"))]
    file.parent.rename(tmp_path / "old")
    sent.append(receiver.send(named("b", "c")))

    assert (sent, names(tmp_path / "old" / file.name), names(file)) == ([Sent()] * 2, ["a"], ["b", "c"])


def test_where_a_file_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where a file cannot be written for a while, its batches are to go again; both ends of that are told once."""
    caplog.set_level("INFO")
    file = tmp_path / "trace.jsonl"
    receiver = FileReceiver(trace_file(file))
    file.unlink()
    file.mkdir()
    sent = [receiver.send(named("a")) for _ in range(2)]
    failing = receiver.failing
    file.rmdir()
    sent.extend(receiver.send(named("a")) for _ in range(2))
    again = Sent(why="Is a directory", again=PAUSE)

    assert (sent, failing, receiver.failing, caplog.messages) == (
        [again, again, Sent(), Sent()],
        True,
        False,
        [
            unwritten(file, "Is a directory"),
            f"spanglass: spans are written to {file} again.",
        ],
    )


def test_disk_full(tmp_path: Path) -> None:
    """Of a batch for which there is no room nothing is left in the file, and once there is room it is written."""
    script = """
pipeline = configure(file=FILE)
span("a"); pipeline.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(FILE) * 5 // 2, resource.RLIM_INFINITY))
for name in ("b", "c", "d"): span(name)
print(pipeline.flush(2), os.path.getsize(FILE), pipeline.dropped)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(pipeline.flush(), pipeline.dropped)
"""
    file = tmp_path / "trace.jsonl"
    outcome = run(script, file)
    first, *_ = file.read_bytes().splitlines(keepends=True)
    assert (outcome, names(file)) == (
        (0, f"False {len(first)} 0\nTrue 0\n", f"{unwritten(file, 'File too large')}\n"),
        ["a", "b", "c", "d"],
    )


def test_file_that_stays_full() -> None:
    """What never found room is told at the end, which comes as soon as ever."""
    status, _, said = run("configure(file=FILE); span('a')", "/dev/full")

    whys = ("No space left on device", "no answer before the end")  # as the last attempt has just been made, or not

    assert (status, said.splitlines()[1:]) in [(0, [lost("/dev/full", f"1: {why}")]) for why in whys]


def test_span_that_cannot_be_encoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A span that cannot be encoded is lost alone, which is told once."""
    deep: object = ()
    for _ in range(10_000):
        deep = (deep,)
    unfit = ReadableSpan("unfit", SpanContext(1, 2, is_remote=False), attributes={"deep": deep})  # type: ignore[dict-item]  # a value that no type describes
    gone = "dropped: this is said once."
    file = tmp_path / "trace.jsonl"
    receiver = FileReceiver(trace_file(file))
    sent = [receiver.send([*named("a"), unfit, *named("b")]) for _ in range(2)]

    assert (sent, names(file), caplog.messages) == (
        [Sent(1, "not to be encoded")] * 2,
        ["a", "b", "a", "b"],
        [f"spanglass: 1 spans cannot be encoded for {file}, as where values are nested by the hundred, and are {gone}"],
    )


def test_writer_amid_its_batch(tmp_path: Path) -> None:
    """Nobody writes into the batch of another, who may need more than one write for it."""
    file = tmp_path / "trace.jsonl"
    writer = threading.Thread(target=append, args=(file, b"mine\n"))
    with file.open("wb", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(b"theirs, ")
        writer.start()
        writer.join(0.3)
        other.write(b"whole\n")
    writer.join()

    assert file.read_text() == "theirs, whole\nmine\n"


def test_writer_that_does_not_end(tmp_path: Path) -> None:
    """A writer that is stopped amid its batch holds up neither a call nor, for long, the end of a program."""
    file = tmp_path / "trace.jsonl"
    with file.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        outcome = run("configure(file=FILE); span('a')", file)

    assert outcome == (0, "", f"{lost(str(file), '1: no answer before the end')}\n")


MANY = """
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from spanglass.export.file import FileReceiver, trace_file
from spanglass.export.reporting import Sent
WHO = sys.argv[2]
def send(thread):
    receiver = FileReceiver(trace_file(FILE))
    for batch in range(40):
        spans = [
            ReadableSpan(f"{WHO} {thread} {batch} {span}", SpanContext(1, 2, False), attributes={"text": "x" * 3_000})
            for span in range(5)
        ]
        assert receiver.send(spans) == Sent() or print("lost")
configure(file=FILE)
threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
for thread in threads: thread.start()
child = os.fork()
for number in range(200): span(f"{WHO} {'child' if child == 0 else 'parent'} {number}")
if child == 0: sys.exit()
for thread in threads: thread.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_many_threads_and_processes(tmp_path: Path) -> None:
    """However many threads and processes write one file, every line is whole, and every span is there once."""
    file = tmp_path / "trace.jsonl"
    outcomes: list[tuple[int, str, str]] = []
    programs = [
        threading.Thread(target=lambda who=who: outcomes.append(run(MANY, file, who, PYTHONWARNINGS="ignore")))
        for who in "ab"
    ]
    for program in programs:
        program.start()
    for program in programs:
        program.join()
    expected = Counter(
        [
            *(f"{w} {t} {b} {s}" for w in "ab" for t in range(3) for b in range(40) for s in range(5)),
            *(f"{w} {c} {n}" for w in "ab" for c in ("parent", "child") for n in range(200)),
        ]
    )

    assert (outcomes, Counter(names(file)) - expected, expected - Counter(names(file))) == ([QUIET] * 2, {}, {})


ENDLESS = """
from pathlib import Path
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext
from spanglass import spans_to_jsonl
from spanglass.export.file import append
span = ReadableSpan(sys.argv[2], SpanContext(1, 2, False), attributes={"text": "x" * 3_000_000})
line = spans_to_jsonl([span]).encode()
for number in range(100):
    append(Path(FILE), line)
    print(number, flush=True)
"""


def written_until_killed(file: Path, who: str) -> int:
    """Have a program write to the file, kill it, and return how many lines it says to have written."""
    with subprocess.Popen(  # noqa: S603  # the program is the test's own
        [sys.executable, "-c", START + ENDLESS, str(file), who], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        first = program.stdout.readline()
        program.kill()
        return len([first, *program.stdout])


def test_killed_while_writing(tmp_path: Path) -> None:
    """Programs that are killed while they write cost no more than what they were writing, whoever writes next."""
    file = tmp_path / "trace.jsonl"
    written = {who: written_until_killed(file, who) for who in "abcdef"}
    outcome = run("configure(file=FILE); span('on')", file)
    found = Counter(names(file))
    unsaid = {found[who] - count for who, count in written.items()}

    assert (outcome, unsaid - {0, 1}, [*found]) == (QUIET, set(), [*written, "on"])
