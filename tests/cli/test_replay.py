"""`spanglass replay`: what was saved arrives once, whatever comes between."""

import os
import pty
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no annotations
import pytest
from commands import CLEAN, SPANGLASS, Ran, ended, program, run, started
from processes import wait_until
from saved import names, pairs, save, spans_in

from exporting import RECEIVERS
from otlp_receivers import Answer, Busy, http_receiver, partial, silent_port
from spanglass import spans_to_jsonl
from spanglass.cli.batches import send_batches
from spanglass.cli.new_ids import NewIds
from spanglass.cli.note import Note, Progress
from spanglass.export.endpoint import GRPC, HTTP, resolve
from spanglass.export.otlp import open_receiver
from spanglass.export.reporting import Sent
from spanglass.testing import OpenAIServer, Reply, Stall

PROTOBUF = {"Content-Type": "application/x-protobuf"}
PAIRWISE = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2"}
"""A batch for each pair of spans."""
BRIEFLY = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
"""An exporter that tries no longer than a second."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file of twelve spans."""
    return save(tmp_path / "trace.jsonl", pairs(6))


def place(url: str, protocol: str = HTTP) -> str:
    """Return a receiver's address as it is told."""
    return f"{url}/v1/traces" if protocol == HTTP else url


def left(file: Path) -> list[str]:
    """Return what is beside a file."""
    return sorted(path.name for path in file.parent.iterdir() if path != file)


@pytest.mark.parametrize("protocol", [HTTP, GRPC])
def test_all(file: Path, protocol: str) -> None:
    """Every span arrives, in the order of the file and with its resource, and nothing stays behind."""
    with RECEIVERS[protocol]() as received:
        ran = run("replay", file, "--endpoint", received.url, "--protocol", protocol, "--header", "key=a=b")

    assert ran == (0, f"12 spans sent to {place(received.url, protocol)}.\n", "")
    assert (received.spans, received.resource) == (names(6), {"openinference.project.name": "saved"})
    assert ([headers.get("key") for headers in received.headers], left(file)) == (["a=b"], [])


def gone_on(url: str, first: int, rest: int) -> Ran:
    """Return how a run ends that goes on."""
    went_on = f"Going on after the first {first} spans, which were sent before.\n"
    return Ran(0, f"{rest} spans sent to {place(url)}, after {first} before.\n", went_on)


def test_refused_in_the_middle(file: Path) -> None:
    """Where a receiver begins to refuse one is told, and the same command goes on from there."""
    with http_receiver(200, 200, 401) as received:
        ran = [run("replay", file, "--endpoint", received.url, **PAIRWISE) for _ in range(2)]

    refused = (
        f"Error: {place(received.url)} does not take spans (401 Unauthorized): give the key that it wants by "
        f"--header NAME=VALUE, or in OTEL_EXPORTER_OTLP_HEADERS. The first 4 spans of {file} are sent; the same "
        "command goes on from there.\n"
    )
    assert ran == [(1, "", refused), gone_on(received.url, 4, 8)]
    assert (received.spans, left(file)) == (names(6), [])


def test_killed(file: Path) -> None:
    """A run that is killed while a receiver stalls is gone on with: each span is taken once, also with new ids."""
    with OpenAIServer() as server:
        server.script(Reply(), Reply(), Reply(before=Stall()), *[Reply()] * 4)
        arguments = ("replay", file, "--endpoint", server.url, "--new-ids")
        with started(*arguments, **PAIRWISE) as process:
            wait_until(lambda: len(server.journal) == 3, "the third batch", seconds=30)
            process.send_signal(signal.SIGKILL)
            killed = ended(process)
        ran = run(*arguments, **PAIRWISE)
        taken = spans_in([*server.journal[:2], *server.journal[3:]])

    assert (killed, ran) == ((-signal.SIGKILL, "", ""), gone_on(server.url, 4, 8))
    assert ([span.name for span in taken], left(file)) == (names(6), [])
    parents = {span.name.removeprefix("parent "): span.span_id for span in taken if not span.parent_span_id}
    assert [span.links[0].span_id for span in taken if span.links] == list(parents.values())[:-1]


def test_interrupted(file: Path) -> None:
    """Ctrl-C ends a run with the status of that, and the way to go on, which a program may follow."""
    with OpenAIServer() as server:
        server.script(Reply(), Reply(before=Stall()), *[Reply()] * 5)
        with started("replay", file, "--endpoint", server.url, **PAIRWISE) as process:
            wait_until(lambda: len(server.journal) == 2, "the second batch", seconds=30)
            process.send_signal(signal.SIGINT)
            interrupted = ended(process)
        ran = run("replay", file, "--endpoint", server.url, **PAIRWISE)

    stopped = (
        f"Stopped. The first 2 spans of {file} are sent, perhaps some more; the same command goes on from there.\n"
    )
    assert (interrupted, ran) == ((130, "", stopped), gone_on(server.url, 2, 10))


def test_interrupted_over_grpc(file: Path) -> None:
    """Ctrl-C does not wait for a gRPC receiver that is silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with started("replay", file, "--endpoint", url, "--protocol", GRPC) as process, silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            interrupted = ended(process)

    assert (interrupted, left(file)) == ((130, "", "Stopped. No span is known to be taken.\n"), [])


def test_new_ids_of_what_was_perhaps_taken(file: Path) -> None:
    """With new ids, what a receiver has perhaps taken comes again with the ids that it had."""
    with OpenAIServer() as server:
        server.script(Reply(before=Stall()), Reply(), Reply())
        arguments = ("replay", file, "--endpoint", server.url, "--new-ids")
        with started(*arguments) as process:
            wait_until(lambda: len(server.journal) == 1, "the batch", seconds=30)
            process.send_signal(signal.SIGKILL)
            ended(process)
        ran = run(*arguments)
        first, again = ([span.span_id for span in spans_in([request])] for request in server.journal)

    assert (ran, first, left(file)) == ((0, f"12 spans sent to {place(server.url)}.\n", ""), again, [])


AMID = """
import os, signal, spanglass.cli.note as note
own = note.Note.{name}
def interrupted(self, *progress):
    note.Note.{name} = own
    os.kill(os.getpid(), signal.SIGINT)
    own(self, *progress)
note.Note.{name} = interrupted
from spanglass.cli import main
main()
"""


def test_interrupted_amid_the_note(file: Path) -> None:
    """Ctrl-C as a batch is being noted leaves it noted: each span is taken once."""
    with http_receiver() as received:
        arguments = ["replay", str(file), "--endpoint", received.url]
        interrupted = program(f"import sys; sys.argv[1:] = {arguments}\n{AMID.format(name='write')}", **PAIRWISE)
        ran = run(*arguments, **PAIRWISE)

    assert (interrupted.status, ran, received.spans) == (130, gone_on(received.url, 2, 10), names(6))


def test_interrupted_before_and_after(file: Path) -> None:
    """Ctrl-C before the first span has the status of that; once all are taken it is too late, and nothing is undone."""
    with http_receiver() as received:
        arguments = ["replay", str(file), "--endpoint", received.url]
        early, late = (
            program(f"import sys; sys.argv[1:] = {arguments}\n{AMID.format(name=name)}") for name in ("read", "remove")
        )

    assert (early, late) == ((130, "", "Stopped.\n"), (0, f"12 spans sent to {place(received.url)}.\n", ""))
    assert (received.spans, left(file)) == (names(6), [])


def test_notes_of_several_at_once(file: Path) -> None:
    """Runs that send one file to several receivers at once do not undo each other's notes."""

    def note_down(number: int) -> list[Progress | None]:
        own = Note(file, resolve(f"http://127.0.0.1:{number}", environ={}), new_ids=False)
        noted = []
        for count in range(200):
            own.write(Progress("known", "5eed", count))
            noted.append(own.read())
        return noted

    with ThreadPoolExecutor(4) as threads:
        noted = list(threads.map(note_down, range(1, 5)))

    assert noted == [[Progress("known", "5eed", count) for count in range(200)]] * 4


def test_grown(file: Path) -> None:
    """A file that is not the one that a part was sent of is sent from its beginning, and that is told."""
    with http_receiver(200, 401) as received:
        run("replay", file, "--endpoint", received.url, **PAIRWISE)
        save(file, pairs(7))
        ran = run("replay", file, "--endpoint", received.url, **PAIRWISE)

    anew = f"{file} has changed since a part of it was sent: starting anew.\n"
    assert ran == (0, f"14 spans sent to {place(received.url)}.\n", anew)
    assert received.spans == ["child 0", "parent 0", *names(7)]


def test_each_receiver_has_its_own_note(file: Path) -> None:
    """What one receiver has is not taken for what another has, nor the old ids for new ones."""
    with http_receiver(200, 401) as first, http_receiver(200, 200, 401) as second:
        commands = [("replay", file, "--endpoint", each.url, *more) for each in (first, second) for more in OPTIONS]
        refused = [run(*command, **PAIRWISE).status for command in (commands[0], commands[2])]
        others = run(*commands[1], **PAIRWISE)
        went_on = [run(*command, **PAIRWISE) for command in (commands[0], commands[2])]

    assert (refused, others) == ([1, 1], (0, f"12 spans sent to {place(first.url)}.\n", ""))
    assert went_on == [gone_on(first.url, 2, 10), gone_on(second.url, 4, 8)]
    assert left(file) == []


OPTIONS: tuple[tuple[str, ...], ...] = ((), ("--new-ids",))


def test_no_place_for_the_note(file: Path) -> None:
    """Where nothing can be noted one is told once, and the spans are sent all the same."""
    note = file.with_name(f"{file.name}.replay")
    note.mkdir()
    with http_receiver() as received:
        ran = run("replay", file, "--endpoint", received.url, **PAIRWISE)

    told = f"{note} cannot be written (Is a directory): this run cannot be gone on with, if it ends early.\n"
    assert ran == (0, f"12 spans sent to {place(received.url)}.\n", told)


def test_odd_note(file: Path) -> None:
    """A note that is none of ours is taken for none."""
    note = file.with_name(f"{file.name}.replay")
    for text in ("[]", "{", "\0"):
        note.write_text(text)
        with http_receiver() as received:
            ran = run("replay", file, "--endpoint", received.url)

        assert (ran, received.spans) == ((0, f"12 spans sent to {place(received.url)}.\n", ""), names(6))


def test_some_refused(file: Path) -> None:
    """Spans that are refused are counted with why, and go on being known in the next run; the others arrive."""
    answers: list[int | Answer] = [
        Answer(200, PROTOBUF, partial(1, "too \x1b[2Jold").SerializeToString()),
        *(413, 413, 200, 401),
    ]
    with http_receiver(*answers) as received:
        ran = [run("replay", file, "--endpoint", received.url, **PAIRWISE) for _ in range(2)]

    assert [each.status for each in ran] == [1, 1]
    assert ran[1].stdout == f"7 spans sent to {place(received.url)}, after 3 before.\n"
    assert ran[1].stderr.splitlines() == [
        "Going on after the first 5 spans, which were sent before.",
        "1 span not taken: refused out of a batch that was taken: too \\x1b[2Jold",
        "1 span not taken: 413 Request Entity Too Large",
    ]
    assert received.spans == [name for name in names(6) if name != "child 1"]


BUSY: list[tuple[str, Any, str]] = [
    (HTTP, Answer(429, {"Retry-After": "1"}), "429 Too Many Requests"),
    (GRPC, Busy(1), "UNAVAILABLE"),
]


@pytest.mark.parametrize(("protocol", "answer", "why"), BUSY)
def test_busy(file: Path, protocol: str, answer: Any, why: str) -> None:
    """A receiver gets the time that it asks for, and then every span."""
    with RECEIVERS[protocol](answer) as received:
        ran = run("replay", file, "--endpoint", received.url, "--protocol", protocol)
    told = place(received.url, protocol)

    assert ran == (0, f"12 spans sent to {told}.\n", f"{told} asks for 1 s ({why})\n")
    assert received.spans == names(6)


def test_busy_for_long(file: Path) -> None:
    """A receiver that asks for an hour is not waited for, but told of."""
    with http_receiver(Answer(503, {"Retry-After": "3600"})) as received:
        ran = run("replay", file, "--endpoint", received.url)

    asks = "(503 Service Unavailable): it asks for 3600 s: try again then. Nothing was sent."
    assert ran == (1, "", f"Error: {place(received.url)} does not take spans {asks}\n")


PAGE = Answer(200, {"Content-Type": "text/html"}, b"<html>")
LOGIN = "it leads elsewhere, as to a login page: check host and path, and give the key that it wants by --header"
OTHER = "something else answers there: check host, port and path"
REFUSALS: list[tuple[str, Any, str]] = [
    (HTTP, Answer(302, {"Location": "/login"}), f"(302 Found): {LOGIN}"),
    (HTTP, PAGE, f"(an HTML page): {LOGIN}"),
    (HTTP, 404, f"(404 Not Found): {OTHER}"),
    (GRPC, grpc.StatusCode.UNIMPLEMENTED, f"(UNIMPLEMENTED): {OTHER}"),
    (
        GRPC,
        grpc.StatusCode.UNAUTHENTICATED,
        "(UNAUTHENTICATED): give the key that it wants by --header NAME=VALUE, or in OTEL_EXPORTER_OTLP_HEADERS",
    ),
]


@pytest.mark.parametrize(("protocol", "answer", "says"), REFUSALS)
def test_refused(file: Path, protocol: str, answer: Any, says: str) -> None:
    """A receiver that refuses ends the command with one sentence, which says why and what to do."""
    with RECEIVERS[protocol](answer) as received:
        ran = run("replay", file, "--endpoint", received.url, "--protocol", protocol)

    told = f"Error: {place(received.url, protocol)} does not take spans {says}. Nothing was sent.\n"
    assert (ran, left(file)) == ((1, "", told), [])


DEAD = [(HTTP, "ConnectionError"), (GRPC, "UNAVAILABLE")]


@pytest.mark.parametrize(("protocol", "why"), DEAD)
def test_dead(file: Path, protocol: str, why: str) -> None:
    """Where nothing listens the command ends with one sentence."""
    with silent_port(connects=False) as port:
        url = f"http://127.0.0.1:{port}"
        ran = run("replay", file, "--endpoint", url, "--protocol", protocol, **BRIEFLY)

    told = (
        f"Error: {place(url, protocol)} does not take spans ({why}): nothing listens at port {port} of 127.0.0.1: "
        "start the receiver, or check host and port. Nothing was sent.\n"
    )
    assert ran == (1, "", told)


def test_silent(file: Path) -> None:
    """A receiver that does not answer has perhaps taken the batch, and is not asked again."""
    with silent_port(connects=True) as port:
        ran = run("replay", file, "--endpoint", f"http://127.0.0.1:{port}", **BRIEFLY)

    told = (
        f"Error: http://127.0.0.1:{port}/v1/traces does not take spans (no answer in time): it took the connection "
        "and no more: check that it is an OTLP receiver, and whether it is overloaded. No span is known to be taken.\n"
    )
    assert ran == (1, "", told)


MISTAKES = [
    (["nowhere.jsonl"], "nowhere.jsonl cannot be read (No such file or directory): give the path of a file with"),
    (["."], ". is a directory: give the path of a file with spans as OTLP/JSON."),
    (["pyproject.toml"], "pyproject.toml has no OTLP/JSON in line 1: give a file that has one request in each line"),
    (["/dev/null"], "/dev/null is no regular file: save it first, since it is read more than once."),
    (["x", "--endpoint", "localhost:1"], "--endpoint has no scheme: write it like http://localhost:4318 or"),
    (["x", "--header", "key"], "--header is malformed: write it like --header api-key=abc."),
    (["x", "--header", "a key=b"], "--header has a name or a value that HTTP cannot carry: use letters, digits"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES)
def test_mistakes(arguments: list[str], says: str) -> None:
    """What a user gets wrong is one clear sentence, and nothing is sent."""
    with http_receiver() as received:
        ran = run("replay", "--endpoint", received.url, *arguments)

    assert (ran.status, ran.stdout, ran.stderr.count("\n"), received.paths) == (1, "", 1, [])
    assert ran.stderr.startswith(f"Error: {says}")


def test_damaged(file: Path) -> None:
    """Where a file goes wrong in the middle one is told how far it was sent."""
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:5], "{}{}", *lines[5:]]), encoding="utf-8")
    with http_receiver() as received:
        ran = run("replay", file, "--endpoint", received.url, **PAIRWISE)

    assert (ran.status, received.spans, left(file)) == (1, names(2), ["trace.jsonl.replay"])
    assert ran.stderr.endswith(
        f" The first 4 spans of {file} are sent; the same command goes on from there.\n",
    )


def test_cut_short(file: Path) -> None:
    """A last line that is cut short is told, and all before it is sent."""
    file.write_bytes(file.read_bytes()[:-20])
    with http_receiver() as received:
        ran = run("replay", file, "--endpoint", received.url)

    told = (
        f"spanglass: {file} is cut short in line 12, as where a program was killed while it wrote; what is whole was "
        "read (1 such lines in all).\n"
    )
    assert (ran, received.spans) == ((0, f"11 spans sent to {place(received.url)}.\n", told), names(6)[:-1])


def test_bar(file: Path) -> None:
    """On a terminal a bar shows how many of how many spans are sent."""
    ours, theirs = pty.openpty()
    with http_receiver() as received:
        done = subprocess.run(  # noqa: S603 - our own command
            [*SPANGLASS, "replay", str(file), "--endpoint", received.url],
            env={**CLEAN, "TERM": "xterm"},
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            timeout=60,
            check=False,
        )
    os.close(theirs)
    with open(ours, "rb", closefd=True) as screen:  # noqa: PTH123 - a descriptor
        drawn = screen.read1(100_000).decode()

    assert (done.returncode, "12/12" in drawn) == (0, True)


def test_little_is_read_ahead() -> None:
    """No more of a file is held than a batch, however long it is."""
    read, held, settled = [0], [0], [0]

    def reading() -> Any:
        for span in pairs(40):
            read[0] += 1
            yield span

    def count(number: int, _: Sent) -> None:
        held[0] = max(held[0], read[0] - settled[0])
        settled[0] += number

    with pytest.MonkeyPatch.context() as patch, http_receiver() as received:
        patch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
        receiver = open_receiver(resolve(received.url, environ={}))
        stopped = send_batches(receiver, reading(), count, lambda _: None)
        receiver.close()

    assert (stopped, received.spans, settled, held) == (None, names(40), [80], [8])


def test_new_ids() -> None:
    """With new ids all else is as it was, parents and links lead where they led; the same seed gives the same ids."""
    old = pairs(3)
    new = [*map(NewIds("5eed").renew, old)]
    ids = [
        (getattr(was.context, part), getattr(now.context, part), size)
        for was, now in zip(old, new, strict=True)
        for part, size in (("trace_id", 32), ("span_id", 16))
    ]
    text = json_of(new)
    kept = [was for was, _, size in ids if f"{was:0{size}x}" in text]
    for was, now, size in ids:
        text = text.replace(f"{now:0{size}x}", f"{was:0{size}x}")

    assert (text, kept) == (json_of(old), [])
    assert json_of(map(NewIds("5eed").renew, old)) == json_of(new) != json_of(map(NewIds("5eee").renew, old))


def json_of(spans: Any) -> str:
    """Return spans as a file has them."""
    return spans_to_jsonl(spans)
