"""Several chats of one person: joining, going over, parting; erasing; undoing."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from bot.errors import NotFoundError
from bot.model import (
    Address,
    Conditions,
    Mute,
    PlaceKind,
    Receipt,
    Scope,
    Side,
    Signal,
    Target,
    Tell,
)
from bot.ports import Sent
from bot.preferences import Preferences
from storage import open_store
from storage.columns import Row
from storage.routes import GRACE

PHONE = Address.parse("telegram:11")
DESK = Address.parse("discord:22")


@pytest_asyncio.fixture(loop_scope="session")
async def phone(world):
    return await world.recipient("telegram:11")


@pytest_asyncio.fixture(loop_scope="session")
async def desk(world):
    return await world.recipient("discord:22")


async def join(world, home, guest):
    """Let the guest join the home."""
    await world.store.set_link_code(
        home.id, "digest", account="telegram:11", expires_at=world.clock.tick(seconds=1)
    )
    world.clock.tick(seconds=-1)
    joined = await world.store.join(
        guest.id, "digest", account="discord:99", now=world.clock()
    )
    assert joined is not None
    return joined.recipient


async def symbols(world, recipient):
    watches = await world.store.list_watches(recipient.id)
    assets = await world.store.get_assets(
        [w.target.asset_id for w in watches if w.target.asset_id]
    )
    return sorted(a.symbol for a in assets.values())


def tell(asset, signal=Signal.BULLISH, **more):
    return Tell(asset_id=asset.id, signal=signal, since=None, **more)


# ------------------------------------------------------------------------- joining


async def test_joined_chats_are_one_recipient_with_both_watchlists(world, phone, desk):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    await world.watch(phone, btc)
    await world.watch(desk, eth)

    one = await join(world, phone, desk)

    assert await symbols(world, one) == ["BTC", "ETH"]
    assert await world.store.find_recipient(PHONE) == one
    assert await world.store.find_recipient(DESK) == one
    assert one.address == PHONE
    routes = await world.store.list_routes(one.id)
    assert {(str(r.address), r.account, r.is_in_use) for r in routes} == {
        ("telegram:11", "telegram:11", True),
        ("discord:22", "discord:99", False),
    }


@pytest.mark.parametrize("is_home_first", [True, False])
async def test_the_homes_watch_and_settings_count_where_both_have_them(
    world, is_home_first
):
    first = await world.recipient("telegram:11")
    second = await world.recipient("discord:22")
    home, guest = (first, second) if is_home_first else (second, first)
    btc = await world.asset("BTC")
    await world.watch(home, btc, Conditions(thresholds=(80.0,)))
    await world.watch(guest, btc, Conditions(thresholds=(50.0,)))
    for one, zone in ((home, "Europe/Berlin"), (guest, "Asia/Tokyo")):
        wanted = Preferences(zone=zone)
        await world.store.set_preferences(one.id, wanted, now=world.clock())

    one = await join(world, home, guest)

    (watch,) = await world.store.list_watches(one.id)
    assert watch.conditions.thresholds == (80.0,)
    assert one.preferences.zone == "Europe/Berlin"
    assert one.address == home.address


async def test_what_was_told_last_counts(world, phone, desk):
    btc = await world.asset("BTC")
    await world.watch(phone, btc, told=tell(btc, lines={80.0: Side.ABOVE}))
    world.clock.tick(minutes=1)
    await world.watch(
        desk, btc, told=tell(btc, Signal.BEARISH, lines={80.0: Side.BELOW})
    )

    one = await join(world, phone, desk)

    told = (await world.store.told(one.id))[btc.id]
    assert (told.signal, dict(told.lines)) == (Signal.BEARISH, {80.0: Side.BELOW})


async def test_what_was_sent_to_either_is_not_sent_to_the_other(world, phone, desk):
    btc = await world.asset("BTC")
    await world.watch(phone, btc, told=tell(btc))
    await world.watch(desk, btc, told=tell(btc))
    await world.store.park(DESK, reason="closed", now=world.clock())
    await world.happen(world.end(btc))
    assert await world.send_all() == 1

    await join(world, phone, desk)

    assert await world.claim() == []
    assert await world.deliveries() == {"sent": 1}


@pytest.mark.parametrize("is_home_first", [True, False])
async def test_what_fan_out_has_yet_to_bring_either_comes_once(world, is_home_first):
    first = await world.recipient("telegram:11")
    second = await world.recipient("discord:22")
    eth = await world.asset("ETH")
    # looked at and passed over, so that it is a step of its own
    bearish = Conditions(direction=Signal.BEARISH)
    await world.watch(first, Target(scope=Scope.ALL), bearish)
    await world.watch(second, eth)
    (event,) = await world.poll(events=[world.event(eth)])
    world.store._reach = 1
    assert not await world.store.fan_out_chunk(event.id, limit=1, now=world.clock())
    assert await world.deliveries() == {}
    home, guest = (first, second) if is_home_first else (second, first)

    one = await join(world, home, guest)
    while not await world.store.fan_out_chunk(event.id, limit=1, now=world.clock()):
        pass

    (claim,) = await world.claim()
    assert claim.recipient.id == one.id
    assert [w.asset.symbol for w in claim.waiting] == ["ETH"]


async def test_an_exception_takes_nothing_from_the_other(world, phone, desk):
    btc = await world.asset("BTC")
    everything = Target(scope=Scope.ALL)
    await world.watch(phone, everything)
    await world.watch(phone, btc, is_exception=True)
    await world.watch(desk, everything)

    one = await join(world, phone, desk)

    assert [w.target.scope for w in await world.store.list_watches(one.id)] == [
        Scope.ALL
    ]


async def test_an_exception_both_agree_on_stays(world, phone, desk):
    btc = await world.asset("BTC")
    for one in (phone, desk):
        await world.watch(one, Target(scope=Scope.ALL))
        await world.watch(one, btc, is_exception=True)

    one = await join(world, phone, desk)

    watches = await world.store.list_watches(one.id)
    assert sorted(w.is_exception for w in watches) == [False, True]


async def test_the_guests_default_lines_stay_on_its_watches(world, phone, desk):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    await world.watch(phone, btc)
    await world.watch(desk, eth)
    await world.store.set_thresholds(phone.id, [80.0], now=world.clock())
    await world.store.set_thresholds(desk.id, [50.0], now=world.clock())

    await join(world, phone, desk)

    wanted = await world.store.lines_wanted(world.source)
    assert wanted.of("id-btc") == {80.0}
    assert wanted.of("id-eth") == {50.0}


async def test_mutes_move_along(world, phone, desk):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    now = world.clock()
    until = now + timedelta(hours=1)
    for one, asset in ((phone, btc), (desk, eth)):
        mute = Mute(asset_id=asset.id, until=until, created_at=now)
        await world.store.set_mute(one.id, mute)

    one = await join(world, phone, desk)

    mutes = await world.store.list_mutes(one.id, now)
    assert {m.asset_id for m in mutes} == {btc.id, eth.id}


async def test_a_private_line_stays_with_who_was_told_last(world, phone, desk):
    btc = await world.asset("BTC", grade=81.0)
    lines = Conditions(thresholds=(80.0,))
    await world.watch(phone, btc, lines, told=tell(btc, lines={80.0: Side.ABOVE}))
    world.clock.tick(minutes=1)
    await world.watch(desk, btc, lines, told=tell(btc, lines={80.0: Side.BELOW}))

    one = await join(world, phone, desk)

    (line,) = await world.store.private_lines(world.source, ["id-btc"])
    assert (line.recipient_id, line.line.side) == (one.id, Side.BELOW)


async def test_a_private_line_goes_where_the_shared_side_was_told_since(
    world, phone, desk
):
    btc = await world.asset("BTC", grade=81.0)
    lines = Conditions(thresholds=(80.0,))
    await world.watch(phone, btc, lines, told=tell(btc, lines={80.0: Side.ABOVE}))
    await world.watch(desk, btc, lines, told=tell(btc, lines={80.0: Side.BELOW}))
    world.clock.tick(minutes=1)
    await world.watch(phone, btc, lines, told=tell(btc, lines={80.0: Side.ABOVE}))

    await join(world, phone, desk)

    assert await world.store.private_lines(world.source, ["id-btc"]) == []


async def test_a_code_works_once_for_another_and_in_time(world, phone, desk):
    third = await world.recipient("web:third")
    now = world.clock()

    async def code() -> None:
        await world.store.set_link_code(
            phone.id, "digest", account="a", expires_at=now + timedelta(minutes=10)
        )

    await code()
    own = await world.store.join(phone.id, "digest", account="a", now=now)
    wrong = await world.store.join(desk.id, "other", account="b", now=now)
    late = await world.store.join(
        desk.id, "digest", account="b", now=now + timedelta(minutes=10)
    )
    assert (own, wrong, late) == (None, None, None)
    assert await world.store.find_link("digest", now=now) == phone

    assert await world.store.join(desk.id, "digest", account="b", now=now) is not None
    assert await world.store.find_link("digest", now=now) is None
    assert await world.store.join(third.id, "digest", account="c", now=now) is None


async def test_wrong_codes_are_counted(world, phone):
    early = world.clock()
    await world.store.note_link_try(phone.id, now=early)
    late = world.clock.tick(minutes=20)
    await world.store.note_link_try(phone.id, now=late)

    assert await world.store.count_link_tries(phone.id, since=early) == 1
    with pytest.raises(NotFoundError):
        await world.store.note_link_try(phone.id + 99, now=late)


# ----------------------------------------------------------------------- going over


@pytest_asyncio.fixture(loop_scope="session")
async def linked(world, phone, desk):
    """A linked recipient that watches BTC and was told of it over the phone."""
    btc = await world.asset("BTC")
    await world.watch(phone, btc, told=tell(btc))
    return await join(world, phone, desk)


async def bitcoin(world):
    return (await world.store.find_assets(world.source, "BTC"))[0]


async def test_a_chat_that_is_gone_gives_way_and_takes_over_when_it_is_back(
    world, linked
):
    await world.happen(world.end(await bitcoin(world)))
    (claim,) = await world.claim()
    frozen = await world.freeze(claim)

    await world.store.settle_parked(
        claim, frozen.id, reason="blocked", now=world.clock()
    )

    (again,) = await world.claim()
    assert again.recipient.address == DESK
    assert again.recipient.parked_since is None
    assert len(again.waiting) == 1
    frozen = await world.freeze(again)
    await world.settle_sent(again, frozen, ref="d-1")
    back = await world.store.unpark(PHONE, now=world.clock())
    assert back is not None
    assert back.address == PHONE
    assert await world.claim() == []


async def test_ids_of_messages_in_another_chat_are_forgotten(world, linked):
    btc = await bitcoin(world)
    await world.happen(world.end(btc))
    await world.send_all()
    assert (await world.store.told(linked.id))[btc.id].message_ref == "m-1"

    await world.store.choose_route(linked.id, DESK, now=world.clock())

    assert (await world.store.told(linked.id))[btc.id].message_ref == ""


async def test_a_yes_that_comes_after_going_over_tells_but_is_not_answered_to(
    world, linked
):
    btc = await bitcoin(world)
    await world.happen(world.end(btc))
    (claim,) = await world.claim()
    (waiting,) = claim.waiting
    news = Tell(
        asset_id=btc.id,
        signal=Signal.BEARISH,
        since=waiting.event.as_of,
        watch_id=waiting.watch.id,
    )
    frozen = await world.freeze(claim, tells=(news,))

    await world.store.choose_route(linked.id, DESK, now=world.clock())
    assert await world.claim() == []
    await world.store.settle_sent(
        [Sent(claim, frozen, Receipt("m-7"))], now=world.clock()
    )

    world.clock.tick(seconds=GRACE.total_seconds())
    assert await world.claim() == []
    told = (await world.store.told(linked.id))[btc.id]
    assert (told.signal, told.message_ref) == (Signal.BEARISH, "")


async def test_only_when_all_chats_are_gone_it_is_parked(world, linked):
    await world.happen(world.end(await bitcoin(world)))
    await world.store.park(DESK, reason="closed", now=world.clock())
    assert (await world.store.find_recipient(DESK)).parked_since is None

    await world.store.park(PHONE, reason="blocked", now=world.clock())

    parked = await world.store.find_recipient(PHONE)
    assert parked.parked_reason == "blocked"
    assert await world.deliveries() == {"parked": 1}
    await world.store.unpark(DESK, now=world.clock())
    (claim,) = await world.claim()
    assert claim.recipient.address == DESK


async def test_a_chat_can_be_chosen_though_it_is_gone_now(world, linked):
    await world.store.park(DESK, reason="closed", now=world.clock())

    assert await world.store.choose_route(linked.id, DESK, now=world.clock())

    assert (await world.store.find_recipient(DESK)).address == PHONE
    await world.store.unpark(DESK, now=world.clock())
    assert (await world.store.find_recipient(DESK)).address == DESK


async def test_a_stranger_cannot_be_chosen(world, linked):
    stranger = Address.parse("web:x")

    assert not await world.store.choose_route(linked.id, stranger, now=world.clock())


# -------------------------------------------------------------------------- parting


@pytest.mark.parametrize("leaver", [PHONE, DESK])
async def test_parted_chats_have_the_same_and_share_nothing(world, linked, leaver):
    btc = await bitcoin(world)
    await world.happen(world.end(btc))

    assert await world.store.part(leaver, now=world.clock())

    phone = await world.store.find_recipient(PHONE)
    desk = await world.store.find_recipient(DESK)
    assert phone.id != desk.id
    assert (phone.address, desk.address) == (PHONE, DESK)
    for one in (phone, desk):
        assert await symbols(world, one) == ["BTC"]
        told = (await world.store.told(one.id))[btc.id]
        (watch,) = await world.store.list_watches(one.id)
        assert (told.signal, told.watch_id) == (Signal.BULLISH, watch.id)
        assert await world.store.list_routes(one.id) == []
    claims = await world.claim()
    assert {str(c.recipient.address) for c in claims} == {str(PHONE), str(DESK)}
    assert not await world.store.part(leaver, now=world.clock())


async def test_a_message_on_its_way_stays_with_its_chat(world, linked):
    await world.happen(world.end(await bitcoin(world)))
    (claim,) = await world.claim()
    frozen = await world.freeze(claim)

    await world.store.part(PHONE, now=world.clock())
    await world.settle_sent(claim, frozen)

    (other,) = await world.claim()
    assert other.recipient.address == DESK
    assert await world.deliveries() == {"sent": 1, "pending": 1}


async def test_of_three_chats_two_stay_together(world, linked):
    third = await world.recipient("web:third")
    world.clock.tick(minutes=1)
    one = await join(world, linked, third)

    await world.store.part(PHONE, now=world.clock())

    desk = await world.store.find_recipient(DESK)
    assert await world.store.find_recipient(Address.parse("web:third")) == desk
    assert len(await world.store.list_routes(desk.id)) == 2
    assert sum(r.is_preferred for r in await world.store.list_routes(desk.id)) == 1
    phone = await world.store.find_recipient(PHONE)
    assert phone.id == one.id


# -------------------------------------------------------------------------- erasing


async def everything(store):
    """Every row of every table, as text."""

    async def work(connection):
        found = []
        for table in Row.metadata.sorted_tables:
            rows = await connection.execute(select(table))
            found += [f"{table.name} {tuple(row)}" for row in rows]
        return found

    return await store._database.read(work)


async def test_nothing_is_left_of_who_is_forgotten(world):
    home = await world.recipient("telegram:987001")
    guest = await world.recipient("web:inbox987002")
    group = await world.recipient("telegram:-100", PlaceKind.GROUP)
    btc = await world.asset("BTC")
    await world.store.put_watch(
        group.id,
        Target(scope=Scope.ALL),
        Conditions(),
        text="all",
        created_by="telegram:987001",
        told=None,
        now=world.clock(),
    )
    await world.watch(home, btc, Conditions(thresholds=(80.0,)), told=tell(btc))
    await world.store.set_value("operators", '["telegram:987001", "telegram:5"]')
    await world.store.set_value("places", '{"telegram:987001": "telegram:987001"}')
    await world.store.append_inbox(
        "inbox987002", {"a": 1}, nonce="n", now=world.clock()
    )
    one = await join(world, home, guest)
    now = world.clock()
    await world.store.keep_undo(one.id, {"a": 1}, until=now, now=now)
    await world.store.note_link_try(one.id, now=now)
    await world.happen(
        world.end(btc, only_for=one.id, key="own"), world.end(btc, key="all")
    )
    await world.freeze((await world.claim())[0])

    await world.store.forget(one.id, users=["telegram:987001"])

    left = await everything(world.store)
    assert not [row for row in left if "98700" in row or "own" in row]
    kinds = {row.split()[0] for row in left}
    assert kinds.isdisjoint({"told", "routes", "messages", "undos", "link_tries"})
    assert await world.store.get_value("operators") == '["telegram:5"]'
    assert {c.recipient.id for c in await world.claim()} <= {group.id}


async def test_a_yes_that_comes_after_all_was_erased_is_no_error(world, phone):
    btc = await world.asset("BTC")
    await world.watch(phone, btc, told=tell(btc))
    await world.happen(world.end(btc))
    (claim,) = await world.claim()
    frozen = await world.freeze(claim)

    await world.store.forget(phone.id, users=[])

    await world.settle_sent(claim, frozen)
    assert await world.deliveries() == {}


async def test_a_yes_to_a_message_that_never_was_is_an_error(world, phone):
    btc = await world.asset("BTC")
    await world.watch(phone, btc, told=tell(btc))
    await world.happen(world.end(btc))
    (claim,) = await world.claim()
    frozen = await world.freeze(claim)

    with pytest.raises(NotFoundError):
        await world.settle_sent(claim, replace(frozen, id=frozen.id + 99))


async def test_the_files_bytes_are_overwritten(tmp_path, clock):
    path = tmp_path / "forget.db"
    store = await open_store(f"sqlite:///{path}", now=clock)
    name = "inbox424242424242"
    one = await store.ensure_recipient(
        Address.parse(f"web:{name}"), PlaceKind.PRIVATE, now=clock()
    )
    for number in range(50):
        await store.append_inbox(name, {"n": number}, nonce=f"{number}", now=clock())

    def bytes_of() -> bytes:
        return b"".join(p.read_bytes() for p in Path(tmp_path).glob("forget.db*"))

    assert name.encode() in bytes_of()

    await store.forget(one.id, users=[f"web:{name}"])

    assert name.encode() not in bytes_of()
    await store.close()


# -------------------------------------------------------------------------- undoing


async def test_what_is_kept_comes_back_once_in_time_and_to_its_owner(
    world, phone, desk
):
    now = world.clock()
    until = now + timedelta(minutes=10)
    kept = await world.store.keep_undo(phone.id, {"x": [1]}, until=until, now=now)

    assert await world.store.take_undo(desk.id, kept, now=now) is None
    assert await world.store.take_undo(phone.id, kept, now=until) is None
    assert await world.store.take_undo(phone.id, kept, now=now) == {"x": [1]}
    assert await world.store.take_undo(phone.id, kept, now=now) is None


async def test_a_language_is_kept(world, phone):
    await world.store.set_language(phone.id, "de")

    assert (await world.store.find_recipient(PHONE)).language == "de"
