"""What a type checker knows of what is traced; mypy and pyright read this, nothing runs it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any

from typing_extensions import assert_type

import spanglass
from spanglass import trace


@trace
def plain(question: str, *, times: int = 1) -> list[str]:
    """Answer."""
    return [question] * times


@trace(
    name="ask",
    prompt="ask",
    model_name="gpt-4o",
    project="p",
    environment="e",
    metadata={"a": 1},
    session="s",
    user="u",
    tags=["t"],
    kind="AGENT",
)
async def later(question: str) -> str:
    """Answer."""
    return question


@trace
def steps(most: int) -> Generator[int, str, bool]:
    """Count."""
    yield most
    return True


@trace
async def steps_later(most: int) -> AsyncIterator[int]:
    """Count."""
    yield most


class Bot:
    """A class whose methods are traced, above and below the decorators of Python."""

    @trace
    def method(self, question: str) -> str:
        """Answer."""
        return question

    @trace
    @classmethod
    def of_class(cls, question: str) -> str:
        """Answer."""
        return question

    @staticmethod
    @trace(kind="TOOL")
    def static(question: str) -> str:
        """Answer."""
        return question


async def kept() -> None:
    """Keep signature and type of whatever is decorated."""
    assert_type(plain("a", times=2), list[str])
    assert_type(await later("a"), str)
    assert_type(steps(1), Generator[int, str, bool])
    assert_type(steps_later(1), AsyncIterator[int])
    assert_type(Bot().method("a"), str)
    assert_type(Bot.of_class("a"), str)
    assert_type(Bot.static("a"), str)
    coroutine: Callable[[str], Coroutine[Any, Any, str]] = later
    print(coroutine)  # noqa: T201 - or it would be unused


def refused() -> None:
    """Refuse other arguments than the function's, an option that is not there, and what is no function."""
    plain(1)  # type: ignore[arg-type]
    plain("a", time=2)  # type: ignore[call-arg]
    trace(model="gpt-4o")  # type: ignore[call-overload]
    trace("ask")  # type: ignore[call-overload]
    spanglass.trace(plain, name="a")  # type: ignore[call-overload]
