"""Texts as vectors: the span has each text with its vector as numbers, though the SDK has them sent in base64."""

from openai import OpenAI

from spanglass import OpenAIInstrumentor, configure

TEXTS = ["Bring an umbrella: it rains.", "The train leaves from platform 4.", "Tea is served at five."]
QUESTION = "Where do I get on?"

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()
client = OpenAI()

answer = client.embeddings.create(model="text-embedding-3-small", input=[*TEXTS, QUESTION])
*vectors, asked = (each.embedding for each in answer.data)
closeness = [sum(a * b for a, b in zip(vector, asked, strict=True)) for vector in vectors]
print(TEXTS[closeness.index(max(closeness))])
