"""What the spans say of a question when nothing is masked, by a redactor, by `hide=`, and in `using(content="off")`."""

import os
import re

from openai import OpenAI

from spanglass import OpenAIInstrumentor, Record, configure, using, wrap_openai

SHOWN = ("llm.input_messages.0.message.content", "llm.output_messages.0.message.content")


def addresses(record: Record) -> None:
    """Change a call's record in place before anything is written: here, whatever looks like an address of an e-mail."""
    for message in (*(record.input_messages or ()), *(record.output_messages or ())):
        message.content = message.content and re.sub(r"\S+@\S+", "<address>", message.content)


def ask(client: OpenAI) -> None:
    """Ask for something about somebody."""
    with client:
        client.chat.completions.create(
            model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
            messages=[{"role": "user", "content": "Write one line to ann@example.com"}],
        )


pipeline = configure(project="examples", keep=4)
OpenAIInstrumentor().instrument(redactor=addresses)

ask(wrap_openai(OpenAI()))
ask(OpenAI())
ask(wrap_openai(OpenAI(), hide=("output_text",)))
with using(content="off"):
    ask(OpenAI())

for way, span in zip(("nothing masked", "redactor=", "hide=", "content off"), pipeline.spans(), strict=True):
    asked, answered = ((span.attributes or {}).get(name) for name in SHOWN)
    print(f"{way:16}{asked:36}{answered}")
