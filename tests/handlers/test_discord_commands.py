"""The table of slash commands and what becomes of their options."""

from datetime import timedelta

import pytest
from fake_discord import FakeDiscord

from bot.ports import Choice
from handlers.discord.commands import (
    COMMANDS,
    PERSONAL,
    definitions,
    fingerprint,
    last_word,
    proposals,
    typed_line,
)
from handlers.discord.rest import Rest


async def test_discord_takes_the_definitions_as_they_are():
    async with FakeDiscord() as dc:
        rest = Rest("TESTTOKEN", dc.api_url, timeout=timedelta(seconds=5))
        path = "/applications/{id}/commands"
        await rest.request("PUT", path, definitions(), id=dc.bot.id)
        await rest.close()

    assert list(dc.commands) == [c.name for c in COMMANDS]
    assert dc.violations == []


def test_all_commands_are_there_for_servers_and_direct_messages():
    bodies = {b["name"]: b for b in definitions()}

    assert list(bodies) == [
        *("start", "help", "watch", "unwatch", "watchlist", "signal"),
        *("flips", "top", "screen", "why"),
        *("chart", "market", "record", "simulate", "threshold"),
        *("mute", "unmute", *(c.name for c in PERSONAL)),
        *("broadcast", "preview", "status", "admin", "claim"),
    ]
    for name, body in bodies.items():
        # a code for one person is not typed where others could look on
        is_for_one = name in {"claim", "admin"}
        assert body["contexts"] == ([1] if is_for_one else [0, 1])
        # everybody may look; who may change is asked for each time
        assert body["default_member_permissions"] is None
    assert all(b["integration_types"] == [0] for b in bodies.values())


def test_a_command_is_one_entry_of_the_table():
    (body,) = definitions(COMMANDS[2:3])

    assert body["name"] == "watch"
    assert [(o["name"], o["required"], o["autocomplete"]) for o in body["options"]] == [
        ("assets", True, True)
    ]


def test_the_fingerprint_changes_with_the_definitions():
    assert fingerprint(definitions()) == fingerprint(definitions())
    assert fingerprint(definitions()) != fingerprint(definitions(COMMANDS[1:]))


@pytest.mark.parametrize(
    ("name", "values", "line"),
    [
        ("watch", {"assets": "BTC ETH 80"}, "/watch BTC ETH 80"),
        ("watchlist", {}, "/watchlist"),
        ("threshold", {"lines": "80 50"}, "/threshold 80 50"),
        ("threshold", {"lines": "80 50", "asset": "BTC"}, "/threshold BTC 80 50"),
        ("mute", {"what": "BTC 24h"}, "/mute BTC 24h"),
        ("unmute", {}, "/unmute"),
        ("broadcast", {"what": "off", "channel": "17"}, "/broadcast off"),
        ("broadcast", {"what": "  top100 \n bullish "}, "/broadcast top100 bullish"),
        ("watch", {"assets": "BTC\n/claim x"}, "/watch BTC /claim x"),
        ("claim", {"code": "abc"}, "/claim abc"),
    ],
)
def test_options_become_the_line_that_is_typed_elsewhere(name, values, line):
    assert typed_line(name, values) == line


@pytest.mark.parametrize(
    ("typed", "word"),
    [("", ""), ("B", "B"), ("BTC ET", "ET"), ("BTC ", ""), ("BTC  e", "e")],
)
def test_the_last_word_is_completed(typed, word):
    assert last_word(typed) == word


def test_a_proposal_keeps_what_was_typed_before():
    found = proposals("BTC et", [Choice("ETH · Ethereum", "ETH")])

    assert found == [{"name": "BTC ETH · Ethereum", "value": "BTC ETH"}]


def test_proposals_stay_within_what_discord_takes():
    before = "X" * 97
    choices = [Choice("ETH · Ethereum", "ET"), Choice("a longer one", "LONGER")]

    found = proposals(f"{before} e", choices)

    assert found == [{"name": f"{before} E…", "value": f"{before} ET"}]
    assert len(proposals("", [Choice(str(i), str(i)) for i in range(40)])) == 25
