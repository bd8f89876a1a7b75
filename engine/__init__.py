"""Grading engines: `open_source` gives the one that the configuration names."""

from pathlib import Path
from urllib.parse import urlsplit

from bot.config import EngineConfig
from bot.errors import ConfigError
from bot.ports import Clock, GradeSource


def open_source(config: EngineConfig, *, now: Clock) -> GradeSource:
    """Open the grading engine; no call is made yet.

    Raises `ConfigError` where it can never work, such as a recording that cannot be
    right.
    """
    if config.kind == "remote":
        return _open_remote(config, now)
    if config.kind == "replay":
        return _open_replay(config, now)
    raise ConfigError(
        'engine.kind = "embedded" comes with a later version; for now use "replay" '
        '(needs no key) or "remote" (a grading engine such as Token Metrics)'
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
            'engine.kind = "replay" works without one'
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("engine.api_key: has a character that no key can have")
    return RemoteSource(config, now=now)


def _open_replay(config: EngineConfig, now: Clock) -> GradeSource:
    from engine.recording import load_recording
    from engine.replay import Pace, ReplaySource
    from engine.scenario import open_scenario

    pace = Pace(config.replay_speed, now=now)
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
