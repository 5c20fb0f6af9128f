"""Writers turn a record into a convention's attributes: pure functions, one module for each convention."""

import os
from collections.abc import Collection, Iterable, Mapping

from spanglass.writers import extras, gen_ai, openinference
from spanglass.writers.writer import Writer

__all__ = ["WRITERS", "Writer", "plain_writers", "writers"]

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


def plain_writers(names: Collection[str], environ: Mapping[str, str] | None = None) -> tuple[Writer, ...]:
    """Return the writers of what is no operation of a model: a function, or a tool. OpenInference's is always one."""
    known = {"spanglass": extras.WRITER, "gen_ai": gen_ai.tool_writer(capture=_captures(environ))}
    return (openinference.WRITER, *(known[name] for name in known if name in names))


def _captures(environ: Mapping[str, str] | None) -> bool:
    environ = os.environ if environ is None else environ
    return environ.get(CAPTURE, "").strip().upper() in ON_SPANS
