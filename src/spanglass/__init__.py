"""Every OpenAI call as OpenTelemetry spans: what was sent, what came back, every attempt, every stream."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from spanglass.configure import Pipeline, configure
from spanglass.context import using
from spanglass.decorator import trace
from spanglass.instrumentor import OpenAIInstrumentor
from spanglass.record import Record
from spanglass.settings import Settings

__all__ = [
    "OpenAIInstrumentor",
    "Pipeline",
    "Record",
    "Settings",
    "TraceAsyncOpenAI",
    "TraceOpenAI",
    "active_session",
    "configure",
    "launch_app",
    "read_jsonl",
    "spans_to_jsonl",
    "to_dataframe",
    "trace",
    "using",
    "wrap_openai",
]

if TYPE_CHECKING:
    from spanglass.client import TraceAsyncOpenAI, TraceOpenAI, wrap_openai
    from spanglass.dashboard.session import active_session, launch_app
    from spanglass.export.dataframe import to_dataframe
    from spanglass.export.jsonl import read_jsonl, spans_to_jsonl
else:
    _ELSEWHERE = {
        "active_session": "spanglass.dashboard.session",
        "launch_app": "spanglass.dashboard.session",
        "read_jsonl": "spanglass.export.jsonl",
        "spans_to_jsonl": "spanglass.export.jsonl",
        "to_dataframe": "spanglass.export.dataframe",
    }

    # Not for type checkers, to which it would make every name one that is there.
    def __getattr__(name: str) -> object:
        """Load what needs the SDK, or is not always used, when it is first asked for."""
        if name not in __all__:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        try:
            module = _import_module(_ELSEWHERE.get(name, "spanglass.client"))
        except ImportError as error:
            if error.name != "openai":
                raise
            message = f"{name} needs the OpenAI SDK, 1.6.0 or newer: pip install 'spanglass[openai]'."
            raise ImportError(message, name="openai") from error
        found = globals()[name] = getattr(module, name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__} - {"TYPE_CHECKING"})
