"""Grading engines: `open_source` gives the one that the configuration names."""

from pathlib import Path
from urllib.parse import urlsplit

from bot.candles import CandleStore
from bot.config import EngineConfig
from bot.errors import ConfigError
from bot.ports import Clock, GradeSource


def open_source(
    config: EngineConfig, *, now: Clock, candles: CandleStore | None = None
) -> GradeSource:
    """Open the grading engine; no call is made yet.

    `candles` is where our own engine keeps its candles; without it they are gone with
    the process. Raises `ConfigError` where it can never work, such as a recording that
    cannot be right.
    """
    if config.chosen == "remote":
        return _open_remote(config, now)
    if config.chosen == "replay":
        return _open_replay(config, now)
    return _open_embedded(config, now, candles)


def _open_embedded(
    config: EngineConfig, now: Clock, candles: CandleStore | None
) -> GradeSource:
    from engine.embedded.ccxt_loading import check_exchange

    names = list(dict.fromkeys((config.exchange, *config.fallback_exchanges)))
    for name in names:
        check_exchange(name)
    # Imported here: who asks a remote engine needs no numpy.
    from engine.embedded.exchange import Exchange
    from engine.embedded.keeper import CandleKeeper
    from engine.embedded.memory import MemoryCandles
    from engine.embedded.source import EmbeddedSource, source_name

    urls = dict(text.split("=", 1) for text in config.exchange_urls)
    if unknown := sorted(urls.keys() - set(names)):
        raise ConfigError(
            f"engine.exchange_urls: “{unknown[0]}” is neither engine.exchange nor one"
            " of engine.fallback_exchanges"
        )
    store = MemoryCandles() if candles is None else candles
    exchanges = [Exchange(name, now=now, url=urls.get(name, "")) for name in names]
    return EmbeddedSource(
        CandleKeeper(store, exchanges, now=now),
        store,
        name=source_name(config.exchange),
        now=now,
    )


def public_note(config: EngineConfig) -> str:
    """Return what admins are told who post an engine's grades in public.

    The operator's own words count. What Token Metrics allows is settled by the plan
    that was bought, so that is all that can be said of it here.
    """
    if config.public_note or config.kind != "remote":
        return config.public_note
    from engine.transport import is_token_metrics

    if not is_token_metrics(config.base_url):
        return ""
    return (
        "Grades by Token Metrics. Whether they may be shown in public is settled by "
        "the plan behind this bot: whoever runs it knows."
    )


def _open_remote(config: EngineConfig, now: Clock) -> GradeSource:
    # Imported here: a replay needs no HTTP client.
    from engine.remote import RemoteSource
    from engine.transport import is_token_metrics

    parts = urlsplit(config.base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError("engine.base_url: expected an http or https address")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(
            "engine.base_url: expected an address without name, ? or #; "
            "the key goes into engine.api_key"
        )
    if parts.path.rstrip("/").rpartition("/")[2] not in {"v2", "v3"}:
        raise ConfigError(
            "engine.base_url: expected an address that ends in /v2 or /v3"
        )
    key = config.api_key.get_secret_value() if config.api_key else ""
    if not key and is_token_metrics(config.base_url):
        raise ConfigError(
            "engine.api_key is missing: Token Metrics answers nobody without a key; "
            'engine.kind = "embedded" works without one'
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("engine.api_key: has a character that no key can have")
    return RemoteSource(config, now=now)


def _open_replay(config: EngineConfig, now: Clock) -> GradeSource:
    from engine.recording import load_recording
    from engine.replay import Pace, ReplaySource
    from engine.scenario import open_scenario

    pace = Pace(config.replay_speed, now=now)
    if not config.replay_file and config.replay_scenario == "candles":
        from engine.embedded.ccxt_loading import check_installed

        check_installed("numpy")
        from engine.embedded.synthetic import open_candles

        return open_candles(pace)
    if not config.replay_file:
        return open_scenario(pace)
    path = Path(config.replay_file).expanduser()
    recording = load_recording(path)
    return ReplaySource(
        recording,
        name=f"replay:{path.name}",
        title="Replay",
        update_every=recording.step,
        pace=pace,
    )
