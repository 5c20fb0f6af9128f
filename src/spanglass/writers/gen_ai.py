"""A call in OpenTelemetry's names for generative AI."""

from operator import attrgetter
from typing import Any

from spanglass.plain import encode, fields
from spanglass.record import Message, Part, Record, ToolCall
from spanglass.semconv import gen_ai as ai
from spanglass.semconv import otel
from spanglass.writers.table import NANOSECONDS, table
from spanglass.writers.writer import Writer

# Where this convention's word is another than OpenInference's.
PROVIDERS = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistralai": "mistral_ai",
    "vertexai": "gcp.vertex_ai",
    "xai": "x_ai",
}
API_TYPES = {
    "ChatCompletion": "chat_completions",
    **dict.fromkeys(("Response", "CompactResponse", "RetrieveResponse", "CancelResponse"), "responses"),
}
FINISH_REASONS = {
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "completed": "stop",
    "max_output_tokens": "length",
    "failed": "error",
}
FETCH = "fetch_response"
OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}
# A parameter of the request, its attribute, the attribute's type, and the value that says nothing.
PARAMETERS: tuple[tuple[str, str, type, Any], ...] = (
    ("temperature", ai.GEN_AI_REQUEST_TEMPERATURE, float, None),
    ("top_p", ai.GEN_AI_REQUEST_TOP_P, float, None),
    ("frequency_penalty", ai.GEN_AI_REQUEST_FREQUENCY_PENALTY, float, None),
    ("presence_penalty", ai.GEN_AI_REQUEST_PRESENCE_PENALTY, float, None),
    ("max_tokens", ai.GEN_AI_REQUEST_MAX_TOKENS, int, None),
    ("max_completion_tokens", ai.GEN_AI_REQUEST_MAX_TOKENS, int, None),
    ("seed", ai.GEN_AI_REQUEST_SEED, int, None),
    ("top_k", ai.GEN_AI_REQUEST_TOP_K, int, None),
    ("max_output_tokens", ai.GEN_AI_REQUEST_MAX_TOKENS, int, None),
    ("encoding_format", ai.GEN_AI_REQUEST_ENCODING_FORMATS, list, None),
    ("starting_after", ai.GEN_AI_REQUEST_STREAM_CURSOR, str, None),
    ("n", ai.GEN_AI_REQUEST_CHOICE_COUNT, int, 1),
    ("stream", ai.GEN_AI_REQUEST_STREAM, bool, False),
    ("stop", ai.GEN_AI_REQUEST_STOP_SEQUENCES, list, None),
    ("reasoning_effort", ai.GEN_AI_REQUEST_REASONING_LEVEL, str, None),
    ("service_tier", ai.OPENAI_REQUEST_SERVICE_TIER, str, "auto"),
)

_START = table(
    (ai.GEN_AI_OPERATION_NAME, "operation"),
    (ai.GEN_AI_REQUEST_MODEL, "request_model"),
    (otel.SERVER_ADDRESS, "address"),
    (otel.SERVER_PORT, "port"),
)
_RESPONSE = table(
    (ai.GEN_AI_RESPONSE_ID, "response_id"),
    (ai.GEN_AI_RESPONSE_MODEL, "response_model"),
    (ai.OPENAI_RESPONSE_SERVICE_TIER, "service_tier"),
    (ai.OPENAI_RESPONSE_SYSTEM_FINGERPRINT, "fingerprint"),
    (ai.GEN_AI_CONVERSATION_ID, "conversation"),
    (ai.GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID, "previous_response"),
    (ai.GEN_AI_EMBEDDINGS_DIMENSION_COUNT, "dimensions"),
)
_TOOL = table((ai.GEN_AI_TOOL_CALL_ID, "id"), (ai.GEN_AI_TOOL_DESCRIPTION, "description"))
_TOOL_VALUES = table((ai.GEN_AI_TOOL_CALL_ARGUMENTS, "input_value"), (ai.GEN_AI_TOOL_CALL_RESULT, "output_value"))
_USAGE = table(
    (ai.GEN_AI_USAGE_INPUT_TOKENS, "prompt"),
    (ai.GEN_AI_USAGE_OUTPUT_TOKENS, "completion"),
    (ai.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, "cache_read"),
    (ai.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS, "cache_write"),
    (ai.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, "reasoning"),
    (ai.GEN_AI_USAGE_AUDIO_INPUT_TOKENS, "prompt_audio"),
    (ai.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS, "completion_audio"),
)


def writer(*, capture: bool) -> Writer:
    """Return the convention's writer; messages and tools are written only where `capture`."""
    return Writer("gen_ai", _span_name, _start, _write_with_content if capture else _write, marks_success=False)


def tool_writer(*, capture: bool) -> Writer:
    """Return the convention's writer of a tool's run; arguments and result are written only where `capture`."""
    return Writer(
        "gen_ai",
        attrgetter("name"),
        _start_nothing,
        _write_tool_with_content if capture else _write_tool,
        marks_success=False,
    )


def _span_name(record: Record) -> str:
    return record.operation if record.request_model is None else f"{record.operation} {record.request_model}"


def _start(record: Record, out: dict[str, Any]) -> None:
    _START(record, out)
    # An unknown host that speaks the API of OpenAI counts as OpenAI.
    provider = record.provider or record.system or "openai"
    out[ai.GEN_AI_PROVIDER_NAME] = PROVIDERS[provider] if provider in PROVIDERS else provider


def _write(record: Record, out: dict[str, Any]) -> None:
    _RESPONSE(record, out)
    if record.name in API_TYPES:
        out[ai.OPENAI_API_TYPE] = API_TYPES[record.name]
    if record.parameters:
        _write_parameters(record.parameters, out)
    if record.usage is not None and record.usage.counted:
        _USAGE(record.usage, out)
    if record.status is not None and record.operation == FETCH:
        out[ai.GEN_AI_RESPONSE_STATUS] = record.status
    if record.stream is not None and record.stream.first is not None:
        out[ai.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = record.stream.first / NANOSECONDS
    if record.failure is not None:
        out[otel.ERROR_TYPE] = record.failure.type
    if record.finish_reason is not None:
        reasons: list[str | None] = [record.finish_reason]
    else:
        reasons = [one.finish_reason for one in record.output_messages or record.choices or ()]
    if any(reasons):
        out[ai.GEN_AI_RESPONSE_FINISH_REASONS] = [_finish_reason(reason) for reason in reasons]


def _write_parameters(parameters: dict[str, Any], out: dict[str, Any]) -> None:
    for key, name, kind, nothing in PARAMETERS:
        if key not in parameters:
            continue
        value = parameters[key]
        if kind is float and value.__class__ is int:
            value = float(value)
        elif kind is list and value.__class__ is str:
            value = [value]
        elif kind is str and value.__class__ is int:
            value = str(value)
        if value.__class__ is kind and value != nothing:
            out[name] = value
    if "response_format" in parameters or "text" in parameters or "reasoning" in parameters:
        _write_nested(parameters, out)


def _write_nested(parameters: dict[str, Any], out: dict[str, Any]) -> None:
    asked: Any = None
    if "response_format" in parameters:
        asked = fields(parameters["response_format"]).get("type")
    elif "text" in parameters:
        asked = fields(fields(parameters["text"]).get("format")).get("type")
    if asked.__class__ is str and asked in OUTPUT_TYPES:
        out[ai.GEN_AI_OUTPUT_TYPE] = OUTPUT_TYPES[asked]
    if "reasoning" in parameters:
        effort: Any = fields(parameters["reasoning"]).get("effort")
        if effort.__class__ is str:
            out[ai.GEN_AI_REQUEST_REASONING_LEVEL] = effort


def _finish_reason(reason: str | None) -> str:
    if reason is None:
        return "error"  # the convention's word for a reason that should have come
    return FINISH_REASONS.get(reason, reason)


def _write_with_content(record: Record, out: dict[str, Any]) -> None:
    _write(record, out)
    sent = record.input_messages or [Message("user", prompt) for prompt in record.prompts or ()]
    received = record.output_messages or [Message("assistant", choice.text) for choice in record.choices or ()]
    if record.instructed and sent:
        out[ai.GEN_AI_SYSTEM_INSTRUCTIONS] = encode(_message(sent[0])["parts"])
        sent = sent[1:]
    if sent:
        out[ai.GEN_AI_INPUT_MESSAGES] = encode([_message(message) for message in sent])
    if received:
        out[ai.GEN_AI_OUTPUT_MESSAGES] = encode([_message(message) for message in received])
    if record.tools:
        out[ai.GEN_AI_TOOL_DEFINITIONS] = encode([_definition(tool) for tool in record.tools])


def _message(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if message.reasoning is not None:
        parts += [{"type": "reasoning", "content": message.reasoning}]
    if message.content is not None:
        parts += [{"type": "text", "content": message.content}]
    parts += [_part(part) for part in message.parts or ()]
    if message.refusal is not None:
        parts += [{"type": "refusal", "content": message.refusal}]
    hosted = [call for call in message.tool_calls or () if call.hosted is not None]
    if hosted and parts:
        parts = [_given(hosted[0], message.content if message.parts is None else parts)]
    parts = [*map(_tool_call, hosted), *parts]
    parts += [_tool_call(call) for call in message.tool_calls or () if call.hosted is None]
    if message.function_name is not None:
        parts += [{"type": "tool_call", "name": message.function_name, "arguments": message.function_arguments}]
    if message.tool_call_id is not None:
        response = message.content if message.parts is None else parts
        parts = [{"type": "tool_call_response", "id": message.tool_call_id, "response": response}]
    named = {} if message.name is None else {"name": message.name}
    return {"role": message.role, "parts": parts, **named}


def _tool_call(call: ToolCall) -> dict[str, Any]:
    if call.hosted is None:
        return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
    hosted = {"type": call.hosted, "arguments": call.arguments}
    return {"type": "server_tool_call", "id": call.id, "name": call.name, "server_tool_call": hosted}


def _given(call: ToolCall, results: Any) -> dict[str, Any]:
    """Return what a call has given that the provider has answered itself, which is nothing that the model says."""
    response = {"type": call.hosted, "output": results}
    return {"type": "server_tool_call_response", "id": call.id, "server_tool_call_response": response}


def _part(part: Part) -> dict[str, Any]:
    if part.kind not in {"image", "audio", "file"}:
        return {"type": part.kind, "content": part.text}
    url = part.url or ""
    start, comma, data = url.partition(";base64,")
    found: dict[str, Any] = {"type": "uri", "uri": url}
    if url.startswith("data:") and comma:
        found = {"type": "blob", "mime_type": start.removeprefix("data:"), "content": data}
    elif part.id is not None:
        found = {"type": "file", "file_id": part.id}
    if part.mime is not None:
        found["mime_type"] = part.mime
    return {**found, "modality": part.kind}


def _definition(tool: Any) -> Any:
    """Lift the function that Chat Completions nests: the convention's definition is flat."""
    own = fields(tool)
    function = fields(own.get("function"))
    return {"type": own.get("type"), **function} if function else tool


def _start_nothing(_record: Record, _out: dict[str, Any]) -> None:
    """Write nothing: a tool has no model, and no server."""


def _write_tool(record: Record, out: dict[str, Any]) -> None:
    if record.tool is None:  # a function of the program's own
        return
    out[ai.GEN_AI_OPERATION_NAME] = "execute_tool"
    out[ai.GEN_AI_TOOL_NAME] = record.name
    out[ai.GEN_AI_TOOL_TYPE] = "function"  # the convention's word for what runs on the client's side
    _TOOL(record.tool, out)
    if record.failure is not None:
        out[otel.ERROR_TYPE] = record.failure.type


def _write_tool_with_content(record: Record, out: dict[str, Any]) -> None:
    _write_tool(record, out)
    if record.tool is not None:
        _TOOL_VALUES(record, out)
