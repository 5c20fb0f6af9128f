"""What tests of programs that call OpenAI need: a scriptable server over real HTTP, and the spans of what ran.

```python
from openai import OpenAI

from spanglass.testing import OpenAIServer, Reply, Stream, captured_spans, chunks, error

ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
with OpenAIServer() as server, captured_spans() as captured:
    server.script(Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"}), Stream(chunks(["Hi"])))
    with OpenAI(base_url=server.base_url, api_key="test") as client:  # or a program that makes its own
        list(client.chat.completions.create(**ask, stream=True))
    assert [span.name for span in captured.spans] == ["attempt", "attempt", "ChatCompletion"]
```

What is scripted is a body as the API words it, or the chunks of a stream: `completion` and `chunks` make them for chat,
`response` and `response_events` for the Responses API (of texts, or of output items, of which `said` makes a message;
its streams end without a `[DONE]`: `Stream(response_events(), done=False)`), `embeddings` for embeddings, and
`text_completion` and `text_chunks` for completions before chat. A server without a script answers all of these.
"""

from spanglass.testing.answers import Answer, HangUp, Reply, Request, Stall, Stream
from spanglass.testing.bodies import chunks, completion, error
from spanglass.testing.responses import embeddings, response, response_events, said, text_chunks, text_completion
from spanglass.testing.server import OpenAIServer
from spanglass.testing.spans import CapturedSpans, captured_spans

__all__ = [
    "Answer",
    "CapturedSpans",
    "HangUp",
    "OpenAIServer",
    "Reply",
    "Request",
    "Stall",
    "Stream",
    "captured_spans",
    "chunks",
    "completion",
    "embeddings",
    "error",
    "response",
    "response_events",
    "said",
    "text_chunks",
    "text_completion",
]
