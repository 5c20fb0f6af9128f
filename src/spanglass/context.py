"""What a program says of everything that is called inside a block."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypedDict

from opentelemetry.context import attach, detach, get_current, set_value

from spanglass.calls.tracing import OFF
from spanglass.plain import encode
from spanglass.semconv import openinference as oi


class PromptTemplate(TypedDict, total=False):
    """A prompt before its variables were put in: the text, the variables by name, and a version of the program's."""

    template: str
    variables: Mapping[str, Any]
    version: str


@contextmanager
def using(  # one option each, all by name
    *,
    session: str | None = None,
    user: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    prompt_template: PromptTemplate | str | None = None,
    content: Literal["on", "off"] | None = None,
) -> Generator[None]:
    """Give every span inside the block a session, a user, metadata, tags and the template of its prompt.

    They are kept where OpenInference's own context managers keep them. `content="off"` records no content inside;
    nothing inside makes up for that.

    Raises ValueError for another `content`.
    """
    if content not in {None, "on", "off"}:
        message = f"content= cannot be {content!r}: use 'on' or 'off'."
        raise ValueError(message)
    template = {"template": prompt_template} if isinstance(prompt_template, str) else dict(prompt_template or {})
    variables = template.get("variables")
    said = {
        oi.SESSION_ID: session,
        oi.USER_ID: user,
        oi.METADATA: None if metadata is None else encode(metadata),
        oi.TAG_TAGS: None if tags is None else list(tags),
        oi.LLM_PROMPT_TEMPLATE_TEMPLATE: template.get("template"),
        oi.LLM_PROMPT_TEMPLATE_VARIABLES: None if variables is None else encode(variables),
        oi.LLM_PROMPT_TEMPLATE_VERSION: template.get("version"),
        OFF: True if content == "off" else None,
    }
    context = get_current()
    for key, value in said.items():
        if value is not None:
            context = set_value(key, value, context)
    token = attach(context)
    try:
        yield
    finally:
        detach(token)
