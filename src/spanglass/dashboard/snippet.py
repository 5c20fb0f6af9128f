"""A call, as the Python that makes it again."""

from opentelemetry.sdk.trace import ReadableSpan


def snippet(span: ReadableSpan) -> str | None:  # noqa: ARG001 - to come
    """Return a program that repeats the call of a span; None of a span that is no call of the API."""
    return None  # to come
