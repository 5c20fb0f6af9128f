"""Where a program wants no spans of its instrumentations: under OpenTelemetry's keys, the older one too."""

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as NEWER  # pyright: ignore[reportPrivateUsage]
from opentelemetry.context import Context

SUPPRESSED = NEWER
OLDER = "suppress_instrumentation"


def suppressed(context: Context) -> bool:
    """Tell whether instrumentation is suppressed in a context."""
    return bool(context.get(SUPPRESSED) or context.get(OLDER))
