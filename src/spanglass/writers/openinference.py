"""A call in OpenInference's names."""

from operator import attrgetter
from typing import Any

from spanglass.plain import encode
from spanglass.record import Message, Part, Record
from spanglass.semconv import openinference as oi
from spanglass.writers.table import table
from spanglass.writers.writer import Writer

_START = table(
    (oi.OPENINFERENCE_SPAN_KIND, "kind"),
    (oi.LLM_SYSTEM, "system"),
    (oi.LLM_PROVIDER, "provider"),
    (oi.LLM_MODEL_NAME, "request_model"),
    (oi.LLM_REQUEST_MODEL_NAME, "request_model"),
)
# Of embeddings, which are no call of a language model.
_START_EMBEDDINGS = table(
    (oi.OPENINFERENCE_SPAN_KIND, "kind"),
    (oi.EMBEDDING_MODEL_NAME, "request_model"),
)
_VALUES_EMBEDDINGS = table(
    (oi.INPUT_VALUE, "input_value"),
    (oi.INPUT_MIME_TYPE, "input_mime"),
    (oi.OUTPUT_VALUE, "output_value"),
    (oi.OUTPUT_MIME_TYPE, "output_mime"),
    (oi.EMBEDDING_MODEL_NAME, "response_model"),
)
_VALUES = table(
    (oi.INPUT_VALUE, "input_value"),
    (oi.INPUT_MIME_TYPE, "input_mime"),
    (oi.OUTPUT_VALUE, "output_value"),
    (oi.OUTPUT_MIME_TYPE, "output_mime"),
    (oi.LLM_RESPONSE_MODEL_NAME, "response_model"),
    (oi.LLM_FINISH_REASON, "finish_reason"),
)
_USAGE = table(
    (oi.LLM_TOKEN_COUNT_PROMPT, "prompt"),
    (oi.LLM_TOKEN_COUNT_COMPLETION, "completion"),
    (oi.LLM_TOKEN_COUNT_TOTAL, "total"),
    (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ, "cache_read"),
    (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE, "cache_write"),
    (oi.LLM_TOKEN_COUNT_PROMPT_DETAILS_AUDIO, "prompt_audio"),
    (oi.LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING, "reasoning"),
    (oi.LLM_TOKEN_COUNT_COMPLETION_DETAILS_AUDIO, "completion_audio"),
)
_TOOL = table(
    (oi.TOOL_ID, "id"),
    (oi.TOOL_DESCRIPTION, "description"),
    (oi.TOOL_PARAMETERS, "parameters"),
)
_EMBEDDING = table((oi.EMBEDDING_TEXT, "text"), (oi.EMBEDDING_VECTOR, "vector"))
_MESSAGE = table(
    (oi.MESSAGE_ROLE, "role"),
    (oi.MESSAGE_CONTENT, "content"),
    (oi.MESSAGE_NAME, "name"),
    (oi.MESSAGE_TOOL_CALL_ID, "tool_call_id"),
    (oi.MESSAGE_FUNCTION_CALL_NAME, "function_name"),
    (oi.MESSAGE_FUNCTION_CALL_ARGUMENTS_JSON, "function_arguments"),
)
_TOOL_CALL = table(
    (oi.TOOL_CALL_ID, "id"),
    (oi.TOOL_CALL_FUNCTION_NAME, "name"),
    (oi.TOOL_CALL_FUNCTION_ARGUMENTS, "arguments"),
)
_TEXT = table(
    (oi.MESSAGE_CONTENT_TYPE, "kind"),
    (oi.MESSAGE_CONTENT_TEXT, "text"),
    (oi.MESSAGE_CONTENT_ID, "id"),
    (oi.MESSAGE_CONTENT_ENCRYPTED_CONTENT, "encrypted"),
)
_PARTS = {
    "image": table(
        (oi.MESSAGE_CONTENT_TYPE, "kind"),
        (f"{oi.MESSAGE_CONTENT_IMAGE}.{oi.IMAGE_URL}", "url"),
        (oi.MESSAGE_CONTENT_TEXT, "text"),
    ),
    "audio": table(
        (oi.MESSAGE_CONTENT_TYPE, "kind"),
        (f"{oi.MESSAGE_CONTENT_AUDIO}.{oi.AUDIO_URL}", "url"),
        (f"{oi.MESSAGE_CONTENT_AUDIO}.{oi.AUDIO_MIME_TYPE}", "mime"),
        (f"{oi.MESSAGE_CONTENT_AUDIO}.{oi.AUDIO_TRANSCRIPT}", "text"),
    ),
    "file": table(
        (f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_ID}", "id"),
        (f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_NAME}", "name"),
        (f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_URL}", "url"),
        (f"{oi.MESSAGE_CONTENT_DOCUMENT}.{oi.DOCUMENT_MIME_TYPE}", "mime"),
        (oi.MESSAGE_CONTENT_TEXT, "text"),
    ),
}


def _write(record: Record, out: dict[str, Any]) -> None:
    _VALUES(record, out)
    if record.response_model is not None and record.response_model != record.request_model:
        out[oi.LLM_MODEL_NAME] = record.response_model
    if record.parameters:
        out[oi.LLM_INVOCATION_PARAMETERS] = encode(record.parameters)
    for number, tool in enumerate(record.tools or ()):
        out[f"{oi.LLM_TOOLS}.{number}.{oi.TOOL_JSON_SCHEMA}"] = encode(tool)
    if record.input_messages:
        _write_messages(oi.LLM_INPUT_MESSAGES, record.input_messages, out)
    if record.output_messages:
        _write_messages(oi.LLM_OUTPUT_MESSAGES, record.output_messages, out)
        if record.output_messages[0].finish_reason is not None:
            out[oi.LLM_FINISH_REASON] = record.output_messages[0].finish_reason
    if record.prompts is not None or record.choices is not None:
        _write_completion(record, out)
    if record.usage is not None and record.usage.counted:
        _USAGE(record.usage, out)
    if record.context:
        out |= record.context


def _write_embeddings(record: Record, out: dict[str, Any]) -> None:
    _VALUES_EMBEDDINGS(record, out)
    if record.parameters:
        out[oi.EMBEDDING_INVOCATION_PARAMETERS] = encode(record.parameters)
    for number, embedding in enumerate(record.embeddings or ()):
        _EMBEDDING(embedding, out, f"{oi.EMBEDDING_EMBEDDINGS}.{number}.")
    if record.usage is not None:
        _USAGE(record.usage, out)
    if record.context:
        out |= record.context


def _write_work(record: Record, out: dict[str, Any]) -> None:
    _VALUES(record, out)
    if record.tool is not None:
        _TOOL(record.tool, out)
    if record.context:
        out |= record.context


def _write_completion(record: Record, out: dict[str, Any]) -> None:
    for number, prompt in enumerate(record.prompts or ()):
        out[f"{oi.LLM_PROMPTS}.{number}.{oi.PROMPT_TEXT}"] = prompt
    for number, choice in enumerate(record.choices or ()):
        if choice.text is not None:
            out[f"{oi.LLM_CHOICES}.{number}.{oi.COMPLETION_TEXT}"] = choice.text
    if record.choices and record.choices[0].finish_reason is not None:
        out[oi.LLM_FINISH_REASON] = record.choices[0].finish_reason


def _write_messages(prefix: str, messages: list[Message], out: dict[str, Any]) -> None:
    for number, message in enumerate(messages):
        at = f"{prefix}.{number}."
        _MESSAGE(message, out, at)
        if message.parts or message.refusal is not None or message.reasoning is not None:
            _write_parts(message, out, at)
        for count, call in enumerate(message.tool_calls or ()):
            _TOOL_CALL(call, out, f"{at}{oi.MESSAGE_TOOL_CALLS}.{count}.")


def _write_parts(message: Message, out: dict[str, Any], at: str) -> None:
    parts = message.parts or []
    if message.reasoning is not None:
        parts = [Part("reasoning", message.reasoning), *parts]
    if message.refusal is not None:
        if message.content is None and not message.parts:
            out[at + oi.MESSAGE_CONTENT] = message.refusal
        else:
            parts = [*parts, Part("refusal", message.refusal)]
    for number, part in enumerate(parts):
        here = f"{at}{oi.MESSAGE_CONTENTS}.{number}."
        if part.kind == "file":
            out[here + oi.MESSAGE_CONTENT_TYPE] = "document"
        rows = _PARTS[part.kind] if part.kind in _PARTS else _TEXT
        rows(part, out, here)


WRITER = Writer("openinference", attrgetter("name"), _START, _write, marks_success=True)
EMBEDDINGS = WRITER._replace(start=_START_EMBEDDINGS, write=_write_embeddings)
WORK = WRITER._replace(write=_write_work)
