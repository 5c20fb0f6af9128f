"""What a program says of everything that is called inside a block."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypedDict

from opentelemetry.context import Context, attach, get_current

from spanglass.calls.tracing import OFF
from spanglass.plain import encode
from spanglass.projects import ENVIRONMENT, PROJECT, check
from spanglass.semconv import openinference as oi


class PromptTemplate(TypedDict, total=False):
    """A prompt before its variables were put in: the text, the variables by name, and a version of the program's."""

    template: str
    variables: Mapping[str, Any]
    version: str


def said(  # noqa: PLR0913 - one option each, all by name
    *,
    session: str | None = None,
    user: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    prompt_template: PromptTemplate | str | None = None,
    content: Literal["on", "off"] | None = None,
    project: str | None = None,
    environment: str | None = None,
) -> dict[str, Any]:
    """Return what is said, by the keys of a context; raises ValueError for another `content`."""
    if content not in {None, "on", "off"}:
        message = f"content= cannot be {content!r}: use 'on' or 'off'."
        raise ValueError(message)
    template = {"template": prompt_template} if isinstance(prompt_template, str) else dict(prompt_template or {})
    variables = template.get("variables")
    known = {
        oi.SESSION_ID: session,
        oi.USER_ID: user,
        oi.METADATA: None if metadata is None else encode(metadata),
        oi.TAG_TAGS: [tags] if isinstance(tags, str) else None if tags is None else list(tags),
        oi.LLM_PROMPT_TEMPLATE_TEMPLATE: template.get("template"),
        oi.LLM_PROMPT_TEMPLATE_VARIABLES: None if variables is None else encode(variables),
        oi.LLM_PROMPT_TEMPLATE_VERSION: template.get("version"),
        OFF: True if content == "off" else None,
        PROJECT: project or None,
        ENVIRONMENT: environment or None,
    }
    return {key: value for key, value in known.items() if value is not None}


def with_said(known: Mapping[str, Any]) -> Context:
    """Return the current context with what is said in it."""
    if PROJECT in known or ENVIRONMENT in known:
        check()
    return Context({**get_current(), **known}) if known else get_current()


@contextmanager
def using(  # noqa: PLR0913 - one option each, all by name
    *,
    session: str | None = None,
    user: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] | None = None,
    prompt_template: PromptTemplate | str | None = None,
    content: Literal["on", "off"] | None = None,
    project: str | None = None,
    environment: str | None = None,
) -> Generator[None]:
    """Give every span inside the block a session, a user, metadata, tags and the template of its prompt.

    They are kept where OpenInference's own context managers keep them. `content="off"` records no content inside;
    nothing inside makes up for that. A trace that begins inside is sent to `project`, and as from `environment`, where
    `configure()` has made the tracer provider; else one line of the log says that it cannot be.

    Raises ValueError for another `content`.
    """
    known = said(
        session=session,
        user=user,
        metadata=metadata,
        tags=tags,
        prompt_template=prompt_template,
        content=content,
        project=project,
        environment=environment,
    )
    before, inside = get_current(), with_said(known)
    attach(inside)
    elsewhere = False
    try:
        yield
    except GeneratorExit:  # of a generator that was left, maybe closed in a context that knows nothing of this one
        elsewhere = get_current() is not inside
        raise
    finally:
        if not elsewhere:
            attach(before)
