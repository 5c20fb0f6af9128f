"""A function as AWS Lambda runs it: one event a line of stdin, after which everything stands still until the next."""

import sys
import time

from numbered import ask, trace

pipeline = trace()
for event in sys.stdin:
    ask(int(event))
    began = time.monotonic()
    flushed = pipeline.flush(float(sys.argv[1]))
    sys.stdout.write(f"{flushed} {time.monotonic() - began}\n")
    sys.stdout.flush()
