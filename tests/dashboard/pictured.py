"""Draws the pictures of the dashboard: runs an evening at a help desk, and takes its list and its worst trace."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from browser import browsing
from openai import OpenAI, OpenAIError

from spanglass import OpenAIInstrumentor, configure, trace, using
from spanglass.dashboard.safety import Access
from spanglass.dashboard.server import Server
from spanglass.dashboard.store import Store
from spanglass.testing import Answer, OpenAIServer, Reply, Stall, Stream, chunks, completion, error

PLACE: Final = Path(__file__).parents[2] / "examples"
CHROMIUM: Final = Path("/usr/bin/chromium")
MODEL: Final = "gpt-4o-mini"
SYSTEM: Final[Any] = {"role": "system", "content": "You are the night desk of a railway. Answer in one sentence."}
TOOL: Final[Any] = {
    "type": "function",
    "function": {
        "name": "departures",
        "description": "The next departures of a station.",
        "parameters": {"type": "object", "properties": {"station": {"type": "string"}}, "required": ["station"]},
    },
}
CALL: Final = {
    "id": "call_7",
    "type": "function",
    "function": {"name": "departures", "arguments": '{"station": "Oslo S"}'},
}
USAGE: Final = {"prompt_tokens": 412, "completion_tokens": 31, "total_tokens": 443}


def talk(client: OpenAI, said: str, **more: Any) -> None:
    """Ask the model one thing; what fails is in the picture."""
    try:
        made = client.chat.completions.create(model=MODEL, messages=[SYSTEM, {"role": "user", "content": said}], **more)
        for _ in made if "stream" in more else ():
            pass
    except OpenAIError:
        pass


@trace(kind="TOOL")
def departures(station: str) -> dict[str, str]:
    """Look them up."""
    time.sleep(0.2)
    return {"station": station, "next": "22:14 to Bergen", "track": "7"}


@trace(name="answer a customer", session="night-17", user="kari")
def answer(client: OpenAI, question: str) -> str:
    """Ask the model, which has a bad evening; look up the departures, as it wants; ask again, for a stream."""
    messages: list[Any] = [SYSTEM, {"role": "user", "content": question}]
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
    messages += [asked.choices[0].message]
    for call in asked.choices[0].message.tool_calls or ():
        messages += [{"role": "tool", "tool_call_id": call.id, "content": json.dumps(departures("Oslo S"))}]
    made = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL], stream=True)
    return "".join(piece.choices[0].delta.content or "" for piece in made if piece.choices)


def spoken(text: str) -> Answer:
    """Return an answer that comes word by word, with a pause in it."""
    return Stream(chunks([f"{word} " for word in text.split(" ")], usage=USAGE), before=Stall(0.35), delay=0.05)


EVENING: Final[tuple[Answer, ...]] = (
    Reply(completion("It left on time, at 21:58.", usage=USAGE), before=Stall(0.4)),
    spoken("The waiting room at Hamar is open until the last train has left."),
    Reply(error("Incorrect API key provided.", code="invalid_api_key"), status=401, before=Stall(0.1)),
    Reply(completion("Never sent."), before=Stall()),
    Reply(
        error("Rate limit reached", kind="requests"), status=429, headers={"retry-after-ms": "900"}, before=Stall(0.1)
    ),
    Reply(error("Overloaded", kind="server_error"), status=503, before=Stall(0.3)),
    Reply(completion(None, tool_calls=[CALL], finish_reason="tool_calls", usage=USAGE), before=Stall(0.5)),
    spoken("The next one to Bergen leaves at 22:14 from track 7, and it has a sleeping car."),
    Reply(completion("Gladly: change at Hamar.", usage=USAGE), before=Stall(0.3)),
)


def evening(url: str) -> None:
    """Play the calls of the evening, and return when the dashboard has them."""
    pipeline = configure(project="night-desk", environment="production", endpoint=url)
    OpenAIInstrumentor().instrument()
    with OpenAIServer() as server:
        server.script(*EVENING)
        with OpenAI(base_url=server.base_url, api_key="test", max_retries=3, timeout=0.9) as client:
            with using(session="night-16", user="ola"):
                talk(client, "Did the 21:58 leave on time?")
                talk(client, "May I wait inside?", stream=True)
            talk(client.with_options(max_retries=0), "Is anybody there?")
            answer(client, "When is the next train to Bergen, and does it have beds?")
            with using(session="night-17", user="kari"):
                talk(client, "And to Trondheim?")
    pipeline.shutdown()


@contextmanager
def dashboard() -> Iterator[tuple[str, Store]]:
    """Run a dashboard for the block, and give its address and its store."""
    with TemporaryDirectory() as directory:
        store = Store(Path(directory) / "traces.db")
        server = Server(store, Access(), 0)
        server.start()
        yield server.url, store
        server.stop()
        store.close()


def main() -> None:
    """Write the pictures."""
    with dashboard() as (url, store), browsing(CHROMIUM) as page:
        evening(url)
        page.set_viewport_size({"width": 1280, "height": 620})
        page.goto(url)
        page.wait_for_selector("[data-row]")
        page.screenshot(path=PLACE / "dashboard-traces.png")
        ((slowest,),) = store.read("SELECT trace FROM traces ORDER BY end - start DESC LIMIT 1")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{url}/traces/{slowest}")
        page.wait_for_selector("[data-row]")
        page.screenshot(path=PLACE / "dashboard-trace.png")
    print("The pictures of the dashboard are drawn anew.")  # noqa: T201 - a command's word


if __name__ == "__main__":
    main()
