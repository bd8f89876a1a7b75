"""`flipwatch engine`: our own engine as a service, its keys, and what it stands at."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from bot.api_keys import ApiKey, digest_of, new_key
from bot.app import utc_now
from bot.app_engine import engine_wanted
from bot.candles import Frame, moment_of
from bot.config import Config
from bot.errors import ConfigError, NotFoundError
from bot.listings import Row
from engine import open_source
from storage import SqlStore, open_store

#: where the signals that stand are kept for the next start
_STANDING = "engine:{name}"


async def serve(config: Config, stop: asyncio.Event) -> None:
    """Grade and serve until told to stop; prints the address once it answers.

    Raises `ConfigError` where that can never work.
    """
    from engine.api.service import ApiService, Feed, Grading, Memory
    from engine.embedded.source import EmbeddedSource

    async with _opened(config, is_alone=True) as store:
        source = open_source(config.engine, now=utc_now, candles=store)
        if not isinstance(source, EmbeddedSource):
            await source.close()
            raise ConfigError(
                f"what is served is our own engine, but engine.kind is"
                f" {config.engine.chosen}"
            )
        name = _STANDING.format(name=source.name)
        memory = Memory(
            load=lambda: store.get_value(name),
            keep=lambda mark: store.set_value(name, mark),
        )
        grading = Grading(source, engine_wanted(config), now=utc_now, memory=memory)
        feed = Feed(state=lambda: source.state, trouble=grading.trouble, candles=store)
        service = ApiService(config.api, feed, store, now=utc_now)
        try:
            await service.start()
            print(f"Flipwatch engine: {service.url}", flush=True)  # noqa: T201 - result
            async with asyncio.TaskGroup() as group:
                running = group.create_task(grading.run())
                await stop.wait()
                running.cancel()
        finally:
            await service.stop()
            await source.close()


async def add_key(config: Config, name: str, per_minute: int | None) -> str:
    """Make a key and return it: nobody can be told it again.

    Raises `ConfigError` if the name was given before.
    """
    key = new_key()
    async with _opened(config) as store:
        kept = ApiKey(
            name=name,
            digest=digest_of(key),
            per_minute=per_minute,
            created_at=utc_now(),
        )
        if not await store.add_api_key(kept):
            raise ConfigError(
                f"a key named “{name}” is there already, or was: take another name"
            )
    return key


async def list_keys(config: Config) -> list[Row]:
    """List the keys, oldest first, without what they are."""
    async with _opened(config) as store:
        keys = await store.list_api_keys()
    return [
        {
            "name": key.name,
            "per_minute": key.per_minute or config.api.per_minute,
            "created_at": key.created_at.isoformat(),
            "revoked_at": _iso(key.revoked_at),
        }
        for key in keys
    ]


async def revoke_key(config: Config, name: str) -> None:
    """Revoke a key; it works some seconds more at most.

    Raises `NotFoundError` if none in force has this name.
    """
    async with _opened(config) as store:
        if not await store.revoke_api_key(name, utc_now()):
            raise NotFoundError(f"no key in force is named “{name}”")


async def list_candles(config: Config) -> list[Row]:
    """List what is kept of each coin: since when, until when, and what is missing."""
    found: list[Row] = []
    async with _opened(config) as store:
        names = (config.engine.exchange, *config.engine.fallback_exchanges)
        for exchange in dict.fromkeys(names):
            series = await store.list_series(exchange)
            ids = [one.id for one in series]
            spans = await store.candle_spans(Frame.HOUR, ids)
            counts = await store.count_candles(Frame.HOUR, ids)
            for one in series:
                span = spans.get(one.id)
                hours = (
                    0 if span is None else (span.last - span.first) // Frame.HOUR + 1
                )
                state = "graded" if one.is_member else "watched"
                found.append(
                    {
                        "exchange": exchange,
                        "coin": one.base,
                        "state": "gone" if one.gone_at else state,
                        "from": span and moment_of(span.first).isoformat(),
                        "until": span and moment_of(span.last + Frame.HOUR).isoformat(),
                        "missing": hours - counts.get(one.id, 0),
                        "gone_at": _iso(one.gone_at),
                    }
                )
    return found


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


@asynccontextmanager
async def _opened(config: Config, *, is_alone: bool = False) -> AsyncIterator[SqlStore]:
    store = await open_store(config.storage.url, now=utc_now, is_alone=is_alone)
    try:
        yield store
    finally:
        await store.close()
