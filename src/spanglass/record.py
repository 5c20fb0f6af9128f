"""What one call was, in no convention's words: readers fill it, writers turn it into attributes.

Times are nanoseconds; a time on its own is since the Unix epoch. What is not known is None.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Part:
    """One piece of a message's content: `kind` is text, image, audio, file, refusal, or the API's own word."""

    kind: str
    text: str | None = None
    url: str | None = None
    mime: str | None = None
    name: str | None = None
    id: str | None = None
    encrypted: str | None = None


@dataclass(slots=True)
class ToolCall:
    """A call that the model asked for; `arguments` is the JSON text, or a custom tool's free text.

    `hosted` is the API's word for a call that the provider answers itself, such as `web_search_call`.
    """

    id: str | None = None
    name: str | None = None
    arguments: str | None = None
    hosted: str | None = None


@dataclass(slots=True)
class Message:
    """One message, sent or received. `parts` is used where the content is more than one text."""

    role: str | None = None
    content: str | None = None
    parts: list[Part] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning: str | None = None
    function_name: str | None = None
    function_arguments: str | None = None
    finish_reason: str | None = None


@dataclass(slots=True)
class Tool:
    """What is known of a tool that is run: the id of the model's call, what it is for, and its parameters' schema."""

    id: str | None = None
    description: str | None = None
    parameters: str | None = None


@dataclass(slots=True)
class Choice:
    """One text that a prompt was completed with."""

    text: str | None = None
    finish_reason: str | None = None


@dataclass(slots=True)
class Embedding:
    """One embedded input: its text, if it was one, and the vector that came."""

    text: str | None = None
    vector: list[float] | None = None


@dataclass(slots=True)
class Usage:
    """Tokens as the provider counted them; `details` holds the counts that have no field, by dotted name.

    They are not `counted` where another call's span counts them, or where nobody pays for them.
    """

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    prompt_audio: int | None = None
    reasoning: int | None = None
    completion_audio: int | None = None
    details: dict[str, int] | None = None
    counted: bool = True


@dataclass(slots=True)
class Failure:
    """The exception that left the call, and what the API said in it; `type` is the exception's qualified name.

    Where none was `raised`, a response has told that it failed, and `type` is the API's word for it: its code, or
    `failed` where that is no word.
    """

    type: str
    message: str
    stacktrace: str | None = None
    status: int | None = None
    code: str | None = None
    param: str | None = None
    api_type: str | None = None
    request_id: str | None = None
    cancelled: bool = False
    raised: bool = True

    @property
    def name(self) -> str:
        """The exception's class without its module, or the API's word."""
        return self.type.rpartition(".")[2] if self.raised else self.type


@dataclass(slots=True)
class Attempt:
    """One HTTP request behind the call, the first is number 1. `start` and `end` count from the call's start.

    `end` is when the SDK had the response: all of it, or of a stream the headers. `wait` is what the server asked for
    in the header `wait_source`, and `backoff` what really passed before the next attempt.
    """

    number: int
    start: int
    end: int = 0
    method: str | None = None
    url: str | None = None
    address: str | None = None
    port: int | None = None
    status: int | None = None
    failure: Failure | None = None
    request_id: str | None = None
    retry_after: str | None = None
    wait: int | None = None
    wait_source: str | None = None
    processing_ms: float | None = None
    limits: dict[str, str] | None = None
    backoff: int | None = None
    backoff_source: str | None = None
    reason: str | None = None

    @property
    def failed(self) -> bool:
        """Whether an exception ended it, or a status that is not 2xx, all of which the SDK takes for errors."""
        return self.failure is not None or self.status is None or not 200 <= self.status < 300  # noqa: PLR2004


@dataclass(slots=True)
class StreamStats:
    """How a stream went. Durations are nanoseconds; `first` and `longest_gap_at` are from the call's start."""

    outcome: str = "open"
    chunks: int = 0
    first: int | None = None
    longest_gap: int | None = None
    longest_gap_at: int | None = None
    estimated_tokens: int | None = None


@dataclass(slots=True)
class Split:
    """Where the call's time went, in nanoseconds; the four make up the whole."""

    attempts: int
    backoff: int
    body: int
    rest: int


@dataclass(slots=True)
class Record:
    """Everything known of one call when it ends.

    Where the call is `instructed`, its first input message is the instructions. In the `background` the response is
    made after it; a call that `adopts` counts the tokens of one that was, and the span around one that is `enclosed`
    counts those of that. What `echoes` repeats the request in its response. `vectors` counts those that came, each of
    `dimensions` numbers.
    """

    name: str
    kind: str
    operation: str
    start: int = 0
    duration: int = 0
    system: str | None = None
    provider: str | None = None
    address: str | None = None
    port: int | None = None
    helper: str | None = None
    streamed: bool = False
    succeeded: bool = False
    instructed: bool = False
    background: bool = False
    adopts: bool = False
    enclosed: bool = False
    echoes: bool = False
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    fingerprint: str | None = None
    status: str | None = None
    finish_reason: str | None = None
    previous_response: str | None = None
    conversation: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    tools: list[Any] | None = None
    tool: Tool | None = None
    input_messages: list[Message] | None = None
    output_messages: list[Message] | None = None
    prompts: list[str] | None = None
    choices: list[Choice] | None = None
    embeddings: list[Embedding] | None = None
    vectors: int | None = None
    dimensions: int | None = None
    input_value: str | None = None
    input_mime: str | None = None
    output_value: str | None = None
    output_mime: str | None = None
    usage: Usage | None = None
    failure: Failure | None = None
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    stream: StreamStats | None = None
    split: Split | None = None
    context: dict[str, Any] | None = None
