"""What all pages say of the same thing."""

import html
import re

from asked import call
from openai import OpenAI
from opentelemetry.sdk.trace import Event
from seen import Seen
from serving import Dashboard
from showing import calls, chat, made, path_of, says

from spanglass import using
from spanglass.dashboard.detail import detail
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, completion

pytest_plugins = ["served"]

USAGE = {"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}
COUNTS = {"llm.token_count.prompt": 1200, "llm.token_count.completion": 34, "llm.token_count.total": 1234}


def seen(text: str) -> str:
    """Return what is read of a page, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_an_attribute_leads_to_its_traces(dashboard: Dashboard) -> None:
    """Each attribute that is a link finds the trace that it stands in, whatever it is and is named."""
    values = {
        "spaces": "  lead and trail ",
        "lines": "a\r\nb\n",
        "equals": "=",
        "a=b": "c = d",
        " name ": "x",
        "empty": "",
        "é": "Zürich ß İ 日",
        "markup": "<b>&amp;\"'",
        "brace": "{{7*7}}",
        "true": True,
        "half": 0.5,
        "large": 1e300,
        "endless": float("inf"),
        "none": -1,
        "bidi": "\u202ex\u0000",
        "percent": "100 %&+;#",
        "long": "x" * 256,
    }
    attributes = {"openinference.span.kind": "LLM", **values}
    dashboard.send([made(attributes, resource={"openinference.project.name": " spaces "})])
    links = {
        html.unescape(link) for link in re.findall(r'<a href="(/\?attr=[^"]+)"', dashboard.ask(_first(dashboard)).text)
    }
    found = {link: 'id="rows"' in dashboard.ask(link).text for link in links}
    project = dashboard.ask("/?project=+spaces+").text

    assert (len(values) + 2, [], True) == (
        len(links),
        [link for link, there in found.items() if not there],
        'id="rows"' in project,
    )


def _first(dashboard: Dashboard) -> str:
    return Seen(dashboard.ask("/").text).links["ChatCompletion"]


def test_a_call_in_a_framework_counts_once(dashboard: Dashboard, captured: CapturedSpans, server: OpenAIServer) -> None:
    """A call that a framework's span is around has its tokens once: in the list, its trace and its session."""
    server.script(Reply(completion("Hi", usage=USAGE)))
    framework = captured.provider.get_tracer("openinference.instrumentation.langchain")
    asked = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hi"}
    attributes = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "session.id": "s"}
    with (
        framework.start_as_current_span("ChatOpenAI", attributes={**attributes, **asked, **COUNTS}),
        OpenAI(base_url=server.base_url, api_key="test") as client,
        using(session="s"),
    ):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
    dashboard.send(captured.spans)
    context = captured.spans[0].context
    assert context is not None
    pages = ("/", f"/traces/{context.trace_id:032x}?span={context.span_id:016x}", "/session?id=s")
    shown = [seen(dashboard.ask(page).text) for page in pages]
    wanted = ("1,200 in 34 out", "tokens 1,200 in + 34 out", "1 call tokens 1,200 in + 34 out")

    assert [] == [text for said, text in zip(wanted, shown, strict=True) if said not in text]


def test_without_a_script_no_button_is_dead(dashboard: Dashboard) -> None:
    """A button that only a script serves is not shown before there is one."""
    empty = dashboard.ask("/").text
    span = made({"openinference.span.kind": "LLM", "session.id": "s"})
    dashboard.send([span])
    pages = [empty, *(dashboard.ask(page).text for page in ("/", path_of(span), "/session?id=s", "/sessions"))]
    buttons = [button for page in pages for button in re.findall(r'<button type="button"[^>]*>', page)]

    assert (True, []) == (len(buttons) > len(pages), [button for button in buttons if not button.endswith(" hidden>")])


def test_a_very_short_span_is_as_short_everywhere(dashboard: Dashboard) -> None:
    """A span of 13 microseconds is told so in the list, its trace, its own page, and its sessions."""
    span = call(1, seconds=13e-6, session__id="s")
    dashboard.send([span])
    pages = [seen(dashboard.ask(page).text) for page in ("/", path_of(span), "/session?id=s", "/sessions")]

    assert [1, 5, 1, 1] == [page.count("13 µs") for page in pages]


def test_an_exception_is_told_of_a_span_that_did_not_fail(dashboard: Dashboard) -> None:
    """An exception that a span met on its way is told, and its page tells caches what it is made for."""
    span = made({}, events=[Event("exception", {"exception.type": "KeyError", "exception.message": "late"})])
    dashboard.send([span])
    answer = dashboard.ask(path_of(span))

    assert (True, "x-spanglass-live") == (
        "Error exception KeyError: late" in seen(answer.text),
        answer.headers["Vary"],
    )


def test_a_tool_that_ran_twice_for_a_call_has_its_first_result() -> None:
    """Of several spans that ran for one call of a tool the first tells the result."""
    asked = made(chat(says("user", "Hi"), received=[calls("look", "{}", "c")]))
    ran = [made({"tool.id": "c", "output.value": said}, name="look") for said in ("first", "second")]
    (call_of_tool,) = detail(asked, [asked, *ran]).cards[-1].calls

    assert ["first"] == [piece.said.text for result in call_of_tool.results for piece in result.pieces if piece.said]
