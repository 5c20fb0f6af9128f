"""Two streams, one read to its end and one left early: the panels say how each ended, and after how many chunks."""

import os
from itertools import islice

from openai import OpenAI, Stream
from openai.types.chat import ChatCompletionChunk

from spanglass import OpenAIInstrumentor, configure

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()
client = OpenAI()


def ask(question: str) -> Stream[ChatCompletionChunk]:
    """Return the answer as it comes, and its usage, which the API tells at the end of a stream if it is asked to."""
    return client.chat.completions.create(
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )


for chunk in ask("Count from one to five, in words."):
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content)

with ask("Count from one to a hundred, in words.") as stream:  # its end closes the connection
    for chunk in islice(stream, 4):
        if chunk.choices and chunk.choices[0].delta.content:
            print(chunk.choices[0].delta.content)
