"""What /metrics shows, and that the rules in docs/ ask for nothing else."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from world import World, open_world

from bot.limits import ChatRule, Limits, Rules
from bot.metrics import Metrics
from bot.model import EventKind, Platform
from bot.timed_desk import TimedDesk

DOCS = Path(__file__).parent.parent.parent / "docs"
RULES = (DOCS / "alerts.yml").read_text("utf-8")
MANUAL = (DOCS / "operations.md").read_text("utf-8")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=70)
        await opened.poll()
        yield opened


@pytest.fixture
def metrics(world: World) -> Metrics:
    return Metrics(world.store, world.source.name, now=world.clock)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"flipwatch_{name}", labels)


def known_names(metrics: Metrics) -> set[str]:
    """Every name that a query may ask for."""
    names = set()
    for family in metrics.registry.collect():
        ends = {
            "counter": ("_total",),
            "histogram": ("_bucket", "_sum", "_count"),
        }.get(family.type, ("",))
        names |= {family.name + end for end in ends}
    return names


def test_every_metric_of_the_rules_exists(metrics):
    asked = set(re.findall(r"\bflipwatch_\w+", RULES))

    assert asked
    assert asked <= known_names(metrics)


def test_every_metric_is_explained(metrics):
    said = set(re.findall(r"`(flipwatch_\w+)", MANUAL))

    families = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in metrics.registry.collect()
    }
    assert families == said


def test_every_rule_says_what_it_is_about_and_what_to_do():
    rules = RULES.split("- alert: ")[1:]

    assert len(rules) >= 10
    for rule in rules:
        for needed in ("expr:", "severity:", "summary:", "action:"):
            assert needed in rule, rule.splitlines()[0]


async def test_the_age_of_the_grades_grows_with_the_clock(world, metrics):
    await metrics.refresh()
    before = value(metrics, "data_age_seconds")

    world.clock.advance(seconds=90)
    await metrics.refresh()

    assert value(metrics, "data_age_seconds") == before + 90
    assert value(metrics, "last_poll_ok") == 1


async def test_what_is_due_is_counted_with_its_age(world, metrics):
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.clock.advance(minutes=5)
    await world.poller.poll()
    await world.fanout.fan_out_open()
    world.clock.advance(seconds=40)

    await metrics.refresh()
    assert value(metrics, "due_deliveries") == 1
    assert value(metrics, "oldest_due_seconds") >= 40

    await world.deliver()
    await metrics.refresh()
    assert value(metrics, "due_deliveries") == 0
    assert value(metrics, "oldest_due_seconds") == 0
    assert value(metrics, "deliveries", state="sent") == 1


def test_sent_alerts_are_counted_by_delay_and_by_age(metrics):
    metrics.sent(Platform.TELEGRAM, timedelta(seconds=3))
    metrics.aged(Platform.TELEGRAM, timedelta(hours=2))

    name = {"platform": "telegram"}
    assert value(metrics, "delivery_delay_seconds_bucket", le="5.0", **name) == 1
    assert value(metrics, "delivery_delay_seconds_bucket", le="2.0", **name) == 0
    assert value(metrics, "delivery_age_seconds_bucket", le="10800.0", **name) == 1
    assert value(metrics, "delivery_age_seconds_bucket", le="3600.0", **name) == 0


def test_polls_are_counted_by_what_came_of_them(metrics):
    metrics.polled("", timedelta(seconds=2), ())
    metrics.polled("http_500", timedelta(seconds=1), ())
    metrics.polled("http_500", timedelta(seconds=1), ())

    assert value(metrics, "polls_total", result="ok") == 1
    assert value(metrics, "polls_total", result="http_500") == 2
    assert value(metrics, "poll_seconds_count") == 3


async def test_detected_events_are_counted_by_kind(world, metrics):
    world.source.flip("BTC")
    world.clock.advance(minutes=5)

    metrics.polled("", timedelta(), await world.poller.poll())

    assert value(metrics, "detected_events_total", kind=EventKind.FLIP.value) == 1


async def test_limits_are_shown(metrics):
    now = [0.0]
    rule = ChatRule(count=1, window=1.0)
    limits = Limits(Rules(overall=30.0, private=rule, group=rule), clock=lambda: now[0])
    metrics.watch_limits(Platform.TELEGRAM, limits)
    limits.refused("1", timedelta(seconds=30), is_global=False)
    limits.refused("", timedelta(seconds=5), is_global=True)

    for _ in range(2):
        await metrics.refresh()

    assert value(metrics, "rate_limited_total", platform="telegram") == 2
    assert value(metrics, "chats_held", platform="telegram") == 1
    assert value(metrics, "platform_pause_seconds", platform="telegram") == 5


async def test_credits_and_disk_are_shown(metrics):
    metrics.watch_credits(lambda: 7, 100)
    metrics.watch_disk(lambda: 12345)

    await metrics.refresh()

    assert value(metrics, "engine_credits_used") == 7
    assert value(metrics, "engine_credits_limit") == 100
    assert value(metrics, "disk_free_bytes") == 12345


def test_what_readyz_says_is_shown(metrics):
    metrics.note_health({"telegram": "", "engine": "down"})

    assert value(metrics, "ready", dependency="telegram") == 1
    assert value(metrics, "ready", dependency="engine") == 0


async def test_a_command_is_timed_by_its_name_and_never_by_what_was_typed(world):
    told: list[str] = []
    desk = TimedDesk(world.room, on_answer=lambda name, _took: told.append(name))

    for text in ("/watch BTC", "/STATUS@FlipwatchBot", "hello there", "/secret", ""):
        await desk.say(world.call(text))

    assert told == ["watch", "status", "other", "other", "other"]
