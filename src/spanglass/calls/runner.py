"""The tools that the SDK runs by itself, in its tool runners and in agents' sessions: how each kind of them is read."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from operator import itemgetter
from typing import Any

from spanglass.calls.callers import Wrapper
from spanglass.calls.execution import Asked, Kind, executing, executing_async
from spanglass.calls.serving import given, of_sessions, serving, serving_async, steps, steps_async
from spanglass.guard import guard


def _asked_of_function(runner: Any, args: tuple[Any, ...]) -> Asked:
    call = args[1]
    return Asked(call.name, call.call_id, call.arguments, lambda: runner._functions[call.name].tool)  # noqa: SLF001 - it has no other name


def _asked_of_browser(toolset: Any, args: tuple[Any, ...]) -> Asked:
    call = args[0]
    return Asked(
        call.name,
        call.call_id,
        call.arguments,
        lambda: next((tool for tool in toolset.tools if tool["name"] == call.name), None),
    )


def _asked_of_computer(_toolset: Any, args: tuple[Any, ...]) -> Asked:
    call = args[0]
    arguments = {"action": call.action} if call.actions is None else {"actions": call.actions}
    return Asked("computer", call.call_id, arguments)


def _asked_of_agent(invocation: Any, args: tuple[Any, ...]) -> Asked:
    call, function = invocation.call, args[0]
    of_the_sdk = type(function).__module__.startswith("openai.")  # anybody else's attributes may run anything
    return Asked(call.name, call.call_id, call.arguments, lambda: function.definition if of_the_sdk else None)


def _asked_of_candidate(candidate: Any, _args: tuple[Any, ...]) -> Asked:
    return Asked(candidate.id, definition=lambda: {"description": candidate.description})


def _output_of_browser(result: Any) -> Any:
    return result[0]["output"]


def _same(result: Any) -> Any:
    return result


FUNCTION = Kind(_asked_of_function, itemgetter("output"))
COMPUTER = Kind(_asked_of_computer, itemgetter("output"))
BROWSER = Kind(_asked_of_browser, _output_of_browser, watched=True)
AGENT = Kind(_asked_of_agent, _same)
CANDIDATE = Kind(_asked_of_candidate, _same)


def candidates(wrapped: Any, _run: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Have each action that a Decisions runner may choose run as a tool."""
    found = wrapped(*args, **kwargs)
    with guard:
        return [each if each.execute is None else replace(each, execute=_chosen(each)) for each in found]
    return found


def _chosen(candidate: Any) -> Callable[..., Any]:
    @wraps(candidate.execute)
    def execute(*args: Any, **kwargs: Any) -> Any:
        return executing(CANDIDATE, candidate.execute, candidate, args, kwargs)

    return execute


# What is wrapped: the module, the class, the name, and what goes around it. Older SDKs have none or few of them.
_RESPONSES, _DECISIONS = "openai.lib.responses_tool_runner", "openai.lib.decisions_tool_runner"
_COMPUTER, _BROWSER = "openai.lib.computer", "openai.lib.browser"
_AGENTS = "openai.lib.streaming.agents"
_DISPATCH = f"{_AGENTS}._dispatch"
ROWS: tuple[tuple[str, str, str, Wrapper], ...] = (
    (_RESPONSES, "ResponsesToolRunner", "_execute_function", partial(executing, FUNCTION)),
    (_RESPONSES, "AsyncResponsesToolRunner", "_execute_function", partial(executing_async, FUNCTION)),
    (_COMPUTER, "ComputerToolset", "_dispatch", partial(executing, COMPUTER)),
    (_COMPUTER, "AsyncComputerToolset", "_dispatch", partial(executing_async, COMPUTER)),
    (_BROWSER, "BrowserToolset", "_dispatch", partial(executing, BROWSER)),
    (_BROWSER, "AsyncBrowserToolset", "_dispatch", partial(executing_async, BROWSER)),
    (f"{_AGENTS}._tools", "ToolInvocation", "invoke", partial(executing, AGENT)),
    (_DECISIONS, "_Run", "candidates", candidates),
    (_RESPONSES, "ResponsesToolRunner", "iterate", partial(steps, given)),
    (_RESPONSES, "AsyncResponsesToolRunner", "iterate", partial(steps_async, given)),
    (_COMPUTER, "ComputerToolset", "run", partial(serving, given)),
    (_COMPUTER, "AsyncComputerToolset", "run", partial(serving_async, given)),
    (_DECISIONS, "DecisionsToolRunner", "run", partial(serving, given)),
    (_DECISIONS, "AsyncDecisionsToolRunner", "run", partial(serving_async, given)),
    (_DISPATCH, "ToolDispatcher", "dispatch", partial(serving, of_sessions)),
    (_DISPATCH, "AsyncToolDispatcher", "dispatch", partial(serving_async, of_sessions)),
)
