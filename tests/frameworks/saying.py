"""What the model says, in the words of whichever endpoint is asked, streamed where that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from spanglass.testing import Answer, Reply, Request, Stream, chunks, completion, response, response_events, said
from spanglass.testing.bodies import USAGE
from spanglass.testing.server import default_answer


@dataclass(frozen=True)
class Said:
    """One answer of the model: a text, or a call of the tool `name` with `arguments` as JSON text."""

    text: str | None = None
    name: str | None = None
    arguments: str = ""

    @property
    def finish(self) -> str:
        """Why a chat ends with it."""
        return "tool_calls" if self.name else "stop"

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls of tools, as a chat has them."""
        own = {"name": self.name, "arguments": self.arguments}
        return [{"id": "call_1", "type": "function", "function": own}] if self.name else []

    @property
    def item(self) -> dict[str, Any]:
        """The item that it is in a response."""
        if not self.name:
            return said(self.text or "")
        own = {"name": self.name, "arguments": self.arguments}
        return {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", **own}

    def __call__(self, request: Request) -> Answer:
        """Answer a request of the server's."""
        answer = ANSWERS.get(urlsplit(request.path).path)
        return default_answer(request) if answer is None else answer(self, request.json())


def _chat(words: Said, asked: Mapping[str, Any]) -> Answer:
    head: dict[str, Any] = {"model": asked["model"], "finish_reason": words.finish}
    if not asked.get("stream"):
        return Reply(completion(words.text, tool_calls=words.calls or None, **head))
    counted = (asked.get("stream_options") or {}).get("include_usage")
    pieces = (words.text[:2], words.text[2:]) if words.text else ()
    return Stream(chunks(pieces, usage=USAGE if counted else None, tool_calls=words.calls, **head))


def _response(words: Said, asked: Mapping[str, Any]) -> Answer:
    if asked.get("stream"):
        return Stream(response_events([words.item], model=asked["model"]), done=False)
    return Reply(response([words.item], model=asked["model"]))


ANSWERS = {"/v1/chat/completions": _chat, "/v1/responses": _response}
