"""What is installed."""

import subprocess
import sys
from pathlib import Path
from typing import Final
from zipfile import ZipFile

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "src"


def test_the_wheel(tmp_path: Path) -> None:
    """A wheel has every file of the package, the dashboard's pages, styles and script among them."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)  # noqa: S603 - builds this project
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if ".dist-info/" not in name}
    files = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file()}

    assert {name for name in files if "__pycache__" not in name} == packed
