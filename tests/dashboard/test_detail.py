"""The detail of a span: its conversation as cards, and the sections with all else that is known."""

import base64
import html
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from openai import OpenAI
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext
from serving import Dashboard
from showing import START, calls, chat, made, part, path_of, says, whole_of

from spanglass import trace
from spanglass.dashboard.attributes import groups, warnings
from spanglass.dashboard.cards import Card, dealt, messages, paired
from spanglass.dashboard.detail import MOST, SHOWN, detail
from spanglass.dashboard.facts import Fact, Share, errors, parameters, shares, times, usage
from spanglass.testing import CapturedSpans, OpenAIServer, Reply, completion, response

pytest_plugins = ["served"]

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
TOOL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}


def told(card: Card) -> list[Any]:
    """Return a card as its role, its pieces, and its calls with their results."""
    pieces: list[Any] = [(piece.kind, piece.said.text) for piece in card.pieces if piece.said is not None]
    for call in card.calls:
        results = [piece.said.text for result in call.results for piece in result.pieces if piece.said]
        pieces.append((call.name, call.arguments and call.arguments.text, results, call.note))
    return [card.role, *pieces]


def cards(span: ReadableSpan) -> list[list[Any]]:
    """Return all cards of a span."""
    return [told(card) for card in paired(dealt(messages(span)))]


def test_sent_then_received_in_order() -> None:
    """Messages are in order, the sent ones first; the answer is marked, and says why it was finished."""
    span = made(
        chat(
            says("system", "Be brief."),
            says("developer", "Be kind."),
            says("user", "Hi"),
            received=[says("assistant", "Hello"), says("assistant", "Hey")],
            others={"llm.finish_reason": "stop"},
        )
    )
    found = [(card.number, card.role, card.tone, card.received, card.finish) for card in paired(dealt(messages(span)))]

    assert [
        (1, "system", "system", False, None),
        (2, "developer", "developer", False, None),
        (3, "user", "user", False, None),
        (4, "assistant", "assistant", True, "stop"),
        (5, "assistant", "assistant", True, None),
    ] == found


def test_results_stand_in_the_calls_that_they_answer() -> None:
    """A result is within the call that has its id, sent before or after it; what has none says so."""
    span = made(
        chat(
            says("tool", "early", tool_call_id="b"),
            calls("weather", "{}", "a"),
            says("tool", "first", tool_call_id="a"),
            calls("weather", "[]", "a"),
            calls("late", "{}", "b"),
            calls("never", "{}", "c"),
            says("tool", "second", tool_call_id="a"),
            says("tool", "nobody's", tool_call_id="d"),
            received=[calls("next", "{}", "e")],
        )
    )

    assert [
        ["assistant", ("weather", "{}", ["first"], "")],
        ["assistant", ("weather", "[]", ["second"], "")],
        ["assistant", ("late", "{}", ["early"], "")],
        ["assistant", ("never", "{}", [], "no result in this conversation")],
        ["tool", ("text", "nobody's")],
        ["assistant", ("next", "{}", [], "asked for by the answer: a later call would bring the result")],
    ] == cards(span)
    assert paired(dealt(messages(span)))[4].note == "a result without a call: none in this conversation has its id"


def test_of_calls_with_one_id_each_has_a_result() -> None:
    """Where two calls have the same id, and two results, each of the calls has one of them."""
    same = calls("weather", "{}", "a")
    results = [says("tool", f"{number}", tool_call_id="a") for number in range(2)]

    assert [["assistant", ("weather", "{}", ["1"], "")], ["assistant", ("weather", "{}", ["0"], "")]] == cards(
        made(chat(same, same, *results))
    )


def test_the_older_form_of_calls_is_paired_by_name() -> None:
    """A function call of the older form, which has no id, has the result that bears its name."""
    called = {"role": "assistant", "function_call_name": "add", "function_call_arguments_json": "[1]"}
    span = made(chat(called, says("function", "1", name="add")))

    assert [["assistant", ("add", "[1]", ["1"], "")]] == cards(span)


def test_items_of_the_responses_api_are_paired(captured: CapturedSpans, server: OpenAIServer) -> None:
    """Of a response, a function's output is in its call, and what the provider's own tool gave in its own."""
    thought = {"id": "rs", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    searched = {"id": "fs", "type": "file_search_call", "queries": ["q"], "results": [{"text": "found"}]}
    called = {"id": "fc", "type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    server.script(Reply(response([thought, searched, called])), Reply(response("Warm.")))
    with OpenAI(base_url=server.base_url, api_key="test") as client:
        asked: list[Any] = [{"role": "user", "content": "Hi"}]
        asked += client.responses.create(model="m", input=asked).output
        asked += [{"type": "function_call_output", "call_id": "c", "output": "21"}]
        client.responses.create(model="m", input=asked)
    first, second = captured.spans

    given = ("file_search", '{"queries":["q"]}', ['[{"text":"found"}]'], "")

    assert [
        ["user", ("text", "Hi")],
        ["assistant", ("reasoning", "Hm.")],
        ["assistant", given],
        ["assistant", ("weather", "{}", [], "asked for by the answer: a later call would bring the result")],
    ] == cards(first)
    assert [
        ["user", ("text", "Hi")],
        ["assistant", ("reasoning", "Hm.")],
        ["assistant", given],
        ["assistant", ("weather", "{}", ["21"], "")],
        ["assistant", ("text", "Warm.")],
    ] == cards(second)


def test_a_result_that_a_tools_span_has_is_shown(captured: CapturedSpans, server: OpenAIServer) -> None:
    """A call of the answer has the result of the tool that ran for it, told by that tool's span in the trace."""
    server.script(Reply(completion(None, tool_calls=[TOOL])))
    with OpenAI(base_url=server.base_url, api_key="test") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    (span,) = captured.spans
    ran = made({"openinference.span.kind": "TOOL", "tool.id": "call_1", "output.value": "21"}, name="weather")

    assert [["user", ("text", "Hi")], ["assistant", ("weather", '{"city":"Paris"}', ["21"], "")]] == [
        told(card) for card in detail(span, [span, ran]).cards
    ]


def test_a_result_that_a_later_call_sent_is_shown() -> None:
    """A call of the answer has the result that another call of the trace sent for it, with a way to that one."""
    span = made(chat(says("user", "Hi"), received=[calls("weather", "{}", "a")]))
    later = made(chat(says("user", "Hi"), calls("weather", "{}", "a"), says("tool", "21", tool_call_id="a")))
    card = detail(span, [span, later]).cards[-1]
    (result,) = card.calls[0].results

    assert ["assistant", ("weather", "{}", ["21"], "")] == told(card)
    assert (True, "attribute-llm.input_messages.2.message.content") == (
        result.elsewhere,
        result.pieces[0].said and result.pieces[0].said.place,
    )


def test_folded_messages_are_taken_from_the_input() -> None:
    """Messages that were folded to fit into the span are shown where its input has them."""
    sent = [{"role": "user", "content": f"{number}"} for number in range(3)]
    body = json.dumps({"messages": sent})
    span = made(chat(says("user", "0"), says("folded", "1 messages"), says("user", "2"), others={"input.value": body}))

    assert [["user", ("text", "0")], ["user", ("text", "1")], ["user", ("text", "2")]] == cards(span)


def test_content_in_opentelemetrys_names() -> None:
    """A span with messages by OpenTelemetry's convention alone, as JSON or as values, is shown just the same."""
    asked = [
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}, {"type": "blob", "modality": "image",
         "mime_type": "image/png", "content": PNG.partition(",")[2]}]},
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm"},
         {"type": "tool_call", "id": "a", "name": "weather", "arguments": {"city": "Paris"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "a", "response": "21"}]},
    ]  # fmt: skip
    came = [{"role": "assistant", "parts": [{"type": "text", "content": "Warm"}], "finish_reason": "stop"}]
    own = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]',
        "gen_ai.output.messages": json.dumps(came),
    }
    expected = [
        ["system", ("text", "Be brief.")],
        ["user", ("text", "Hi"), ("image", PNG)],
        ["assistant", ("reasoning", "Hm"), ("weather", '{"city":"Paris"}', ["21"], "")],
        ["assistant", ("text", "Warm")],
    ]

    assert expected == cards(made({**own, "gen_ai.input.messages": json.dumps(asked)}))
    assert expected == cards(made({**own, "gen_ai.input.messages": asked}))
    assert cards(made({**own, "gen_ai.input.messages": "[cut"}))[1] == ["message", ("text", "[cut")]


def test_media_are_told_by_what_they_are() -> None:
    """An image is drawn if its bytes are those of one; a link is a link; all else is told by its kind and size."""
    svg = "data:image/svg+xml;base64," + base64.b64encode(b"<svg onload=alert(1)/>").decode()
    lying = "data:image/png;base64," + base64.b64encode(b"<svg onload=alert(1)/>").decode()
    message = {
        "role": "user",
        **part(0, "image", image__image__url=PNG),
        **part(1, "image", image__image__url=svg),
        **part(2, "image", image__image__url=lying),
        **part(3, "image", image__image__url="https://example.com/a.png"),
        **part(4, "image", image__image__url="javascript:alert(1)"),
        **part(5, "audio", audio__audio__url="data:audio/wav;base64,AAAA", audio__audio__transcript="Good day"),
        **part(6, "document", document__document__name="a.pdf", document__document__url="data:application/pdf,abc"),
        **part(7, "encrypted_content", encrypted_content="x" * 1200),
        **part(8, "refusal", text="I will not."),
        **part(9, "reasoning", text="Hm."),
        **part(10, "novelty", text='{"new":1}'),
    }
    (card,) = paired(dealt(messages(made(chat(message)))))

    assert [
        ("image", "image, image/png, 72 bytes", None),
        ("kept", "image, image/svg+xml, 24 bytes", None),
        ("kept", "image, image/png, 24 bytes", None),
        ("link", "image", "https://example.com/a.png"),
        ("link", "image", None),
        ("kept", "audio, audio/wav, 3 bytes", None),
        ("other", "transcript", None),
        ("kept", "file a.pdf, application/pdf, 3 bytes", None),
        ("medium", "encrypted_content, encrypted: only the provider can read its 1,200 characters", None),
        ("refusal", "refusal", None),
        ("reasoning", "reasoning", None),
        ("other", "novelty", None),
    ] == [(piece.kind, piece.label, piece.link) for piece in card.pieces]


def test_a_refusal_that_is_all_of_an_answer() -> None:
    """An answer that is nothing but a refusal is marked as one."""
    span = made(chat(received=[says("assistant", "No.")], others={"spanglass.response.refusal": True}))

    assert [["assistant", ("refusal", "No.")]] == cards(span)


def test_prompts_and_embeddings() -> None:
    """Prompts and what they were completed with are cards; of embeddings the texts are shown, and how many vectors."""
    span = made({"llm.prompts.0.prompt.text": "Once", "llm.choices.0.completion.text": "upon"}, name="Completion")
    embedded = detail(
        made({"embedding.embeddings.0.embedding.text": "a", "embedding.embeddings.0.embedding.vector": (0.5, 1.0)}), []
    )

    assert [["prompt", ("text", "Once")], ["completion", ("text", "upon")]] == cards(span)
    assert (["a"], (1, 2)) == ([said.text for said in embedded.embedded], embedded.vectors)


def test_a_long_conversation_shows_its_last_messages() -> None:
    """Of a long conversation the last messages are shown, and earlier ones, up to a bound, where the query asks."""
    found = detail(
        made(chat(*(says("user", f"{number}") for number in range(2000)), received=[says("assistant", "x")])), []
    )

    def shown(asked: str) -> tuple[int, int]:
        numbers = [card.number for card in found.shown({"messages": asked}).cards]
        return numbers[0], numbers[-1]

    assert (2000 - SHOWN, 4 * SHOWN) == found.shown({})[1:]
    assert (2000 - MOST, None) == found.shown({"messages": "400"})[1:]
    assert [(2001 - SHOWN, 2001), (2001 - 100, 2001), (2001 - MOST, 2001)] == [*map(shown, ("", "100", "999"))]
    assert [shown(""), shown(""), shown("")] == [*map(shown, ("-1", "9" * 5000, "<b>"))]


def test_a_page_has_room_for_so_much() -> None:
    """However many parts and however long messages a conversation has, a page shows a bounded part, and says so."""
    parts: dict[str, Any] = {"role": "user"}
    for number in range(1000):
        parts |= part(number, "text", text="x" * 1000)
    long = detail(made(chat(*[says("user", "y" * 50_000)] * 200)), []).shown({"messages": "200"}).cards
    (many,) = detail(made(chat(parts)), []).shown({}).cards

    assert (100, 900) == (len(many.pieces), many.more)
    assert 30 < len(long) < 40


def test_usage_tells_what_it_is() -> None:
    """Tokens are told by what they are: cached, reasoning, estimated, told only, and why there is no cost."""
    count = "llm.token_count"
    told_only = {"spanglass.usage.told.prompt_tokens": 5, "spanglass.usage.estimated_completion_tokens": 7}
    span = made(
        chat(others={
            f"{count}.prompt": 1200, f"{count}.completion": 30, f"{count}.total": 1230,
            f"{count}.prompt_details.cache_read": 1000, f"{count}.completion_details.reasoning": 20,
            "spanglass.usage.details.input.images": 3,
        })
    )  # fmt: skip

    assert [
        Fact("in", "1,200"),
        Fact("in, read from the cache", "1,000", "part of those in"),
        Fact("out", "30"),
        Fact("out, reasoning", "20", "part of those out"),
        Fact("total", "1,230"),
        Fact("input.images", "3", "as the provider calls it"),
    ] == usage(span)[:-1]
    assert usage(span)[-1].name == "cost"
    assert [
        Fact("out, estimated", "7", "an estimate: the provider told none, and each chunk with content counts as one"),
        Fact("told, in", "5", "not counted here: on another call's span, or paid by nobody"),
        Fact("cost", "not known", "the provider told no tokens"),
    ] == usage(made(chat(others=told_only)))


def test_times_are_split() -> None:
    """The time of a call is told in its parts, as numbers and as shares of the whole."""
    own = "spanglass"
    span = made({
        f"{own}.time.attempts": 0.25, f"{own}.time.backoff": 0.5, f"{own}.time.body": 0.25, f"{own}.time.rest": 0.0,
        f"{own}.stream.time_to_first_chunk": 0.3, f"{own}.stream.longest_gap": 0.2, f"{own}.stream.chunk_count": 4,
        f"{own}.stream.outcome": "closed", f"{own}.attempt.count": 2,
    })  # fmt: skip

    assert [
        Share("attempts", "250 ms", 0, 25),
        Share("backoff", "500 ms", 25, 50),
        Share("body", "250 ms", 75, 25),
    ] == shares(span)
    assert [
        Fact("duration", "10.0 ms"),
        Fact("first chunk", "300 ms", "from the start of the call"),
        Fact("longest gap", "200 ms", "between two chunks"),
        Fact("chunks", "4"),
        Fact("stream outcome", "closed"),
        Fact("attempts", "2"),
    ] == times(span)


def test_an_error_is_told_with_its_traceback(captured: CapturedSpans, server: OpenAIServer) -> None:
    """A call that failed tells message, type, status, code and request id once each, and the traceback."""
    server.script(Reply({"error": {"message": "No", "type": "bad", "code": "nope", "param": "model"}}, status=404,
                        headers={"x-request-id": "req_1"}))  # fmt: skip
    with OpenAI(base_url=server.base_url, api_key="test") as client, pytest.raises(Exception, match="404"):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    span = captured.spans[-1]
    found = {fact.name: fact.value for fact in errors(span)}

    assert {
        "type": "openai.NotFoundError", "HTTP status": "404", "code": "nope", "type, in the API's word": "bad",
        "parameter": "model", "request id": "req_1",
    } == {name: value for name, value in found.items() if name != "message"}  # fmt: skip
    assert found["message"].startswith("NotFoundError: Error code: 404")
    assert "Traceback" in detail(span, [span]).tracebacks[0]
    assert errors(made()) == []


def test_parameters_by_either_convention() -> None:
    """Parameters are told by name, of OpenInference's JSON or else of OpenTelemetry's attributes."""
    said = made({"llm.invocation_parameters": '{"temperature":0.5,"stop":["a"],"x":"<b>"}'})

    assert [Fact("temperature", "0.5"), Fact("stop", '["a"]'), Fact("x", "<b>")] == parameters(said)
    assert [Fact("as they are", '{"cut')] == parameters(made({"llm.invocation_parameters": '{"cut'}))
    assert [Fact("model", "m")] == parameters(made({"gen_ai.request.model": "m"}))


def test_attributes_are_grouped_and_filter() -> None:
    """Attributes are grouped by convention; the short ones of span and resource lead to the list that they filter."""
    span = made(
        {
            "llm.model_name": "a b",
            "spanglass.response.id": "x" * 300,
            "gen_ai.system": "y",
            "http.route": "/",
            "own": 3,
        },
        resource={"service.name": "s", "team": "ü&"},
    )
    found = {group.title: [(one.name, one.value, one.filter) for one in group.attributes] for group in groups(span)}

    assert [("spanglass.response.id", "x" * 300, None)] == found["spanglass"]
    assert [("llm.model_name", "a b", "attr=llm.model_name%3Da+b")] == found["OpenInference"]
    assert [("gen_ai.system", "y", "attr=gen_ai.system%3Dy")] == found["OpenTelemetry GenAI"]
    assert [("http.route", "/", "attr=http.route%3D%2F")] == found["HTTP and other OpenTelemetry"]
    assert [("own", "3", "attr=own%3D3")] == found["Others"]
    assert ("team", "ü&", "attr=team%3D%C3%BC%26") in found["Resource"]
    assert [("name", "spanglass", None), ("version", "1", None)] == found["Scope"]


def test_what_is_hidden_or_cut_says_so() -> None:
    """A span whose content was hidden or cut tells that."""
    span = made(chat(says("user", "__REDACTED__"), says("user", "a… [cut: 9 bytes, sha256 0]")))

    assert [
        "Content was hidden before it was recorded: __REDACTED__ stands in its place.",
        "Texts were cut before they were recorded: each says so at its end.",
    ] == warnings(span)
    assert warnings(made(chat(says("user", "Hi")))) == []


def test_the_page_has_every_section(dashboard: Dashboard) -> None:
    """The page of a span has its tools, events with their offsets, links, and the raw span."""
    context = SpanContext(5, 6, is_remote=True)
    tool = '{"type":"function","function":{"name":"weather","description":"Tells it","parameters":{}}}'
    span = made(
        chat(says("user", "Hi"), others={"llm.tools.0.tool.json_schema": tool}),
        events=[Event("noted", {"k": "v"}, START + 4_000_000)],
        links=[Link(context)],
    )
    dashboard.send([span])
    page = dashboard.ask(path_of(span)).text
    link = f"/traces/{5:032x}?span={6:016x}"

    assert [] == [
        said
        for said in ("weather", "Tells it", "noted", "+4.0 ms", link, "resourceSpans", 'id="raw"', 'id="attributes"')
        if said not in page
    ]


def test_a_function_shows_what_went_in_and_out(captured: CapturedSpans, dashboard: Dashboard) -> None:
    """A span that is no call shows its input and output, JSON with each value on a line."""

    @trace(kind="TOOL")
    def look(city: str) -> list[dict[str, str]]:
        return [{"city": city, "sky": "sunny", "told": "by somebody who looked"}]

    look("Paris")
    dashboard.send(captured.spans)
    page = dashboard.ask(path_of(captured.spans[0])).text

    assert "Paris</div>" in page
    assert "[\n  {\n    &#34;city&#34;: &#34;Paris&#34;,\n" in page


def test_documents_are_shown(dashboard: Dashboard) -> None:
    """What a retriever found stands there as texts, with what is known of each, and links to all of a long one."""
    found = "retrieval.documents.0.document"
    told = {
        f"{found}.content": "x" * 16_001,
        f"{found}.id": "d1",
        f"{found}.score": 0.91,
        f"{found}.metadata": '{"page": 2}',
    }
    ranked = {"reranker.output_documents.0.document.content": "The 22:14 is late."}
    span = made({"openinference.span.kind": "RETRIEVER", **told, **ranked}, name="search")
    dashboard.send([span])
    page = dashboard.ask(path_of(span)).text
    shown = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))

    assert [] == [
        said
        for said in (
            'Document 1 d1, score 0.91, {"page": 2} x',
            "16,001 characters",
            "Ranked document 1 The 22:14 is late.",
        )
        if said not in shown
    ]
    assert (
        dashboard.ask(f"{whole_of(span)}/text?{urlencode({'of': f'attribute-{found}.content'})}").text == "x" * 16_001
    )


def test_whole_texts_are_plain(dashboard: Dashboard) -> None:
    """A long text is cut in the page, with a link to all of it, as plain text that no browser guesses at."""
    text = "<script>alert(1)</script>" + "é" * 50_000
    span = made(chat(says("user", text), others={"own": text}))
    dashboard.send([span])
    page = dashboard.ask(path_of(span)).text
    message = dashboard.ask(f"{whole_of(span)}/text?of=1-0")
    attribute = dashboard.ask(f"{whole_of(span)}/text?of=attribute-own")

    assert "all of it, 50,025 characters" in page
    assert len(page) < 200_000
    assert (text, text) == (message.text, attribute.text)
    assert ("text/plain; charset=utf-8", "nosniff") == (
        message.headers["content-type"],
        message.headers["x-content-type-options"],
    )


def test_the_raw_span_is_a_file_or_a_text(dashboard: Dashboard) -> None:
    """The whole span is there as OTLP/JSON: as a file to be kept, and as text to be read."""
    span = made(chat(says("user", "Hi")))
    dashboard.send([span])
    file, text = dashboard.ask(f"{whole_of(span)}/raw"), dashboard.ask(f"{whole_of(span)}/raw?as=text")

    assert json.loads(file.body) == json.loads(text.body)
    assert file.headers["content-disposition"].startswith("attachment")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.startswith('{\n  "resourceSpans": [\n')


def test_an_image_is_given_as_what_it_is(dashboard: Dashboard) -> None:
    """An image has an address of its own, with the type that its bytes have; what is none has no such address."""
    span = made(chat({"role": "user", **part(0, "image", image__image__url=PNG), **part(1, "text", text="Hi")}))
    dashboard.send([span])
    image = dashboard.ask(f"{whole_of(span)}/image?of=1-0")

    assert (200, "image/png", base64.b64decode(PNG.partition(",")[2])) == (
        image.status,
        image.headers["content-type"],
        image.body,
    )
    assert dashboard.ask(f"{whole_of(span)}/image?of=1-1").status == 404


@pytest.mark.parametrize("of", ["", "0-0", "9-0", "1-9", "1", "-1-0", "e-5", "attribute-none", "event-7-x", "9" * 5000])
def test_what_is_not_there_is_404(dashboard: Dashboard, of: str) -> None:
    """A place that a span does not have is not found, whatever it looks like."""
    span = made(chat(says("user", "Hi")))
    dashboard.send([span])

    assert dashboard.ask(f"{whole_of(span)}/text?of={of}").status == 404
    assert dashboard.ask(f"{whole_of(span)[:-16]}{'f' * 16}/text?of=1-0").status == 404
