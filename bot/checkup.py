"""`flipwatch check`: every part asked for real, nothing sent and nothing changed.

What is asked is said by the parts themselves (`engine.checkup`, `storage.checkup`,
`handlers.*.checkup`, `bot.machine`); here they are put in order.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot import findings, machine
from bot.commands.room import claimed_operators
from bot.config import Config
from bot.cures import delivery_cure
from bot.errors import DeliveryError, StoreError
from bot.findings import Finding, Standing
from bot.model import Address, Platform
from bot.ports import Clock
from bot.reach import Speaker, open_speakers

#: how long one question may take
PATIENCE = timedelta(seconds=15)
#: so many broadcast places are asked; a bot with more has other worries
PLACES_MAX = 100
#: so many at a time: the platforms count requests
_AT_ONCE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """What a check needs besides the configuration.

    Attributes:
        secret_files: the files that hold secrets.
        patience: how long each part may take to answer.
        is_offline: ask nobody over the network.
    """

    secret_files: Sequence[Path] = ()
    patience: timedelta = PATIENCE
    is_offline: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows: who operates the bot, and which places get something."""

    operators: frozenset[str] = frozenset()
    places: Sequence[Address] = ()


async def check(config: Config, plan: CheckPlan, *, now: Clock) -> list[Finding]:
    """Check everything; the parts are asked at the same time, told in one order."""
    engine, telegram, discord, database, clock = await asyncio.gather(
        _check_engine(config, plan, now),
        _check_telegram(config, plan),
        _check_discord(config, plan),
        _check_database(config),
        _check_clock(config, plan, now),
    )
    known = await _look_up(config, now)
    asked = {Platform.TELEGRAM: telegram, Platform.DISCORD: discord}
    well = {p for p, found in asked.items() if found[0].standing is Standing.OK}
    return [
        findings.ok("configuration"),
        *machine.check_files(plan.secret_files),
        *engine,
        *telegram,
        *discord,
        *database,
        *await _check_places(config, [p for p in known.places if p.platform in well]),
        _check_operators(known.operators | set(config.app.operators)),
        await asyncio.to_thread(machine.check_web, config),
        *clock,
        *machine.check_disk(config),
    ]


# ------------------------------------------------------------------------ the parts


async def _check_engine(config: Config, plan: CheckPlan, now: Clock) -> list[Finding]:
    from engine import checkup

    if "poll" not in config.app.roles:
        return [findings.off("engine", "another process polls it")]
    if plan.is_offline and config.engine.chosen != "replay":
        return [findings.off("engine", "not asked")]
    # a polite call to a metered engine is spaced, and takes several of them
    return [await checkup.check(config.engine, now=now, patience=3 * plan.patience)]


async def _check_telegram(config: Config, plan: CheckPlan) -> Sequence[Finding]:
    if not config.telegram.is_on:
        return [findings.off("telegram", "no token")]
    if plan.is_offline:
        return [findings.off("telegram", "not asked")]
    from handlers.telegram import checkup

    return await checkup.check(config.telegram, timeout=plan.patience)


async def _check_discord(config: Config, plan: CheckPlan) -> Sequence[Finding]:
    if not config.discord.is_on:
        return [findings.off("discord", "no token")]
    if plan.is_offline:
        return [findings.off("discord", "not asked")]
    from handlers.discord import checkup

    return await checkup.check(config.discord, timeout=plan.patience)


async def _check_database(config: Config) -> list[Finding]:
    from storage import checkup

    return await checkup.check(
        config.storage.url, may_migrate=config.storage.may_migrate
    )


async def _check_clock(config: Config, plan: CheckPlan, now: Clock) -> list[Finding]:
    urls = []
    if config.telegram.is_on:
        urls.append(config.telegram.base_url)
    if config.discord.is_on:
        urls.append(config.discord.api_url)
    if config.engine.chosen == "remote":
        urls.append(config.engine.base_url)
    if plan.is_offline or not urls:
        return []
    ahead = await machine.clock_error(
        urls, now=now, timeout=plan.patience, proxy=config.telegram.proxy
    )
    return [machine.judge_clock(ahead)]


# ------------------------------------------------------- what only the store knows


async def _look_up(config: Config, now: Clock) -> _Known:
    """Ask the store, if it can be asked without changing it."""
    from storage import checkup, open_store

    if not await checkup.is_current(config.storage.url):
        return _Known()
    try:
        store = await open_store(config.storage.url, now=now, may_migrate=False)
        try:
            operators = frozenset(await claimed_operators(store))
            places = [
                recipient.address
                for recipient, _ in await store.find_places()
                if any(
                    not watch.is_exception
                    for watch in await store.list_watches(recipient.id)
                )
            ]
        finally:
            await store.close()
    except StoreError:
        # what is wrong with it is said by its own check
        return _Known()
    return _Known(operators, places)


def _check_operators(known: Collection[str]) -> Finding:
    if known:
        return findings.ok("operators", f"{len(known)} told of trouble")
    cure = "set app.operators, or type the /claim code that the first start prints"
    return findings.look("operators", "nobody is told of trouble", cure)


async def _check_places(config: Config, places: Sequence[Address]) -> list[Finding]:
    """Find out whether the bot may write in every place that gets something."""
    if not places:
        return []
    asked = places[:PLACES_MAX]
    slots = asyncio.Semaphore(_AT_ONCE)
    async with open_speakers(config, {place.platform for place in asked}) as speakers:

        async def knock(place: Address) -> Finding | None:
            async with slots:
                return await _knock(speakers[place.platform], place)

        found = await asyncio.gather(*map(knock, asked))
    bad = [finding for finding in found if finding is not None]
    if bad:
        return bad
    said = f"the bot may write in all {len(asked)} that get something"
    if len(places) > len(asked):
        said = f"the bot may write in the first {len(asked)} of {len(places)}"
    return [findings.ok("places", said)]


async def _knock(speaker: Speaker, place: Address) -> Finding | None:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await speaker.knock(place)
    except TimeoutError:
        reason, said = "timeout", "no answer in time"
    except DeliveryError as error:
        reason, said = error.reason, str(error)
    else:
        return None
    cure = delivery_cure(place.platform, reason)
    return findings.wrong(f"place {place}", said, cure)
