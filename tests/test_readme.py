"""The README keeps its word: its table is that of the settings, and its programs run."""

import re
import subprocess
import sys

import readme
from spanglass.testing import OpenAIServer

README = readme.README.read_text("utf-8")


def test_parts() -> None:
    """What the program says of itself stands in the README as it says it; `make readme` writes it anew."""
    assert readme.written(README) == README
    assert all(f"<!-- {name} -->" in README for name in readme.PARTS)


def test_forms() -> None:
    """The README's table of forms has a row for each form that is tested, and a column for each SDK."""
    head, _, *rows = re.findall(r"<!-- forms -->\n(.*?)\n<!-- end", README, re.DOTALL)[0].splitlines()

    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == readme.NAMES
    assert head.strip("| ").split(" | ")[1:] == readme.SDKS


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
