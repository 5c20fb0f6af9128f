"""Streams that the garbage collector finds are accounted for, and never end a span where that could hang."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from leaving import OURS

from spanglass.testing import OpenAIServer

HERE = Path(__file__).parent
PATIENCE = 90
TIMES = 4
OUTCOMES = {
    "abandoned": ("unread", "broken", "by_hand", "unparsed", "in_circle", "generator", "asynchronous"),
    "closed": ("closing_unread", "closing_held"),
}


@pytest.mark.parametrize("processor", ["plain", "simple", "batch"])
def test_collected_under_locks(server: OpenAIServer, processor: str) -> None:
    """Dropped streams that are collected while every lock is held hang nothing, and leave one span each."""
    ran = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, str(HERE / "dropping.py"), server.base_url, processor],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    # The SDK's own finaliser of an async client may complain of a loop that is closed.
    assert (0, False) == (ran.returncode, OURS in ran.stderr), ran.stderr
    assert {way: [outcome] * TIMES for outcome in OUTCOMES for way in OUTCOMES[outcome]} == json.loads(ran.stdout)
