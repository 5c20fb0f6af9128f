"""The scenes of `spanglass demo`, with the dashboard: five traces on the screen, and in a browser.

    python examples/demo.py

Without OTEL_EXPORTER_OTLP_ENDPOINT the dashboard is started on this machine, takes the spans, and says how many; in a
terminal it stays until Ctrl-C. With it this is `spanglass demo`, and the spans go there: to Phoenix, Jaeger or any
other collector.
"""

import argparse
import os
import sys
from contextlib import suppress

from spanglass import launch_app
from spanglass.cli.demo import demo, perform
from spanglass.export.endpoint import resolve

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def main(port: int) -> int:
    """Play the scenes, and return 0 when every span arrived."""
    with launch_app(trace=[], port=port) as dashboard:
        played = perform(resolve(dashboard.url, "http/protobuf"), None)
        taken = dashboard.count()
        print(f"The dashboard took {taken} of {played.spans} spans: {dashboard.url}")
        print("To look at them in Phoenix, set OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:6006", flush=True)
        if sys.stdin.isatty() and sys.stdout.isatty():
            print("The dashboard stays until Ctrl-C.", flush=True)
            with suppress(KeyboardInterrupt):
                dashboard.wait()
    return 0 if taken == played.spans else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Five traces on the screen, and in the dashboard.")
    parser.add_argument("--port", type=int, default=3000, help="where the dashboard is to be; 0 is any that is free")
    arguments = parser.parse_args()
    if any(map(os.environ.get, ENDPOINT_VARIABLES)):
        demo([])
    try:
        sys.exit(main(arguments.port))
    except (OSError, ImportError) as error:
        sys.exit(f"Error: {error}".replace("port=", "--port "))
