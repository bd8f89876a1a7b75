"""The fake Discord itself: the facts it knows, and messages."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from derive_discord_facts import COMMANDS, OPERATIONS, derive
from fake_discord import FakeDiscord
from fake_discord_rest import ROUTES
from fake_discord_rules import FACTS, Facts
from raw_discord import SEND, Clock, Raw, button, row


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def dc(clock: Clock) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(now=clock) as running:
        yield running


@pytest.fixture
async def raw(dc: FakeDiscord) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as session:
        yield Raw(dc, session)


@pytest.fixture
def alerts(dc: FakeDiscord) -> Any:
    return dc.server("Traders").channel("alerts")


@pytest.fixture
def alice(dc: FakeDiscord, alerts: Any) -> Any:
    user = dc.user("Alice")
    alerts.server.adds(user)
    return user


# ------------------------------------------------------------- facts


def tiny_spec() -> dict[str, Any]:
    schema = {
        "type": "object",
        "description": "prose",
        "properties": {
            "name": {"type": "string", "maxLength": 32, "description": "prose"},
            "kind": {"oneOf": [{"title": "A", "const": 1}, {"title": "B", "const": 2}]},
            "poll": {"$ref": "#/components/schemas/PollCreateRequest"},
            "nsfw": {"type": "boolean"},
        },
        "required": ["name"],
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    paths = {
        path: {method: {} for method in methods.split()}
        for path, methods in OPERATIONS.items()
    }
    paths[COMMANDS]["post"] = {"requestBody": {"content": content}}
    return {"paths": paths, "components": {"schemas": {"Thing": schema}}}


def test_deriving_keeps_what_a_check_needs_and_drops_prose_and_unused_parts():
    facts = derive(tiny_spec())

    assert facts["operations"][f"POST {COMMANDS}"] == {"ref": "Thing"}
    assert facts["schemas"]["Thing"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 32},
            "kind": {"enum": [1, 2]},
            "nsfw": {"type": "boolean"},
        },
        "required": ["name"],
    }


def test_deriving_refuses_a_description_without_an_operation_of_ours():
    spec = tiny_spec()
    del spec["paths"]["/gateway/bot"]

    with pytest.raises(KeyError):
        derive(spec)


def test_every_endpoint_is_in_the_facts_and_every_fact_has_its_endpoint():
    assert set(ROUTES) == set(json.loads(FACTS.read_text())["operations"])


@pytest.mark.parametrize(
    ("body", "where"),
    [
        pytest.param({"content": 5}, "content", id="a number for a text"),
        pytest.param({"embed": {}}, "embed", id="a field nobody knows"),
        pytest.param({"embeds": [{"title": "x" * 257}]}, "embeds.0.title", id="long"),
        pytest.param({"embeds": [{"fields": [{"name": "a"}]}]}, "value", id="missing"),
        pytest.param({"components": [{"type": 1}]}, "components", id="an empty row"),
        pytest.param({"components": [row(button()) | {"type": 9}]}, "type", id="enum"),
        pytest.param({"embeds": [{"timestamp": "noon"}]}, "timestamp", id="no time"),
        pytest.param({"embeds": [{"url": "nowhere"}]}, "url", id="no link"),
        pytest.param({"nonce": "n" * 26}, "nonce", id="a nonce of 26"),
        pytest.param({"message_reference": {"message_id": "x"}}, "message_id", id="id"),
        pytest.param({"embeds": [{"color": 1 << 24}]}, "color", id="beyond a maximum"),
        pytest.param(
            {"allowed_mentions": {"parse": ["all"]}}, "parse", id="another enum"
        ),
    ],
)
def test_the_facts_find_a_wrong_body(body: dict[str, Any], where: str):
    faults = Facts().check(SEND, body)

    assert [f for f in faults if where in ".".join(f.path)], faults


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"content": None, "embeds": [{"title": "a"}]}, id="null content"),
        pytest.param(
            {"message_reference": {"message_id": 5, "channel_id": 6}},
            id="ids as numbers",
        ),
        pytest.param(
            {"components": [row(button()), row(button(), button())]}, id="buttons"
        ),
        pytest.param({"nonce": 12345, "enforce_nonce": True}, id="a number as nonce"),
    ],
)
def test_the_facts_let_a_right_body_pass(body: dict[str, Any]):
    assert Facts().check(SEND, body) == []


def test_the_facts_choose_the_callback_by_its_type():
    route = "POST /interactions/{interaction_id}/{interaction_token}/callback"
    choices = [{"name": "n", "value": "v"}] * 26

    faults = Facts().check(route, {"type": 8, "data": {"choices": choices}})

    assert [f.path for f in faults] == [("data", "choices")]


async def test_an_operation_that_is_not_in_the_facts_is_a_violation(clock: Clock):
    facts = json.loads(FACTS.read_text())
    del facts["operations"]["GET /users/@me"]
    async with (
        FakeDiscord(now=clock, facts=Facts(facts)) as dc,
        aiohttp.ClientSession() as session,
    ):
        status, _, _ = await Raw(dc, session).ask("GET", "/users/@me")

        assert status == 400
        assert len(dc.violations) == 1


async def test_an_unknown_path_is_a_404_and_a_violation(dc: FakeDiscord, raw: Raw):
    status, _, _ = await raw.ask("POST", "/nowhere", {})

    assert status == 404
    assert dc.violations == ["POST /nowhere: not in Discord's facts"]


# ------------------------------------------------------------- limits of messages

LONG = [{"description": "x" * 3001}, {"description": "x" * 3000}]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"content": "x" * 2001}, id="2001 characters"),
        pytest.param({"embeds": [{"title": "t"}] * 11}, id="11 embeds"),
        pytest.param({"embeds": [{"description": "x" * 4097}]}, id="long description"),
        pytest.param(
            {"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}, id="26 fields"
        ),
        pytest.param({"embeds": [{"footer": {"text": "x" * 2049}}]}, id="long footer"),
        pytest.param({"embeds": LONG}, id="6001 characters over all embeds"),
        pytest.param(
            {"components": [row(button(custom_id=str(n))) for n in range(6)]},
            id="6 rows",
        ),
        pytest.param(
            {"components": [row(*(button(custom_id=str(n)) for n in range(6)))]},
            id="6 buttons in a row",
        ),
        pytest.param({"components": [row(button("x" * 81))]}, id="long label"),
        pytest.param({"components": [row(button("", "a"))]}, id="no label"),
        pytest.param({"components": [row(button("a", "x" * 101))]}, id="long id"),
        pytest.param({"components": [row(button("a", ""))]}, id="no custom id"),
        pytest.param(
            {"components": [row(button("a", "1"), button("b", "1"))]}, id="an id twice"
        ),
        pytest.param(
            {"components": [row({"type": 2, "style": 5, "label": "a"})]}, id="no url"
        ),
        pytest.param({"content": "x", "flags": 1 << 6}, id="ephemeral in a channel"),
        pytest.param({"content": "x", "nonce": "n" * 26}, id="long nonce"),
        pytest.param(
            {"content": "x", "message_reference": {"message_id": "77"}},
            id="an answer to nothing",
        ),
        pytest.param(
            {
                "content": "x",
                "allowed_mentions": {"parse": ["users"], "users": ["1"]},
            },
            id="exclusive mentions",
        ),
    ],
)
async def test_a_message_beyond_a_limit_is_refused_and_noted(
    dc: FakeDiscord, raw: Raw, alerts: Any, body: dict[str, Any]
):
    status, said = await raw.sends(alerts, **body)

    assert (status, said["code"]) == (400, 50035)
    assert said["errors"]
    assert len(dc.violations) == 1
    assert alerts.messages == ()


async def test_a_message_at_every_limit_arrives(dc: FakeDiscord, raw: Raw, alerts: Any):
    embed = {
        "title": "t" * 256,
        "description": "d" * 3695,
        "footer": {"text": "f" * 2048},
    }
    rows = [
        row(*(button("l" * 80, f"{r}{c}".ljust(100, "_")) for c in range(5)))
        for r in range(5)
    ]

    status, _ = await raw.sends(
        alerts, content="c" * 2000, embeds=[embed, {"title": "!"}], components=rows
    )

    assert status == 200
    assert dc.violations == []
    assert len(alerts.messages[0].buttons) == 25


@pytest.mark.parametrize("body", [{}, {"content": " "}, {"embeds": [{}]}])
async def test_an_empty_message_is_refused(
    dc: FakeDiscord, raw: Raw, alerts: Any, body: dict[str, Any]
):
    status, said = await raw.sends(alerts, **body)

    assert (status, said["code"]) == (400, 50006)
    assert len(dc.violations) == 1


async def test_an_edit_may_not_empty_a_message(raw: Raw, alerts: Any):
    _, sent = await raw.sends(alerts, content="here")

    path = f"/channels/{alerts.id}/messages/{sent['id']}"
    status, said, _ = await raw.ask("PATCH", path, {"content": ""})

    assert (status, said["code"]) == (400, 50006)
    assert alerts.messages[0].content == "here"


async def test_a_message_can_be_read_edited_and_deleted(raw: Raw, alerts: Any):
    _, sent = await raw.sends(alerts, content="one", components=[row()], flags=1 << 12)
    path = f"/channels/{alerts.id}/messages/{sent['id']}"

    await raw.ask("PATCH", path, {"content": "two"})

    (seen,) = alerts.messages
    assert (seen.content, seen.buttons, seen.is_silent) == ("two", ["Mute"], True)
    assert (await raw.ask("GET", path))[1]["content"] == "two"
    listed = (await raw.ask("GET", f"/channels/{alerts.id}/messages"))[1]
    assert [each["id"] for each in listed] == [sent["id"]]
    assert (await raw.ask("DELETE", path))[0] == 204
    assert alerts.messages == ()
    assert (await raw.ask("GET", path))[1]["code"] == 10008


async def test_files_arrive_by_name(raw: Raw, alerts: Any):
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", json.dumps({"content": "chart"}))
    form.add_field("files[0]", b"PNG", filename="btc.png")

    async with raw.session.post(
        f"{raw.dc.api_url}/channels/{alerts.id}/messages",
        data=form,
        headers={"Authorization": f"Bot {raw.dc.token}"},
    ) as response:
        assert response.status == 200

    assert alerts.messages[0].files == ["btc.png"]


async def test_receiving_gives_the_next_messages_only(raw: Raw, alerts: Any):
    for text in ("one", "two", "three"):
        await raw.sends(alerts, content=text)

    assert [m.content for m in await alerts.receives(2)] == ["one", "two"]
    assert [m.content for m in await alerts.receives(1)] == ["three"]
    with pytest.raises(AssertionError, match="0 of 1"):
        await alerts.receives(1, timeout=0.01)


@pytest.mark.parametrize(
    ("content", "allowed", "expected"),
    [
        pytest.param("@everyone @here", None, ["everyone", "here"], id="default"),
        pytest.param("@everyone <@5> <@&6>", {"parse": []}, [], id="none"),
        pytest.param(
            "<@5> <@!7> <@&6>", {"parse": ["users"]}, ["user:5", "user:7"], id="users"
        ),
        pytest.param("<@&6> <@&8>", {"roles": ["6"]}, ["role:6"], id="one role"),
        pytest.param("everyone", None, [], id="a mere word"),
    ],
)
async def test_pings_follow_allowed_mentions(
    raw: Raw, alerts: Any, content: str, allowed: Any, expected: list[str]
):
    body = {} if allowed is None else {"allowed_mentions": allowed}

    await raw.sends(alerts, content=content, **body)

    assert alerts.messages[0].pings == expected


@pytest.mark.parametrize(
    ("allowed", "is_told"),
    [(None, True), ({"parse": []}, False), ({"replied_user": True}, True)],
)
async def test_an_answer_pings_its_author_unless_told_not_to(
    raw: Raw, alerts: Any, alice: Any, allowed: Any, is_told: bool
):
    question = alice.writes("hello", in_=alerts)
    body = {} if allowed is None else {"allowed_mentions": allowed}

    reference = {"message_id": question.message_id}
    await raw.sends(alerts, content="hi", message_reference=reference, **body)

    (seen,) = alerts.messages
    assert seen.reply_to == question.message_id
    assert seen.pings == ([f"user:{alice.id}"] if is_told else [])
