"""An agent that asks for a tool: two calls with the tool's own work between them, as the steps of one trace."""

import json
import os
from typing import Any

from openai import OpenAI

from spanglass import OpenAIInstrumentor, configure, trace

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city, now.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()
client = OpenAI()


@trace(kind="TOOL")
def weather(city: str) -> str:
    """Return what the model is told of the weather: a step of its own, with its argument and its result."""
    return json.dumps({"city": city, "sky": "rain"})


@trace(kind="AGENT")
def umbrella(question: str) -> str | None:
    """Ask until the model has no more to ask: everything inside is part of this trace."""
    messages: list[Any] = [{"role": "user", "content": question}]
    while True:
        answer = client.chat.completions.create(
            model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"), messages=messages, tools=[WEATHER]
        )
        message = answer.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            if call.type == "function":
                told = weather(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": told})


print(umbrella("Do I need an umbrella in Oslo?"))
