"""Any button pressed twice, by the wrong person, after a restart, a month later.

What the buttons of an alert do in each case stands in `test_alert_buttons.py`, the
menus of places in `test_places.py`; here one table goes over all kinds.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from world import World, open_world

from bot.message import Message
from bot.model import Address, PlaceKind
from bot.ports import PressReply

ALICE = "telegram:5"
GROUP = "telegram:-100"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A button: where it comes from, and what its place has once it was pressed."""

    name: str
    typed: str
    label: str
    then: tuple[str, ...]
    #: a month later, where that is something else; such a press is refused kindly
    late: tuple[str, ...] | None = None
    place: str = ALICE

    @property
    def kind(self) -> PlaceKind:
        return PlaceKind.GROUP if self.place == GROUP else PlaceKind.PRIVATE

    @property
    def where(self) -> dict[str, object]:
        return {"place": self.place, "kind": self.kind}


CASES = (
    Case(
        name="put a line right",
        typed="/watch BTCC",
        label="Add BTC",
        then=("BTC", "ETH"),
    ),
    Case(
        name="say it right",
        typed="/watch BTC grad>=80",
        label="Yes, /watch BTC grade>=80",
        then=("BTC grade>=80", "ETH"),
    ),
    Case(
        name="pick one of two",
        typed="/watch PEPE",
        label="2 ",
        then=("ETH", "PEPE"),
    ),
    Case(
        name="unmute",
        typed="/mute ETH 60d",
        label="🔔 Unmute",
        then=("ETH",),
    ),
    Case(
        name="a setting",
        typed="/digest",
        label="Daily 08:00",
        then=("ETH", "digest"),
    ),
    Case(
        name="remove everything",
        typed="/unwatch all",
        label="Yes, remove",
        then=(),
    ),
    Case(
        name="erase me",
        typed="/forgetme",
        label="Yes, erase it",
        then=("nobody",),
        late=("ETH",),
    ),
    Case(
        name="what a group gets",
        typed="/broadcast",
        label="top100",
        then=("top100",),
        place=GROUP,
    ),
)
table = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for symbol in ("BTC", "ETH"):
            opened.source.set(symbol, grade=75, market_cap=1e12, price=100.0)
        for key in ("p1", "p2"):
            opened.source.set("PEPE", key=key, market_cap=2e9)
        await opened.poll()
        await opened.say("/watch ETH", place=ALICE)
        yield opened


async def button(world: World, case: Case) -> str:
    """Let the button appear; return what it sends."""
    reply: Message = await world.say(case.typed, **case.where)
    (action, *_) = [b.action for r in reply.buttons for b in r if case.label in b.label]
    return action


async def has(world: World, place: str) -> tuple[str, ...]:
    """Return in words what a place has chosen."""
    recipient = await world.store.find_recipient(Address.parse(place))
    if recipient is None:
        return ("nobody",)
    watches = await world.store.list_watches(recipient.id)
    mutes = await world.store.list_mutes(recipient.id, world.clock())
    return tuple(
        sorted(
            [w.text for w in watches]
            + ["muted" for _ in mutes]
            + sorted(recipient.preferences.to_json())
        )
    )


def is_answered(reply: PressReply) -> bool:
    """Whether the presser sees that something came of it."""
    return bool(reply.toast or reply.url or reply.message or reply.edited)


@table
async def test_only_its_owner_presses_it_also_after_a_restart_and_twice_is_once(
    world: World, case: Case
):
    action = await button(world, case)
    before = await has(world, case.place)
    if case.kind is PlaceKind.GROUP:
        other = await world.press(
            action, **case.where, user="telegram:6", is_admin=False
        )
        assert "Only admins" in other.toast
    else:
        # forwarded, its buttons are pressed in the other one's chat
        other = await world.press(action, place="telegram:6")
        assert is_answered(other)
    assert await has(world, case.place) == before

    await world.restart()
    first = await world.press(action, **case.where)
    assert is_answered(first)
    assert await has(world, case.place) == case.then

    second = await world.press(action, **case.where)
    assert is_answered(second)
    assert await has(world, case.place) == case.then


@table
async def test_a_month_later_it_does_what_it_says_or_says_why_not(
    world: World, case: Case
):
    action = await button(world, case)
    world.clock.advance(days=31)
    await world.poll()

    reply = await world.press(action, **case.where)

    assert is_answered(reply)
    expected = case.then if case.late is None else case.late
    assert await has(world, case.place) == expected
