"""What a person sees in Phoenix."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from scenarios import ANSWER, QUESTION, SCENARIOS
from tracing import traced
from viewer import Phoenix

pytestmark = [
    pytest.mark.backend,
    pytest.mark.phoenix,
    pytest.mark.browser,
    pytest.mark.xdist_group("phoenix"),
]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def test_a_person_sees_attempts_and_conversation(phoenix: Phoenix, chromium: Path, tmp_path: Path) -> None:
    """The page of a retried call shows its attempts as a tree, and the question and the answer beside it.

    SPANGLASS_SCREENSHOT names a file for the picture.
    """
    with traced(phoenix.endpoints, "http/protobuf", project="night-desk") as spans:
        SCENARIOS["retried"].run()
    phoenix.shows("night-desk", spans)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1840, "height": 880})
        page.goto(phoenix.page("night-desk", spans[0]))
        trace = page.get_by_role("dialog")
        expect(trace.get_by_text(ANSWER, exact=True).first).to_be_visible(timeout=30_000)
        expect(trace.get_by_text(QUESTION["content"], exact=True).first).to_be_visible()
        expect(trace.get_by_text("attempt", exact=True)).to_have_count(3)
        page.wait_for_function("document.getAnimations().every(each => each.playState !== 'running')")
        trace.screenshot(path=os.environ.get("SPANGLASS_SCREENSHOT") or tmp_path / "phoenix.png")
        browser.close()
