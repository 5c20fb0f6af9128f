"""What the documents say beside their programs: targets that exist, options, outcomes, pictures, links."""

import inspect
import os
import re
import shutil
import subprocess
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest
import yaml

from spanglass import configure
from spanglass.semconv import spanglass as own

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", ".ci/run")
README = (ROOT / "README.md").read_text(encoding="utf-8")
OUTCOMES = {
    "completed": "OK",
    "closed": "unset",
    "abandoned": "unset",
    "cancelled": "unset",
    "truncated": "unset",
    "incomplete": "unset",
    "error": "ERROR",
}


def make(*arguments: str, directory: Path) -> str:
    """Return what `make` prints, as if nothing had been made before: the tests may themselves run under it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(  # noqa: S603 - our own targets
        ["make", *arguments],  # noqa: S607 - whatever make there is
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout


def targets() -> set[str]:
    """Return what `make help` lists."""
    listed = make("help", directory=ROOT)
    return {line.split()[0] for line in listed.splitlines()}


def words(document: str) -> set[str]:
    """Return the targets that a document tells its reader to make."""
    text = (ROOT / document).read_text(encoding="utf-8")
    runs = re.findall(r"(?:^|[`=1] ?)make((?: [a-z-]+)+)", text, re.MULTILINE)
    return {word for run in runs for word in run.split()}


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_targets() -> None:
    """Whatever a document or the CI tells to make is a target, and every target is told of or listed here."""
    told = {document: words(document) for document in DOCUMENTS}

    assert told == {
        "README.md": {
            "demo",
            "test",
            "help",
            "bench",
            "bench-export",
            "bench-dashboard",
            "test-sdks",
            "test-frameworks",
            "pictures",
        },
        "CONTRIBUTING.md": {
            "backends",
            "bench",
            "bench-dashboard",
            "bench-export",
            "help",
            "lint",
            "types",
            "test",
            "test-quick",
            "test-sdks",
            "test-frameworks",
            "upgrade-check",
            "semconv",
            "readme",
            "pictures",
        },
        ".ci/run": {"backends", "lint", "types", "test", "test-sdks", "test-frameworks"},
    }
    others = {"install", "test-backends", "phoenix", "mlflow", "backends", "clean"}
    assert set().union(*told.values(), others) == targets()


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize(
    ("target", "runs"),
    [
        ("demo", ".venv/bin/python examples/demo.py"),
        ("bench", "PYTHONPATH=tests .venv/bin/python -m bench"),
        ("bench-export", "PYTHONPATH=tests .venv/bin/python -m bench.export"),
        ("test-quick", ".venv/bin/pytest -n 2 -m 'not backend'"),
        ("test-backends", ".venv/bin/pytest -m backend"),
        ("test-frameworks", ".venv/bin/nox -f tests/frameworks/sessions.py --envdir build/nox"),
        ("test-sdks", "PYTHONPATH=tests .venv/bin/python tests/readme.py --check-forms"),
        ("test", ".venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder"),
        ("lint", ".venv/bin/ruff format --check"),
        ("types", ".venv/bin/pyright"),
        ("semconv", ".venv/bin/python semconv/generate.py"),
        ("readme", "PYTHONPATH=tests .venv/bin/python tests/readme.py"),
        ("pictures", ".venv/bin/python tests/backends/picture.py"),
    ],
)
def test_target_from_a_fresh_clone(target: str, runs: str, tmp_path: Path) -> None:
    """In a fresh clone each target makes its own environment first, and then does what it is there for."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    lines = make("--dry-run", target, f"CACHE={tmp_path}", directory=tmp_path).splitlines()

    assert lines[0].endswith("-m venv .venv")
    assert lines[-1].endswith(runs)


def test_upgrade_check_pins_nothing() -> None:
    """The check of what is newer installs all that development needs, and none of it by a pin."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^upgrade-check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    installs = re.findall(r"pip install (.*?) \\\n", recipe)

    assert installs == ["--quiet --upgrade pip", "--quiet -e . --group dev"]


def test_options_of_configure() -> None:
    """The README names each option of `configure`, in its order, and no other."""
    told = re.search(r"`configure` takes ((?:`\w+`(?:,\s+|\s+and\s+)?)+)", README)

    assert told is not None
    assert re.findall(r"`(\w+)`", told[1]) == list(inspect.signature(configure).parameters)


def test_outcomes() -> None:
    """The README's table of how a stream can end is that of the registry, with the status of each."""
    told = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w+) \|$", README, re.MULTILINE))
    registry = yaml.safe_load((ROOT / "semconv/registry/spanglass.yaml").read_text(encoding="utf-8"))
    (outcome,) = (
        attribute
        for group in registry["groups"]
        for attribute in group["attributes"]
        if attribute.get("id") == own.SPANGLASS_STREAM_OUTCOME
    )

    assert told == OUTCOMES
    assert {member["value"] for member in outcome["type"]["members"]} == set(OUTCOMES)


def test_files_that_are_shown() -> None:
    """Whatever file a document points to is there, the pictures of the dashboard among them."""
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = {*re.findall(r"\]\(([\w./-]+)\)", text), *re.findall(r"`((?:semconv|tests|calls)/[\w/.]+)`", text)}
    missing = {name for name in shown if not any((base / name).exists() for base in (ROOT, ROOT / "src/spanglass"))}

    assert {"examples/dashboard-traces.png", "examples/dashboard-trace.png"} <= shown
    assert missing == set()


def test_what_installing_brings() -> None:
    """The package needs OpenTelemetry, wrapt, click and Rich; the SDK comes with `spanglass[openai]`, in the README."""
    needed = {re.split(r"[ ;<>=]", need, maxsplit=1)[0]: "extra ==" in need for need in requires("spanglass") or ()}
    extras = metadata("spanglass").get_all("Provides-Extra") or []

    assert needed == {
        "click": False,
        "opentelemetry-api": False,
        "opentelemetry-sdk": False,
        "opentelemetry-exporter-otlp": False,
        "opentelemetry-instrumentation": False,
        "packaging": False,
        "wrapt": False,
        "rich": False,
        "genai-prices": True,
        "jinja2": True,
        "markdown-it-py": True,
        "nh3": True,
        "openai": True,
        "pandas": True,
        "starlette": True,
        "uvicorn": True,
    }
    assert sorted(extras) == ["dashboard", "openai", "pandas", "prices"]
    assert 'pip install "spanglass[openai]"' in README
    assert 'pip install "spanglass[dashboard]"' in README
