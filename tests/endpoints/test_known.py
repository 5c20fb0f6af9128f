"""What the SDK knows, asked of the SDK: every part of it is read, or stands here with the reason why not.

An older SDK knows less; a newer one that knows more fails here with the name. The parts of a chat are in
`test_parameters.py`.
"""

from collections.abc import Collection, Mapping
from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple

import pytest
from openai.types import Completion, CompletionUsage, CreateEmbeddingResponse, create_embedding_response
from openai.types.chat import ChatCompletion
from unions import current, hints, literals, shapes, types, words

from spanglass.calls.patch import METHODS
from spanglass.credentials import PARAMETERS
from spanglass.endpoints import chat, completions, responses
from spanglass.endpoints.bodies import TOOLS
from spanglass.endpoints.events import ENDS, MERGED
from spanglass.endpoints.items import ITEMS, MESSAGE, PARTS
from spanglass.endpoints.usage import USAGE, USAGE_DETAILS, read_usage
from spanglass.record import Record
from spanglass.testing import response
from spanglass.writers import gen_ai


def of_sdk(module: str, name: str) -> Any:
    """Return what stands in a module of the SDK's types, or None where there is no such thing."""
    try:
        return getattr(import_module(f"openai.types.{module}"), name, None)
    except ImportError:
        return None


def union(*names: tuple[str, str]) -> list[Any]:
    """Return the classes in these unions of the SDK."""
    return [shape for name in names for shape in shapes(of_sdk(*name))]


def under(found: list[Any], *names: str) -> set[str]:
    """Return the types of what stands in these fields of the classes."""
    return types(shape for one in found for name in names for shape in shapes(hints(one).get(name)))


def held(shape: Any) -> set[str]:
    """Return the names of a class's fields."""
    return set() if shape is None else set(hints(shape))


RESULTS = union(
    ("responses.response_output_item", "ResponseOutputItem"),
    ("beta.beta_response_output_item", "BetaResponseOutputItem"),
)
INPUTS = union(
    ("responses.response_input_item_param", "ResponseInputItemParam"),
    ("responses.response_input_param", "ResponseInputItemParam"),
    ("beta.beta_response_input_item_param", "BetaResponseInputItemParam"),
)
LISTED = union(("responses.response_item", "ResponseItem"), ("beta.beta_response_item", "BetaResponseItem"))
EVENTS = union(
    ("responses.response_stream_event", "ResponseStreamEvent"),
    ("beta.beta_response_stream_event", "BetaResponseStreamEvent"),
)
TOOLS_SENT = union(("responses.tool_param", "ToolParam"), ("beta.beta_tool_param", "BetaToolParam"))
TOOLS_TOLD = union(("responses.tool", "Tool"), ("beta.beta_tool", "BetaTool"))
RESPONSE = of_sdk("responses.response", "Response")
BETA_RESPONSE = of_sdk("beta.beta_response", "BetaResponse")
COMPACTED = of_sdk("responses.compacted_response", "CompactedResponse")
USED = of_sdk("responses.response_usage", "ResponseUsage")
TOOLS_USED = of_sdk("responses.response", "ToolUsage")
INCOMPLETE = of_sdk("responses.response", "IncompleteDetails")


class Known(NamedTuple):
    """What the SDK has of one kind; what of it is read, and what is left, with the reason; what only others have."""

    sdk: set[str]
    read: Collection[str]
    left: Mapping[str, str] = {}
    others: frozenset[str] = frozenset()


PROGRESS = "how far a call is, which its item tells when it is done"
PREVIEW = "the sound or the picture itself, which may be large: the item has the whole one, a transcript the words"
EVENTS_LEFT = {
    "response.audio.delta": PREVIEW,
    "response.audio.done": "the end of a sound",
    "response.image_generation_call.partial_image": PREVIEW,
    "response.compaction.compacting": PROGRESS,
    **{
        f"response.{call}.{state}": PROGRESS
        for call, states in {
            "code_interpreter_call": ("in_progress", "interpreting", "completed"),
            "file_search_call": ("in_progress", "searching", "completed"),
            "image_generation_call": ("in_progress", "generating", "completed"),
            "mcp_call": ("in_progress", "completed", "failed"),
            "mcp_list_tools": ("in_progress", "completed", "failed"),
            "web_search_call": ("in_progress", "searching", "completed"),
        }.items()
        for state in states
    },
    "response.shell_call_output_content.done": "the end of what came in pieces, which its item has too",
}
# Of a response, each with a value that the record shows.
RESPONSE_READ: dict[str, Any] = {
    "id": "other",
    "model": "other",
    "service_tier": "other",
    "status": "queued",
    "output": [],
    "usage": None,
    "tool_usage": {"web_search": {"num_requests": 1}},
    "previous_response_id": "other",
    "conversation": {"id": "other"},
    "incomplete_details": {"reason": "other"},
    "error": {"message": "other"},
}
DATES = "when it was made, which the span's own times tell"
RESPONSE_LEFT = {
    "created_at": DATES,
    "completed_at": DATES,
    "object": "always the same word",
    "prompt_cache_diagnostics": "why a cache was missed: in the output's value",
    "input_transformations": "what was made of the input's images: in the output's value",
    "moderation": "a verdict on the content: in the output's value",
}
LEFT = {"created": DATES, "object": "always the same word"}
REASONS = {
    "max_messages": "the convention has no word of its own",
    "steered": "the convention has no word of its own",
    "content_filter": "the convention's own word",
}
BY_NAME = "a convention has no field for it: it is told by its dotted name"
USAGE_LEFT = dict.fromkeys(
    (
        *(f"completion_tokens_details.{name}_prediction_tokens" for name in ("accepted", "rejected")),
        *(f"{side}_tokens_details.text_tokens" for side in ("prompt", "completion")),
        "prompt_tokens_details.image_tokens",
        *(f"input_tokens_details.cache_write_tokens_details.ttl_{time}_tokens" for time in ("30m", "12h")),
    ),
    BY_NAME,
)


def counts(shape: Any, prefix: str = "") -> dict[str, Any]:
    """Return the annotations of the counts in a class of the SDK, within other classes too, by dotted name."""
    found: dict[str, Any] = {}
    for name, hint in ({} if shape is None else hints(shape)).items():
        inner = [*shapes(hint)]
        found |= {f"{prefix}{name}": hint} if not inner else {}
        for one in inner:
            found |= counts(one, f"{prefix}{name}.")
    return found


COUNTS = {name for shape in (CompletionUsage, USED, create_embedding_response.Usage) for name in counts(shape)}
TABLES: dict[str, Known] = {
    "items": Known(types(RESULTS) | types(INPUTS) | types(LISTED), {*ITEMS, MESSAGE}),
    "content parts": Known(
        under([*RESULTS, *INPUTS, *LISTED], "content", "output", "outputs", "summary"),
        PARTS,
        # Of chats, of what is spoken, and of older SDKs.
        others=frozenset({"image_url", "input_audio", "file", "output_audio", "reasoning_summary"}),
    ),
    "tools": Known(
        types(TOOLS_SENT) | types(TOOLS_TOLD) | under([*RESULTS, *INPUTS], "tools"),
        TOOLS,
        others=frozenset({"computer-preview"}),  # of older SDKs
    ),
    "environments of a shell": Known(
        under([*RESULTS, *INPUTS], "environment"), {"container_reference"}, {"local": "the program runs it"}
    ),
    "executions of a search": Known(
        {word for one in [*RESULTS, *INPUTS] for word in words(one, "execution")},
        {"client"},
        {"server": "the provider runs it, as it does where nothing is said"},
    ),
    "events": Known(
        types(EVENTS),
        MERGED,
        EVENTS_LEFT,
        frozenset(f"response.code_interpreter_call.code.{state}" for state in ("delta", "done")),  # of older SDKs
    ),
    "fields of a response": Known(
        (held(RESPONSE) | held(BETA_RESPONSE)) - PARAMETERS.difference(RESPONSE_READ, RESPONSE_LEFT),
        RESPONSE_READ,
        RESPONSE_LEFT,
    ),
    "fields of a compacted response": Known(
        held(COMPACTED) - PARAMETERS.difference(RESPONSE_READ),
        {"id", "output", "usage"},
        {name: RESPONSE_LEFT[name] for name in ("created_at", "object")},
    ),
    "fields of a chat's response": Known(
        held(ChatCompletion),
        {*(name for name, _ in chat.HEAD), "choices", "usage"},
        {**LEFT, "metadata": "what the program gave", "moderation": RESPONSE_LEFT["moderation"]},
    ),
    "fields of a completion": Known(
        held(Completion), {*(name for name, _ in completions.HEAD), "choices", "usage"}, LEFT
    ),
    "fields of embeddings": Known(
        held(CreateEmbeddingResponse), {"data", "model", "usage"}, {"object": LEFT["object"]}
    ),
    "statuses": Known(
        set() if RESPONSE is None else literals(of_sdk("responses.response_status", "ResponseStatus")),
        responses.SUCCEEDED | responses.ENDED,
    ),
    "reasons": Known(
        set() if INCOMPLETE is None else words(INCOMPLETE, "reason"), {"max_output_tokens"}, REASONS
    ),
    "counts": Known(
        COUNTS,
        {*USAGE, *(f"{name}.{inner}" for name, (_, names) in USAGE_DETAILS.items() for inner in names)},
        USAGE_LEFT,
        frozenset({
            "completion_tokens_details.audio_tokens", "input_tokens_details.audio_tokens",
            "output_tokens_details.audio_tokens",
        }) - COUNTS,
    ),
}  # fmt: skip
named = pytest.mark.parametrize("name", TABLES)


@named
def test_known(name: str) -> None:
    """All of it that the SDK has is read, or left with a reason."""
    sdk, read, left, _ = TABLES[name]
    if not sdk:
        pytest.skip("this SDK has none")

    new = sorted(sdk - {*read, *left})
    assert not new, f"{name} that are neither read nor left with a reason: {', '.join(new)}"


@current
@named
def test_the_sdk_has_it(name: str) -> None:
    """Nothing is read or left that no SDK has, but what is known to be others'; nothing is both."""
    sdk, read, left, others = TABLES[name]

    assert [*map(sorted, ({*read, *left} - sdk, {*read} & left.keys()))] == [sorted(others), []]


@pytest.mark.parametrize("field", RESPONSE_READ)
def test_field_is_read(field: str) -> None:
    """Each field of a response that counts as read changes what is recorded of it."""
    changed = {field: RESPONSE_READ[field]}
    failed = {"status": "failed"} if field == "error" else {}
    plain, other = Record("", "", ""), Record("", "", "")

    responses.read_response(plain, {**response(), **failed}, "the same")
    responses.read_response(other, {**response(), **failed, **changed}, "the same")

    assert plain != other


def test_ends() -> None:
    """Each event that ends a stream is merged."""
    assert ENDS.keys() <= MERGED.keys()


def test_reasons_of_the_convention() -> None:
    """Where OpenTelemetry has its own word for a reason, it is written."""
    assert set(TABLES["reasons"].read) <= gen_ai.FINISH_REASONS.keys()


@pytest.mark.parametrize("shape", [CompletionUsage, USED, create_embedding_response.Usage])
def test_counts_are_read(shape: Any) -> None:
    """Every count that the SDK has is in the usage, each once."""
    names = counts(shape)
    raw = _nested({name: number for number, name in enumerate(names, 1)})

    usage = read_usage(raw)

    assert usage is not None or not names
    fields = [] if usage is None else [getattr(usage, name) for name in usage.__slots__ if name not in OTHER_FIELDS]
    details = [] if usage is None else [*(usage.details or {}).values()]
    assert sorted([*details, *filter(None, fields)]) == [*range(1, len(names) + 1)]


OTHER_FIELDS = {"details", "counted"}


def test_counts_of_tools_are_read() -> None:
    """So is every count of what tools have used."""
    names = counts(TOOLS_USED)
    raw = _nested({name: number for number, name in enumerate(names, 1)})

    usage = read_usage({}, raw)

    found = {} if usage is None else usage.details or {}
    assert found == {f"tool_usage.{name}": number for number, name in enumerate(names, 1)}


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the objects that dotted names stand for."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        inner = nested
        for step in path:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return nested


# Of the SDK's methods, what is the SDK's own, and never sent.
OWN = {
    "self", "extra_headers", "extra_query", "extra_body", "timeout",
    "text_format", "parse_as",  # the types that `parse` makes of the text
}  # fmt: skip
CALLS: dict[str, Any] = {}
for known in METHODS:
    for place in known.modules:
        try:
            owner = getattr(import_module(place), known.owner, None)
        except ImportError:
            continue  # an older SDK has it elsewhere, or not at all
        CALLS |= {f"{place}.{name}": getattr(owner, name) for name in known.names if hasattr(owner, name)}


@pytest.mark.parametrize("name", CALLS)
def test_parameters(name: str) -> None:
    """Each parameter of each method that is traced is known."""
    new = sorted(signature(CALLS[name]).parameters.keys() - PARAMETERS - OWN)
    assert not new, f"parameters that are not known: {', '.join(new)}"


@current
def test_parameters_of_the_sdk_alone() -> None:
    """Nothing is known for a parameter that no traced method of the SDK has."""
    asked = {name for method in CALLS.values() for name in signature(method).parameters}

    assert sorted((PARAMETERS | OWN) - asked) == []


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameter_is_read(name: str) -> None:
    """Each is read into its field, or else is an invocation parameter as it was given."""
    read = Record("", "", "")
    value: Any = [{"type": "function", "name": "one"}] if name in responses.READ else "given"

    responses.read_request(read, {name: value}, None)

    assert read.parameters == ({} if name in responses.READ else {name: "given"})
    assert name not in responses.READ or getattr(read, responses.READ[name])
