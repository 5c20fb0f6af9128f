"""Runs the tests of each framework in an environment of its own: `make test-frameworks`.

One framework: `.venv/bin/nox -f tests/frameworks/sessions.py -k langchain`. What is given after `--` goes to pytest.
"""

import os
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "sdks"))

from environments import imports, make, python_of
from stacks import FRAMEWORKS, PYTHON, environment, module_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("SPANGLASS_FRAMEWORKS") or Path.home() / ".cache/spanglass/frameworks")
# What keeps a framework from asking others on the network.
ALONE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}


@nox.session(venv_backend="none")
@nox.parametrize("name", [*FRAMEWORKS], ids=[*FRAMEWORKS])
def framework(session: nox.Session, name: str) -> None:
    """Run the tests of one framework, in an environment that has what spanglass needs; it is that of this clone."""
    python = python_of(PYTHON)
    if python is None:
        refuse = session.error if os.environ.get("SPANGLASS_REQUIRE_ALL") else session.skip
        refuse(f"There is no Python {PYTHON} that runs: put a python{PYTHON} on the PATH.")
    session.chdir(ROOT)
    session.run(
        str(make(environment(name), python, CACHE)),
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("-W", "ignore::ResourceWarning"),  # of the clients that frameworks leave open
        *(session.posargs or [str(HERE / module_of(name))]),
        env={"PYTHONPATH": imports(ROOT, Path(session.create_tmp())), "SPANGLASS_FRAMEWORK": name, **ALONE},
        external=True,
    )
