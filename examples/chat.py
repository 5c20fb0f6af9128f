"""A question, its answer, and the panel of the call: the model, how long it took, how many tokens there were."""

import os

from openai import OpenAI

from spanglass import OpenAIInstrumentor, configure

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()

client = OpenAI()
answer = client.chat.completions.create(
    model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
    messages=[
        {"role": "system", "content": "Answer in one short sentence."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
)
print(answer.choices[0].message.content)
