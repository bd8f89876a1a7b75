"""What is opened around a grading engine: its pictures, its API, its reasons."""

import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from bot.chart_views import ChartViews
from bot.config import Config
from bot.errors import ConfigError
from bot.gallery import Gallery, ViewMaker
from bot.market_views import MarketViews
from bot.model import Explanation, Wanted
from bot.pictures import PictureKind
from bot.ports import (
    Clock,
    ExplainingSource,
    Face,
    GradeSource,
)
from bot.record_views import RecordViews
from handlers.pictures.studio import Studio
from storage import SqlStore

if TYPE_CHECKING:
    from engine.api.service import Grading

#: what the API serves where only watched coins are polled
API_TOP = 100


def engine_wanted(config: Config) -> Wanted:
    """Return the coins that the API serves, whoever watches what."""
    match = re.fullmatch(r"top(\d+)", config.engine.universe)
    if config.engine.universe == "all":
        return Wanted(is_all=True)
    return Wanted(top=int(match[1]) if match else API_TOP)


def explainer(source: GradeSource) -> Callable[[str], Explanation | None]:
    """Return what explains grades; it knows nothing where the engine says nothing."""
    if isinstance(source, ExplainingSource):
        return source.explain
    return lambda _key: None


def open_gallery(
    stack: AsyncExitStack, store: SqlStore, source: GradeSource
) -> Gallery:
    """Open what draws pictures of what is stored; `stack` closes it."""
    studio = Studio()
    stack.push_async_callback(studio.close)
    name, title = source.name, source.title
    makers: dict[PictureKind, ViewMaker] = {
        PictureKind.CHART: ChartViews(store, source_title=title).make,
        PictureKind.MARKET: MarketViews(store, source=name, source_title=title).make,
        PictureKind.RECORD: RecordViews(store, source=name, source_title=title).make,
    }
    gallery = Gallery(studio, makers)
    stack.push_async_callback(gallery.close)
    return gallery


def open_api(
    config: Config, source: GradeSource, store: SqlStore, *, now: Clock
) -> "tuple[Face, Grading]":
    """Open the API of our own engine, and what keeps it up to date.

    Raises `ConfigError` where another engine is polled.
    """
    # only who serves the API needs what it brings along
    from engine.api import service
    from engine.embedded.source import EmbeddedSource

    if not isinstance(source, EmbeddedSource):
        raise ConfigError("api.serve: what is served is our own engine")
    # what stands is kept with every poll, here or in another process
    memory = service.Memory(load=lambda: store.bookmark(source.name))
    grading = service.Grading(source, engine_wanted(config), now=now, memory=memory)
    feed = service.Feed(
        state=lambda: source.state,
        trouble=grading.trouble,
        candles=store,
    )
    return service.ApiService(config.api, feed, store, now=now), grading
