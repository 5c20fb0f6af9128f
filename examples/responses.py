"""A conversation by the Responses API: the model asks for a tool, is told, and says its answer as a stream."""

import json
import os
from typing import Any

from openai import OpenAI

from spanglass import OpenAIInstrumentor, configure, trace

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city, now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()
client = OpenAI()


@trace(kind="TOOL")
def weather(city: str) -> str:
    """Return what the model is told of the weather."""
    return json.dumps({"city": city, "sky": "rain"})


@trace(kind="AGENT")
def umbrella(question: str) -> str:
    """Ask, tell what the tool gave, and take the answer piece by piece: each request has all items before it."""
    how: Any = {"model": os.environ.get("OPENAI_MODEL", "gpt-4o-mini"), "instructions": "Be brief.", "tools": [WEATHER]}
    items: Any = [{"role": "user", "content": question}]
    output = client.responses.create(input=items, **how).output
    items += output
    for item in output:
        if item.type == "function_call":
            told = weather(**json.loads(item.arguments))
            items.append({"type": "function_call_output", "call_id": item.call_id, "output": told})
    events = client.responses.create(input=items, stream=True, **how)
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


print(umbrella("Do I need an umbrella in Oslo?"))
