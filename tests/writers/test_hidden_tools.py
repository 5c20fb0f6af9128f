"""Definitions of tools that are said in items: hidden with the others."""

from spanglass.credentials import REDACTED
from spanglass.record import Message, Part, Record
from spanglass.writers.redaction import hiding, redact

KINDS = ("additional_tools", "mcp_list_tools", "tool_search_output")


def test_tools_in_items() -> None:
    """Where tools are hidden, so are those in items, on either side, and nothing else of these."""
    sent = [Message("user", "Hi"), *(Message("developer", parts=[Part(kind, "look")]) for kind in KINDS)]
    record = Record("Response", "LLM", "chat", input_messages=sent, output_messages=sent[1:])

    redact(record, hiding(["llm_tools"]))

    hidden = [Message("developer", parts=[Part(kind, REDACTED)]) for kind in KINDS]
    assert ([Message("user", "Hi"), *hidden], hidden) == (record.input_messages, record.output_messages)
