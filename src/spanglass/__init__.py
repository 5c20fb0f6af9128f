"""Every OpenAI call as OpenTelemetry spans: what was sent, what came back, every attempt, every stream."""

from spanglass.configure import Pipeline, configure
from spanglass.context import using
from spanglass.instrumentor import OpenAIInstrumentor
from spanglass.record import Record
from spanglass.settings import Settings

__all__ = ["OpenAIInstrumentor", "Pipeline", "Record", "Settings", "configure", "using"]
