"""The dashboard beside a program: its calls, a stream among them, as pages at the URL that it prints."""

import os
import sys
from contextlib import suppress

from openai import OpenAI

from spanglass import OpenAIInstrumentor, configure, launch_app, trace

MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")

dashboard = launch_app(port=int(os.environ.get("PORT", "3000")))
pipeline = configure(project="examples", endpoint=dashboard.url)
OpenAIInstrumentor().instrument()
client = OpenAI()


@trace
def told(question: str) -> str:
    """Have a question answered, and the answer told as a stream: two calls of one trace."""
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": question}])
    story = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"Make a story of it: {answer.choices[0].message.content}"}],
        stream=True,
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in story if chunk.choices)


print(told("What is a dashboard?"))
pipeline.flush()  # else within seconds, and at the end of the program in any case
print(f"{dashboard.count()} spans are at {dashboard.url}")
if sys.stdin.isatty():
    print("They stay there until Ctrl-C, and in the file of `spanglass dashboard` after that.")
    with suppress(KeyboardInterrupt):
        dashboard.wait()
