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


def test_pictures_in_tools() -> None:
    """Where pictures are hidden, so is the one that says where to paint, and nothing else of a tool."""
    painting = {"type": "image_generation", "quality": "low"}
    tools = [{**painting, "input_image_mask": {"image_url": "data:image/png;base64,AAAA"}}, {"type": "function"}]
    record = Record("Response", "LLM", "chat", tools=[*tools], input_value="sent")

    redact(record, hiding(["input_images"]))

    told = '{"tools":[{"type":"image_generation","quality":"low"},{"type":"function"}]}'
    assert ([painting, tools[1]], told) == (record.tools, record.input_value)
