"""`spanglass stats`: what the calls of a file add up to, by model."""

from array import array
from contextlib import suppress
from pathlib import Path

import openai
import pytest
from recorded import ask, client, made, run, settled, shell

from spanglass import trace
from spanglass.cli.stats import percentile
from spanglass.testing import (
    CapturedSpans,
    OpenAIServer,
    Reply,
    Stream,
    chunks,
    completion,
    embeddings,
    error,
    response,
)

CHAT = {"openinference.span.kind": "LLM", "llm.system": "openai"}
PRICED = {
    **CHAT,
    "llm.provider": "openai",
    "llm.model_name": "gpt-4o-mini-2024-07-18",
    "llm.response.model_name": "gpt-4o-mini-2024-07-18",
    "server.address": "api.openai.com",
    "llm.token_count.prompt": 2_000_000,
    "llm.token_count.completion": 100_000,
    "llm.token_count.total": 2_100_000,
    "llm.token_count.prompt_details.cache_read": 1_000_000,
}


def test_real_calls(server: OpenAIServer, captured: CapturedSpans, tmp_path: Path) -> None:
    """Calls count by the model that answered, failed ones too; their functions and attempts are none themselves."""

    @trace
    def work() -> None:
        openai_client = client(server)
        server.script(
            Reply(error("Slow down"), status=429, headers={"retry-after-ms": "1"}),
            Reply(completion(usage={"prompt_tokens": 1200, "completion_tokens": 40, "total_tokens": 1240})),
            Stream(chunks(["Hel", "lo"])),
            Reply(completion(model="gpt-4o")),
            Reply(error("No such model"), status=404),
        )
        ask(openai_client, "Hi")
        list(ask(openai_client, "Hi", stream=True))
        for _ in range(2):
            with suppress(openai.NotFoundError):
                ask(openai_client, "Hi")

    work()
    path = tmp_path / "trace.jsonl"
    path.write_text(settled(captured.spans), "utf-8")
    expected = """\
Model        Calls  Failed  Retries  Backoff
gpt-4o-mini      3       1        1   500 ms
gpt-4o           1       0        0
total            4       1        1   500 ms

Model        Tokens in  Cached  Tokens out  Cost
gpt-4o-mini      1,200       0         ~42
gpt-4o               9       0           2
total            1,209       0         ~44

                 First                    Duration
Model        chunk p50      p95      p99       p50      p95      p99
gpt-4o-mini    25.0 ms  25.0 ms  25.0 ms   30.0 ms  50.0 ms  50.0 ms
gpt-4o                                     10.0 ms  10.0 ms  10.0 ms
total          25.0 ms  25.0 ms  25.0 ms   10.0 ms  50.0 ms  50.0 ms

~ Some streams told no tokens: theirs are estimated, one for each chunk.
"""

    assert expected == run("stats", path).stdout


def test_cost_and_percentiles(tmp_path: Path) -> None:
    """Cost is what is known of it, and says where more is not; percentiles are of all calls, by nearest rank."""
    other = {**CHAT, "llm.model_name": "a" * 40}
    calls = [made(n, "ChatCompletion", PRICED if n <= 2 else other, end=n * 100) for n in range(1, 101)]
    unpriced = {**CHAT, "llm.model_name": "gpt-4o-mini-2024-07-18", "llm.token_count.prompt": 5}
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(calls) + made(101, "ChatCompletion", unpriced, end=50), "utf-8")
    expected = """\
Model                                     Calls  Failed  Retries  Backoff
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa     98       0        0
gpt-4o-mini-2024-07-18                        3       0        0
total                                       101       0        0

Model                                   Tokens in     Cached  Tokens out    Cost
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa          0          0           0
aa
gpt-4o-mini-2024-07-18                  4,000,005  2,000,000     200,000  $0.57+
total                                   4,000,005  2,000,000     200,000  $0.57+

                                      First            Duration
Model                             chunk p50  p95  p99       p50     p95      p99
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa                         5.10 s  9.60 s  10.00 s
aaaaaaaa
gpt-4o-mini-2024-07-18                                   100 ms  200 ms   200 ms
total                                                    5.00 s  9.50 s   9.90 s

+ And more: what some of the calls cost is not known.
"""

    assert expected == run("stats", path).stdout


def test_parameters_too_deep_to_read(tmp_path: Path) -> None:
    """Parameters that Python cannot read, as they are too deep, say nothing of a price."""
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ChatCompletion", {**PRICED, "llm.invocation_parameters": "[" * 100_000}), "utf-8")

    assert run("stats", path).stdout.count("2,000,000  1,000,000     100,000  $0.285") == 2


@pytest.mark.parametrize("outlives", [False, True])
def test_calls_within_a_frameworks_span(tmp_path: Path, outlives: bool) -> None:  # noqa: FBT001 - pytest's
    """Of a call that a framework has a span of, too, the call counts, and its tokens once, whichever ended first."""
    tokens = {"llm.model_name": "gpt-4o-mini", "llm.token_count.prompt": 9, "llm.token_count.completion": 2}
    theirs = "openinference.instrumentation.openai_agents"
    inner = made(2, "ChatCompletion", {**CHAT, **tokens, "openinference.span.kind": "CHAIN"}, parent=1)
    outer = made(1, "generation", {**CHAT, **tokens}, scope=theirs)
    other = made(3, "generation", {**CHAT, **tokens}, scope=theirs)
    path = tmp_path / "trace.jsonl"
    path.write_text("".join((outer, inner, other) if outlives else (inner, outer, other)), "utf-8")

    lines = run("stats", path).stdout.splitlines()

    assert ["gpt-4o-mini      2       0        0", "gpt-4o-mini         18       0           4"] == [lines[1], lines[5]]


def test_calls_that_others_have_recorded(tmp_path: Path) -> None:
    """Of another instrumentor's calls, those that embed are told apart from those of a chat by their kind."""
    asked = {"llm.model_name": "nomic", "llm.token_count.prompt": 9}
    embeds = {"openinference.span.kind": "EMBEDDING", "embedding.model_name": "nomic", "llm.token_count.prompt": 5}
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ask", {**CHAT, **asked}, scope="a") + made(2, "embed", embeds, scope="a"), "utf-8")

    lines = run("stats", path).stdout.splitlines()

    assert [line.split()[:3] for line in lines[6:8]] == [
        ["nomic", "(ChatCompletion)", "9"],
        ["nomic", "(CreateEmbeddings)", "5"],
    ]


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [
        (0, 50, None),
        (1, 50, 1),
        (1, 99, 1),
        (2, 50, 1),
        (3, 50, 2),
        (100, 95, 95),
        (100, 99, 99),
        (101, 99, 100),
        (10, 95, 10),
    ],
)
def test_percentile(count: int, percent: int, expected: float | None) -> None:
    """A percentile is the least value that so many percent of all do not exceed."""
    assert expected == percentile(array("d", range(1, count + 1)), percent)


def test_a_program_that_writes_gen_ai_alone(tmp_path: Path) -> None:
    """Calls count where they are told in OpenTelemetry's words only; a look at one does where it tells tokens."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 2,
    }
    path = tmp_path / "trace.jsonl"
    looked = {"gen_ai.operation.name": "fetch_response", "gen_ai.response.model": "gpt-4o-mini-2024-07-18"}
    counted = {**looked, "gen_ai.usage.input_tokens": 5}
    path.write_text(
        made(1, "chat gpt-4o-mini", told) + made(2, "fetch_response", looked) + made(3, "fetch_response", counted),
        "utf-8",
    )

    lines = [line for line in run("stats", path).stdout.splitlines() if line.startswith("total")]

    assert [line.split()[1:4] for line in lines[:2]] == [["2", "0", "0"], ["14", "0", "2"]]


def test_several_endpoints_of_a_model(server: OpenAIServer, captured: CapturedSpans, tmp_path: Path) -> None:
    """A model has a row for each endpoint that called it; what a response took counts once, however often told."""
    server.script(
        Reply(completion()),
        Reply(response([], status="queued", usage=None, background=True)),
        Reply(response(background=True)),
        Reply(response(background=True)),
        Reply({"object": "response.input_tokens", "input_tokens": 11}),
        Reply(embeddings()),
    )
    with client(server) as openai_client:
        ask(openai_client, "Hi")
        begun = openai_client.responses.create(model="gpt-4o-mini", input="Hi", background=True)
        for _ in range(2):
            openai_client.responses.retrieve(begun.id)
        openai_client.responses.input_tokens.count(model="gpt-4o-mini", input="Hi")
        openai_client.embeddings.create(model="text-embedding-3-small", input="Hi")
    path = tmp_path / "trace.jsonl"
    path.write_text(settled(captured.spans), "utf-8")
    expected = """\
Model                           Tokens in  Cached  Tokens out  Cost
gpt-4o-mini (ChatCompletion)            9       0           2
gpt-4o-mini (Response)                  0       0           0
gpt-4o-mini (RetrieveResponse)          9       0           2
text-embedding-3-small                  9       0           0
total                                  27       0           4
"""

    assert expected == run("stats", path).stdout.split("\n\n")[1] + "\n"


def test_an_agent_is_no_call(tmp_path: Path) -> None:
    """Of an agent's span by gen_ai and the calls in it the calls count, though it names the model and sums them up."""
    path = tmp_path / "trace.jsonl"
    chat = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3}
    agent = made(1, "invoke_agent helper", {**chat, "gen_ai.operation.name": "invoke_agent"}, end=20)
    path.write_text(agent + made(2, "chat gpt-4o", {**chat, "gen_ai.operation.name": "chat"}, parent=1), "utf-8")
    rows = [line.split() for line in run("stats", path).stdout.splitlines()]

    assert [["gpt-4o", "1", "0", "0"], ["gpt-4o", "7", "0", "3"]] == [row for row in rows if row[:1] == ["gpt-4o"]][:2]


def test_a_file_without_calls(tmp_path: Path) -> None:
    """Where nothing called a model, one sentence says so, and nothing is an error."""
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "work"), "utf-8")
    shown = run("stats", path)

    assert ("", f"{path} has no calls of a model.\n", 0) == (shown.stdout, shown.stderr, shown.exit_code)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Error: FILE cannot be read (No such file or directory): give the path of a file with spans"),
        ("# A title\n", "Error: FILE has no OTLP/JSON in line 1: "),
    ],
)
def test_mistakes(tmp_path: Path, content: str | None, said: str) -> None:
    """A file that is none of spans costs one sentence on standard error, and the exit status 1."""
    path = tmp_path / "trace.jsonl"
    if content is not None:
        path.write_text(content, "utf-8")
    shown = run("stats", path)

    assert ("", 1, True) == (shown.stdout, shown.exit_code, shown.stderr.startswith(said.replace("FILE", str(path))))


def test_the_installed_command_reads_a_pipe(tmp_path: Path) -> None:
    """The command reads spans once, so that they may come from a pipe, and its reader may leave."""
    path = tmp_path / "trace.jsonl"
    path.write_text(made(1, "ChatCompletion", {**CHAT, "llm.model_name": "gpt-4o-mini"}), "utf-8")
    done = shell(f"spanglass stats /dev/stdin < {path} | head -n 1")

    assert ("Model        Calls  Failed  Retries  Backoff\n", "") == (done.stdout, done.stderr)
