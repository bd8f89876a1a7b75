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
    """Fetch the grade of the largest asset; costs a metered engine about four calls."""
    try:
        source = open_source(config, now=now)
    except ConfigError as error:
        return findings.wrong(_SUBJECT, *_cause_and_cure(str(error)))
    try:
        if config.kind == "replay":
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


def _cause_and_cure(said: str) -> tuple[str, str]:
    """Cut a configuration error, which names its cure after a colon or semicolon."""
    cause, _, cure = said.partition("; ")
    return cause, cure or "change that option in the configuration"
