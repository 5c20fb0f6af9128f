"""The chunks of a stream, merged into the response that they add up to."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, ClassVar

from spanglass.endpoints.shapes import count, items
from spanglass.plain import SCALARS, fields, spelled, whole

# Of the whole response: the first value that is not empty counts.
HEAD = ("id", "created", "model", "service_tier", "system_fingerprint")
# Sent whole, not in pieces.
WHOLE = frozenset({"role", "id", "type", "index", "name", "expires_at", "object"})

# Nobody can change these.
PLAIN = SCALARS | {str}
DEEPEST = 200  # levels: some are read by two frames each, of Python's thousand


class Pieces(list[str]):
    """A text that arrives in pieces, joined once at the end."""

    __slots__ = ()


class Accumulator:
    """Merges chunks, models or dicts, into choices; `settle` gives the response; nothing is parsed twice.

    What a kind of stream has of its own: the word for its response, and how a choice of it grows.
    """

    __slots__ = ("_choices", "_head", "_usage", "bearing")
    word: ClassVar[str]

    def __init__(self) -> None:
        self.bearing = 0
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._usage: Any = None

    @property
    def end(self) -> str | None:
        """`completed` where every choice that was seen has its finish reason."""
        choices = self._choices.values()
        return "completed" if choices and all(choice.get("finish_reason") for choice in choices) else None

    def _take(self, chunk: Any) -> None:
        """Take one more chunk, of which nothing is kept: the caller may change it as soon as it has it."""
        own = whole(chunk)  # an older SDK declares no usage here
        for key in HEAD:
            if key not in self._head and own.get(key):
                self._head[key] = own[key]
        if own.get("usage") is not None:
            self._usage = copied(own["usage"])
        bearing = False
        for choice in items(own.get("choices")):
            bearing |= self._take_choice(fields(choice))
        self.bearing += bearing

    def _take_choice(self, choice: Mapping[str, Any]) -> bool:
        index = count(choice.get("index")) or 0
        if index not in self._choices:
            self._choices[index] = {"index": index}
        state = self._choices[index]
        bearing = self._merge(state, choice)
        state["finish_reason"] = choice.get("finish_reason") or state.get("finish_reason")
        if choice.get("logprobs") is not None:
            merge(state.setdefault("logprobs", {}), whole(choice["logprobs"]))
        return bearing

    def _merge(self, state: dict[str, Any], choice: Mapping[str, Any]) -> bool:
        """Merge what a chunk brings of a choice, and tell whether it carried any text."""
        raise NotImplementedError

    def settle(self) -> Mapping[str, Any]:
        """Return the response in the shape of one that was not streamed; what never arrived is absent."""
        choices = [_joined(self._choices[index]) for index in sorted(self._choices)]
        settled = {**self._head, "object": self.word, "choices": choices}
        return settled if self._usage is None else {**settled, "usage": self._usage}


class ChatAccumulator(Accumulator):
    """Of chat completions."""

    __slots__ = ()
    word = "chat.completion"

    def take(self, chunk: Any) -> None:
        """Take one more chunk. The common one, a piece of one choice's text, is taken without a single call."""
        try:
            own = chunk.__dict__
            (choice,) = own["choices"]
            inner = choice.__dict__
            delta = inner["delta"].__dict__
            content = self._choices[inner["index"]]["message"]["content"]
            for key in delta:
                if delta[key] is not None and key != "content":
                    break
            else:
                if (
                    delta["content"].__class__ is str
                    and own["usage"] is None
                    and inner["finish_reason"] is None
                    and inner["logprobs"] is None
                    and not inner["delta"].__pydantic_extra__
                ):
                    content += [delta["content"]]
                    self.bearing += delta["content"] != ""
                    return
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # not the common one
        self._take(chunk)

    def _merge(self, state: dict[str, Any], choice: Mapping[str, Any]) -> bool:
        return merge(state.setdefault("message", {}), whole(choice.get("delta")))


def merge(into: dict[str, Any], delta: Mapping[str, Any]) -> bool:
    """Merge a delta in place, and tell whether it carried any text. What changes its kind on the way starts anew."""
    bearing = False
    for key, value in delta.items():
        if value is None:
            continue
        if value.__class__ is str:
            bearing |= _merge_text(into, key, value)
        elif value.__class__ is list:
            bearing |= _merge_list(_own(into, key, list), value)
        elif whole(value):
            bearing |= merge(_own(into, key, dict), whole(value))
        else:
            into[key] = value
    return bearing


def _own(into: dict[str, Any], key: str, kind: type) -> Any:
    """Return what has been gathered under a key, if it is of this kind, or else an empty one that replaces it."""
    if into.get(key).__class__ is not kind:
        into[key] = kind()
    return into[key]


def _merge_text(into: dict[str, Any], key: str, value: str) -> bool:
    if key in WHOLE:
        into[key] = value or into.get(key)
        return False
    gathered = _own(into, key, Pieces)
    gathered += [value]
    return value != ""


def _merge_list(into: list[Any], values: list[Any]) -> bool:
    """Items with an index belong to the one of that index, in whatever order they come; others follow."""
    bearing = False
    for value in values:
        item = whole(value)
        index = item.get("index")
        if index.__class__ is not int:
            into.append(copied(value))
            continue
        known = next((one for one in into if one.__class__ is dict and one.get("index") == index), None)
        if known is None:
            known = {"index": index}
            into.append(known)
        bearing |= merge(known, item)
    return bearing


def copied(value: Any, depth: int = DEEPEST) -> Any:
    """Return plain data that nobody else holds; what is too deep to be walked ends in a mark."""
    if value.__class__ in PLAIN:
        return value
    if depth == 0:
        return "…"
    if value.__class__ is list:
        return [item if item.__class__ in PLAIN else copied(item, depth - 1) for item in value]
    own = whole(value)
    sent: Any = getattr(value, "__pydantic_fields_set__", None)  # a model also has the fields that nobody sent
    if sent is None:
        sent = getattr(value, "__fields_set__", own)  # one of pydantic 1
    if not own:
        return {} if value.__class__ is dict else value
    names = spelled(value.__class__)
    return {
        names[key] if key in names else key: own[key] if own[key].__class__ in PLAIN else copied(own[key], depth - 1)
        for key in own
        if key in sent or own[key] is not None
    }


def _joined(value: Any) -> Any:
    if value.__class__ is Pieces:
        return "".join(value)
    if value.__class__ is dict:
        return {key: _joined(item) for key, item in value.items()}
    return _ordered(value) if value.__class__ is list else value


def _ordered(values: list[Any]) -> list[Any]:
    """Put the items in order and drop their index, which only a stream needs."""
    if all(value.__class__ is dict and "index" in value for value in values):
        values = sorted(values, key=itemgetter("index"))
        values = [{key: value[key] for key in value if key != "index"} for value in values]
    return [_joined(value) for value in values]
