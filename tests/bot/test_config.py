"""The sections: defaults, what is refused, and what is never shown."""

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from bot.config import (
    AlertsConfig,
    AppConfig,
    Config,
    DeliveryConfig,
    DiscordConfig,
    EngineConfig,
    StorageConfig,
    TelegramConfig,
    WebConfig,
)

SECRET = "123456:AAF-secret"

#: the options others write scripts against; renaming one breaks somebody's bot
DOCUMENTED = {
    "storage.url": "sqlite+aiosqlite:///flipwatch.db",
    "engine.kind": "auto",
    "engine.exchange": "binance",
    "engine.fallback_exchanges": ("okx", "kucoin"),
    "engine.exchange_urls": (),
    "engine.base_url": "https://api.tokenmetrics.com/v2",
    "engine.api_key": None,
    "engine.auth_header": "x-api-key",
    "engine.poll_interval": 300,
    "engine.credits_per_month": None,
    "engine.universe": "top100",
    "engine.replay_file": "",
    "engine.replay_scenario": "record",
    "engine.replay_speed": 1,
    "telegram.token": None,
    "telegram.base_url": "https://api.telegram.org/bot",
    "telegram.proxy": "",
    "discord.token": None,
    "discord.api_url": "https://discord.com/api/v10",
    "discord.gateway_url": "",
    "web.host": "127.0.0.1",
    "web.port": 8080,
    "api.serve": False,
    "api.host": "127.0.0.1",
    "api.port": 8090,
    "api.access": "keys",
    "api.per_minute": 600,
    "app.operators": (),
    "app.access": "open",
    "app.users": (),
    "app.lines_per_minute": 30.0,
}


@pytest.mark.parametrize(("name", "default"), DOCUMENTED.items(), ids=str)
def test_a_documented_option_keeps_its_name_and_default(name, default):
    section, key = name.split(".")

    assert getattr(getattr(Config(), section), key) == default


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (StorageConfig, {"url": "sqlite:///flipwatch.db"}),
        (StorageConfig, {"url": "mysql://localhost/flipwatch"}),
        (StorageConfig, {"url": "sqlite+aiosqlite://flipwatch.db"}),
        (StorageConfig, {"url": "flipwatch.db"}),
        (EngineConfig, {"kind": "live"}),
        (EngineConfig, {"exchange": "../binance"}),
        (EngineConfig, {"exchange": ""}),
        (EngineConfig, {"fallback_exchanges": ["Kraken"]}),
        (EngineConfig, {"exchange_urls": ["https://mirror"]}),
        (EngineConfig, {"exchange_urls": ["binance=mirror"]}),
        (EngineConfig, {"exchange_urls": ["binance=https://mirror/api/v3"]}),
        (EngineConfig, {"base_url": "https://api.tokenmetrics.com"}),
        (EngineConfig, {"base_url": "api.tokenmetrics.com/v2"}),
        (EngineConfig, {"base_url": "https://api.tokenmetrics.com:port/v2"}),
        (EngineConfig, {"poll_interval": 0.5}),
        (EngineConfig, {"poll_interval": float("nan")}),
        (EngineConfig, {"poll_interval": float("inf")}),
        (EngineConfig, {"poll_interval": "300"}),
        (EngineConfig, {"poll_interval": True}),
        (EngineConfig, {"credits_per_month": 0}),
        (EngineConfig, {"universe": "top0"}),
        (EngineConfig, {"universe": "top"}),
        (EngineConfig, {"universe": "some"}),
        (EngineConfig, {"replay_speed": 0}),
        (EngineConfig, {"auth_header": "x api key"}),
        (EngineConfig, {"auth_header": ""}),
        (TelegramConfig, {"base_url": "https://api.telegram.org"}),
        (TelegramConfig, {"proxy": "socks5://127.0.0.1:1080"}),
        (DiscordConfig, {"api_url": "https://discord.com/api"}),
        (DiscordConfig, {"gateway_url": "https://gateway.discord.gg"}),
        (DiscordConfig, {"shard_count": 0}),
        (DiscordConfig, {"shard_ids": (0,)}),
        (DiscordConfig, {"shard_count": 2, "shard_ids": (0, 2)}),
        (DiscordConfig, {"shard_count": 2, "shard_ids": (1, 1)}),
        (DiscordConfig, {"shard_count": 2, "shard_ids": (-1,)}),
        (TelegramConfig, {"mode": "push"}),
        (TelegramConfig, {"mode": "webhook"}),
        (TelegramConfig, {"webhook_url": "http://bot.example.org"}),
        (TelegramConfig, {"webhook_url": "https://bot.example.org/?a=b"}),
        (
            TelegramConfig,
            {"mode": "webhook", "webhook_url": "https://bot.example.org:8080"},
        ),
        (TelegramConfig, {"webhook_secret": "open sesame"}),
        (TelegramConfig, {"webhook_secret": "x" * 257}),
        (WebConfig, {"host": ""}),
        (WebConfig, {"host": "0.0.0.0"}),
        (WebConfig, {"host": "::"}),
        (WebConfig, {"host": "192.168.1.2"}),
        (WebConfig, {"host": "box.example.org"}),
        (WebConfig, {"host": "0.0.0.0", "access_key": SecretStr(" ")}),
        (WebConfig, {"access_key": SecretStr("fifteen-letters")}),
        (WebConfig, {"access_key": SecretStr("has a space within")}),
        (WebConfig, {"port": -1}),
        (WebConfig, {"port": 65536}),
        (WebConfig, {"port": 80.5}),
        (DeliveryConfig, {"lease": 8.0, "send_timeout": 8.0}),
        (DeliveryConfig, {"max_age": 59}),
        (DeliveryConfig, {"concurrency": 0}),
        (AlertsConfig, {"rearm_band": -0.1}),
        (AppConfig, {"operators": ["123456"]}),
        (AppConfig, {"operators": ["signal:123456"]}),
        (AppConfig, {"operators": ["telegram:-100/7"]}),
        (AppConfig, {"operators": "telegram:123456"}),
        (AppConfig, {"access": "closed"}),
        (AppConfig, {"roles": ()}),
        (AppConfig, {"roles": ("poll", "send")}),
        (AppConfig, {"log_level": "trace"}),
        (AppConfig, {"log_format": "xml"}),
    ],
    ids=str,
)
def test_a_value_that_cannot_work_is_refused(
    section: type[BaseModel], values: dict[str, object]
):
    with pytest.raises(ValidationError):
        section(**values)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (StorageConfig, {"url": "sqlite+aiosqlite:////var/lib/flipwatch.db"}),
        (StorageConfig, {"url": "postgresql+asyncpg://u:p@db/flipwatch"}),
        (EngineConfig, {"kind": "embedded"}),
        (EngineConfig, {"base_url": "http://127.0.0.1:8000/engine/v3"}),
        (EngineConfig, {"poll_interval": 1.0}),
        (EngineConfig, {"universe": "watched"}),
        (EngineConfig, {"universe": "top5"}),
        (EngineConfig, {"universe": "all"}),
        (TelegramConfig, {"base_url": "http://127.0.0.1:8081/bot"}),
        (TelegramConfig, {"proxy": "http://user:pass@proxy:3128"}),
        (DiscordConfig, {"api_url": "http://[::1]:8081/api/v10"}),
        (DiscordConfig, {"gateway_url": "ws://127.0.0.1:8082"}),
        (DiscordConfig, {"shard_count": 4, "shard_ids": (1, 3)}),
        (
            TelegramConfig,
            {"mode": "webhook", "webhook_url": "https://bot.example.org:8443/flip"},
        ),
        (
            TelegramConfig,
            {
                "base_url": "http://127.0.0.1:8081/bot",
                "mode": "webhook",
                "webhook_url": "https://bot.example.org:9000",
            },
        ),
        (WebConfig, {"port": 0}),
        (WebConfig, {"host": "localhost"}),
        (WebConfig, {"host": "::1"}),
        (WebConfig, {"host": "0.0.0.0", "access_key": SecretStr("sixteen-letters!")}),
        (AppConfig, {"operators": ("telegram:1", "discord:2", "web:me")}),
        (AppConfig, {"log_format": "json"}),
    ],
    ids=str,
)
def test_a_value_in_real_use_is_taken_as_it_is(
    section: type[BaseModel], values: dict[str, object]
):
    taken = section(**values)

    assert {key: getattr(taken, key) for key in values} == values


def test_a_slash_at_the_end_of_an_address_does_not_matter():
    taken = TelegramConfig(base_url="http://127.0.0.1:8081/bot/")

    assert taken.base_url == "http://127.0.0.1:8081/bot"


@pytest.mark.parametrize("token", [None, "", "  \n"])
def test_a_platform_without_a_token_is_off(token):
    assert not TelegramConfig(token=token).is_on
    assert not DiscordConfig(token=token).is_on


def test_a_token_is_stripped_and_turns_its_platform_on():
    taken = DiscordConfig(token=f" {SECRET}\n")

    assert taken.is_on
    assert taken.token == SecretStr(SECRET)


def test_nothing_can_be_changed_afterwards():
    with pytest.raises(ValidationError, match="frozen"):
        Config().web.port = 1


def test_no_secret_is_in_what_is_printed_dumped_or_raised():
    config = Config(
        telegram={"token": SECRET, "proxy": f"http://user:{SECRET}@proxy:3128"},
        discord={"token": SECRET},
        engine={"api_key": SECRET},
        storage={"url": f"postgresql+asyncpg://user:{SECRET}@db/flipwatch"},
    )
    with pytest.raises(ValidationError) as wrong:
        StorageConfig(url=f"postgresql://user:{SECRET}@db/flipwatch")

    for shown in (repr(config), str(config), str(config.dump()), str(wrong.value)):
        assert SECRET not in shown


def test_a_dump_shows_where_the_database_is_but_not_its_password():
    url = "postgresql+asyncpg://flip:s3cret@db:5432/flipwatch"

    dumped = Config(storage={"url": url}, telegram={"token": SECRET}).dump()

    shown = "postgresql+asyncpg://flip:***@db:5432/flipwatch"
    assert dumped["storage"]["url"] == shown
    assert dumped["telegram"]["token"] == "***"
    assert "token" not in dumped["discord"]


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ({}, "embedded"),
        ({"api_key": "tm-1"}, "remote"),
        ({"base_url": "http://127.0.0.1:8081/v2"}, "remote"),
        ({"kind": "embedded", "api_key": "tm-1"}, "embedded"),
        ({"kind": "replay"}, "replay"),
        ({"kind": "remote"}, "remote"),
    ],
)
def test_without_a_key_our_own_engine_is_chosen(values, chosen):
    assert EngineConfig(**values).chosen == chosen
