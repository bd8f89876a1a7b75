"""`flipwatch engine ...` without a process of its own: keys, and what is refused."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot import serving
from bot.config import ApiConfig, Config, EngineConfig, StorageConfig
from bot.errors import ConfigError, NotFoundError


def config_in(folder: Path, **more: object) -> Config:
    storage = StorageConfig(url=f"sqlite+aiosqlite:///{folder / 'flipwatch.db'}")
    return Config(storage=storage, **more)


async def test_a_key_is_given_listed_and_revoked_once(tmp_path: Path) -> None:
    config = config_in(tmp_path)

    key = await serving.add_key(config, "friend", None)

    assert key.startswith("fw-")
    with pytest.raises(ConfigError, match="there already"):
        await serving.add_key(config, "friend", 5)
    (row,) = await serving.list_keys(config)
    assert (row["name"], row["revoked_at"]) == ("friend", None)
    assert row["per_minute"] == config.api.per_minute
    assert key not in str(row)
    assert key.encode() not in (tmp_path / "flipwatch.db").read_bytes()

    await serving.revoke_key(config, "friend")
    (row,) = await serving.list_keys(config)
    assert row["revoked_at"] is not None
    with pytest.raises(NotFoundError, match="friend"):
        await serving.revoke_key(config, "friend")


@pytest.mark.parametrize(
    "engine",
    [
        EngineConfig(kind="replay"),
        EngineConfig(kind="remote", api_key=SecretStr("some-key")),
    ],
)
async def test_only_our_own_engine_is_served(
    tmp_path: Path, engine: EngineConfig
) -> None:
    with pytest.raises(ConfigError, match=f"our own engine, but .* is {engine.kind}"):
        await serving.serve(config_in(tmp_path, engine=engine), asyncio.Event())

    with pytest.raises(ValueError, match=r"api\.serve: what is served"):
        config_in(tmp_path, engine=engine, api=ApiConfig(serve=True))
