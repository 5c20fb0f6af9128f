"""What tracing a call costs, in calls of functions: the unit that does not vary with the machine."""

import sys
from collections.abc import Iterator
from typing import Final

import pytest

from bench.cases import Case, cases
from bench.measure import Cost, cost, count

# How many times the calls that the same spans take by hand: what is measured, and little more.
RATIOS: Final = {
    "small call, default": 1.75,
    "small call": 1.6,
    "40 messages, default": 1.5,
    "40 messages": 1.47,
    "unsampled call": 2.3,
    "failed call": 1.65,
    "small response": 1.65,
    "40 input items": 1.5,
    "unsampled response": 2.3,
    "response retrieved": 1.9,
    "small embedding": 1.07,
    "function with @trace": 2.1,
}
CHUNKS: Final = tuple(
    f"{kind}{family}"
    for kind in ("stream chunk", "unsampled chunk", "response event", "unsampled event")
    for family in ("", ", async")
)
NAMES: Final = (*RATIOS, *CHUNKS, "panel noted", "panel printed")


@pytest.fixture(scope="module")
def known() -> Iterator[dict[str, Case]]:
    """Give the cases of the benchmark by their names."""
    with cases() as every:
        yield {case.name: case for case in every}


@pytest.fixture(scope="module")
def costs(known: dict[str, Case]) -> dict[str, Cost]:
    """Return what each case costs."""
    return {name: cost(known[name], count) for name in known}


def test_names(known: dict[str, Case]) -> None:
    """Every case of the benchmark is held to its budget here."""
    assert set(NAMES) == set(known)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the budgets are counts of CPython 3.11")
@pytest.mark.parametrize("name", NAMES)
def test_budget(name: str, known: dict[str, Case], costs: dict[str, Cost]) -> None:
    """Tracing adds no more calls to a unit of the case than its budget allows."""
    assert costs[name].added <= known[name].budget


@pytest.mark.parametrize(("name", "most"), RATIOS.items())
def test_ratio(name: str, most: float, costs: dict[str, Cost]) -> None:
    """Tracing adds few calls to those that the SDK of OpenTelemetry takes for the same spans."""
    assert costs[name].added <= most * costs[name].floor
