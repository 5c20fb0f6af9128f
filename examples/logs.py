"""The program's own log lines with the id of the trace that they were written in: the same as in the panel.

It needs `pip install opentelemetry-instrumentation-logging` besides.
"""

import logging
import os

from openai import OpenAI
from opentelemetry.instrumentation.logging import LoggingInstrumentor

from spanglass import OpenAIInstrumentor, configure, trace

configure(project="examples", console=True)
OpenAIInstrumentor().instrument()
LoggingInstrumentor().instrument(  # without a format of your own, `set_logging_format=True` has OpenTelemetry's
    set_logging_format=True, logging_format="%(levelname)s trace_id=%(otelTraceID)s %(message)s"
)
log, client = logging.getLogger("shop"), OpenAI()


@trace
def advise(customer: str) -> str | None:
    """Answer a customer, and keep a log of it."""
    log.info("%s asks", customer)
    answer = client.chat.completions.create(
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        messages=[{"role": "user", "content": "Which roof rack fits a small car?"}],
    )
    log.info("answered, %s tokens", answer.usage and answer.usage.total_tokens)
    return answer.choices[0].message.content


log.info("open")
print(advise("Ann"))
