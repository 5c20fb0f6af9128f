"""Credentials stay out of whatever is recorded, hidden or not."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from time import process_time
from types import MappingProxyType, SimpleNamespace
from typing import Any

import httpx2
import openai
import pytest
from openai import NOT_GIVEN
from openai.types.chat import ChatCompletionMessage
from pydantic import BaseModel

from spanglass.credentials import scrub, scrub_failure, scrub_url, secrets_of
from spanglass.endpoints.bodies import without_credentials
from spanglass.record import Failure

HIDDEN = "__REDACTED__"
KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f90"  # no pattern knows it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Incorrect API key provided: sk-proj-a_b-c123. You can", f"Incorrect API key provided: {HIDDEN} You can"),
        ("Incorrect API key provided: my-key. You can", f"Incorrect API key provided: {HIDDEN} You can"),
        ("key sk-abcd********wxyz!", f"key {HIDDEN}!"),
        ("gsk_0123456789abcdef and xai-0123456789abcdef", f"{HIDDEN} and {HIDDEN}"),
        ("AKIAIOSFODNN7EXAMPLE AIza" + "x" * 35, f"{HIDDEN} {HIDDEN}"),
        (f"ghp_{'x' * 36} hf_{'x' * 34} xoxb-1-abcdefghij", f"{HIDDEN} {HIDDEN} {HIDDEN}"),
        ("a token eyJhbGciOiJI.eyJzdWIi.c2ln here", f"a token {HIDDEN} here"),
        ("{'Authorization': 'Bearer x'}", f"{{'Authorization': 'Bearer {HIDDEN}'}}"),
        ('{"authorization": "Basic dTpw", "n": 1}', f'{{"authorization": "Basic {HIDDEN}", "n": 1}}'),
        (r"{\"api_key\": \"abc\"}", rf"{{\"api_key\": \"{HIDDEN}\"}}"),
        ("(b'authorization', b'Bearer abc')", f"(b'authorization', b'Bearer {HIDDEN}')"),
        ("api-key: abc, x-api-key=abc", f"api-key: {HIDDEN}, x-api-key={HIDDEN}"),
        ("curl https://u:p%40@h/?a=1&key=abc&b=2#c", f"curl https://{HIDDEN}@h/?a=1&key={HIDDEN}&b=2#c"),
        ("https://h/?sig=a%2Fb&X-Amz-Signature=ff", f"https://h/?sig={HIDDEN}&X-Amz-Signature={HIDDEN}"),
        ("https://h/#access_token=abc", f"https://h/#access_token={HIDDEN}"),
        (
            "https://h/?pass=abc&pwd=d&db_pass=e&passwd=f",
            f"https://h/?pass={HIDDEN}&pwd={HIDDEN}&db_pass={HIDDEN}&passwd={HIDDEN}",
        ),
        (r"Illegal header value b'a\'b c\n' here", f"Illegal header value b'{HIDDEN}' here"),
        ('Illegal header value b"a\'b"', f'Illegal header value b"{HIDDEN}"'),
    ],
)
def test_scrub(text: str, expected: str) -> None:
    """Credentials go out of a text and the rest stays; doing it again changes nothing."""
    assert scrub(text) == expected
    assert scrub(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The task-force-management of risk-assessment uses sk-learn.",
        "Use Bearer auth (see https://platform.openai.com/account/api-keys).",
        "https://h/v1/chat?api-version=2024-10-21&design=1&author=a&country_code=b",
        "mail a@example.com about https://example.com/ or KeyError: 'model'",
        "Unexpected token: <html>",
        "https://h/v1?compass=north&bypass=1&passenger=2",
    ],
)
def test_scrub_leaves_the_rest(text: str) -> None:
    """A text without credentials stays as it is."""
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("http://user:p@ss'word@h:8080/v1", f"http://{HIDDEN}@h:8080/v1"),
        (
            "https://h/v1?api_key=abc&subscription-key=d&code=e",
            f"https://h/v1?api_key={HIDDEN}&subscription-key={HIDDEN}&code={HIDDEN}",
        ),
        ("https://h/sk-0123456789/v1?mail=a@b", f"https://h/{HIDDEN}/v1?mail=a@b"),
    ],
)
def test_scrub_url(url: str, expected: str) -> None:
    """A URL keeps its host, path and harmless parameters, and loses userinfo and credentials."""
    assert scrub_url(url) == expected


def test_scrub_failure() -> None:
    """All texts of a failure lose the credentials in them; what was not known or empty stays so."""
    found = Failure(
        "openai.AuthenticationError",
        f"Unknown key {KEY}\n",
        stacktrace=f"\nat Bearer abc\n{KEY!r}",
        code=f"no_{KEY}",
        param=KEY,
        api_type="invalid_request_error",
        request_id=f"req_{KEY}",
    )
    empty = Failure("E", "Bearer abc", code="")

    scrub_failure(found, (KEY,))
    scrub_failure(empty)

    assert found == Failure(
        "openai.AuthenticationError",
        f"Unknown key {HIDDEN}\n",
        stacktrace=f"\nat Bearer {HIDDEN}\n'{HIDDEN}'",
        code=f"no_{HIDDEN}",
        param=HIDDEN,
        api_type="invalid_request_error",
        request_id=f"req_{HIDDEN}",
    )
    assert empty == Failure("E", f"Bearer {HIDDEN}", code="")


def test_secrets() -> None:
    """Secrets go out of a text as they are and as Python writes them, whatever they look like."""
    secrets = ("a'b\"c\\d\n", "a'b\"c\\d")

    assert scrub(f"{secrets[0]}|{secrets[0]!r}|{secrets[1]}|{secrets[0].encode()!r}", secrets) == (
        f"{HIDDEN}|'{HIDDEN}'|{HIDDEN}|b'{HIDDEN}'"
    )


@pytest.mark.parametrize("call", [scrub, scrub_url])
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "://",
        "://a",
        "sk-",
        "sk-a ",
        "eyJ",
        "eyJaaaaaaaa.",
        "?",
        "?key",
        "?key&",
        "key=",
        "bearer ",
        "api-key ",
        "@",
        '"',
        "?pass",
        "header value b'",
        "header value '\\",
    ],
)
def test_scrub_hard(piece: str, call: Callable[[str], str]) -> None:
    """What is hardest for a pattern takes time in proportion to its length, where going back would take hours."""
    text = piece * (500_000 // len(piece))
    start = process_time()

    call(text)

    assert process_time() - start < 5


def test_scrub_large() -> None:
    """Five megabytes of a web page take seconds at most."""
    line = '<p class="error">It failed & so on: see <a href="https://example.com/help?page=1">the key points</a></p>\n'
    text = line * (5_000_000 // len(line))
    start = process_time()

    assert scrub(text) == text
    assert process_time() - start < 10


NOWHERE = httpx2.MockTransport(lambda _: httpx2.Response(500))


def test_secrets_of_client() -> None:
    """A client's secrets are its keys, its URL's password, and what its credential headers hold; the longest first."""
    with openai.OpenAI(
        api_key="the-key-of-the-client\n",
        webhook_secret="the-webhook-secret",  # noqa: S106 - a secret to be found
        organization="the-organization",
        base_url="https://user:pass%20word@h/v1",
        default_headers={"X-Gateway-Token": "the-gateway-token", "X-Team": "the-team-of-mine", "X-Key": "short"},
        http_client=httpx2.Client(transport=NOWHERE),
    ) as client:
        found = secrets_of(client, MappingProxyType({"Authorization": "Bearer of-this-call", "Accept": "text/plain"}))

    assert found == (
        "the-key-of-the-client\n",
        "the-key-of-the-client",
        "Bearer of-this-call",
        "the-webhook-secret",
        "the-gateway-token",
        "of-this-call",
        "pass%20word",
        "pass word",
    )


def test_secrets_of_azure() -> None:
    """A token that Azure is given is one too."""
    with openai.AzureOpenAI(
        azure_endpoint="https://h",
        api_version="1",
        azure_ad_token="the-token-of-entra",  # noqa: S106 - a secret to be found
        http_client=httpx2.Client(transport=NOWHERE),
    ) as client:
        client.api_key = "short"  # too short to be told from a word
        found = secrets_of(client, NOT_GIVEN)

    assert found == ("the-token-of-entra",)


class Turning:
    """A client whose key is a property, and nothing else is as it should be."""

    _custom_headers = 5

    @property
    def api_key(self) -> str:
        """Return the key of the moment."""
        return "the-key-of-now"


class Broken(Mapping[str, str]):
    """A mapping that raises."""

    def __getitem__(self, key: str) -> str:
        raise RuntimeError(key)

    def __iter__(self) -> Any:
        raise RuntimeError

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("client", "headers", "expected"),
    [
        (object(), {"api-key": "the-key-of-the-call"}, ()),
        (None, None, ()),
        (Turning(), NOT_GIVEN, ("the-key-of-now",)),
        (SimpleNamespace(api_key="the-key-of-it", _custom_headers=[1]), Broken(), ("the-key-of-it",)),
        (SimpleNamespace(api_key=5, _custom_headers={1: 2, "key": 3}), {b"key": "12345678"}, ()),
    ],
)
def test_secrets_of_odd_clients(client: Any, headers: Any, expected: tuple[str, ...]) -> None:
    """Whatever is given, what can be found is, and nothing is raised."""
    assert secrets_of(client, headers) == expected


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"key": {"type": "string"}}}}}
DATA = "data:image/png;base64,sk-0123456789abcdef"
ORDINARY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "Is sk-0123456789abcdef a key?"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, "b", {"type": "image_url", "image_url": 5}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://h/a.png?size=1"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": DATA}}, {"type": "file", "file": {}}]},
        ChatCompletionMessage(role="assistant", content="c"),
        5,
    ],
    "tools": [FUNCTION, {"type": "web_search", "filters": {"allowed_domains": ["a.com"]}}],
    "metadata": {"token": "a"},
    "top_k": 3,
    "guided_json": {"type": "object", "properties": {"a": {"type": ["string", "null"], "minLength": 1}}},
    "stop": None,
}


@pytest.mark.parametrize("body", [ORDINARY, {}, {"messages": None, "tools": None}, {"messages": "a", "tools": "b"}])
def test_body_without_credentials(body: dict[str, Any]) -> None:
    """A body that holds no credentials is returned itself."""
    assert without_credentials(body) is body


def url_part(url: str) -> dict[str, Any]:
    """Return the part of a message that is an image."""
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


class Search(BaseModel):
    """A model in the place of a dict."""

    endpoint: str
    api_key: str


CIRCLE: dict[str, Any] = {"api_key": KEY, "a": 1}
CIRCLE["self"] = CIRCLE

SEARCH = {"type": "azure_search", "parameters": {"index_name": "i", "authentication": {"type": "api_key", "key": KEY}}}
BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "names": (
        {
            "api_key": KEY,
            "API-KEY": KEY,
            "extra_headers": {"a": KEY},
            "extra_query": {"code": KEY},
            "client_secret": KEY,
            "n": 1,
        },
        {"n": 1},
    ),
    "text": ({"gateway": f"https://u:{KEY}@h/"}, {"gateway": f"https://{HIDDEN}@h/"}),
    "Azure's data": (
        {"data_sources": [SEARCH, 5]},
        {
            "data_sources": [
                {"type": "azure_search", "parameters": {"index_name": "i", "authentication": {"type": "api_key"}}},
                5,
            ]
        },
    ),
    "Azure's older data": (
        {"dataSources": ({"parameters": {"encodedApiKey": KEY, "connectionString": KEY, "fieldsMapping": {}}},)},
        {"dataSources": [{"parameters": {"fieldsMapping": {}}}]},
    ),
    "a gateway's": (
        {
            "fallbacks": [{"model": "m", "api_key": KEY}, {"Access-Token": KEY, "note": "Bearer abc"}],
            "extra_body": {"secret": 1},
        },
        {"fallbacks": [{"model": "m"}, {"note": f"Bearer {HIDDEN}"}], "extra_body": {}},
    ),
    "a model": ({"search": Search(endpoint="e", api_key=KEY)}, {"search": {"endpoint": "e"}}),
    "a circle": ({"extra": CIRCLE}, {"extra": {"a": 1, "self": "…"}}),
    "what raises": ({"extra": Broken(), "n": 1}, {"extra": None, "n": 1}),
    "tools": (
        {
            "tools": [
                FUNCTION,
                {**FUNCTION, "headers": {"a": KEY}},
                {"type": "mcp", "server_url": f"https://u:{KEY}@h/", "headers": {"a": KEY}, "authorization": KEY},
                {"type": "mcp", "server_url": f"https://h/?token={KEY}", "require_approval": {"never": ["a"]}},
            ]
        },
        {
            "tools": [
                FUNCTION,
                FUNCTION,
                {"type": "mcp", "server_url": f"https://{HIDDEN}@h/"},
                {"type": "mcp", "server_url": f"https://h/?token={HIDDEN}", "require_approval": {"never": ["a"]}},
            ]
        },
    ),
    "tools that are no list": ({"tools": {"a": {"token": KEY}}}, {"tools": {"a": {}}}),
    "images": (
        {
            "messages": [
                {"role": "system", "content": "a"},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "b"}, url_part(f"https://h/i.png?sig={KEY}&v=1")],
                },
                {"role": "user", "content": (url_part(f"https://u:{KEY}@h/i.png"), url_part("https://h/i.png"))},
                {"role": "user", "content": [{"type": "image_url", "image_url": f"https://u:{KEY}@h/i.png"}]},
                {"role": "user", "content": [{"type": "file", "file": {"file_data": f"http://h/?key={KEY}"}}]},
            ]
        },
        {
            "messages": [
                {"role": "system", "content": "a"},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "b"}, url_part(f"https://h/i.png?sig={HIDDEN}&v=1")],
                },
                {"role": "user", "content": [url_part(f"https://{HIDDEN}@h/i.png"), url_part("https://h/i.png")]},
                {"role": "user", "content": [{"type": "image_url", "image_url": f"https://{HIDDEN}@h/i.png"}]},
                {"role": "user", "content": [{"type": "file", "file": {"file_data": f"http://h/?key={HIDDEN}"}}]},
            ]
        },
    ),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_body_with_credentials(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """A body that holds credentials is copied without them, and is itself as it was."""
    before = repr(body)

    clean = without_credentials(body)

    assert clean == expected
    assert repr(body) == before


def test_messages_that_are_models() -> None:
    """A message that is an object is read as a dict is."""
    message = SimpleNamespace(role="user", content=[SimpleNamespace(type="file", file={"file_data": "https://u:p@h/"})])
    before = deepcopy(message)

    clean = without_credentials({"messages": [message]})

    assert clean == {
        "messages": [
            {"role": "user", "content": [{"type": "file", "file": {"file_data": f"https://{HIDDEN}@h/"}}]},
        ]
    }
    assert message == before


def test_deep_body() -> None:
    """What is too deep to be looked through is not kept."""
    deep: Any = {"api_key": KEY}
    for _ in range(10_000):
        deep = [deep]

    assert KEY not in str(without_credentials({"extra": deep}))


def test_tangled_body() -> None:
    """What is held many times is looked through once."""
    tangled: Any = ["a"]
    for _ in range(30):
        tangled = [tangled, tangled]
    body = {"extra": tangled}

    assert without_credentials(body) is body
