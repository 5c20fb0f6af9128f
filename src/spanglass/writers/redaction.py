"""Hiding content, and taking credentials out of texts whether content is hidden or not."""

import re
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from typing import Any

from spanglass.record import Attempt, Failure, Message, Record, ToolCall
from spanglass.semconv import openinference as oi

REDACTED = "__REDACTED__"

# What of a record says nothing of the content. Every other field is emptied, those of later versions too.
KEPT = frozenset({
    "name", "kind", "operation", "start", "duration", "system", "provider", "address", "port", "helper", "streamed",
    "request_model", "response_model", "response_id", "service_tier", "fingerprint", "usage", "stream", "split",
})  # fmt: skip
KEPT_CONTEXT = frozenset({oi.SESSION_ID, oi.USER_ID, oi.TAG_TAGS, oi.METADATA})


def redact(record: Record) -> None:
    """Empty the record of content, in place: what remains are names, counts, times and ids."""
    held = [(field.name, getattr(record, field.name)) for field in fields(Record) if field.name not in KEPT]
    # All of it goes before any is put back, so that an error in between hides more and not less.
    for name, _ in held:
        setattr(record, name, None)
    for name, value in held:
        if value is not None and name in REDUCED:
            setattr(record, name, REDUCED[name](value))


def _mark(_: Any) -> str:
    return REDACTED


def _text_plain(_: Any) -> str:
    return "text/plain"


def _numbers(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if value.__class__ in {bool, int, float}}


def _messages(messages: list[Message]) -> list[Message]:
    return [_message(message) for message in messages]


def _message(message: Message) -> Message:
    had_content = message.content is not None or message.parts
    return Message(
        role=message.role,
        content=REDACTED if had_content else None,
        refusal=None if message.refusal is None else REDACTED,
        tool_calls=message.tool_calls and [ToolCall(id=call.id) for call in message.tool_calls],
        tool_call_id=message.tool_call_id,
        finish_reason=message.finish_reason,
    )


def _failure(failure: Failure) -> Failure:
    return Failure(
        type=failure.type,
        message=REDACTED,
        status=failure.status,
        code=failure.code,
        api_type=failure.api_type,
        request_id=failure.request_id,
        cancelled=failure.cancelled,
    )


def _attempts(attempts: list[Attempt]) -> list[Attempt]:
    for attempt in attempts:
        failure, attempt.failure = attempt.failure, None
        attempt.failure = None if failure is None else _failure(failure)
    return attempts


def _context(context: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name in KEPT_CONTEXT}


REDUCED: dict[str, Callable[[Any], Any]] = {
    "parameters": _numbers,
    "input_messages": _messages,
    "output_messages": _messages,
    "input_value": _mark,
    "input_mime": _text_plain,
    "output_value": _mark,
    "output_mime": _text_plain,
    "failure": _failure,
    "attempts": _attempts,
    "context": _context,
}


def _after_its_name(found: "re.Match[str]") -> str:
    return found[1] + REDACTED


# Each pattern passes over a text once, whatever it is: no two of its starts can run over the same characters.
_CREDENTIALS = (
    # Userinfo in a URL.
    (re.compile(r"""(?<=://)[^\s/?#"'<>]+(?=@)"""), REDACTED),
    # Keys by their form: of OpenAI and its kin, also half masked by the provider; of Google and AWS; JSON web tokens.
    (re.compile(r"(?<![A-Za-z0-9])(?:(?:sk|gsk|xai)[-_]|sess-)[\w*-]{8,}"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])(?:AIza[\w-]{35}|(?:AKIA|ASIA)[A-Z0-9]{16})"), REDACTED),
    (re.compile(r"(?<![\w.-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), REDACTED),
    # Parameters of a URL, by their names.
    (
        re.compile(
            r"(?i)([?&#;]"
            r"(?=code=|[\w.%-]*?(?:key|token|secret|password|signature|credential|auth(?!ors?=)|(?<![a-z])sig(?![a-z])))"
            r"""[\w.%-]+=)[^\s&#"'<>]+"""
        ),
        _after_its_name,
    ),
    # Headers and settings, by their names: `api-key: …`, `"api_key": "…"`, `API key provided: …`.
    (
        re.compile(
            r"(?i)((?:(?:api|access|auth|subscription)[-_ ]?(?:key|token)|client[-_ ]?secret|authorization|password)"
            r"""(?:[ ]provided)?\\?["']?\s{0,8}[:=]\s{0,8}\\?["']?(?:(?:bearer|basic)\s{1,8})?)"""
            r"""[^\s"'\\&,;<>(){}\[\]]+"""
        ),
        _after_its_name,
    ),
    (re.compile(r"""(?i)(\bbearer\s{1,8})(?!(?:auth|token)[\s,;()])[^\s"'\\,;<>()]+"""), _after_its_name),
)
# Longer than any blank that a pattern passes over.
SEAM = "\n" * 10
_URL_USERINFO = re.compile(r"^([^/?#]*://)[^/?#]*@")


def scrub(text: str) -> str:
    """Return the text without the credentials in it: keys, bearer tokens, userinfo and signatures of URLs."""
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=64)  # a program has few
def scrub_url(url: str) -> str:
    """Return the URL without the credentials in it; all that stands before its host's `@` counts as userinfo."""
    return scrub(_URL_USERINFO.sub(rf"\1{REDACTED}@", url))


def scrub_failure(failure: Failure) -> None:
    """Take the credentials out of a failure's texts, in place."""
    if failure.stacktrace is None:
        failure.message = scrub(failure.message)
    else:  # both at once, on lines of their own: each pass costs
        texts = scrub(f"{failure.message}{SEAM}{failure.stacktrace}").partition(SEAM)
        failure.message, failure.stacktrace = texts[0], texts[2]
