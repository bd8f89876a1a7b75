"""Asks the configured engine for real: does it answer, and does it take the key."""

import asyncio
from datetime import timedelta

from bot import findings
from bot.config import EngineConfig
from bot.cures import engine_cure
from bot.errors import ConfigError, SourceError
from bot.findings import Finding
from bot.model import Wanted
from bot.ports import Clock
from engine import open_source

#: an engine that answers at all answers for one asset within this time
PATIENCE = timedelta(seconds=45)
_SUBJECT = "engine"


async def check(
    config: EngineConfig, *, now: Clock, patience: timedelta = PATIENCE
) -> Finding:
    """Fetch the grade of the largest asset; costs a metered engine about four calls.

    Our own engine is not made to grade, which takes minutes at first: its exchanges
    are asked what they trade.
    """
    try:
        source = open_source(config, now=now)
    except ConfigError as error:
        return findings.wrong(_SUBJECT, *_cause_and_cure(str(error)))
    if config.chosen == "embedded":
        await source.close()
        return await _check_exchanges(config, now=now, patience=patience)
    try:
        if config.chosen == "replay":
            what = config.replay_file or "the built-in scenario"
            return findings.ok(_SUBJECT, f"{source.title} plays {what}, nothing live")
        async with asyncio.timeout(patience.total_seconds()):
            snapshot = await source.fetch(Wanted(top=1))
    except TimeoutError:
        said = f"{source.title} did not answer within {patience.total_seconds():g} s"
        return findings.wrong(_SUBJECT, said, engine_cure("timeout"))
    except SourceError as error:
        return findings.wrong(_SUBJECT, str(error), engine_cure(error.reason))
    finally:
        await source.close()
    if not snapshot.readings:
        return findings.wrong(
            _SUBJECT,
            f"{source.title} answers, but grades nothing",
            "check engine.base_url and what the plan behind the key covers",
        )
    newest = max(reading.as_of for reading in snapshot.readings)
    age = now() - newest
    said = f"{source.title} answers; its newest grade is of {newest:%Y-%m-%d %H:%M} UTC"
    if age > 3 * source.update_every:
        return findings.look(
            _SUBJECT, said, "the engine seems to stand still: see its status page"
        )
    return findings.ok(_SUBJECT, said)


async def _check_exchanges(
    config: EngineConfig, *, now: Clock, patience: timedelta
) -> Finding:
    from engine.embedded.exchange import Exchange, ExchangeError

    urls = dict(text.split("=", 1) for text in config.exchange_urls)
    names = list(dict.fromkeys((config.exchange, *config.fallback_exchanges)))
    failures: list[str] = []
    for name in names:
        exchange = Exchange(name, now=now, url=urls.get(name, ""))
        try:
            async with asyncio.timeout(patience.total_seconds()):
                pairs = await exchange.list_pairs()
        except TimeoutError:
            failures.append(f"{name}: no answer in time")
        except ExchangeError as error:
            failures.append(f"{name}: {error}")
        else:
            said = f"our own, from {len(pairs)} pairs of {name}"
            if failures:
                cure = "check the network, or name the one that answers first"
                return findings.look(_SUBJECT, f"{said} ({'; '.join(failures)})", cure)
            return findings.ok(_SUBJECT, said)
        finally:
            await exchange.close()
    return findings.wrong(
        _SUBJECT,
        f"no exchange answers ({'; '.join(failures)})",
        "check the network and its firewall; from some countries another"
        " engine.exchange works",
    )


def _cause_and_cure(said: str) -> tuple[str, str]:
    """Cut a configuration error, which names its cure after a colon or semicolon."""
    cause, _, cure = said.partition("; ")
    return cause, cure or "change that option in the configuration"
