"""Credentials: what a client's are, and taking them out of texts, URLs, failures and bodies, hidden content or not."""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any
from urllib.parse import unquote

from spanglass.guard import foreign
from spanglass.plain import GONE, SCALARS, changed, each, fields, remade, whole
from spanglass.record import Failure

REDACTED = "__REDACTED__"

# Of a text. Each pattern passes over it once, whatever it is: no two of its starts can run over the same characters.

# By their form alone.
_FORMS = re.compile(
    r"""
    (?<=://)[^\s/?#"'<>]+(?=@)                                  # userinfo in a URL
    | (?<![A-Za-z0-9])(?:
        (?:(?:sk|gsk|xai)[-_]|sess-)[\w*-]{8,}                  # OpenAI and its kin, also half masked by the provider
        | AIza[\w-]{35} | (?:AKIA|ASIA)[A-Z0-9]{16}             # Google, AWS
        | (?:gh[a-z]_|hf_)[A-Za-z0-9]{30,} | xox[a-z]-[\w-]{10,}  # GitHub, Hugging Face, Slack
    )
    | (?<![\w.-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*                   # JSON web tokens
    """,
    re.VERBOSE,
)
# By the name before them, which stays.
_NAMED = re.compile(
    r"""
    ([?&\#;]                                                    # parameters of a URL
        (?=code= | [\w.%-]*?(?:
            key|token|secret|passw|pwd|passphrase|signature|credential|auth(?!ors?=)
            | (?<![a-z])(?:sig|pass|pw|jwt)(?![a-z])
        ))
        [\w.%-]+=
    )[^\s&\#"'<>]+
    | (                                                         # `api-key: …`, `"api_key": "…"`, `API key provided: …`
        (?:(?:api|access|auth|subscription)[-_\ ]?(?:key|token)|client[-_\ ]?secret|authorization|password)
        (?:\ provided)?\\?["']?\s{0,8}[:=]\s{0,8}\\?["']?(?:(?:bearer|basic)\s{1,8})?
    )[^\s"'\\&,;<>(){}\[\]]+
    | (\bbearer\s{1,8})(?!(?:auth|token)[\s,;()])[^\s"'\\,;<>()]+
    | (header\ value:?\ b?(?P<quote>["']))(?:(?!(?P=quote))[^\\\n]|\\.)+   # one that HTTP does not take
    """,
    re.VERBOSE | re.IGNORECASE,
)
_URL_USERINFO = re.compile(r"^([^/?#]*://)[^/?#]*@")
# Characters to either side of a place, among which a secret there is looked for: longer than any token.
AROUND = 4_000
# Longer than any blank that a pattern passes over.
_SEAM = "\n" * 9 + "\x1f"


def _after_its_name(found: "re.Match[str]") -> str:
    return found[found.lastindex or 0] + REDACTED


def without_secrets(text: str, secrets: tuple[str, ...]) -> str:
    """Return the text without the secrets, as they are and as `repr` writes them."""
    for secret in secrets:
        for spelled in (secret, f"{secret!r}"[1:-1]):
            if spelled in text:
                text = text.replace(spelled, REDACTED)
    return text


def scrub(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return the text without the secrets, and without whatever looks like one."""
    return _NAMED.sub(_after_its_name, _FORMS.sub(REDACTED, without_secrets(text, secrets) if secrets else text))


def before_secret(text: str, end: int) -> int:
    """Return where a text that is to be cut at `end` can be cut: there, or before what looks like a secret.

    Half a secret would no longer look like one.
    """
    start = max(0, end - AROUND)
    for pattern in (_FORMS, _NAMED):
        for found in pattern.finditer(text[start : end + AROUND]):
            if start + found.start() < end < start + found.end():
                end = start + found.start()
    return end


def _scrub_url(url: str) -> str:
    return scrub(_URL_USERINFO.sub(rf"\1{REDACTED}@", url))


@lru_cache(maxsize=64)  # a program calls few
def scrub_url(url: str) -> str:
    """Return the URL without the credentials in it; all that stands before its host's `@` counts as userinfo."""
    return _scrub_url(url)


def scrub_failure(failure: Failure, secrets: tuple[str, ...] = ()) -> None:
    """Take the credentials out of a failure's texts, in place; also out of the API's word, where that is its type."""
    # All at once, on lines of their own: each pass costs.
    text = (
        f"{failure.code or ''}{_SEAM}{failure.param or ''}{_SEAM}{failure.api_type or ''}{_SEAM}"
        f"{failure.request_id or ''}{_SEAM}{failure.message}{_SEAM}{failure.stacktrace or ''}"
    )
    code, param, api_type, request_id, failure.message, stacktrace = scrub(text, secrets).split(_SEAM, 5)
    if not failure.raised and failure.type == failure.code:
        failure.type = code
    failure.code = failure.code and code
    failure.param = failure.param and param
    failure.api_type = failure.api_type and api_type
    failure.request_id = failure.request_id and request_id
    failure.stacktrace = failure.stacktrace and stacktrace


# Of a client.

_HELD = ("api_key", "_azure_ad_token", "admin_api_key", "webhook_secret")
_HEADERS = re.compile(r"(?i)key|token|secret|auth|cookie|passw|credential").search
_SHORTEST = 8  # what is shorter may stand in any word
_BLANK = "\t\n\r "


def secrets_of(client: Any, headers: Any) -> tuple[str, ...]:
    """Return the secrets that an SDK client sends, and those in a mapping of headers; the longest first."""
    # Few calls, here and below: each failed call asks for them.
    found: list[str] = []
    foreign(_gather, (client, headers, found))
    secrets: list[str] = []
    for secret in found:
        if secret[_SHORTEST - 1 :]:
            secrets += [secret]
            if secret[0] in _BLANK or secret[-1] in _BLANK:
                secrets += [stripped for stripped in [secret.strip()] if stripped[_SHORTEST - 1 :]]
    return tuple(sorted(secrets, key=len, reverse=True) if secrets[1:] else secrets)


def _gather(sources: tuple[Any, Any, list[str]]) -> None:
    """Fill the list, the surest first: what raises costs only what comes after it."""
    client, headers, found = sources
    own = client.__dict__
    for name in _HELD:
        if name in own and own[name].__class__ is str:
            found += [own[name]]
    if "api_key" not in own:  # a subclass has made it a property
        found += [key for key in [foreign(attrgetter("api_key"), client)] if key.__class__ is str]
    own_headers: Any = own["_custom_headers"] if "_custom_headers" in own else None  # noqa: SIM401 - free of a call
    for given in (own_headers, headers):
        try:
            known: dict[Any, Any] = {**given}
        except TypeError:  # not a mapping
            continue
        if known:
            found += _of_headers(known)
    userinfo = own["_base_url"].userinfo
    if userinfo:
        user, _, password = userinfo.decode().partition(":")
        found += [password or user, unquote(password or user)]


def _of_headers(headers: dict[Any, Any]) -> list[str]:
    found: list[str] = []
    for name, value in headers.items():
        if isinstance(name, str) and isinstance(value, str) and _HEADERS(name):
            found += [value, value.partition(" ")[2]]  # as it is, and without a scheme such as Bearer
    return found


# Of a body.


def _spelled(*names: str) -> Iterator[str]:
    """Yield the names in every usual spelling, so that looking one up is one step."""
    for words in (name.split() for name in names):
        for join in ("", "_", "-"):
            yield join.join(words)
            yield join.join(words).upper()
            yield join.join(word.title() for word in words)
            yield join.join([words[0], *(word.title() for word in words[1:])])


# Never recorded, whoever put them into a body.
CREDENTIALS = frozenset(_spelled("api key", "authorization", "headers", "extra headers", "extra query"))
# Nor these, in what the API does not know.
SECRETS = CREDENTIALS | frozenset(
    _spelled(
        "key", "connection string", "encoded api key", "access token", "password", "secret", "token", "client secret",
        "api token", "auth token", "bearer token", "refresh token", "private key", "secret key", "subscription key",
        "credentials", "vertex credentials", "aws secret access key", "aws session token", "domain secrets",
        "authorization token",
    )
)  # fmt: skip
_ends_as_one = re.compile(
    r"""
    (?:
        (?:api|access|secret|private|auth|subscription|account|master|encryption|signing|service|shared)[-_.\ ]?key
        | passw(?:or)?d | passphrase | pwd | secret | token | credentials? | authorization | cookies?
        | connection[-_\ ]?string | (?<![a-z])(?:auth|pass|jwt)
    )$
    | (?-i:[A-Z0-9]_KEY$)                                       # a variable of the environment
    """,
    re.VERBOSE | re.IGNORECASE,
).search
LONGEST_NAME = 100


class _NamedSecrets(Container[str]):
    """The names of credentials, whosever they are: `OPENAI_API_KEY`, `db_password`, `x-api-key`, `githubToken`."""

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return name in NAMES or _ends_as_one(name[-LONGEST_NAME:]) is not None


# Of what a function is given: there a key is as often that of a dictionary.
NAMES = SECRETS - frozenset(_spelled("key"))
# Nor these.
NAMED_SECRETS = _NamedSecrets()
# The SDK's own names for what the endpoints take.
PARAMETERS = frozenset({
    "access_programs", "audio", "background", "background_options", "best_of", "betas", "context_management",
    "conversation", "dimensions", "echo", "encoding_format", "frequency_penalty", "function_call", "functions",
    "image", "include", "include_obfuscation", "input", "instructions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_output_tokens", "max_tokens", "max_tool_calls", "messages", "metadata",
    "modalities", "model", "moderation", "multi_agent", "n", "parallel_tool_calls", "personality", "prediction",
    "presence_penalty", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning", "reasoning_effort", "response_format", "response_id",
    "safety_identifier", "seed", "service_tier", "starting_after", "stop", "store", "stream", "stream_options",
    "suffix", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
    "verbosity", "web_search_options",
})  # fmt: skip
# The parts of a message that hold a URL, and the field that it stands in, where it is not the part's own.
_URLS = {"image_url": "url", "video_url": "url", "audio_url": "url", "file": "file_data", "file_url": "", "url": ""}
_TEXTS = frozenset({"text", "input_text", "output_text", "refusal"})
_LISTS = frozenset({list, tuple})
_BARE = SCALARS | _LISTS | {str}


def without_credentials(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the body itself, or, where it holds credentials, a copy without them."""
    changes: dict[str, Any] = {}
    for key in body:
        value = body[key]
        if key in _CLEANED:
            clean = _CLEANED[key](value)
        elif key in PARAMETERS:
            continue
        elif key in SECRETS:
            clean = GONE
        elif value.__class__ in SCALARS:
            continue
        else:
            clean = foreign(_unknown, value)
        if clean is not value:
            changes[key] = clean
    return changed(body, changes) if changes else body


def without_echoed(response: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the response itself, or, where it repeats credentials of its request, a copy without them."""
    changes: dict[str, Any] = {}
    for key in _ECHOED:  # noqa: PLC0206 - free of a call, as is the next
        if key in response and response[key]:  # noqa: RUF019
            clean = _ECHOED[key](response[key])
            if clean is not response[key]:
                changes[key] = clean
    return changed(response, changes) if changes else response


def _tools(tools: Any) -> Any:
    return each(_tool, tools) if tools.__class__ in _LISTS else foreign(_unknown, tools)


def _tool(tool: Any) -> Any:
    own = tool if tool.__class__ is dict else whole(tool)
    kind = own.get("type", "function" if "input_schema" in own else None)  # one that an MCP server has says no type
    change = TOOLS[kind] if kind.__class__ is str and kind in TOOLS else _unknown
    if change is not None:
        return foreign(change, tool)
    for key in own:
        if key in CREDENTIALS:
            return {name: own[name] for name in own if name not in CREDENTIALS}
    return tool


def _within(holder: Any, name: str, change: Callable[[Any], Any]) -> Any:
    """Return what holds a field itself, or a copy in which the field is changed."""
    own = whole(holder)
    if name not in own or own[name].__class__ in SCALARS:
        return holder
    made = change(own[name])
    return holder if made is own[name] else {**own, name: made}


def _messages(messages: Any) -> Any:
    """Return messages or items themselves, or a list without credentials. The usual message costs no call."""
    if messages.__class__ not in _LISTS:
        return messages if messages.__class__ is str else foreign(_unknown, messages)
    clean: list[Any] | None = None
    number = -1
    for message in messages:
        number += 1
        if message.__class__ in _BARE:
            continue
        own = message if message.__class__ is dict else whole(message)  # an older SDK declares less
        for key in own:
            if key in _HOLDING and own[key].__class__ is not str and own[key] is not None:
                made = _HOLDING[key](own[key])
                if made is not own[key]:
                    clean = clean or [*messages]
                    clean[number] = own = {**whole(clean[number]), key: made}
    return messages if clean is None else clean


def _parts(parts: Any) -> Any:
    if parts.__class__ not in _LISTS:
        return _part(parts)
    try:  # the usual ones say no more than a text, and cost no call
        for part in parts:
            own = part if part.__class__ is dict else part.__dict__
            if own["type"] not in _TEXTS:
                break
        else:
            return parts
    except (AttributeError, KeyError, TypeError):
        pass
    return each(_part, parts)


def _part(part: Any) -> Any:
    own = part if part.__class__ is dict else whole(part)
    for kind in own:
        if kind in _URLS:
            holder, name = own[kind], _URLS[kind]
            if holder.__class__ is str:
                url = _public(holder)
                return part if url is holder else {**own, kind: url}
            held = fields(holder)
            url = _public(held[name]) if name in held else None
            if url is not None and url is not held[name]:
                return {**own, kind: {**held, name: url}}
    return part


def _public(url: Any) -> Any:
    """Return a URL itself, or without its credentials. What is data, and may be large, is left as it is."""
    if url.__class__ is not str or "://" not in url[:16]:
        return url
    clean = _scrub_url(url)
    return url if clean == url else clean


def _action(action: Any) -> Any:
    """Return what is done in a shell without its environment's values, or on the web without what URLs hold."""
    for name, change in _DONE.items():
        action = _within(action, name, change)
    return action


_DONE: dict[str, Callable[[Any], Any]] = {
    "env": lambda env: dict.fromkeys(fields(env), REDACTED),
    "url": _public,
    "sources": _parts,
}


def _choice(choice: Any) -> Any:
    """Return which tools may be called, where they are listed, as tools are: a program may name them whole."""
    return choice if choice.__class__ is str else _within(choice, "tools", _tools)


def _prompt(prompt: Any) -> Any:
    """Return a template's variables without what its URLs hold; the prompts of completions are texts and numbers."""
    if prompt.__class__ is str or prompt.__class__ in _LISTS:
        return prompt
    return _within(prompt, "variables", _variables)


def _variables(variables: Any) -> Any:
    own = fields(variables)
    changes = {name: made for name in own if (made := _part(own[name])) is not own[name]}
    return {**own, **changes} if changes else variables


# What of an item may hold credentials, where it is no text.
_HOLDING: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("content", "output", "outputs"), _parts),
    "tools": _tools,
    "action": _action,
}
_CLEANED: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("messages", "input", "instructions"), _messages),
    "prompt": _prompt,
    "tools": _tools,
    "tool_choice": _choice,
}


def scrub_inside(value: Any, names: Container[str]) -> Any:
    """Return the value itself, or a copy without what has one of the names, and without credentials in its texts."""
    return remade(value, _scrubbed, names)


def _unknown(value: Any) -> Any:
    return scrub_inside(value, SECRETS)


def _scrubbed(text: str) -> str:
    clean = scrub(text)
    return text if clean == text else clean


_ECHOED: dict[str, Callable[[Any], Any]] = {**_CLEANED, "output": _messages, "error": _unknown}
# By their types. What is not here may hold anything; in the schemas of these a property may be named as a secret is.
TOOLS: dict[str, Callable[[Any], Any] | None] = {
    **dict.fromkeys(("function", "custom", "tool_search", "file_search", "computer", "computer_use_preview")),
    **dict.fromkeys(("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")),
    **dict.fromkeys(("apply_patch", "local_shell", "programmatic_tool_calling")),
    **dict.fromkeys(("mcp", "code_interpreter", "shell"), _unknown),
    "namespace": lambda tool: _within(tool, "tools", _tools),
    "image_generation": lambda tool: _within(tool, "input_image_mask", _part),
}
