"""The dashboard from end to end: a program's calls, sent by OTLP over HTTP, are in its pages."""

from openai import OpenAI
from serving import Dashboard

from spanglass.testing import CapturedSpans, OpenAIServer

pytest_plugins = ["served"]


def test_a_call_is_in_the_list(dashboard: Dashboard, captured: CapturedSpans, server: OpenAIServer) -> None:
    """A call that was sent to the dashboard stands in its list, with a link to its trace."""
    with OpenAI(base_url=server.base_url, api_key="test") as client:
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
    (span,) = captured.spans
    dashboard.send([span])
    assert span.context is not None
    link = f"/traces/{span.context.trace_id:032x}"

    assert link in dashboard.ask("/").text
    assert dashboard.ask(link).status == 200
