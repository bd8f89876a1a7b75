"""Who may use the bot, as the store keeps it, the same on every database."""

import asyncio
from datetime import timedelta

from bot.access import Invite, Rule
from bot.model import Address, PlaceKind


def rule(world, subject: str, *, is_allowed: bool = True) -> Rule:
    return Rule(
        subject=subject,
        is_allowed=is_allowed,
        set_by="web:boss",
        set_at=world.clock(),
    )


def invite(world, code: str, *, uses: int = 1, days: float = 7) -> Invite:
    return Invite(
        code=code,
        uses=uses,
        expires_at=world.clock() + timedelta(days=days),
        created_by="web:boss",
        created_at=world.clock(),
    )


async def test_what_was_said_last_of_a_subject_counts(world):
    store = world.store
    await store.set_access(rule(world, "telegram:1"))
    await store.set_access(rule(world, "telegram:1", is_allowed=False))
    await store.set_access(rule(world, "web:ann"))

    known = await store.access_of(["telegram:1", "web:ann", "web:bob"])

    assert known == {"telegram:1": False, "web:ann": True}
    assert await store.access_of([]) == {}


async def test_what_was_said_can_be_forgotten_once(world):
    await world.store.set_access(rule(world, "web:ann"))

    assert await world.store.clear_access("web:ann")
    assert not await world.store.clear_access("web:ann")
    assert await world.store.access_of(["web:ann"]) == {}


async def test_those_let_in_and_those_blocked_are_listed_apart_newest_first(world):
    for number in range(3):
        world.clock.tick(minutes=1)
        await world.store.set_access(rule(world, f"web:{number}"))
    await world.store.set_access(rule(world, "web:bad", is_allowed=False))

    allowed = await world.store.list_access(is_allowed=True, offset=1, limit=1)
    blocked = await world.store.list_access(is_allowed=False)

    assert (allowed.total, [r.subject for r in allowed.rows]) == (3, ["web:1"])
    assert list(blocked.rows) == [rule(world, "web:bad", is_allowed=False)]


async def test_a_users_private_places_are_the_own_chat_and_where_watches_were_made(
    world,
):
    btc = await world.asset("BTC")
    own = await world.recipient("telegram:5")
    dm = await world.recipient("discord:77")
    group = await world.recipient("discord:88", PlaceKind.GROUP)
    for each in (dm, group):
        await world.store.put_watch(
            each.id,
            (await world.watch(own, btc)).target,
            (await world.watch(own, btc)).conditions,
            text="BTC",
            created_by="discord:9",
            told=None,
            now=world.clock(),
        )

    assert await world.store.private_places("telegram:5") == [own.address]
    assert await world.store.private_places("discord:9") == [dm.address]
    assert await world.store.private_places("web:9") == []


# -------------------------------------------------------------------------- invites


async def test_an_invite_lets_in_as_many_as_it_has_uses(world):
    await world.store.put_invite(invite(world, "AAA", uses=2))

    took = [
        await world.store.redeem_invite("AAA", f"web:{n}", now=world.clock())
        for n in range(3)
    ]

    assert took == [True, True, False]
    assert await world.store.access_of(["web:0", "web:2"]) == {"web:0": True}
    assert await world.store.list_invites(world.clock()) == []


async def test_of_many_at_once_no_more_get_in_than_the_invite_has_uses(world):
    await world.store.put_invite(invite(world, "AAA", uses=3))

    took = await asyncio.gather(
        *(
            world.store.redeem_invite("AAA", f"web:{n}", now=world.clock())
            for n in range(8)
        )
    )

    assert sum(took) == 3


async def test_whoever_is_in_costs_no_use_and_whoever_is_blocked_stays_out(world):
    store = world.store
    await store.put_invite(invite(world, "AAA"))
    await store.set_access(rule(world, "web:in"))
    await store.set_access(rule(world, "web:bad", is_allowed=False))

    assert await store.redeem_invite("AAA", "web:in", now=world.clock())
    assert not await store.redeem_invite("AAA", "web:bad", now=world.clock())
    assert [i.used for i in await store.list_invites(world.clock())] == [0]


async def test_an_invite_that_expired_or_was_dropped_lets_nobody_in(world):
    store = world.store
    await store.put_invite(invite(world, "OLD", days=1))
    await store.put_invite(invite(world, "GONE"))
    world.clock.tick(days=1)

    assert await store.drop_invite("GONE")
    assert not await store.drop_invite("GONE")
    for code in ("OLD", "GONE", "NEVER"):
        assert not await store.redeem_invite(code, "web:a", now=world.clock())
    assert await store.list_invites(world.clock()) == []


async def test_an_address_is_not_somebody_elses(world):
    await world.recipient("telegram:5")

    assert await world.store.private_places("discord:5") == []
    assert await world.store.private_places("telegram:5") == [
        Address.parse("telegram:5")
    ]
