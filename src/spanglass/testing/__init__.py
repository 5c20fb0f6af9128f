"""What tests of programs that call OpenAI need: a scriptable server over real HTTP, and the spans of what ran.

with OpenAIServer() as server, captured_spans() as captured:
    server.script(Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"}), Stream(chunks(["Hi"])))
    ...  # a program that calls OpenAI(base_url=server.base_url, api_key="test")
    captured.spans  # what it left behind
"""

from spanglass.testing.answers import Answer, HangUp, Reply, Request, Stall, Stream
from spanglass.testing.bodies import chunks, completion, error
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
    "error",
]
