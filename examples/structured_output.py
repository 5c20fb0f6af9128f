"""An answer as an object of your own class: the span has the schema that was sent, and the JSON that came back."""

import json
import os
from typing import Any

from openai import OpenAI
from pydantic import BaseModel

from spanglass import OpenAIInstrumentor, configure


class Meeting(BaseModel):
    """What is to be found in a sentence."""

    topic: str
    day: str
    people: list[str]


pipeline = configure(project="examples", console=True, keep=1)
OpenAIInstrumentor().instrument()

client = OpenAI()
answer = client.chat.completions.parse(
    model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
    messages=[{"role": "user", "content": "Ann and Bo talk about the roof on Friday."}],
    response_format=Meeting,
)
print(repr(answer.choices[0].message.parsed))

(span,) = pipeline.spans()
told: Any = span.attributes
schema = json.loads(told["llm.invocation_parameters"])["response_format"]["json_schema"]
print("sent:", schema["name"], schema["schema"]["required"])
print("came back:", told["llm.output_messages.0.message.content"])
