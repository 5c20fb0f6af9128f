"""Writers turn a record into a convention's attributes: pure functions, one module for each convention."""

import os
from collections.abc import Iterable, Mapping

from spanglass.writers import extras, gen_ai, openinference
from spanglass.writers.writer import Writer

__all__ = ["WRITERS", "Writer", "Writers", "writers"]

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
ON_SPANS = frozenset({"SPAN_ONLY", "SPAN_AND_EVENT"})

WRITERS: dict[str, Writer] = {
    writer.name: writer for writer in (openinference.WRITER, extras.WRITER, gen_ai.writer(capture=False))
}


def writers(names: Iterable[str], environ: Mapping[str, str] | None = None) -> tuple[Writer, ...]:
    """Return the writers of these names, in this order; gen_ai's content is written where its own variable says so.

    Raises KeyError for a name that is none of `WRITERS`.
    """
    known = WRITERS | {"gen_ai": gen_ai.writer(capture=_captures(environ))}
    return tuple(known[name] for name in names)


def _captures(environ: Mapping[str, str] | None) -> bool:
    environ = os.environ if environ is None else environ
    return environ.get(CAPTURE, "").strip().upper() in ON_SPANS


EMBEDDINGS = {"openinference": openinference.EMBEDDINGS}


class Writers(dict[str, tuple[Writer, ...]]):
    """The writers of each operation; `""` is a function's or a tool's, which is none of a model."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.usual = writers(names)
        known = {"spanglass": extras.WRITER, "gen_ai": gen_ai.tool_writer(capture=_captures(None))}
        plain = (known[writer.name] for writer in self.usual if writer.name in known)
        self[""] = (openinference.WORK, *plain)
        self["embeddings"] = tuple(EMBEDDINGS.get(writer.name, writer) for writer in self.usual)

    def __missing__(self, operation: str) -> tuple[Writer, ...]:
        self[operation] = self.usual
        return self.usual
