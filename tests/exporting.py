"""What a tracer ends, sent to a receiver as `configure` sends it, within the test itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from otlp_receivers import Received, grpc_receiver, http_receiver
from spanglass.export.batching import BatchProcessor
from spanglass.export.endpoint import GRPC, HTTP, resolve
from spanglass.export.otlp import open_receiver

RECEIVERS: dict[str, Callable[..., AbstractContextManager[Received]]] = {HTTP: http_receiver, GRPC: grpc_receiver}


@contextmanager
def sending(url: str, protocol: str, **variables: str) -> Iterator[tuple[BatchProcessor, trace.Tracer]]:
    """Send what ends in the block to `url`, in an environment of these variables."""
    processor = BatchProcessor(open_receiver(resolve(url, protocol, environ=variables)))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    try:
        yield processor, provider.get_tracer("test")
    finally:
        processor.close(0)
