"""`flipwatch deliveries`: dead letters are listed, tried again, given up."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from running import call, listing, running
from world import World

from bot import cli
from bot.errors import MessageRejectedError
from bot.model import DeliveryState

ALICE, BOB = "web:alice", "web:bob"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A store in which Alice's alert of BTC is dead and Bob's is sent."""
    opened = World(f"sqlite+aiosqlite:///{tmp_path / 'flipwatch.db'}")
    await opened.open()
    opened.source.set("BTC", grade=70)
    opened.source.set("ETH", grade=60)
    await opened.poll()
    for person in (ALICE, BOB):
        await opened.say("/watch BTC ETH", place=person)
    opened.source.flip("BTC")
    error = MessageRejectedError("markup", reason="bad_markup")
    opened.sender.refuse(ALICE, error, error)
    await opened.poll()
    yield opened
    await opened.close()


def run(folder: Path, capsys: pytest.CaptureFixture[str], *words: str):
    """Run the command in this process; return exit code, stdout, stderr."""
    config = folder / "config.toml"
    config.write_text(
        f'[storage]\nurl = "sqlite+aiosqlite:///{folder / "flipwatch.db"}"\n'
    )
    verb, *rest = words
    try:
        code = cli.main(["deliveries", verb, "--config", str(config), *rest])
    except SystemExit as ended:
        code = ended.code
    return code, *capsys.readouterr()


@pytest.fixture
def deliveries(world: World, tmp_path: Path, capsys, monkeypatch):
    """Runs `flipwatch deliveries ...` over the world's file, in a thread of its own."""
    monkeypatch.setattr("bot.logs.set_up", lambda _: None)
    monkeypatch.setattr("bot.app.utc_now", world.clock)

    async def go(*words: str):
        return await asyncio.to_thread(run, tmp_path, capsys, *words)

    return go


async def dead_id(world: World) -> int:
    (record,) = await world.store.list_deliveries(state=DeliveryState.DEAD)
    return record.id


async def test_list_shows_what_became_of_each(world: World, deliveries) -> None:
    code, out, _ = await deliveries("list", "--json")

    rows = json.loads(out)
    assert code == 0
    assert {(r["recipient"], r["state"], r["reason"]) for r in rows} == {
        (ALICE, "dead", "bad_markup"),
        (BOB, "sent", ""),
    }
    (row,) = [r for r in rows if r["recipient"] == ALICE]
    assert (row["symbol"], row["kind"], row["attempts"]) == ("BTC", "flip", 0)
    assert row["id"] == await dead_id(world)
    assert set(row) >= {"as_of", "created_at", "due_at", "sent_at"}


async def test_list_takes_a_state_and_a_limit(world: World, deliveries) -> None:
    code, out, _ = await deliveries("list", "--state", "dead")
    header, row = out.splitlines()
    assert code == 0
    assert header.split()[:4] == ["id", "state", "reason", "recipient"]
    assert row.split()[1:5] == ["dead", "bad_markup", ALICE, "BTC"]

    _, out, _ = await deliveries("list", "--limit", "1", "--json")
    assert len(json.loads(out)) == 1

    code, out, err = await deliveries("list", "--state", "parked")
    assert (code, out) == (0, "")
    assert "no such deliveries" in err


async def test_a_replayed_dead_letter_arrives(world: World, deliveries) -> None:
    code, out, _ = await deliveries("replay", str(await dead_id(world)))
    assert (code, out) == (0, "replayed: 1\n")

    await world.deliver()

    (text,) = world.sender.texts(ALICE)
    assert text.startswith("🔴 BTC turned bearish")


async def test_a_replayed_one_that_turned_back_meanwhile_is_not_told(
    world: World, deliveries
) -> None:
    world.source.flip("BTC")
    await world.poll()
    assert world.sender.texts(ALICE) == []
    # by then no worker can still be fanning that turn out
    world.clock.advance(minutes=1)

    await deliveries("replay", "--all-dead")
    await world.deliver()

    assert world.sender.texts(ALICE) == []
    counts = await world.store.counts(world.clock())
    assert counts.deliveries == {"sent": 2, "skipped": 2}
    assert counts.reasons == {"flipped_back": 2}


async def test_all_dead_ones_of_one_reason_are_replayed(
    world: World, deliveries
) -> None:
    code, out, _ = await deliveries("replay", "--all-dead", "--reason", "too_old")
    assert (code, out) == (0, "replayed: 0\n")

    code, out, _ = await deliveries("replay", "--all-dead", "--reason", "bad_markup")
    assert (code, out) == (0, "replayed: 1\n")


async def test_more_dead_ones_than_a_page_are_all_replayed(
    world: World, deliveries, monkeypatch
) -> None:
    monkeypatch.setattr("bot.outbox.PAGE", 1)
    world.source.flip("ETH")
    error = MessageRejectedError("markup", reason="bad_markup")
    world.sender.refuse(ALICE, error, error)
    await world.poll()

    _, out, _ = await deliveries("replay", "--all-dead")

    assert out == "replayed: 2\n"


async def test_a_dropped_one_is_never_sent(world: World, deliveries) -> None:
    number = str(await dead_id(world))
    code, out, _ = await deliveries("drop", number, "--yes")
    assert (code, out) == (0, "dropped: 1\n")

    counts = await world.store.counts(world.clock())
    assert counts.reasons == {"dropped": 1}
    code, out, err = await deliveries("replay", number)
    assert (code, out) == (1, "")
    assert f"delivery {number} is skipped, not dead: nothing was changed" in err


@pytest.mark.parametrize("words", [("replay",), ("drop", "--yes")])
async def test_an_unknown_id_is_told_and_nothing_is_changed(
    world: World, deliveries, words
) -> None:
    code, out, err = await deliveries(*words, str(await dead_id(world)), "4711")

    assert (code, out) == (1, "")
    assert "there is no delivery 4711: nothing was changed" in err
    assert await dead_id(world)


async def test_what_is_sent_can_be_neither_replayed_nor_dropped(
    world: World, deliveries
) -> None:
    (sent,) = await world.store.list_deliveries(state=DeliveryState.SENT)

    code, _, err = await deliveries("drop", "--yes", str(sent.id))
    assert code == 1
    assert f"delivery {sent.id} is sent already" in err
    code, _, err = await deliveries("replay", str(sent.id))
    assert code == 1
    assert f"delivery {sent.id} is sent, not dead" in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("replay",), "some IDs, or --all-dead"),
        (("replay", "1", "--all-dead"), "some IDs, or --all-dead"),
        (("replay", "1", "--reason", "x"), "--reason goes with --all-dead"),
        (("replay", "abc"), "a whole number from 1"),
        (("drop", "1"), "add --yes"),
        (("drop", "--yes"), "required: ID"),
        (("list", "--state", "lost"), "invalid choice"),
        (("list", "--limit", "0"), "a whole number from 1"),
        (("erase",), "invalid choice"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)
async def test_a_wrong_call_says_what_is_wrong(deliveries, words, hint) -> None:
    code, out, err = await deliveries(*words)

    assert (code, out) == (2, "")
    assert hint in err


@pytest.mark.timeout(180)
async def test_it_works_beside_a_running_bot(tmp_path: Path) -> None:
    async with running(tmp_path, '[engine]\nkind = "replay"\n') as program:
        code, out, err = await call("deliveries", "list", "--json", cwd=tmp_path)
        assert (code, listing(out)) == (0, []), err
        code, out, err = await call("deliveries", "replay", "--all-dead", cwd=tmp_path)
        assert (code, out) == (0, "replayed: 0"), err
        assert program.process.returncode is None
