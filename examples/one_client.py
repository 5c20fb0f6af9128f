"""Three clients, two of them traced, each with settings of its own: there are panels of their calls, and no other's."""

import os

from openai import OpenAI

from spanglass import TraceOpenAI, configure, wrap_openai

configure(project="examples", console=True)

clients = {
    "not traced": OpenAI(),
    "wrapped, every attempt a span": wrap_openai(OpenAI(), attempt_spans="always"),
    "traced from the start, without its content": TraceOpenAI(content="off"),
}
for name, client in clients.items():
    with client.with_options(timeout=20) as copy:  # a copy of a client that is traced is traced as well
        answer = copy.chat.completions.create(
            model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
            messages=[{"role": "user", "content": f"Say: {name}"}],
        )
    print(answer.choices[0].message.content)
