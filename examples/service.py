"""A FastAPI service that streams: the panel of each request, and what became of the call when a client hung up.

It needs `pip install fastapi uvicorn` besides, and something that asks it: `curl -N http://127.0.0.1:8000/stories/roof`.
Press Ctrl-C there during the story, and the stream from OpenAI is closed as well: the panel says after how many chunks.
A newer FastAPI has a span of its own around all that, and says that such a request failed.
"""

import os
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

from spanglass import OpenAIInstrumentor, configure, trace

configure(project="examples", service="stories", console=True)
OpenAIInstrumentor().instrument()
app = FastAPI()
client = AsyncOpenAI()


@trace
async def tell(about: str) -> AsyncIterator[str]:
    """Tell a story as it comes; the block closes the stream in whatever way it is left."""
    stream = await client.chat.completions.create(
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        messages=[{"role": "user", "content": f"A story about {about}, in three paragraphs."}],
        stream=True,
    )
    async with stream:
        async for chunk in stream:
            yield "".join(choice.delta.content or "" for choice in chunk.choices)


@app.get("/stories/{about}")
async def story(about: str) -> StreamingResponse:
    """Answer with a story, piece by piece."""
    return StreamingResponse(tell(about), media_type="text/plain")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
