"""`spanglass export --format openai-finetune`."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import Any, Final

import click
from opentelemetry.sdk.trace import ReadableSpan

from spanglass.cli.examples import BEGINNING, SAME, digests, examples
from spanglass.cli.output import opened
from spanglass.cli.traces import check_is_file, spans_of, stop
from spanglass.endpoints.responses import COMPACT
from spanglass.export.jsonl import expanded
from spanglass.export.notes import id_of, parent_of
from spanglass.export.words import counted
from spanglass.reading.spans import in_framework, is_call, looks, text, trace_of
from spanglass.semconv import openinference as oi

FORMAT: Final = "openai-finetune"
# What some readers take for the end of a line, as JSON spells it; a lone surrogate is spelled so as it is encoded.
SPELLED: Final = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


def _is_chat(span: ReadableSpan) -> bool:
    embeds = text(span, oi.OPENINFERENCE_SPAN_KIND) == "EMBEDDING"
    return is_call(span) and not embeds and not looks(span) and span.name != COMPACT.name


class _Reader:
    """Makes examples of the calls of a file, of which it may be given the spans twice."""

    def __init__(self) -> None:
        self._around: set[tuple[int, int]] = set()

    def examples(self, span: ReadableSpan) -> Iterator[dict[str, Any] | str]:
        """Yield an example for each answer, or why there is none; nothing for a framework's span around a call."""
        if not _is_chat(span) or (trace_of(span), id_of(span)) in self._around:
            return
        if in_framework(span):
            self._around.add((trace_of(span), parent_of(span) or 0))
        yield from examples(span)


def _chosen(file: str, left_out: Counter[str], *, every_turn: bool) -> Iterator[dict[str, Any]]:
    """Yield the examples to write, and count those that are left out."""
    reader = _Reader()
    spans = 0
    longer: set[bytes] = set()
    for span in spans_of(file):
        spans += 1
        for example in reader.examples(span):
            if not isinstance(example, str) and not every_turn:
                longer.update([*digests(example)][:-1])
    written: set[bytes] = set()
    for span in islice(spans_of(file), spans):  # and no further, where the file has grown since
        for example in reader.examples(span):
            reason = example if isinstance(example, str) else _superfluous(example, written, longer)
            if reason is not None:
                left_out[reason] += 1
            elif not isinstance(example, str):
                yield example


def _superfluous(example: dict[str, Any], written: set[bytes], longer: set[bytes]) -> str | None:
    """Return why an example adds nothing to those that are written, or None."""
    *_, last = digests(example)
    if last in written or last in longer:
        return SAME if last in written else BEGINNING
    written.add(last)
    return None


def _write(found: Iterator[dict[str, Any]], output: str) -> int:
    """Write the examples, one a line, and return how many they were; where there are none, the output is let be."""
    count = 0
    for first in found:
        with opened(output) as file:
            for example in chain((first,), found):
                line = json.dumps(example, ensure_ascii=False).translate(SPELLED)
                file.write(f"{line}\n".encode("utf-8", "backslashreplace"))
                count += 1
    return count


@click.command()
@click.argument("file", type=click.Path())
@click.option("--format", "kind", type=click.Choice([FORMAT]), required=True, help="What to write.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True),
    default="-",
    help="Where to; standard output if not given.",
)
@click.option(
    "--every-turn", is_flag=True, help="An example for each answer, also where a longer conversation begins with it."
)
def export(file: str, *, kind: str, output: str, every_turn: bool) -> None:  # noqa: ARG001 - there is one format
    """Write the chats in FILE as examples for fine-tuning.

    FILE has spans as OTLP/JSON, one request a line, also gzipped: what configure(file=...) or the Collector's
    file exporter wrote. It is read twice.

    openai-finetune is what OpenAI's supervised fine-tuning takes: a JSON object a line, with "messages" (system, user,
    assistant, tool; images by URL or data), and where the request had them "tools", "parallel_tool_calls" and
    "functions". The last message is the model's answer; of a call with several choices each is an example. A
    developer's message becomes a system's, which is the format's word for it; a refusal is a part of type "refusal".

    A call of the Responses API is told as a chat: its instructions as the system's message, what the model says and
    calls in one turn as one message, without its reasoning.

    A conversation whose turns are calls of their own, each with all that was said before, is one example: the longest.
    Of examples that are the same, one is written. What cannot be an example is left out, and counted on standard error
    by its reason: calls that failed, streams left early, answers cut short by a limit of tokens or a filter, content
    that is hidden or was cut, sounds and files, more than ten images, tool calls without their results.
    """
    check_is_file(file)
    with suppress(OSError):  # which is told where it is read or written
        if expanded(output).samefile(expanded(file)):
            message = "--output is FILE itself: choose another."
            raise click.UsageError(message)
    left_out: Counter[str] = Counter()
    count = _write(_chosen(file, left_out, every_turn=every_turn), output)
    click.echo(f"Wrote {counted(count, 'example')}{'' if output == '-' else f' to {output}'}.", err=True)
    if left_out:
        click.echo("Left out:", err=True)
    for reason, times in left_out.most_common():
        click.echo(f"  {times:,} {reason}", err=True)
    if not count:
        stop(f"{file} has no call that can be an example.")
