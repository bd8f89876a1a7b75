"""/simulate: what it says is what a real run over the same readings sent."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest_asyncio
from factories import BULLISH, DAY, HOUR, NOON, asset, recipient, watch
from fakes import START
from world import World, open_world

from bot import messages, simulation
from bot.model import Address, PastReading, PlaceKind, Signal
from bot.news import Occasion
from bot.phrases import Setting
from bot.poller import Poller, PollPlan
from bot.preferences import Cadence, Digest, Pace, QuietHours
from bot.rehearsal import Rehearsal
from bot.simulation import Plan, SentThen

EVERY = timedelta(hours=3)
SYMBOLS = ("BTC", "ETH", "SOL", "PEPE", "TAO", "LINK")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.poller = Poller(
            opened.source,
            opened.store,
            PollPlan(interval=EVERY, universe="all", worker="w1"),
            now=opened.clock,
        )
        for symbol in SYMBOLS:
            opened.source.set(symbol, grade=60, market_cap=1e9, categories=("ai",))
        await opened.poll(minutes=180)
        yield opened


#: when each message came, and its line 1, by whom it was sent to
Came = Mapping[str, list[tuple[datetime, str]]]


async def live_through(world: World, seed: int, days: int) -> Came:
    """Let the market turn at random; return what everybody was sent."""
    chance = random.Random(seed)
    came: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for _ in range(days * 8):
        for symbol in SYMBOLS:
            known = world.source.known[symbol.lower()]
            signal = known.signal
            if chance.random() < 0.06:
                signal = Signal(-(known.signal or BULLISH))
            elif chance.random() < 0.02:
                signal = Signal.NEUTRAL
            moved = chance.choice([0, 0, 0, -3, 3, -25, 25])
            grade = min(100, max(0, (known.grade or 0) + moved))
            world.source.set(
                symbol,
                grade=grade,
                signal=signal or Signal(chance.choice([-1, 0, 1])),
                as_of=world.clock() + EVERY,
                market_cap=1e9,
                categories=("ai",),
            )
        before = len(world.sender.sent)
        await world.poll(minutes=180)
        for to, part in world.sender.sent[before:]:
            came[to].append((world.clock(), str(part["text"]).splitlines()[0]))
    return came


async def rehearse(world: World, place: str) -> Rehearsal:
    person = await world.store.find_recipient(Address.parse(place))
    assert person is not None
    watches = await world.store.list_watches(person.id)
    found = await world.rehearsals.of(person, watches)
    assert found is not None
    return found


def line_one(message: SentThen) -> str:
    setting = Setting(now=message.at, kind=recipient().kind, source_title="x")
    return messages.alert(message.decision, setting).title.plain


NIGHT = QuietHours(time(21, 0), time(6, 0))
#: what each of them watches, and how each wants to hear
PEOPLE: Mapping[str, tuple[list[str], dict[str, object]]] = {
    "web:lines": (["/watch BTC ETH 80 50"], {}),
    "web:category": (["/watch #ai bullish grade>=70"], {}),
    "web:night": (["/watch all", "/watch BTC 50"], {"quiet": NIGHT}),
    "web:calm": (["/watch BTC ETH SOL"], {"pace": Pace.CALM, "zone": "Asia/Tokyo"}),
    "web:fast": (["/watch all"], {"pace": Pace.FAST}),
    "web:digest": (
        ["/watch BTC ETH"],
        {"digest": Digest(Cadence.DAILY, time(9, 0))},
    ),
}


async def test_a_simulation_is_what_a_real_run_sent_message_for_message(world):
    for place, (typed, wanted) in PEOPLE.items():
        for text in typed:
            await world.say(text, place=place)
        await world.prefer(place=place, **wanted)

    came = await live_through(world, seed=20, days=8)

    assert came.keys() == PEOPLE.keys()
    for place, sent in came.items():
        simulated = (await rehearse(world, place)).sent
        assert [message.at for message in simulated] == [at for at, _ in sent], place
        for message, (_, text) in zip(simulated, sent, strict=True):
            if message.decision.occasion is Occasion.ALERT:
                assert line_one(message) == text


async def test_what_is_said_of_the_past_is_what_was_sent(world):
    """In the reply to /watch, to /simulate, and in a group's menu."""
    await world.say("/watch BTC")
    sent = (await live_through(world, seed=1, days=8))["web:alice"]
    group = {"place": "telegram:-5", "kind": PlaceKind.GROUP}

    watched = (await world.say("/watch BTC", place="web:bob")).plain
    tried = (await world.say("/simulate BTC", place="web:carol")).plain
    menu = (await world.say("/broadcast", **group)).plain

    days = Counter(at.date() for at, _ in sent)
    expected = f"that was {len(sent)} messages, never more than {max(days.values())}"
    assert f"In the last 8 days {expected} a day." in watched
    assert tried.startswith(f"🧪 BTC: {len(sent)} messages in 8 days")
    assert sent[-1][1] in tried
    assert "In the last 8 days it would have been" in menu
    (row,) = [x for x in menu.splitlines() if "top100 ·" in x]
    await world.say("/broadcast top100", **group)
    posts = (await rehearse(world, "telegram:-5")).sent
    assert f"{len(posts)} posts" in row


async def test_simulate_needs_a_week_of_readings(world):
    await live_through(world, seed=1, days=2)

    reply = (await world.say("/simulate BTC")).plain

    assert reply.startswith("🧪 BTC: too little history yet")
    assert "In the last" not in (await world.say("/watch BTC")).plain


async def test_simulate_without_a_name_says_how_to_ask(world):
    assert "/simulate BTC grade>=80" in (await world.say("/simulate")).plain


# ---------------------------------------------------------------- hand-made histories


def readings(*verdicts: tuple[int, float], key: str = "btc") -> list[PastReading]:
    """One reading a day, the first on NOON: (signal, grade)."""
    return [
        PastReading(
            key=key,
            as_of=NOON + n * DAY,
            recorded_at=NOON + n * DAY,
            standing=Signal(signal),
            signal=Signal(signal),
            grade=grade,
        )
        for n, (signal, grade) in enumerate(verdicts)
    ]


def tried(history: list[PastReading], **rest: object) -> tuple[SentThen, ...]:
    plan = Plan(
        recipient=rest.pop("recipient", recipient()),
        watches=(rest.pop("watch", watch()),),
        assets=[asset()],
        interval=HOUR,
        update_every=DAY,
        since=NOON,
        until=NOON + 60 * DAY,
    )
    return simulation.run(plan, {"btc": history})


def test_every_flip_is_a_message():
    sent = tried(readings((1, 60), (-1, 40), (-1, 40), (1, 60)))

    assert [message.at for message in sent] == [NOON + DAY, NOON + 3 * DAY]


def test_a_filled_in_history_counts_by_the_engines_time():
    history = [
        replace(r, recorded_at=NOON + 100 * DAY) for r in readings((1, 60), (-1, 40))
    ]

    assert [message.at for message in tried(history)] == [NOON + DAY]


def test_a_revision_that_takes_a_flip_back_is_a_correction():
    history = readings((1, 60), (-1, 40))
    back = replace(
        history[1],
        signal=BULLISH,
        standing=BULLISH,
        recorded_at=history[1].recorded_at + HOUR,
        is_revision=True,
    )

    sent = tried([*history, back])

    assert [m.decision.news[0].event.kind.value for m in sent] == ["flip", "correction"]


def test_what_stood_before_is_no_news():
    history = readings((1, 60), (-1, 40), (-1, 40))
    late = [
        replace(r, as_of=r.as_of - 5 * DAY, recorded_at=r.recorded_at - 5 * DAY)
        for r in history
    ]

    assert tried(late) == ()


def test_a_condition_that_never_holds_sends_nothing():
    sent = tried(
        readings((1, 60), (-1, 40)), watch=watch(direction=BULLISH, min_grade=80)
    )

    assert sent == ()


def test_the_worst_day_is_counted_on_the_readers_clock():
    moments = [START, START + HOUR, START + 30 * HOUR]
    found = Rehearsal(
        sent=tuple(SentThen(at, None) for at in moments),
        since=START - 60 * DAY,
        until=START + 2 * DAY,
        clock=UTC,
    )

    assert found.worst_day == (START.date(), 2)
    assert found.last_month == 3
    assert found.days == 62
