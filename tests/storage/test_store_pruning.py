"""Pruning: old rows go, what waits or still counts stays, on every backend."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from bot.housekeeping import Housekeeper
from bot.model import Address, DeliveryState, Mute, PlaceKind
from bot.operating_config import KeepConfig
from bot.retention import Kept, cutoffs
from storage.columns import Row
from storage.tables import ANNOUNCEMENT_POSTS, ANNOUNCEMENTS, MARKET

LONG = timedelta(days=5000)


async def prune(world, kind, *, before=None):
    """Prune a kind to the end; return how many rows went."""
    before = before or world.clock()
    total = 0
    while gone := await world.store.prune(kind, before=before, limit=3):
        total += gone
    return total


async def ids(store, state):
    records = await store.list_deliveries(state=state, limit=100)
    return {record.id for record in records}


async def test_deliveries_that_are_over_go_and_open_ones_stay(world):
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, btc)
    for number in range(5):
        await world.happen(
            world.event(btc) if number % 2 else world.end(btc, key=f"end-{number}")
        )
        world.clock.tick(days=1)
    await world.send_all()
    await world.happen(world.end(btc))
    await world.store.park(alice.address, reason="blocked", now=world.clock())
    world.clock.tick(days=200)

    gone = await prune(world, Kept.DELIVERIES)

    assert gone == 5
    assert await world.deliveries() == {"parked": 1}


async def test_what_is_younger_stays(world):
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, btc)
    for _ in range(7):
        await world.happen(world.event(btc))
        world.clock.tick(days=1)
    await world.send_all()

    gone = await prune(world, Kept.DELIVERIES, before=world.clock() - timedelta(days=4))

    assert gone == 3
    assert await world.deliveries() == {"sent": 4}


async def test_an_event_stays_while_a_delivery_of_it_is_open_or_dead(world):
    btc = await world.asset("BTC")
    alice, bob = await world.recipient("web:alice"), await world.recipient("web:bob")
    await world.watch(alice, btc)
    (sent,) = await world.happen(world.event(btc))
    await world.send_all()
    await world.watch(bob, btc)
    await world.store.park(bob.address, reason="blocked", now=world.clock())
    (open_,) = await world.happen(world.end(btc))
    await world.send_all()
    world.clock.tick(days=500)

    await prune(world, Kept.DELIVERIES)
    gone = await prune(world, Kept.EVENTS)

    assert gone == 1
    left = await world.store.recent_events(world.source, limit=10)
    assert [event.id for event in left] == [open_.id]
    assert sent.id != open_.id


async def test_an_event_that_is_still_handed_out_stays(world):
    btc = await world.asset("BTC")
    await world.poll(events=[world.event(btc)])
    world.clock.tick(days=500)

    assert await prune(world, Kept.EVENTS) == 0


async def test_the_newest_polls_stay_however_old(world):
    for _ in range(6):
        await world.asset("BTC")
        world.clock.tick(days=1)
    tick = await world.store.claim_poll(
        world.source, world.clock(), timedelta(minutes=5), "w"
    )
    await world.store.fail_poll(tick, "http_500", world.clock())
    good = await world.store.last_good_poll(world.source)
    world.clock.tick(days=500)

    gone = await prune(world, Kept.POLLS)

    assert gone == 5
    assert await world.store.last_good_poll(world.source) == good
    (last,) = await world.store.last_polls(world.source, 1)
    assert last.reason == "http_500"


async def test_old_readings_messages_and_inbox_entries_go(world):
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, btc)
    await world.happen(world.event(btc))
    await world.send_all()
    await world.store.append_inbox("alice", {"a": 1}, nonce="n", now=world.clock())
    world.clock.tick(days=1)
    await world.asset("BTC")
    await world.store.append_inbox("alice", {"a": 2}, nonce="m", now=world.clock())

    gone = {
        kind: await prune(world, kind)
        for kind in (Kept.READINGS, Kept.MESSAGES, Kept.INBOX)
    }

    assert gone == {Kept.READINGS: 1, Kept.MESSAGES: 1, Kept.INBOX: 1}
    (entry,) = await world.store.read_inbox("alice")
    assert entry[2] == {"a": 2}
    (asset,) = await world.store.find_assets(world.source, "BTC")
    assert asset.state is not None


async def test_a_frozen_message_stays(world):
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    await world.freeze(claim)
    world.clock.tick(days=500)

    assert await prune(world, Kept.MESSAGES) == 0
    assert await prune(world, Kept.DELIVERIES) == 0


async def test_who_is_out_of_reach_for_long_is_forgotten_with_the_watchlist(world):
    btc = await world.asset("BTC")
    alice, bob = await world.recipient("web:alice"), await world.recipient("web:bob")
    for who in (alice, bob):
        await world.watch(who, btc)
    await world.store.park(alice.address, reason="blocked", now=world.clock())
    world.clock.tick(days=401)

    gone = await prune(world, Kept.GONE, before=world.clock() - timedelta(days=400))

    assert gone == 1
    assert await world.store.find_recipient(alice.address) is None
    assert await world.store.find_recipient(bob.address) is not None
    assert await world.store.list_watches(bob.id) != []


async def test_what_has_run_out_goes(world):
    alice = await world.recipient("web:alice")
    now = world.clock()
    await world.store.take_lease("old", "me", now=now, length=timedelta(seconds=1))
    await world.store.note_link_try(alice.id, now=now)
    await world.store.set_mute(
        alice.id, Mute(asset_id=None, until=now + timedelta(hours=1), created_at=now)
    )
    world.clock.tick(days=31)

    assert (
        await world.store.prune(
            Kept.EXPIRED, before=world.clock() - timedelta(days=30), limit=10
        )
        == 3
    )
    assert (
        await world.store.prune(
            Kept.EXPIRED, before=world.clock() - timedelta(days=30), limit=10
        )
        == 0
    )


async def test_a_day_of_housekeeping_leaves_what_counts_and_says_what_went(world):
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, btc)
    await world.happen(world.event(btc))
    await world.send_all()
    world.clock.tick(days=6000)
    await world.asset("BTC")
    keeper = Housekeeper(world.store, KeepConfig(), owner="me", now=world.clock)

    counts = await keeper.prune()
    again = await keeper.prune()

    assert counts[Kept.DELIVERIES] == 1
    assert counts[Kept.EVENTS] == 1
    assert counts[Kept.READINGS] == 1
    assert sum(again.values()) == 0
    assert await world.store.find_recipient(Address.parse("web:alice")) is not None


async def test_only_one_process_keeps_house(world):
    await world.store.take_lease(
        "housekeeping", "other", now=world.clock(), length=timedelta(minutes=1)
    )
    keeper = Housekeeper(world.store, KeepConfig(), owner="me", now=world.clock)

    assert await keeper.prune() == {}


@pytest.mark.parametrize("kind", Kept)
async def test_nothing_to_prune_is_nothing(world, kind):
    await world.recipient("web:alice", PlaceKind.PRIVATE)

    assert await world.store.prune(kind, before=world.clock() - LONG, limit=5) == 0


#: why a table can't grow for ever though nothing of it is pruned by its age
BOUNDED = {
    "assets": "one for each asset an engine ever graded",
    "asset_aliases": "a few for each asset",
    "asset_categories": "a few for each asset",
    "asset_states": "one for each asset",
    "asset_lines": "the lines somebody watches, for each asset",
    "watches": "at most app.watches_max for each recipient",
    "watch_lines": "a few for each watch",
    "private_lines": "at most one for each line of a watch",
    "told": "one for each recipient and asset",
    "told_lines": "one for each recipient, asset and line",
    "routes": "one for each chat of a person",
    "place_notes": "one for each place",
    "errands": "each ends within days",
    "bot_values": "a fixed number of names",
    "access_rules": "one for each user an operator named",
    "api_keys": "made by an operator, one by one",
    "candle_series": "one for each coin of an exchange",
    "candles": "our own engine takes away what it no longer needs",
}
PRUNED = {
    "deliveries",
    "messages",
    "events",
    "readings",
    "market_points",
    "announcements",
    "announcement_posts",
    "polls",
    "inbox_entries",
    "recipients",
    "link_codes",
    "link_tries",
    "undos",
    "leases",
    "mutes",
    "invites",
}


def test_no_table_grows_for_ever():
    assert BOUNDED.keys() | PRUNED == set(Row.metadata.tables)
    assert not BOUNDED.keys() & PRUNED


async def test_old_announcements_go_with_what_became_of_them(world):
    alice, bob = await world.recipient("web:alice"), await world.recipient("web:bob")
    now = world.clock()

    async def announce(connection):
        for number, state in enumerate(("sent", "sending"), start=1):
            await connection.execute(
                insert(ANNOUNCEMENTS),
                {
                    "id": number,
                    "text": "hello",
                    "state": state,
                    "created_by": "web:boss",
                    "created_at": now,
                },
            )
            for who in (alice, bob):
                await connection.execute(
                    insert(ANNOUNCEMENT_POSTS),
                    {
                        "announcement_id": number,
                        "recipient_id": who.id,
                        "state": "sent",
                        "reason": "",
                        "begun_at": now,
                    },
                )

    async def left(connection):
        found = await connection.execute(select(ANNOUNCEMENTS.c.state))
        posts = await connection.execute(select(ANNOUNCEMENT_POSTS.c.recipient_id))
        return [row.state for row in found], len(posts.all())

    await world.store._database.write(announce)
    world.clock.tick(days=101)

    assert await prune(world, Kept.ANNOUNCEMENTS) == 3
    assert await world.store._database.read(left) == (["sending"], 2)


async def test_old_points_of_the_market_go(world):
    async def put(connection):
        for day in range(5):
            point = {
                "source": world.source,
                "as_of": world.clock() + timedelta(days=day),
                "bullish": 1,
                "total": 2,
                "sectors": {},
            }
            await connection.execute(insert(MARKET), point)

    await world.store._database.write(put)
    world.clock.tick(days=4)

    assert await prune(world, Kept.MARKET) == 4


def test_deliveries_go_before_the_events_they_name(clock):
    order = [kind for kind, _ in cutoffs(KeepConfig(gone=90), clock())]

    assert set(order) == set(Kept)
    assert order.index(Kept.DELIVERIES) < order.index(Kept.EVENTS)
    assert order.index(Kept.DEAD) < order.index(Kept.EVENTS)


def test_the_watchlists_of_those_who_blocked_the_bot_are_kept_for_ever(clock):
    assert Kept.GONE not in dict(cutoffs(KeepConfig(), clock()))
    assert dict(cutoffs(KeepConfig(gone=90), clock()))[Kept.GONE] == (
        clock() - timedelta(days=90)
    )


@pytest.mark.parametrize("days", [-1, 1, 29])
def test_a_watchlist_is_not_forgotten_within_a_month(days):
    with pytest.raises(ValueError, match="gone"):
        KeepConfig(gone=days)


async def test_of_what_waits_for_somebody_for_years_the_newest_flip_stays(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    alice = await world.recipient("web:alice")
    for asset in (btc, eth):
        await world.watch(alice, asset)
    await world.store.park(alice.address, reason="blocked", now=world.clock())
    for number in range(9):
        await world.happen(
            world.end(btc, key=f"b-{number}") if number % 2 else world.event(btc)
        )
        world.clock.tick(days=1)
    await world.happen(world.event(eth))
    world.clock.tick(days=200)
    newest = max(await ids(world.store, DeliveryState.PARKED))

    assert await prune(world, Kept.OVERTAKEN) == 8

    left = await ids(world.store, DeliveryState.PARKED)
    assert len(left) == 2
    assert newest in left
    assert await prune(world, Kept.EVENTS) == 8


async def test_flips_that_wait_for_a_short_time_all_stay(world):
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, btc)
    await world.store.park(alice.address, reason="blocked", now=world.clock())
    await world.happen(world.event(btc))
    await world.happen(world.end(btc))

    hour_ago = world.clock() - timedelta(hours=1)
    assert await prune(world, Kept.OVERTAKEN, before=hour_ago) == 0


async def test_dead_letters_are_kept_longer_and_then_go(world):
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    frozen = await world.freeze(claim)
    await world.store.settle_dead(
        claim, frozen.id, reason="rejected", now=world.clock()
    )
    world.clock.tick(days=500)

    assert await prune(world, Kept.DELIVERIES) == 0
    assert await ids(world.store, DeliveryState.DEAD)
    assert await prune(world, Kept.EVENTS) == 0
    assert await prune(world, Kept.DEAD) == 1
    assert await prune(world, Kept.EVENTS) == 1
