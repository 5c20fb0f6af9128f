"""Fixtures for pytest, there wherever spanglass is installed: no import, no entry in a conftest.

A test of a program that calls `OpenAI()` as ever:

```python
from openai import OpenAI

from spanglass.testing import Reply, completion, error


def translate(text):  # the program, which knows nothing of tests
    question = [{"role": "user", "content": f"In French: {text}"}]
    with OpenAI() as client:
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=question)
    return answer.choices[0].message.content


def test_translate(openai_server, captured_spans):
    busy = Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"})
    openai_server.script(busy, Reply(completion("Bonjour")))

    assert translate("Good morning") == "Bonjour"
    assert [span.name for span in captured_spans.spans] == ["attempt", "attempt", "ChatCompletion"]
```

`pytest -p no:spanglass` does without them. Nothing of spanglass or OpenTelemetry is loaded before a test asks for one.
"""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from spanglass.testing import CapturedSpans, OpenAIServer

KEY: Final = "test"


@pytest.fixture
def openai_server(monkeypatch: pytest.MonkeyPatch) -> "Iterator[OpenAIServer]":
    """Give the test an `OpenAIServer`, reached by every client that it makes without a `base_url`, closed afterwards.

    `OPENAI_BASE_URL` and `OPENAI_API_KEY` are the server's during the test, for programs that it starts as well, and so
    are `AZURE_OPENAI_ENDPOINT` and `AZURE_OPENAI_API_KEY` where they were set; a client of Azure can be given
    `azure_endpoint=openai_server.url`. A proxy is passed by. What `openai.chat` and its like call by is made anew. A
    client that was made before the test keeps its own URL.
    """
    from spanglass.testing import OpenAIServer  # noqa: PLC0415 - a start of pytest must not pay for it

    with OpenAIServer() as server:
        for name, value in _environment(server).items():
            monkeypatch.setenv(name, value)
        _forget_module_client()
        yield server
        _forget_module_client()


@pytest.fixture
def captured_spans(monkeypatch: pytest.MonkeyPatch) -> "Iterator[CapturedSpans]":
    """Give the test a `CapturedSpans`: every call of the OpenAI SDK is traced, and its spans are in `.spans`.

    Afterwards all is as it was; where the program is instrumented already, its spans come here during the test, with
    its own options. `OTEL_SDK_DISABLED` does not count. What the program ends with tracers of its own is captured where
    it gets them from `captured_spans.provider`.
    """
    from spanglass.testing import captured_spans  # noqa: PLC0415 - a start of pytest must not pay for it

    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    with captured_spans() as captured:
        yield captured


def _environment(server: "OpenAIServer") -> dict[str, str]:
    """Return the variables by which the SDK's clients find the server, whatever proxy there is."""
    azure = {"AZURE_OPENAI_ENDPOINT": server.url, "AZURE_OPENAI_API_KEY": KEY}
    no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": KEY,
        **{name: value for name, value in azure.items() if name in os.environ},
        "no_proxy": ",".join(filter(None, ("127.0.0.1", no_proxy))),  # it wins over the name in capitals
    }


def _forget_module_client() -> None:
    """Have the SDK make anew what the functions of its module call by: it keeps the URL that it found first."""
    sdk: Any = sys.modules.get("openai")
    if sdk is not None:
        sdk._client = None  # noqa: SLF001 - what the SDK's own tests reset, under this name from 1.0 on
