"""`python -m bench.dashboard [SECONDS]`: a dashboard, four senders, and a page that is asked for each second."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Final

PROGRAM: Final = Path(__file__).parents[2] / "dashboard" / "alone.py"
SENDERS: Final = 4
CASES: Final = ((1000, 512), (0, 512), (1000, 10), (0, 10))
"""Spans a second, 0 for as many as can be, and spans of a request."""
TICKS: Final = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(file: Path) -> Iterator[tuple[int, str]]:
    """Give the process of a dashboard, and where it is; end it after the block, whatever came of that."""
    command = [sys.executable, str(PROGRAM), str(file), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dashboard:  # noqa: S603 - ours
        try:
            assert dashboard.stdout is not None
            yield dashboard.pid, dashboard.stdout.readline().strip()
        finally:
            dashboard.terminate()


def measured(rate: int, batch: int, seconds: float) -> str:
    """Return a line of what came of one load."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "traces.db")
        with running(file) as (pid, url):
            asked = [url.rpartition(":")[2], str(batch), str(rate / SENDERS), str(seconds)]
            sender = [sys.executable, "-m", "bench.dashboard.load", *asked]
            senders = [subprocess.Popen(sender, stdout=subprocess.PIPE, text=True) for _ in range(SENDERS)]  # noqa: S603 - ours
            pages: list[float] = []
            while any(each.poll() is None for each in senders):
                begun = time.perf_counter()
                with urllib.request.urlopen(url + "/", timeout=60) as page:  # noqa: S310 - ours
                    page.read()
                pages.append((time.perf_counter() - begun) * 1e3)
                time.sleep(max(0.0, 1 - (time.perf_counter() - begun)))
            told = [json.loads(each.communicate()[0]) for each in senders]
            stat = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
            status = Path(f"/proc/{pid}/status").read_text("ascii")
        size = file.stat().st_size
    times = [each for one in told for each in one["times"]]
    spans = sum(one["spans"] for one in told)
    took = max(one["seconds"] for one in told)
    cpu = (int(stat[11]) + int(stat[12])) / TICKS
    peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
    return "; ".join(
        (
            f"asked {rate or 'all'}/s by {batch}: {spans / took:,.0f} spans/s for {took:.0f} s",
            f"request p50 {median(times):.0f} ms, p99 {quantiles(times, n=100)[98]:.0f} ms",
            f"CPU {cpu / took:.0%}, {cpu / spans * 1e6:.0f} us a span",
            f"RSS at most {peak / 1024:.0f} MB",
            f"page p50 {median(pages):.0f} ms, most {max(pages):.0f} ms",
            f"file {size / spans:,.0f} bytes a span, {told[0]['body'] / batch:,.0f} sent",
            f"answers {[one['statuses'] for one in told]}",
        )
    )


if __name__ == "__main__":
    for case in CASES:
        print(measured(*case, float(sys.argv[1]) if sys.argv[1:] else 60), flush=True)  # noqa: T201 - what it is for
