"""The README keeps its word: its table is that of the settings, and its programs run."""

import re
import subprocess
import sys
from pathlib import Path

from spanglass.settings import OPTIONS
from spanglass.testing import OpenAIServer

README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def test_settings() -> None:
    """The table of settings in the README is that of the program."""
    rows = [
        f"| `{option.variable}` | `{option.field}=` | {', '.join(f'`{value}`' for value in option.allowed)} "
        f"| `{','.join(option.default) if isinstance(option.default, tuple) else option.default}` | {option.meaning} |"
        for option in OPTIONS
    ]
    shown = re.search(r"\|---\|---\|---\|---\|---\|\n(.*?)\n\n", README, re.DOTALL)

    assert shown is not None
    assert shown[1].splitlines() == rows


def test_programs() -> None:
    """The README's programs run one after another, as they stand, against a server that speaks the API."""
    programs = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
    with OpenAIServer() as server:
        environment = {
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": server.base_url,
            "OTEL_TRACES_EXPORTER": "none",
        }
        done = subprocess.run(  # noqa: S603 - our own README
            [sys.executable, "-W", "error", "-c", programs],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )

    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello\n", "")
