"""The house: what may import what, where errors may be swallowed, how long things are, what an import loads."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import spanglass

ROOT = Path(spanglass.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py"))

# From the bottom up: a module imports from its own floor and from those below.
FLOORS = (
    ("record", "settings", "guard", "semconv", "plain", "credentials", "limits", "openinference"),
    ("endpoints",),
    ("writers",),
    ("calls",),
    ("instrumentor", "client", "decorator", "context", "projects"),
)
# Beside the floors: they reach the others through public names only.
BESIDE = ("configure", "export", "reading", "dashboard", "cli", "testing")
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}

# Where broad exceptions are caught, how many times, and why.
BROAD = {
    "guard.py": 1,  # a user's code, such as a mapping's methods, raises anything
    "calls/body.py": 2,  # noted and raised again, sync and async
    "calls/work.py": 1,  # thrown into a program's own async generator
    "calls/stream.py": 4,  # the caller's noted and raised again, ours handed to the guard; sync and async
}

LONGEST_MODULE = 400
LONGEST_FUNCTION = 40


def name_of(path: Path) -> str:
    """Return the first part of a module's name below the package; the package itself has none."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def parsed(path: Path) -> list[ast.AST]:
    """Return all nodes of a module."""
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imports(path: Path) -> Iterator[str]:
    """Yield the full names that a module imports, wherever in it."""
    for node in parsed(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    """Return the first parts of the names of ours that a module imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("spanglass.")}


def test_floors_are_complete() -> None:
    """Every module stands on a floor, or beside them."""
    standing = {name_of(path) for path in MODULES} - {"__init__"}

    assert set() == standing - FLOOR.keys() - set(BESIDE)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if name_of(path) in FLOOR], ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_go_down(path: Path) -> None:
    """A module on a floor imports none from a floor above, nor from beside."""
    own = FLOOR[name_of(path)]

    assert [] == sorted(name for name in ours(path) if FLOOR.get(name, len(FLOORS)) > own)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_private_is_imported(path: Path) -> None:
    """No module takes a private name of another."""
    private = [name for name in imports(path) if name.startswith("spanglass.") and "._" in name]

    assert [] == private


@pytest.mark.parametrize(
    ("package", "stranger"),
    [
        ("endpoints", "opentelemetry"),
        ("endpoints", "openai"),
        ("endpoints", "spanglass.writers"),
        ("endpoints", "spanglass.semconv"),
        ("writers", "openai"),
        ("writers", "spanglass.endpoints"),
        ("writers", "opentelemetry"),
        ("semconv", "opentelemetry"),
        ("record", "spanglass"),
    ],
)
def test_strangers(package: str, stranger: str) -> None:
    """Readers know no telemetry, writers no SDK, neither the other, and a record nothing of ours."""
    met = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if name_of(path) == package
        for name in imports(path)
        if f"{name}.".startswith(f"{stranger}.")
    ]

    assert [] == met


# What all of `endpoints` is known by to the life of a call.
SHARED = ("spanglass.endpoints.endpoint.", "spanglass.endpoints.shapes.")


def test_an_endpoint_is_a_row() -> None:
    """Nothing but the table names what reads an endpoint: the life of a call, its writers and its export know none."""
    met = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if name_of(path)
        in {"calls", "writers", "instrumentor", "client", "decorator", "context", "configure", "export"}
        for name in imports(path)
        if name.startswith("spanglass.endpoints.") and name.count(".") > 2 and not name.startswith(SHARED)
    ]

    assert [] == met


def test_the_sdk_is_imported_in_one_place() -> None:
    """No module imports the SDK or its HTTP clients, whoever uses them has; but for one, whose classes are the SDK's.

    That one is loaded only when a name of it is asked for. The scenes of the demo are a program that uses the SDK.
    """
    met = [
        (str(path.relative_to(ROOT)), name)
        for path in MODULES
        for name in imports(path)
        if name.partition(".")[0] in {"openai", "httpx", "httpx2"}
    ]

    assert [
        ("cli/scenes.py", "openai.OpenAI"),
        ("cli/scenes.py", "openai.OpenAIError"),
        ("client.py", "openai.AsyncOpenAI"),
        ("client.py", "openai.OpenAI"),
    ] == met


def broad(node: ast.AST) -> bool:
    """Tell whether a node is an `except` that catches anything, or `suppress` of it."""
    names = {"Exception", "BaseException"}
    if isinstance(node, ast.ExceptHandler):
        return node.type is None or any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node.type))
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
        return any(isinstance(one, ast.Name) and one.id in names for one in node.args)
    return False


def test_errors_are_swallowed_in_one_place() -> None:
    """Broad excepts stand where the list says, and nowhere else."""
    counts = {str(path.relative_to(ROOT)): sum(broad(node) for node in parsed(path)) for path in MODULES}

    assert {path: count for path, count in counts.items() if count} == BROAD


def test_a_broad_except_is_found() -> None:
    """The search sees each form of it, and leaves narrow ones alone."""
    source = """
try: pass
except Exception: pass
try: pass
except (ValueError, BaseException) as error: pass
try: pass
except: pass
try: pass
except ValueError: pass
with contextlib.suppress(Exception): pass
with suppress(OSError): pass
"""

    assert 4 == sum(broad(node) for node in ast.walk(ast.parse(source)))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_things_are_short(path: Path) -> None:
    """No module is longer than 400 lines, and no function longer than 40."""
    length = len(path.read_text("utf-8").splitlines())
    functions = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in parsed(path)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }

    assert (True, {}) == (
        length <= LONGEST_MODULE,
        {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION},
    )


def run(program: str) -> str:
    """Run a program in an interpreter of its own, and return what it prints."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and programs from this file
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


WITHOUT_SDK = """
import sys
sys.modules["openai"] = None
import spanglass
for name in ("TraceAsyncOpenAI", "TraceOpenAI", "wrap_openai"):
    try:
        getattr(spanglass, name)
    except ImportError as error:
        print(error)
"""


def test_what_needs_the_sdk_says_so() -> None:
    """Where openai is not installed all else is there, and what needs it says what to install."""
    said = "needs the OpenAI SDK, 1.6.0 or newer: pip install 'spanglass[openai]'."

    assert [f"{name} {said}" for name in ("TraceAsyncOpenAI", "TraceOpenAI", "wrap_openai")] == run(
        WITHOUT_SDK
    ).splitlines()


def test_name_that_is_not_there() -> None:
    """The package has no other name than it says."""
    with pytest.raises(AttributeError, match=r"^module 'spanglass' has no attribute 'wrap_opneai'$"):
        getattr(spanglass, "wrap_opneai")  # noqa: B009 - by a type checker it would not pass


UNUSED = (
    "openai",
    "httpx",
    "httpx2",
    "rich",
    "requests",
    "google.protobuf",
    "grpc",
    "opentelemetry.exporter",
    "jinja2",
    "multiprocessing",
    "pandas",
    "sqlite3",
    "starlette",
    "uvicorn",
)


def test_import_loads_only_what_is_used() -> None:
    """`import spanglass` loads neither openai, nor an HTTP client, Rich, an exporter, a server or multiprocessing."""
    program = f"import sys, spanglass; print([name for name in {UNUSED!r} if name in sys.modules])"

    assert "[]" == run(program)


def test_instrumenting_loads_no_sdk() -> None:
    """Nor does instrumenting: what is imported later is wrapped as it comes, and unwrapped where nobody wants it."""
    program = f"""
import sys
from spanglass import OpenAIInstrumentor
OpenAIInstrumentor().instrument()
print([name for name in {UNUSED!r} if name in sys.modules])
import openai._base_client
print(type(openai._base_client.SyncAPIClient.request).__name__)
OpenAIInstrumentor().uninstrument()
print(type(openai._base_client.SyncAPIClient.request).__name__)
"""

    assert ["[]", "BoundFunctionWrapper", "function"] == run(program).splitlines()


PACKAGES = ("spanglass", "spanglass.testing")


@pytest.mark.parametrize("package", PACKAGES)
def test_exported_names(package: str) -> None:
    """`__all__` is sorted, and is what is visible: the modules of the package aside, nothing else is public."""
    program = f"""
import {package} as package, types
visible = [n for n in dir(package) if not n.startswith("_") and not isinstance(getattr(package, n), types.ModuleType)]
print(sorted(set(visible) ^ set(package.__all__)))
print(list(package.__all__) == sorted(package.__all__))
print([name for name in package.__all__ if not getattr(package, name).__doc__])
"""

    assert ["[]", "True", "[]"] == run(program).splitlines()
