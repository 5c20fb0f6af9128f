"""Eight questions, three at a time: one trace, with a bar for each call on a common time axis."""

import asyncio
import os

from openai import AsyncOpenAI

from spanglass import OpenAIInstrumentor, configure, trace

COUNTRIES = ("Austria", "Brazil", "Chad", "Denmark", "Egypt", "France", "Ghana", "Hungary")

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()


@trace
async def capitals(countries: tuple[str, ...]) -> list[str | None]:
    """Ask for all of them at once: calls that are made in other tasks are part of the trace, too."""
    client, free = AsyncOpenAI(), asyncio.Semaphore(3)

    async def ask(country: str) -> str | None:
        async with free:
            answer = await client.chat.completions.create(
                model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
                messages=[{"role": "user", "content": f"The capital of {country}, in one word."}],
            )
        return answer.choices[0].message.content

    async with client:
        return await asyncio.gather(*map(ask, countries))


print(asyncio.run(capitals(COUNTRIES)))
