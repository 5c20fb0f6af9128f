"""The fixtures that pytest has wherever spanglass is installed, in sessions of their own."""

import os
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

PROGRAM = """
import openai
import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}

def ask(client):
    return client.chat.completions.create(**ASK).choices[0].message.content

def names(captured):
    return [span.name for span in captured.spans]
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Give a place for tests that run in a process of their own, as a user's do, where a warning is an error."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "AZURE_", "OTEL_", "SPANGLASS_", "PYTEST_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-config -p no:cacheprovider\n")
    return pytester


def outcomes(session: pytest.Pytester, tests: str, *arguments: str) -> dict[str, int]:
    """Run a file of tests, and return how many ended in which way."""
    session.makepyfile(PROGRAM + tests)
    return session.runpytest_subprocess(*arguments).parseoutcomes()


LOADED = """
import sys
import pytest

HEAVY = ("spanglass", "opentelemetry", "openai", "httpx", "wrapt")

def loaded():
    return sorted({name.partition(".")[0] for name in sys.modules} & set(HEAVY))

def test_before():
    assert "pytest_spanglass" in sys.modules
    assert loaded() == []

def test_after(openai_server):
    assert "spanglass" in loaded()
"""


def test_start_loads_nothing(session: pytest.Pytester) -> None:
    """A start of pytest loads neither spanglass nor OpenTelemetry: the first test that asks for a fixture does."""
    session.makepyfile(LOADED)

    assert session.runpytest_subprocess().parseoutcomes() == {"passed": 2}


def test_fixtures_are_told(session: pytest.Pytester) -> None:
    """`pytest --fixtures` has both, with what they do."""
    told = session.runpytest_subprocess("--fixtures", "-v").stdout.str()

    assert ["openai_server", "captured_spans"] == [
        line.split(" -- ")[0] for line in told.splitlines() if "pytest_spanglass.py" in line and " -- " in line
    ]
    assert "`OPENAI_BASE_URL` and `OPENAI_API_KEY` are the server's during the test" in told


ORDERS = """
def test_server_first(openai_server, captured_spans):
    assert (ask(OpenAI()), len(openai_server.journal), names(captured_spans)) == ("Hello", 1, ["ChatCompletion"])

def test_spans_first(captured_spans, openai_server):
    assert (ask(OpenAI()), len(openai_server.journal), names(captured_spans)) == ("Hello", 1, ["ChatCompletion"])

def test_server_alone(openai_server):
    assert (ask(OpenAI()), len(openai_server.journal)) == ("Hello", 1)

def test_spans_alone(captured_spans):
    with pytest.raises(openai.APIConnectionError):
        ask(OpenAI(base_url="http://127.0.0.1:9", api_key="none", max_retries=0))
    assert names(captured_spans) == ["attempt", "ChatCompletion"]

def test_neither(monkeypatch):
    with pytest.raises(openai.OpenAIError, match="OPENAI_API_KEY"):
        ask(OpenAI())

def test_changed_by_the_test(monkeypatch, openai_server):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "none")

def test_unchanged_again():
    import os
    assert [name for name in os.environ if name.startswith("OPENAI_") or name.upper() == "NO_PROXY"] == []
"""


def test_any_order(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fixture works before, after and without the other, and nothing of them is left in the next test."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    assert {"passed": 7} == outcomes(session, ORDERS)


def test_workers(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers of pytest-xdist have fixtures of their own."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    assert {"passed": 7} == outcomes(session, ORDERS, "-n2")


ASYNC = """
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_async(openai_server, captured_spans):
    async with AsyncOpenAI() as client:
        answer = await client.chat.completions.create(**ASK)
        stream = await client.chat.completions.create(**ASK, stream=True)
        pieces = [chunk.choices[0].delta.content async for chunk in stream]
    assert answer.choices[0].message.content == "".join(filter(None, pieces)) == "Hello"
    assert names(captured_spans) == ["ChatCompletion", "ChatCompletion"]
"""


def test_async(session: pytest.Pytester) -> None:
    """They serve tests that are coroutines, too."""
    assert {"passed": 1} == outcomes(session, ASYNC)


MODULE = """
@pytest.mark.parametrize("time", [1, 2])
def test_module(openai_server, time):
    assert (ask(openai), len(openai_server.journal)) == ("Hello", 1)

def test_afterwards():
    assert openai._client is None
"""


def test_client_of_the_module(session: pytest.Pytester) -> None:
    """`openai.chat.completions` reaches each test's own server, although the SDK makes its client once a process."""
    assert {"passed": 3} == outcomes(session, MODULE)


AZURE = """
def test_azure(openai_server, captured_spans):
    client = AzureOpenAI(api_version="2024-06-01")
    assert (ask(client), names(captured_spans)) == ("Hello", ["ChatCompletion"])
    (request,) = openai_server.journal
    assert (request.path.startswith("/openai/deployments/gpt-4o/"), request.headers["api-key"]) == (True, "test")

def test_others(openai_server):
    assert ask(OpenAI()) == "Hello"
"""


def test_azure(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment has a client of Azure reach the real one, it reaches the server during the test."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "secret")

    assert {"passed": 2} == outcomes(session, AZURE)


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_proxy(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A proxy of the environment does not come between, and the hosts that were reached without one still are."""
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, "intranet")
    tests = """
def test_proxy(openai_server):
    import urllib.request
    assert ask(OpenAI()) == "Hello"
    assert urllib.request.proxy_bypass("intranet")

def test_afterwards():
    import urllib.request
    assert not urllib.request.proxy_bypass("127.0.0.1")
"""

    assert {"passed": 2} == outcomes(session, tests)


INSTRUMENTED = """
from opentelemetry.sdk.trace import TracerProvider
from spanglass import OpenAIInstrumentor

PROVIDER = TracerProvider(shutdown_on_exit=False)
OpenAIInstrumentor().instrument(tracer_provider=PROVIDER, content="off")

def test_of_a_program_that_is_instrumented(openai_server, captured_spans):
    ask(OpenAI())
    (span,) = captured_spans.spans
    assert span.attributes["llm.input_messages.0.message.content"] == "__REDACTED__"

def test_afterwards():
    instrumentor = OpenAIInstrumentor()
    assert instrumentor.is_instrumented_by_opentelemetry
    assert instrumentor.instrumented_with == {"tracer_provider": PROVIDER, "content": "off"}
"""


def test_program_that_is_instrumented(session: pytest.Pytester) -> None:
    """The spans of a program that instruments itself come to the test, by the program's options, which it has back."""
    assert {"passed": 2} == outcomes(session, INSTRUMENTED)


WORK = """
from spanglass import trace

@trace
def work():
    return ask(OpenAI())

def test_work(openai_server, captured_spans):
    work()
    assert names(captured_spans) == ["ChatCompletion", "work"]

def test_work_again(openai_server, captured_spans):
    assert names(captured_spans) == []
"""


def test_work_of_a_programs_own(session: pytest.Pytester) -> None:
    """The spans of functions under `@trace` are captured as those of calls are."""
    assert {"passed": 2} == outcomes(session, WORK)


def test_disabled(session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans are captured though the environment says that tests are not to send any."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tests = """
def test_disabled(openai_server, captured_spans):
    ask(OpenAI())
    assert names(captured_spans) == ["ChatCompletion"]
"""

    assert {"passed": 1} == outcomes(session, tests)


def test_without(session: pytest.Pytester) -> None:
    """`-p no:spanglass` does without the fixtures."""
    session.makepyfile("def test_neither(openai_server): pass")

    assert session.runpytest_subprocess("-p", "no:spanglass").parseoutcomes() == {"errors": 1}


def test_fixtures_of_a_users_own_win(session: pytest.Pytester) -> None:
    """A fixture of the same name in a conftest takes the place of ours."""
    session.makeconftest("import pytest\n@pytest.fixture\ndef openai_server(): return 'mine'\n")
    session.makepyfile("def test_mine(openai_server): assert openai_server == 'mine'")

    assert session.runpytest_subprocess().parseoutcomes() == {"passed": 1}


def test_example(session: pytest.Pytester) -> None:
    """The test among the examples passes."""
    example = Path(__file__).parents[1] / "examples/test_program.py"

    assert session.runpytest_subprocess(str(example)).parseoutcomes() == {"passed": 1}
