"""Files of spans among real programs: what we write others read, and what others write we read."""

import gzip
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from keeps import KEPT, expected
from needed import binary
from opentelemetry.sdk.trace import ReadableSpan
from otelcol import Collector, otelcol
from scenarios import SCENARIOS
from tracing import traced, traced_to
from viewer import Phoenix
from wire import flat, nested, traces_of

from spanglass import read_jsonl, to_dataframe
from spanglass.export.file import FileReceiver, trace_file

pytest_plugins = ["servers"]
pytestmark = pytest.mark.backend

HTTP = "http/protobuf"


def kept(file: Path, project: str, scenario: str) -> list[ReadableSpan]:
    """Return the spans of a program that writes them to a file."""
    program = SCENARIOS[scenario]
    with traced_to(FileReceiver(trace_file(file)), project=project, settings=program.settings) as spans:
        program.run()
    assert [span.name for span in spans] == program.leaves
    return spans


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, Path]]:
    """Run a Collector that takes what is in the files of a directory."""
    directory = tmp_path_factory.mktemp("saved")
    with otelcol(binary("otelcol"), directory, "saved.yaml", SPANS_FILES=str(directory / "*.trace")) as collector:
        yield collector, directory


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_we_write_a_collector_reads(reading: tuple[Collector, Path], scenario: str, project: str) -> None:
    """The Collector's own receiver of files hands on what a program wrote to one, every field of every span."""
    collector, directory = reading
    spans = kept(directory / f"{scenario}.trace", project, scenario)

    assert flat(collector.read(spans)) == flat(nested(spans))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_we_write_we_read(tmp_path: Path, scenario: str, project: str) -> None:
    """Every field of every span comes back out of the file that a program wrote."""
    spans = kept(tmp_path / "trace.jsonl", project, scenario)

    assert flat(nested(read_jsonl(tmp_path / "trace.jsonl"))) == flat(nested(spans))


def of_traces(file: Path, spans: list[ReadableSpan]) -> list[ReadableSpan]:
    """Return what a file has of the traces of `spans`."""
    return [span for span in read_jsonl(file) if traces_of([span])[0] in traces_of(spans)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_a_collector_writes_we_read(collector: Collector, tmp_path: Path, scenario: str, project: str) -> None:
    """What the Collector's file exporter wrote is read, compressed by gzip too, every field of every span."""
    program = SCENARIOS[scenario]
    with traced(collector.endpoints, HTTP, project=project, settings=program.settings) as spans:
        program.run()
    collector.read(spans)
    compressed = tmp_path / "traces.jsonl.gz"
    compressed.write_bytes(gzip.compress(collector.file.read_bytes(), 1))

    assert [flat(nested(of_traces(file, spans))) for file in (collector.file, compressed)] == 2 * [flat(nested(spans))]


def test_what_a_collector_compresses(tmp_path: Path, project: str) -> None:
    """Of a file that the Collector's file exporter has compressed it is said what to do."""
    compressing = "yaml:exporters::file::compression: zstd"
    with (
        otelcol(binary("otelcol"), tmp_path, compressing) as collector,
        traced(collector.endpoints, HTTP, project=project),
    ):
        SCENARIOS["plain"].run()
    with pytest.raises(ValueError) as error:  # noqa: PT011 - its text is compared
        list(read_jsonl(collector.file))

    assert str(error.value) == (
        f"{collector.file} is compressed by zstd, which is not read here: decompress it, or have the Collector's file "
        "exporter write without compression."
    )


LOGGED = KEPT["phoenix"]._replace(  # by its client: times are cut to the microsecond, and exceptions keep all they say
    reworded={
        **KEPT["phoenix"].reworded,
        **dict.fromkeys(("start", "end"), lambda time: time // 1000 * 1000),
        "events": lambda events: [{**event, "time": event["time"] // 1000 * 1000} for event in events],
    }
)
LOGGING = """
import sys
import pandas
from phoenix.client import Client

url, project, file = sys.argv[1:]
Client(base_url=url).spans.log_spans_dataframe(project_identifier=project, spans_dataframe=pandas.read_pickle(file))
"""


@pytest.mark.phoenix
@pytest.mark.parametrize("scenario", ["retried", "failed", "tool"])
def test_phoenix_takes_our_table(phoenix: Phoenix, tmp_path: Path, scenario: str, project: str) -> None:
    """Phoenix's own client logs a DataFrame of ours, and Phoenix has the spans as if they had been sent to it."""
    spans = kept(tmp_path / "trace.jsonl", project, scenario)
    to_dataframe(read_jsonl(tmp_path / "trace.jsonl")).to_pickle(tmp_path / "table")
    python = Path(os.environ["SPANGLASS_PHOENIX"]) / "bin" / "python"
    logging = [str(python), "-W", "ignore", "-c", LOGGING, phoenix.url, project, str(tmp_path / "table")]
    subprocess.run(logging, check=True, capture_output=True, timeout=120)  # noqa: S603 - ours

    assert flat(phoenix.read(spans)) == flat(expected(LOGGED, span) for span in nested(spans))
