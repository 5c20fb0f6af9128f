"""Streams that are collected while the locks of the metrics are held: nothing hangs, and all of them are counted."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from spanglass.testing import OpenAIServer

PROGRAM = """
    import gc, sys
    import openai
    from leaving import watch
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON
    from spanglass import OpenAIInstrumentor
    from spanglass.calls.unfinished import drain

    watch()
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    OpenAIInstrumentor().instrument(tracer_provider=TracerProvider(sampler=ALWAYS_ON), meter_provider=provider)

    def locks(of):
        # All that hang on the provider: those of its readers, its storages, and of every single sum.
        seen, found, waiting = set(), [], [of]
        while waiting:
            one = waiting.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if hasattr(one, "acquire") and hasattr(one, "release"):
                found.append(one)
            elif isinstance(one, dict):
                waiting += one.values()
            elif isinstance(one, (list, tuple, set)):
                waiting += one
            elif type(one).__module__.startswith("opentelemetry.sdk.metrics"):
                waiting += vars(one).values()
        return found

    def ask(client):
        return client.chat.completions.create(model="m", messages=[], stream=True)

    def drop(client):
        stream = ask(client)
        next(stream)
        stream.itself = stream

    def suspended(client):
        def pieces():
            with ask(client):
                yield
        circle = {"pieces": pieces()}
        circle["circle"] = circle
        next(circle["pieces"])

    with openai.OpenAI(base_url=sys.argv[1], api_key="test") as client:
        for _ in ask(client):
            pass
        held = locks(provider)
        for way in (drop, suspended):
            gc.disable()
            way(client)
            for lock in held:
                lock.acquire()
            gc.collect()
            for lock in held:
                lock.release()
            gc.enable()
        gc.set_threshold(1)
        for way in (drop, suspended):
            way(client)
        gc.set_threshold(700)
    gc.collect()
    drain()
    (duration,) = (
        metric
        for group in reader.get_metrics_data().resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
        if metric.name == "gen_ai.client.inference.duration"
    )
    print(len(held) > 5, sum(point.count for point in duration.data.data_points))
    sys.stdout.flush()
"""


def test_collected_under_the_locks_of_metrics(server: OpenAIServer) -> None:
    """Streams that the collector finds while their own thread holds every lock of the metrics are counted later."""
    ran = subprocess.run(  # noqa: S603 - a program of this file
        [sys.executable, "-c", dedent(PROGRAM), server.base_url],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert (0, "True 5\n", "") == (ran.returncode, ran.stdout, ran.stderr)
