"""The tokens that a response tells of."""

from collections.abc import Mapping
from typing import Any

from spanglass.plain import LARGEST, NOTHING, SCALARS, whole
from spanglass.record import Usage

LONGEST = 128  # characters of a count's name, which names an attribute
PLAIN = SCALARS | {str, list}
USAGE = {
    "prompt_tokens": "prompt",
    "input_tokens": "prompt",
    "completion_tokens": "completion",
    "output_tokens": "completion",
    "total_tokens": "total",
}
_PROMPT = {"cached_tokens": "cache_read", "cache_write_tokens": "cache_write", "audio_tokens": "prompt_audio"}
_COMPLETION = {"reasoning_tokens": "reasoning", "audio_tokens": "completion_audio"}
USAGE_DETAILS = {
    "prompt_tokens_details": ("prompt", _PROMPT),
    "input_tokens_details": ("prompt", _PROMPT),
    "completion_tokens_details": ("completion", _COMPLETION),
    "output_tokens_details": ("completion", _COMPLETION),
}


DEEPEST = 4  # counts within counts


def read_usage(raw: Mapping[str, Any], tools: Mapping[str, Any] = NOTHING) -> Usage | None:
    """Read the counts that are whole numbers; those without a field of their own go to `details` by dotted name.

    So do those of `tools`, which a response counts apart, used or not: these only where they are not zero. Returns None
    where there is not a single count.
    """
    known: dict[str, Any] = {}
    others: dict[str, int] = {}
    for key in raw:
        if key in USAGE_DETAILS:
            prefix, names = USAGE_DETAILS[key]
            _sort(whole(raw[key]), names, f"{prefix}.", known, others)
    _sort(raw, USAGE, "", known, others)
    if tools:
        used: dict[str, int] = {}
        _sort(tools, NOTHING, "tool_usage.", known, used)
        others |= {name: used[name] for name in used if used[name]}
    return Usage(**known, details=others or None) if known or others else None


def _sort(
    raw: Mapping[str, Any], names: Mapping[str, str], prefix: str, known: dict[str, Any], others: dict[str, int]
) -> None:
    for key in raw:
        value = raw[key]
        if value is None or key.__class__ is not str or (prefix + key)[LONGEST:]:
            continue
        if value.__class__ is not int:
            if value.__class__ not in PLAIN and prefix.count(".") < DEEPEST and (prefix or key not in USAGE_DETAILS):
                _sort(whole(value), NOTHING, f"{prefix}{key}.", known, others)
        elif -LARGEST <= value < LARGEST:
            if key in names:
                known[names[key]] = value
            else:
                others[prefix + key] = value
