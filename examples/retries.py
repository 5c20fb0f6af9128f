"""Why a request took long: under the call each attempt with its outcome, and each wait with who asked for it.

The SDK tries again by itself after a limit, an error of the server, or a timeout, and the program sees nothing of it.
Where the API answers at once there is one attempt, and nothing more to show.
"""

import os

from openai import OpenAI, OpenAIError

from spanglass import OpenAIInstrumentor, configure

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()

client = OpenAI(max_retries=3, timeout=2.0)  # seconds, for each attempt
try:
    answer = client.chat.completions.create(
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        messages=[{"role": "user", "content": "Are you there?"}],
    )
except OpenAIError as failure:  # after the last attempt; the panel has each one's reason
    print(f"{type(failure).__name__}: {failure}")
else:
    print(answer.choices[0].message.content)
