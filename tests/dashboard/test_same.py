"""What all pages say of the same thing."""

import html
import re

from openai import OpenAI
from serving import Dashboard

from spanglass import using
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, completion

pytest_plugins = ["served"]

USAGE = {"prompt_tokens": 1200, "completion_tokens": 34, "total_tokens": 1234}
COUNTS = {"llm.token_count.prompt": 1200, "llm.token_count.completion": 34, "llm.token_count.total": 1234}


def seen(text: str) -> str:
    """Return what is read of a page, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


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
