"""Credentials: what a client's are, and taking them out of texts, URLs, failures and bodies, hidden content or not."""

import re
from collections.abc import Container, Iterator
from functools import lru_cache
from operator import attrgetter
from typing import Any
from urllib.parse import unquote

from spanglass.guard import foreign
from spanglass.plain import remade
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


def scrub_link(url: str) -> str:
    """Return the URL without the credentials in it."""
    return scrub(_URL_USERINFO.sub(rf"\1{REDACTED}@", url))


@lru_cache(maxsize=64)  # a program calls few
def scrub_url(url: str) -> str:
    """Return the URL without the credentials in it; all that stands before its host's `@` counts as userinfo."""
    return scrub_link(url)


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


def scrub_inside(value: Any, names: Container[str]) -> Any:
    """Return the value itself, or a copy without what has one of the names, and without credentials in its texts."""
    return remade(value, _scrubbed, names)


def _scrubbed(text: str) -> str:
    clean = scrub(text)
    return text if clean == text else clean
