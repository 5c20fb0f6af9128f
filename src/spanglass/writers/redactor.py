"""A program's own function, which sees what is to be recorded and may change it."""

import json
from collections.abc import Callable

from spanglass.credentials import REDACTED
from spanglass.guard import guard
from spanglass.plain import encode
from spanglass.record import Message, Record
from spanglass.writers.redaction import redact
from spanglass.writers.retold import retell


def redact_by(redactor: Callable[[Record], object], record: Record) -> None:
    """Have a program's own function change the record in place; where it raises, all content goes.

    It counts as raising where it returns anything but None or the record: a coroutine that is never awaited, or a copy.
    It finds each text once: `input_value` is None until it has returned, and told anew from the record then, and so is
    `output_value` where there are messages that it can be told from. Tools and parameters are copies.
    """
    sent, received, model = record.input_value, record.output_value, record.request_model
    changed = False
    with guard:
        record.input_value = sent if sent == REDACTED else None
        told = record.output_messages is not None or record.choices
        record.output_value = None if told and received != REDACTED else received
        record.parameters = json.loads(encode(record.parameters))
        record.tools = record.tools and json.loads(encode(record.tools))
        returned = redactor(record)
        if returned is not None and returned is not record:
            raise TypeError(returned.__class__.__name__)
        if model is not None and record.request_model is None:
            record.request_model = REDACTED
        retell(record, sent, received)
        changed = True
    if not changed:
        redact(record)


def redact_values_by(redactor: Callable[[Record], object], record: Record) -> None:
    """Have it change a function's record: its arguments are a message of the user, its result one of the assistant."""
    sent, received = record.input_value, record.output_value
    record.input_value = record.output_value = None
    record.input_messages = None if sent is None else [Message("user", sent)]
    record.output_messages = None if received is None else [Message("assistant", received)]
    redact_by(redactor, record)
    record.input_value = _value(sent, record.input_messages)
    record.output_value = _value(received, record.output_messages)
    record.input_mime = "text/plain" if record.input_value == REDACTED else record.input_mime
    record.output_mime = "text/plain" if record.output_value == REDACTED else record.output_mime
    record.input_messages = record.output_messages = None


def _value(told: str | None, messages: list[Message] | None) -> str | None:
    """Return what the messages say now, and a mark where they say nothing any more."""
    texts = [message.content for message in messages or () if message.content is not None]
    return None if told is None else "\n".join(texts) or REDACTED
