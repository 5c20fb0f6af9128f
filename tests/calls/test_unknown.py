"""What the SDK calls that is not known: every method of every resource, with spans for none and results unchanged."""

import inspect
import re
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import lru_cache
from typing import Any, NamedTuple

import pytest

from asking import HTTP
from flavours import FLAVOURS, Async, Flavour
from spanglass import wrap_openai
from spanglass.testing import CapturedSpans, captured_spans

# What is known, after the host's `/v1`.
KNOWN = re.compile(
    r"POST /(chat/completions|completions|embeddings|responses(/compact|/input_tokens|/[^/]+/cancel)?)"
    r"|GET /responses/[^/]+"
)
# Methods that issue no request of what is given here: they open a socket, read a file, or check what has come.
OFFLINE = re.compile(r".*\.connect|webhooks\.\w+|.*\.environments\.files\.\w+|.*\.artifacts\.for_result")
# What is given besides what a signature asks for.
GIVEN: dict[str, dict[str, Any]] = {
    "responses.stream": {"model": "gpt-5", "input": "hi"},
    "uploads.upload_file_chunked": {"filename": "a.txt", "bytes": 1},
}
MOST = 20  # requests of one call: what goes on polling is stopped
COUNTS = dict.fromkeys(("in_progress", "completed", "failed", "cancelled", "total"), 0)
ANSWER = {"id": "x_1", "thread_id": "x_2", "data": [], "choices": [], "has_more": False, "file_counts": COUNTS}
FILES = frozenset({"file", "image", "audio", "recording", "audio_sample", "data", "video"})
MISSING = re.compile(r"Missing required arguments?[;:] .*?(?:\((.*?)\)|('\w+'))")

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.filterwarnings("ignore:Pydantic")]


class Called(NamedTuple):
    """What came of one call: its requests, and the result or the exception in words."""

    requests: list[str]
    ended: str


class Api:
    """An API in memory that answers everything."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def answer(self, request: Any) -> Any:
        """Answer a request so that what is polled for is done."""
        self.requests.append(f"{request.method} {request.url.path.removeprefix('/v1')}")
        if len(self.requests) > MOST:
            raise RuntimeError
        done = "processed" if "/v1/files/" in str(request.url) else "completed"
        return HTTP.Response(200, json={**ANSWER, "status": done})

    def client(self, flavour: Flavour) -> Any:
        """Return a client of this API."""
        transport = HTTP.MockTransport(self.answer)
        http = (HTTP.AsyncClient if isinstance(flavour, Async) else HTTP.Client)(transport=transport)
        options = {"api_key": "test", "max_retries": 0, "webhook_secret": "", "admin_api_key": "test"}
        known = inspect.signature(flavour.kind).parameters
        return flavour.kind(
            base_url="http://127.0.0.1/v1", http_client=http, **{key: options[key] for key in options if key in known}
        )


def methods(owner: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every method of a resource and of those below it, by its dotted name."""
    for name in dir(owner):
        if name.startswith(("_", "with_")):
            continue
        with suppress(Exception):  # of a resource that wants what is not installed
            found = getattr(owner, name)
            if inspect.ismethod(found) and path:
                yield f"{path}.{name}", found
            elif type(found).__module__.startswith("openai.resources") and hasattr(found, "_client"):
                yield from methods(found, f"{path}.{name}".strip("."))


def value(name: str, annotation: str) -> Any:
    """Return what may be given for a parameter."""
    if name == "files":
        return [b"x"]
    if name in FILES or "FileTypes" in annotation:
        return b"x"
    for words, fitting in (
        (("str", "Union[str", "Literal", "Union[Literal"), "x"),
        (("int",), 1),
        (("bool",), True),
        (("float",), 1.0),
        (("Iterable", "List", "Sequence", "Union[Iterable", "SequenceNotStr"), []),
    ):
        if annotation.startswith(words):
            return fitting
    return {}


def needed(parameter: inspect.Parameter) -> bool:
    """Tell whether a method cannot do without a parameter."""
    variable = {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}
    return parameter.default is parameter.empty and parameter.kind not in variable


def arguments(path: str, method: Any) -> dict[str, Any]:
    """Return what a method must be given."""
    parameters = inspect.signature(method).parameters
    given = {name: value(name, str(each.annotation)) for name, each in parameters.items() if needed(each)}
    given |= {name: 1 if name.endswith("_ms") else 0.001 for name in parameters if name.startswith("poll_interval")}
    return given | GIVEN.get(path, {})


def called(flavour: Flavour, api: Api, path: str, method: Any) -> Called:
    """Call a method; where it says what it misses, call it once more with that."""
    given = arguments(path, method)
    for _ in range(2):
        api.requests.clear()
        try:
            result = flavour.wait(method(**given))
            if path.endswith("stream") and hasattr(result, "__aenter__" if isinstance(flavour, Async) else "__enter__"):
                with flavour.entered(result):  # which asks, and makes of an async one what can be dropped
                    pass
            ended = repr(result)
        except Exception as error:  # noqa: BLE001 - whatever the SDK makes of the answer
            ended = repr(error)
            missing = MISSING.search(ended)
            if missing is None:
                break
            parameters = inspect.signature(method).parameters
            names = re.findall(r"\w+", (missing[1] or missing[2]).replace("' and '", "','"))
            given |= {name: value(name, str(parameters[name].annotation)) for name in names if name in parameters}
        else:
            break
    return Called([*api.requests], re.sub(r" (at |object).*?0x\w+", "", ended))


@lru_cache
def bare(kind: type[Flavour]) -> dict[str, Called]:
    """Return what comes of every method without spanglass, by its dotted name."""
    flavour, api = kind(), Api()
    client = api.client(flavour)
    results = {path: called(flavour, api, path, method) for path, method in methods(client)}
    flavour.close(client)
    flavour.leave()
    return results


@pytest.mark.parametrize("kind", FLAVOURS, ids=lambda kind: kind.__name__.lower())
def test_every_method_is_called(kind: type[Flavour]) -> None:
    """The calls below are of every method of the SDK that issues a request."""
    results = bare(kind)
    silent = [path for path, result in results.items() if not result.requests and not OFFLINE.fullmatch(path)]

    assert ([], True) == (silent, len(results) > 40)


@pytest.mark.parametrize("wrapped", [False, True], ids=["instrumented", "wrapped"])
def test_no_spans(flavour: Flavour, wrapped: bool) -> None:  # noqa: FBT001 - pytest's
    """What is not known has no span, and the same requests, results and exceptions as without us."""
    results = bare(type(flavour))
    expected = {path: results[path] for path in results if not any(map(KNOWN.fullmatch, results[path].requests))}
    api, own = Api(), CapturedSpans()
    client = api.client(flavour)
    with nullcontext(own) if wrapped else captured_spans() as captured:
        if wrapped:
            wrap_openai(client, tracer_provider=own.provider)
        every = dict(methods(client))
        actual = {path: called(flavour, api, path, every[path]) for path in expected}
    flavour.close(client)

    assert [] == captured.spans
    assert {} == {path: (expected[path], actual[path]) for path in expected if expected[path] != actual[path]}
