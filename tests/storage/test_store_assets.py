"""Assets found by what people type; the web inbox; the bot's own values."""

import asyncio
from dataclasses import replace

import pytest

from bot.errors import StoreError
from bot.model import Scope, Target


async def found(world, word, source="engine"):
    return [a.key for a in await world.store.find_assets(source, word)]


# ---------------------------------------------------------------- finding


async def test_an_asset_is_found_by_symbol_key_and_name_in_any_case(world):
    await world.asset("BTC", name="Bitcoin")

    for word in ("BTC", "btc", "ID-BTC", "bitcoin", " BitCoin "):
        assert await found(world, word) == ["id-btc"], word
    for word in ("BT", "", "\x00", "BTC'"):
        assert await found(world, word) == [], word
    assert await found(world, "btc\x00") == ["id-btc"]
    assert await found(world, "BTC", source="other") == []


async def test_symbols_come_before_aliases_before_names(world):
    alias = await world.asset("POL", market_cap=500.0)
    world.clock.tick(days=1)
    renamed = replace(world.reading("NEW", market_cap=500.0), key=alias.key)
    await world.poll(renamed)
    await world.asset("OTHER", name="pol", market_cap=900.0)
    small = replace(world.reading("POL", market_cap=1.0), key="small")
    large = replace(world.reading("POL", market_cap=2.0), key="large")
    unknown = replace(world.reading("POL"), key="unknown")
    await world.poll(small, large, unknown)

    assert await found(world, "pol") == [
        "large",
        "small",
        "unknown",
        "id-pol",
        "id-other",
    ]


async def test_an_asset_that_matches_twice_is_listed_once(world):
    await world.asset("MAKER", name="Maker")

    assert await found(world, "maker") == ["id-maker"]


async def test_assets_by_id_have_their_states(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")

    assets = await world.store.get_assets([btc.id, eth.id, 10**9])

    assert assets == {btc.id: btc, eth.id: eth}
    assert btc.state == world.state(world.reading("BTC"))


async def test_assets_are_listed_largest_first_then_by_symbol(world):
    for symbol, cap in [("C", None), ("A", None), ("B", 1.0), ("D", 9.0)]:
        await world.asset(symbol, market_cap=cap, categories=("ai", "x" + symbol))
    await world.asset("E", market_cap=5.0)

    async def listed(**more):
        assets = await world.store.list_assets("engine", **more)
        assert all(asset.state is not None for asset in assets)
        return "".join(asset.symbol for asset in assets)

    assert await listed() == "DEBAC"
    assert await listed(limit=2) == "DE"
    assert await listed(target=Target(scope=Scope.ALL), limit=1) == "D"
    assert await listed(target=Target(scope=Scope.TOP, top=2)) == "DE"
    assert await listed(target=Target(scope=Scope.CATEGORY, category="ai")) == "DBAC"
    assert await listed(target=Target(scope=Scope.CATEGORY, category="no")) == ""
    (a,) = await world.store.find_assets("engine", "A")
    assert await listed(target=Target(scope=Scope.ASSET, asset_id=a.id)) == "A"


async def test_suggestions_are_symbols_and_names_largest_first(world):
    await world.asset("ETH", name="Ethereum", market_cap=1.0)
    await world.asset("BTC", name="Bitcoin", market_cap=2.0)

    assert await world.store.symbols("engine") == [
        ("BTC", "Bitcoin"),
        ("ETH", "Ethereum"),
    ]
    assert await world.store.symbols("other") == []


async def test_categories_are_listed_once_and_alphabetically(world):
    await world.asset("BTC", categories=("rwa", "ai"))
    await world.asset("ETH", categories=("ai", "Layer-1"))

    assert await world.store.categories("engine") == ["Layer-1", "ai", "rwa"]
    assert await world.store.categories("other") == []


# ---------------------------------------------------------------- inbox


async def test_inbox_entries_have_growing_ids_and_come_oldest_first(world):
    store, now = world.store, world.clock()
    ids = [
        (await store.append_inbox("a", {"n": n}, nonce=f"x{n}", now=now))[0]
        for n in range(4)
    ]
    await store.append_inbox("b", {"n": 9}, nonce="x0", now=now)

    assert ids == sorted(ids)
    assert await store.read_inbox("a") == [
        (number, now, {"n": n}) for n, number in enumerate(ids)
    ]
    assert [e["n"] for _, _, e in await store.read_inbox("a", limit=2)] == [2, 3]
    assert [e["n"] for _, _, e in await store.read_inbox("a", after=ids[1])] == [2, 3]
    assert await store.read_inbox("none") == []


async def test_the_same_nonce_is_the_same_entry(world):
    store, now = world.store, world.clock()

    both = await asyncio.gather(
        store.append_inbox("a", {"n": 1}, nonce="x", now=now),
        store.append_inbox("a", {"n": 1}, nonce="x", now=now),
    )

    assert len({number for number, _ in both}) == 1
    assert sorted(is_new for _, is_new in both) == [False, True]
    assert len(await store.read_inbox("a")) == 1


async def test_an_entry_is_replaced_in_its_own_inbox_only(world):
    store, now = world.store, world.clock()
    number, _ = await store.append_inbox("a", {"n": 1}, nonce="x", now=now)

    assert not await store.update_inbox("b", number, {"n": 2})
    assert await store.update_inbox("a", number, {"n": 3})
    assert not await store.update_inbox("a", number + 1, {"n": 4})

    assert [entry for _, _, entry in await store.read_inbox("a")] == [{"n": 3}]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object()])
async def test_what_json_can_not_say_is_refused(world, bad):
    with pytest.raises(StoreError):
        await world.store.append_inbox("a", {"n": bad}, nonce="x", now=world.clock())


async def test_any_text_survives(world):
    text = "“₿” \n\t<b>\u2028 🚀 \\u0000 ' \" ; --"

    await world.store.set_value("name", text)
    await world.store.append_inbox("a", {"t": text}, nonce=text, now=world.clock())

    assert await world.store.get_value("name") == text
    assert (await world.store.read_inbox("a"))[0][2] == {"t": text}


async def test_text_no_database_can_keep_is_refused(world):
    with pytest.raises(StoreError):
        await world.store.set_value("name", "lone \ud800 surrogate")


# ---------------------------------------------------------------- values


async def test_a_value_is_set_replaced_and_removed(world):
    store = world.store
    assert await store.get_value("name") is None

    await store.set_value("name", "one")
    await store.set_value("name", "two")
    assert await store.get_value("name") == "two"

    await store.set_value("name", None)
    await store.set_value("name", None)
    assert await store.get_value("name") is None


async def test_a_value_is_taken_by_exactly_one(world):
    await world.store.set_value("claim", "secret")
    assert not await world.store.take_value("claim", "guess")

    taken = await asyncio.gather(
        *(world.store.take_value("claim", "secret") for _ in range(5))
    )

    assert sorted(taken) == [False] * 4 + [True]
