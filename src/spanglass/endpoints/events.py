"""The events of a response's stream, merged into the response that they add up to."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, NamedTuple

from spanglass.endpoints.accumulator import PLAIN, Pieces, copied
from spanglass.endpoints.shapes import items
from spanglass.plain import NOTHING, whole

# The events that end a stream, each with what it makes of the outcome.
ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "error",
    "error": "error",
}
TEXT = "response.output_text.delta"


class Places(dict[Any, Any]):
    """A list whose items arrive by their places, in any order."""

    __slots__ = ()


class Gathered(NamedTuple):
    """Where a text belongs that arrives in pieces: in a field of an item, or in that of a part in a list of the item's.

    `at` is the event's name for the part's place; the types are for an item and a part that were never added.
    """

    item: str
    field: str
    held: str = ""
    at: str = ""
    part: str = ""


class ResponseAccumulator:
    """`take` takes events, models or dicts; `settle` gives the response; nothing is parsed twice."""

    __slots__ = ("_error", "_final", "_head", "_output", "_places", "_texts", "bearing", "end")

    def __init__(self) -> None:
        self.bearing = 0
        self.end: str | None = None
        self._head: dict[str, Any] = {}
        self._final: dict[str, Any] | None = None
        self._error: dict[str, Any] | None = None
        self._output = Places()
        self._places: dict[str, int | str] = {}  # by the ids of items
        # The texts that are arriving, by the places of their item and part.
        self._texts: dict[Any, dict[Any, Pieces]] = {}

    def take(self, chunk: Any) -> None:
        """Take one more event, of which nothing is kept that the caller may change.

        The common one, a piece of a text, is taken without a single call.
        """
        try:
            own = chunk.__dict__
            if own["type"] == TEXT and own["delta"].__class__ is str and not own["logprobs"]:
                gathered = self._texts[own["output_index"]][own["content_index"]]
                gathered += [own["delta"]]
                self.bearing += own["delta"] != ""
                return
        except (AttributeError, KeyError, TypeError):
            pass  # not the common one
        event = whole(chunk)
        kind = event.get("type")
        if kind.__class__ is str and kind in MERGED:
            MERGED[kind](self, event)

    def settle(self) -> Mapping[str, Any]:
        """Return the response as it would have come at once, or what had arrived of it."""
        settled = self._head if self._final is None else self._final
        if len(items(settled.get("output"))) < len(self._output):  # as of a response that never ended
            settled = {**settled, "output": _settled(self._output)}
        return settled if self._error is None else {**settled, "status": "failed", "error": self._error}

    def begin(self, event: Mapping[str, Any]) -> None:
        """Take what a response says of itself before its end; what it repeats of the request is left."""
        own = whole(event.get("response"))
        self._head = {key: own[key] for key in own if own[key].__class__ in PLAIN and own[key] is not None}
        if own.get("conversation") is not None:
            self._head["conversation"] = copied(own["conversation"])

    def finish(self, event: Mapping[str, Any]) -> None:
        """Take the whole response."""
        final = copied(event.get("response"))
        self._final = final if final.__class__ is dict else None
        self.end = ENDS[event["type"]]

    def fail(self, event: Mapping[str, Any]) -> None:
        """Take an error that ends the stream."""
        told = event if event.get("message") is not None else whole(event.get("error"))
        self._error = {key: copied(told[key]) for key in ("code", "message", "param") if told.get(key) is not None}
        self.end = ENDS["error"]

    def put_item(self, event: Mapping[str, Any]) -> None:
        """Take an item that is added, or done: its last state stands."""
        self._texts = {}  # what was gathering for the item, gathers for none
        item = copied(event.get("item"))
        if item.__class__ is dict:
            place = self._place(event, item)
            self._output[place] = item
            if item.get("id").__class__ is str:
                self._places[item["id"]] = place

    def put_part(self, event: Mapping[str, Any]) -> None:
        """Take a part of an item, likewise."""
        self._texts = {}
        row = PARTS[event["type"]]
        part = copied(event.get("part"))
        if part.__class__ is dict:
            _places(self._item(event, row), row.held)[_index(event, row.at)] = part

    def put_text(self, event: Mapping[str, Any]) -> None:
        """Take the whole of a text that has arrived in pieces, or before."""
        self._texts = {}
        row = WHOLE[event["type"]]
        if event.get(row.field).__class__ is str:
            self._holder(event, row)[row.field] = event[row.field]

    def add_text(self, event: Mapping[str, Any]) -> None:
        """Take a piece of a text."""
        row = PIECES[event["type"]]
        piece: Any = event.get("delta")
        if piece.__class__ is not str:
            return
        holder = self._holder(event, row)
        gathered = _append(holder, row.field, piece)
        self.bearing += piece != ""
        if event["type"] == TEXT:
            for likely in items(event.get("logprobs")):
                places = _places(holder, "logprobs")
                places[len(places)] = copied(likely)
            if event.get("output_index").__class__ is int:
                self._texts.setdefault(event["output_index"], {})[_index(event, row.at)] = gathered

    def add_annotation(self, event: Mapping[str, Any]) -> None:
        """Take what is noted of a text."""
        places = _places(self._holder(event, PIECES[TEXT]), "annotations")
        places[_index(event, "annotation_index", len(places))] = copied(event.get("annotation"))

    def put_command(self, event: Mapping[str, Any]) -> None:
        """Take the whole of a command for a shell."""
        if event.get("command").__class__ is str:
            self._commands(event)[_index(event, COMMAND)] = event["command"]

    def add_command(self, event: Mapping[str, Any]) -> None:
        """Take a piece of one."""
        piece: Any = event.get("delta")
        if piece.__class__ is str:
            _append(self._commands(event), _index(event, COMMAND), piece)
            self.bearing += piece != ""

    def add_command_output(self, event: Mapping[str, Any]) -> None:
        """Take a piece of what a command wrote."""
        told = whole(event.get("delta"))
        places = _places(self._item(event, SHELL_OUTPUT), SHELL_OUTPUT.field)
        output = places.setdefault(_index(event, COMMAND), {})
        for name in ("stdout", "stderr"):
            if output.__class__ is dict and told.get(name).__class__ is str:
                _append(output, name, told[name])

    def _commands(self, event: Mapping[str, Any]) -> Places:
        item = self._item(event, SHELL)
        if item.get(SHELL.field).__class__ is not dict:
            item[SHELL.field] = {}
        return _places(item[SHELL.field], "commands")

    def _place(self, event: Mapping[str, Any], item: Mapping[str, Any]) -> int | str:
        """Return an item's place; where a server leaves it out, that which its id had before, or else the id."""
        place: Any = event.get("output_index")
        if place.__class__ is int:
            return place
        held: Any = event.get("item_id", item.get("id"))
        if held.__class__ is not str:
            return ""
        return self._places[held] if held in self._places else held

    def _item(self, event: Mapping[str, Any], row: Gathered) -> dict[str, Any]:
        place = self._place(event, NOTHING)
        if place not in self._output:  # the stream did not begin at its beginning
            known = {"id": event["item_id"]} if event.get("item_id").__class__ is str else {}
            role = {"role": "assistant"} if row.item == "message" else {}
            self._output[place] = {**known, "type": row.item, **role}
        item: dict[str, Any] = self._output[place]
        return item

    def _holder(self, event: Mapping[str, Any], row: Gathered) -> dict[str, Any]:
        item = self._item(event, row)
        if not row.held:
            return item
        places = _places(item, row.held)
        index = _index(event, row.at)
        if places.get(index).__class__ is not dict:
            places[index] = {"type": row.part}
        part: dict[str, Any] = places[index]
        return part


def _append(holder: dict[Any, Any], key: Any, piece: str) -> Pieces:
    held: Any = holder.get(key)
    gathered: Pieces = held if held.__class__ is Pieces else Pieces([held] if held.__class__ is str else ())
    gathered.append(piece)
    holder[key] = gathered
    return gathered


def _index(event: Mapping[str, Any], name: str, otherwise: int = 0) -> int:
    index: Any = event.get(name)
    return index if index.__class__ is int else otherwise


def _places(holder: dict[str, Any], name: str) -> Places:
    held: Any = holder.get(name)
    places: Places = held if held.__class__ is Places else Places(enumerate(items(held)))
    holder[name] = places
    return places


def _settled(value: Any) -> Any:
    if value.__class__ is Pieces:
        return "".join(value)
    if value.__class__ is Places:
        ordered = sorted(value, key=lambda place: place if place.__class__ is int else inf)
        return [_settled(value[place]) for place in ordered]
    return {key: _settled(value[key]) for key in value} if value.__class__ is dict else value


GATHERED = {
    "response.output_text": Gathered("message", "text", "content", "content_index", "output_text"),
    "response.refusal": Gathered("message", "refusal", "content", "content_index", "refusal"),
    "response.audio.transcript": Gathered("message", "transcript", "content", "content_index", "output_audio"),
    "response.reasoning_text": Gathered("reasoning", "text", "content", "content_index", "reasoning_text"),
    "response.reasoning_summary_text": Gathered("reasoning", "text", "summary", "summary_index", "summary_text"),
    "response.function_call_arguments": Gathered("function_call", "arguments"),
    "response.custom_tool_call_input": Gathered("custom_tool_call", "input"),
    "response.mcp_call_arguments": Gathered("mcp_call", "arguments"),
    "response.code_interpreter_call_code": Gathered("code_interpreter_call", "code"),
    "response.code_interpreter_call.code": Gathered("code_interpreter_call", "code"),  # as older SDKs spell it
}
SHELL = Gathered("shell_call", "action")
SHELL_OUTPUT = Gathered("shell_call_output", "output")
COMMAND = "command_index"
PIECES = {f"{name}.delta": row for name, row in GATHERED.items()}
WHOLE = {f"{name}.done": row for name, row in GATHERED.items()}
PARTS = {
    f"response.{name}.{state}": row
    for name, row in (
        ("content_part", GATHERED["response.output_text"]),
        ("reasoning_summary_part", GATHERED["response.reasoning_summary_text"]),
    )
    for state in ("added", "done")
}
# What an event does. Those that are not here tell nothing that others do not, or nothing of the response.
MERGED: dict[str, Callable[[ResponseAccumulator, Mapping[str, Any]], None]] = {
    **dict.fromkeys(("response.created", "response.queued", "response.in_progress"), ResponseAccumulator.begin),
    **dict.fromkeys(("response.completed", "response.incomplete", "response.failed"), ResponseAccumulator.finish),
    "error": ResponseAccumulator.fail,
    **dict.fromkeys(("response.output_item.added", "response.output_item.done"), ResponseAccumulator.put_item),
    **dict.fromkeys(PARTS, ResponseAccumulator.put_part),
    **dict.fromkeys(WHOLE, ResponseAccumulator.put_text),
    **dict.fromkeys(PIECES, ResponseAccumulator.add_text),
    "response.output_text.annotation.added": ResponseAccumulator.add_annotation,
    **dict.fromkeys(
        ("response.shell_call_command.added", "response.shell_call_command.done"), ResponseAccumulator.put_command
    ),
    "response.shell_call_command.delta": ResponseAccumulator.add_command,
    "response.shell_call_output_content.delta": ResponseAccumulator.add_command_output,
}
