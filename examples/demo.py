"""The scenes of `spanglass demo`, with a collector that counts the spans which it takes: five traces on the screen.

    python examples/demo.py

Without OTEL_EXPORTER_OTLP_ENDPOINT the collector is started on this machine, and says in the end how many spans it
took. With it this is `spanglass demo`, and the spans go there: to Phoenix, Jaeger or any other collector.
"""

import os
import sys

from collector import Collector

from spanglass.cli.demo import demo, perform
from spanglass.export.endpoint import resolve

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def main() -> int:
    """Play the scenes, and return 0 when every span arrived."""
    with Collector() as collector:
        played = perform(resolve(collector.endpoint, "http/protobuf"), None)
    print(f"The collector took {collector.taken} of {played.spans} spans.")
    print("To look at them in Phoenix, set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:6006")
    return 0 if collector.taken == played.spans else 1


if __name__ == "__main__":
    if any(map(os.environ.get, ENDPOINT_VARIABLES)):
        demo([])
    sys.exit(main())
