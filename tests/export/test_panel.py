"""The panel that is printed as a trace ends: when, where, once, whole, and at no risk to the program."""

import gc
import io
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from recorder import ASKED, CHAIN, Recorder

from spanglass.export.panel import Bounds, Panel, wanted


class Panels(io.StringIO):
    """A standard error that keeps what each write writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        """Keep it."""
        self.writes.append(text)
        return len(text)

    def tables(self) -> list[list[str]]:
        """Return the lines of each panel's table, without its head."""
        return [text.rstrip().split("Detail\n")[1].splitlines() for text in self.writes]


@pytest.fixture
def stderr() -> Panels:
    """Give what is standard error once a test has something shown."""
    return Panels()


@pytest.fixture
def shown(stderr: Panels, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorder]:
    """Give what makes spans that are printed, to a standard error that nothing in the environment colours."""

    def show(bounds: Bounds | None = None, file: object = stderr) -> Recorder:
        for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(sys, "stderr", file)
        recorder = Recorder({"openinference.project.name": "customer-support"})
        recorder.provider.add_span_processor(Panel(bounds))
        return recorder

    return show


def test_at_once(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """A trace is printed when its outermost span ends, in one piece, and not before."""
    recorder = shown()
    root = recorder.begin("ask_llm", 0, CHAIN)
    call = recorder.begin("ChatCompletion", 100, {**ASKED, "llm.token_count.total": 87}, root)
    recorder.end(call, 1100)
    before = list(stderr.writes)
    recorder.end(root, 1240)
    expected = """\
╭─ spanglass Trace ────────────────────────────────────────────────── SUCCESS ─╮
│                                                                              │
│  Trace ID     a1b2c3d500000000000000000000feed                               │
│  Name         ask_llm                                                        │
│  Prompt       What is the capital of France?                                 │
│  Model        gpt-4o-mini                                                    │
│  Project      customer-support                                               │
│  Latency      1,240.00 ms                                                    │
│  Token Count  87                                                             │
│  Retries      0                                                              │
│  Steps        1                                                              │
│  Status       SUCCESS                                                        │
│                                                                              │
╰──────────────────────────────────────────────────────────────────────────────╯

  #  Tool         Duration                            Status  Detail
  1  openai_chat    1000ms   ▐███████████████████▌    OK

"""

    assert (before, stderr.writes) == ([], [expected])


def test_traces_without_steps(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """Traces of other instrumentations print nothing, however many spans they have."""
    recorder = shown()
    root = recorder.begin("GET /", 0, {})
    recorder.end(recorder.begin("SELECT", 1, {}, root), 2)
    recorder.end(root, 3)

    assert stderr.writes == []


def elsewhere(*, remote: bool) -> NonRecordingSpan:
    """Return a span that is not recorded in this process."""
    return NonRecordingSpan(SpanContext(0xFEED, 0xBEEF, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED)))


@pytest.mark.parametrize("remote", [True, False])
def test_the_outermost_of_this_process(shown: Callable[..., Recorder], stderr: Panels, remote: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A span whose parent is recorded elsewhere is the outermost here, and each such span has a panel of its own."""
    recorder = shown()
    parent = elsewhere(remote=remote)
    for name in ("first", "second"):
        outer = recorder.begin(name, 0, CHAIN, parent)
        recorder.end(recorder.begin(f"in {name}", 1, CHAIN, outer), 2)
        recorder.end(outer, 2)

    assert [[line.split("  ")[2] for line in lines] for lines in stderr.tables()] == [["in first"], ["in second"]]


def test_what_is_still_open(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """A step that has not ended is shown as open; when it ends, nothing more is printed and nothing kept."""
    recorder = shown()
    root = recorder.begin("streaming", 0, CHAIN)
    recorder.end(recorder.begin("prepare", 0, CHAIN, root), 10)
    call = recorder.begin("ChatCompletion", 10, ASKED, root)
    recorder.end(root, 20)
    printed = stderr.tables()
    attempt = recorder.begin("attempt", 10, {**CHAIN, "http.request.method": "POST"}, call)
    recorder.end(attempt, 30)
    recorder.end(call, 40)
    alive = [weakref.ref(span) for span in (root, call, attempt)]
    recorder.exporter.clear()
    del root, call, attempt
    gc.collect()

    assert printed == [
        [
            "  1  prepare          10ms  ████████████              OK",
            "  2  openai_chat      10ms              ████████████  OPEN",
        ]
    ]
    assert len(stderr.writes) == 1
    assert "│  Status       SUCCESS " in stderr.writes[0]
    assert [span() for span in alive] == [None, None, None]


def test_rows_are_bounded(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """A trace of very many steps shows the first of them, and says how many more there were."""
    recorder = shown(Bounds(rows=2))
    root = recorder.begin("agent", 0, CHAIN)
    for number in range(5):
        recorder.end(recorder.begin(f"tool {number}", number, CHAIN, root), number + 1)
    recorder.end(root, 10)

    assert [line.split()[0:3] for line in stderr.tables()[0]] == [
        ["1", "tool", "0"],
        ["2", "tool", "1"],
        ["...", "3", "more"],
    ]
    assert "│  Steps        5 " in stderr.writes[0]


def test_many_spans_of_others(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """However many spans of other instrumentations come before a step, it has its row."""
    recorder = shown(Bounds(rows=2))
    root = recorder.begin("GET /", 0, {})
    for number in range(5):
        recorder.end(recorder.begin("SELECT", number, {}, root), number + 1)
    recorder.end(recorder.begin("ChatCompletion", 5, ASKED, root), 10)
    recorder.end(root, 10)

    assert [line.split()[:2] for line in stderr.tables()[0]] == [["1", "openai_chat"]]


@pytest.mark.parametrize(
    ("bounds", "printed"), [(Bounds(traces=2), ["3", "2"]), (Bounds(spans=5), ["3", "2"])], ids=["traces", "spans"]
)
def test_traces_that_never_end(
    shown: Callable[..., Recorder], stderr: Panels, caplog: pytest.LogCaptureFixture, bounds: Bounds, printed: list[str]
) -> None:
    """Of too much that is open the oldest go, panels and memory, and one line says so."""
    recorder = shown(bounds)
    opened = [(root := recorder.begin("root", 0, CHAIN), recorder.begin(str(n), 0, CHAIN, root)) for n in range(4)]
    for root, inner in reversed(opened):
        recorder.end(inner, 1)
        recorder.end(root, 1)
    recorder.exporter.clear()
    alive = [weakref.ref(root) for root, _ in opened]
    del opened, root, inner
    gc.collect()

    assert [lines[0].split()[1] for lines in stderr.tables()] == printed
    assert [record.getMessage().partition(" have")[0] for record in caplog.records] == [
        f"spanglass: more than {bounds.traces:,} traces, or {bounds.spans:,} of their spans,"
    ]
    assert [span() for span in alive] == [None] * 4


@pytest.mark.parametrize("bounds", [Bounds(traces=2), Bounds(spans=3)], ids=["traces", "spans"])
def test_traces_one_after_the_other(shown: Callable[..., Recorder], stderr: Panels, bounds: Bounds) -> None:
    """What is kept of a trace goes with its panel: any number of them are printed, and none is taken for open."""
    recorder = shown(bounds)
    longer = recorder.begin("longer", 0, CHAIN)
    for number in range(10):
        root = recorder.begin("root", 0, CHAIN)
        recorder.end(recorder.begin(str(number), 0, CHAIN, root), 1)
        recorder.end(root, 1)

    recorder.end(longer, 2)

    assert [lines[0].split()[1] for lines in stderr.tables()] == [*map(str, range(10)), "longer"]


def test_a_long_life(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """An outermost span that never ends, in which very much happens, takes little memory."""
    recorder = shown(Bounds(spans=20, rows=5))
    root = recorder.begin("worker", 0, CHAIN)
    alive = []
    for number in range(100):
        span = recorder.begin("work", number, CHAIN, root)
        alive.append(weakref.ref(span))
        recorder.end(span, number + 1)
    recorder.exporter.clear()
    del span
    gc.collect()
    recorder.end(root, 100)

    assert [span() for span in alive] == [None] * 100
    assert "│  Steps        100 " in stderr.writes[0]


class Recording(Sampler):
    """Has spans recorded, and not sampled."""

    def should_sample(self, *given: Any) -> SamplingResult:
        """Record it, with its attributes."""
        return SamplingResult(Decision.RECORD_ONLY, given[4])

    def get_description(self) -> str:
        """Return its name."""
        return "Recording"


def test_what_is_not_sampled(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """What is not sampled is not printed either."""
    shown()
    provider = TracerProvider(sampler=Recording(), shutdown_on_exit=False)
    provider.add_span_processor(Panel())
    provider.get_tracer("test").start_span("ChatCompletion", attributes=ASKED).end()

    assert stderr.writes == []


class Tracing(Panels):
    """A standard error whose every write is itself traced."""

    recorder: Recorder
    instrumented = True

    def write(self, text: str) -> int:
        """Keep it, in a span."""
        self.instrumented = is_instrumentation_enabled()
        with self.recorder.tracer.start_as_current_span("write", attributes=CHAIN):
            return super().write(text)


def test_what_is_traced_in_printing(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """While a panel is printed calls are not traced, and what is has no panel, so that it comes to an end."""
    file = Tracing()
    recorder = file.recorder = shown(file=file)
    recorder.end(recorder.begin("ask", 0, CHAIN), 1)
    recorder.end(recorder.begin("ask", 2, CHAIN), 3)

    assert [lines[0].split()[1] for lines in file.tables()] == ["ask", "ask"]
    assert [span.name for span in recorder.spans] == ["ask", "write", "ask", "write"]
    assert not file.instrumented
    assert stderr.writes == []


class Broken(io.StringIO):
    """A standard error that nobody reads any more."""

    def write(self, _: str) -> int:
        """Fail."""
        raise BrokenPipeError


def closed() -> io.StringIO:
    """Return a file that is closed."""
    file = io.StringIO()
    file.close()
    return file


@pytest.mark.usefixtures("lenient_guard")
@pytest.mark.parametrize(
    ("file", "told"),
    [
        (None, []),
        (closed(), []),
        (Broken(), ["spanglass could not record a part of a call; the call itself is not affected (BrokenPipeError)"]),
    ],
    ids=["none", "closed", "broken"],
)
def test_a_standard_error_that_is_none(
    shown: Callable[..., Recorder], caplog: pytest.LogCaptureFixture, file: object, told: list[str]
) -> None:
    """Where nothing can be printed the program goes on, and hears of it at most once."""
    recorder = shown(file=file)
    for _ in range(3):
        recorder.end(recorder.begin("ask", 0, CHAIN), 1)

    assert [record.getMessage().split("\n")[0] for record in caplog.records] == told
    assert wanted("auto") is False


def in_threads(works: Sequence[Callable[[], None]]) -> None:
    """Do all of these at once."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_many_threads(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """Panels of traces that end at once on many threads are each whole."""
    recorder = shown()

    def work(name: str) -> None:
        for _ in range(20):
            root = recorder.begin(name, 0, CHAIN)
            recorder.end(recorder.begin(f"in {name}", 1, CHAIN, root), 2)
            recorder.end(root, 3)

    in_threads([partial(work, f"thread{number}") for number in range(8)])
    names = [
        (text.count("\n"), text.split("Name")[1].split()[0], text.split("  in ")[1].split()[0])
        for text in stderr.writes
    ]

    assert sorted(names) == sorted((15, f"thread{n}", f"thread{n}") for n in range(8) for _ in range(20))


def test_one_trace_on_many_threads(shown: Callable[..., Recorder], stderr: Panels) -> None:
    """Steps that end at once on many threads are all counted."""
    recorder = shown()
    root = recorder.begin("root", 0, CHAIN)

    def work() -> None:
        for _ in range(50):
            recorder.end(recorder.begin("step", 1, CHAIN, root), 2)

    in_threads([work] * 8)
    recorder.end(root, 3)

    assert "│  Steps        400 " in stderr.writes[0]
    assert stderr.tables()[0][-1] == "       ... 200 more steps"


@pytest.mark.parametrize("console", ["on", 1, None, ""])
def test_another_value(console: object) -> None:
    """Anything else than the three is refused in one sentence."""
    with pytest.raises(ValueError, match=r'^console= cannot be .+: use True, False or "auto"\.$'):
        wanted(console)
