"""Loading: which file, which layer wins, and where secrets come from."""

import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.config import Config
from bot.errors import ConfigError
from bot.options import options, write_toml
from bot.settings_file import load_config

SECRET = "123456:AAF-secret"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder):
    """Write ./config.toml and return its path."""

    def _write(text: str, name: str = "config.toml"):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def problems(env=None, path=None, **overrides) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        load_config(path, env or {}, overrides=overrides)
    return str(wrong.value).splitlines()


# ------------------------------------------------------------------- which file


def test_without_any_file_all_is_at_its_default(folder):
    assert load_config(None, {}) == Config()


def test_the_file_in_the_current_folder_is_read(write):
    write("[web]\nport = 1")

    assert load_config(None, {}).web.port == 1


def test_the_variable_names_a_file_and_the_argument_wins_over_it(write):
    write("[web]\nport = 1")
    other = write("[web]\nport = 2", "other.toml")
    third = write("[web]\nport = 3", "third.toml")
    env = {"FLIPWATCH_CONFIG": str(other)}

    assert load_config(None, env).web.port == 2
    assert load_config(third, env).web.port == 3


def test_a_named_file_that_is_missing_is_an_error(folder):
    missing = folder / "none.toml"
    told = [f"{missing}: cannot be read: No such file or directory"]

    assert problems(path=missing) == told
    assert problems({"FLIPWATCH_CONFIG": str(missing)}) == told


def test_a_folder_instead_of_a_file_is_an_error(folder):
    assert problems(path=folder) == [f"{folder}: cannot be read: Is a directory"]


def test_a_byte_order_mark_does_no_harm(write):
    write("\ufeff[web]\nport = 1")

    assert load_config(None, {}).web.port == 1


def test_broken_toml_names_the_file_and_the_line(write):
    write("[web]\nport = \n")
    assert problems()[0].startswith("config.toml: not valid TOML: ")
    assert "at line 2" in problems()[0]

    write('[web]\nhost = "127')
    assert "at line 2" in problems()[0]


def test_a_file_that_is_no_text_names_the_line(folder):
    (folder / "config.toml").write_bytes(b"[web]\nhost = '\xff'\n")

    assert problems() == ["config.toml: line 2: not UTF-8 text"]


# ------------------------------------------------------------ layers and secrets


def test_environment_wins_over_file_and_command_line_over_both(write):
    write('[web]\nport = 1\nhost = "::1"\n[app]\naccess = "list"')
    env = {"FLIPWATCH_WEB__PORT": "2", "FLIPWATCH_WEB__HOST": "127.0.0.2"}

    config = load_config(None, env, overrides={"web.port": 3})

    assert (config.web.port, config.web.host) == (3, "127.0.0.2")
    assert config.app.access == "list"


#: a value other than the default for every option, as the environment writes it
IN_THE_ENVIRONMENT = {
    "telegram.token": ("1:a", "1:a"),
    "telegram.base_url": ("http://[::1]/bot", "http://[::1]/bot"),
    "telegram.proxy": ("http://proxy:1", "http://proxy:1"),
    "telegram.messages_per_second": ("500", 500.0),
    "telegram.mode": ("webhook", "webhook"),
    "telegram.webhook_url": ("https://bot.example.org", "https://bot.example.org"),
    "telegram.webhook_secret": ("open-sesame", "open-sesame"),
    "discord.token": ("123", "123"),
    "discord.api_url": ("http://proxy/api/v10", "http://proxy/api/v10"),
    "discord.gateway_url": ("wss://proxy", "wss://proxy"),
    "discord.shard_count": ("4", 4),
    "discord.shard_ids": ("[0, 1]", (0, 1)),
    "app.operators": ('["telegram:1", "web:a"]', ("telegram:1", "web:a")),
    "app.access": ("invite", "invite"),
    "app.users": ('["telegram:1"]', ("telegram:1",)),
    "app.lines_per_minute": ("60", 60.0),
    "app.roles": (
        '["web", "poll", "deliver", "chat"]',
        ("web", "poll", "deliver", "chat"),
    ),
    "app.worker": ("2", "2"),
    "app.watches_max": ("7", 7),
    "app.log_level": ("debug", "debug"),
    "app.log_format": ("json", "json"),
    "engine.kind": ("remote", "remote"),
    "engine.exchange": ("kraken", "kraken"),
    "engine.fallback_exchanges": ("[]", ()),
    "engine.exchange_urls": ('["okx=http://x"]', ("okx=http://x",)),
    "engine.base_url": ("http://engine/v3", "http://engine/v3"),
    "engine.public_note": ("Grades by us", "Grades by us"),
    "engine.api_key": ("null", "null"),
    "engine.auth_header": ("authorization", "authorization"),
    "engine.poll_interval": ("1.5", 1.5),
    "engine.credits_per_month": ("500", 500),
    "engine.universe": ("all", "all"),
    "engine.replay_file": ("year.csv", "year.csv"),
    "engine.replay_scenario": ("candles", "candles"),
    "engine.replay_speed": ("3600", 3600.0),
    "storage.url": ("sqlite+aiosqlite:///x.db", "sqlite+aiosqlite:///x.db"),
    "storage.migrations": ("refuse", "refuse"),
    "keep.readings": ("2000", 2000),
    "keep.events": ("500", 500),
    "keep.deliveries": ("200", 200),
    "keep.dead": ("60", 60),
    "keep.inbox": ("30", 30),
    "keep.polls": ("40", 40),
    "keep.gone": ("90", 90),
    "health.heartbeat_url": ("https://monitor.example/x", "https://monitor.example/x"),
    "health.heartbeat_interval": ("90", 90.0),
    "health.stuck_after": ("600", 600.0),
    "web.host": ("0.0.0.0", "0.0.0.0"),
    "web.port": ("0", 0),
    "web.access_key": ("sixteen-letters!", "sixteen-letters!"),
    "delivery.lease": ("30", 30.0),
    "delivery.send_timeout": ("5", 5.0),
    "delivery.max_age": ("3600", 3600.0),
    "delivery.concurrency": ("7", 7),
    "alerts.rearm_band": ("2.5", 2.5),
    "api.serve": ("true", True),
    "api.host": ("0.0.0.0", "0.0.0.0"),
    "api.port": ("0", 0),
    "api.access": ("open", "open"),
    "api.per_minute": ("60", 60),
}
#: what an option needs beside it
ALSO = {
    "web.host": {"FLIPWATCH_WEB__ACCESS_KEY": "sixteen-letters!"},
    "telegram.mode": {"FLIPWATCH_TELEGRAM__WEBHOOK_URL": "https://bot.example.org"},
    "discord.shard_ids": {"FLIPWATCH_DISCORD__SHARD_COUNT": "2"},
}


@pytest.mark.parametrize("option", options(), ids=lambda option: option.name)
def test_every_option_can_be_set_by_the_environment(folder, option):
    text, expected = IN_THE_ENVIRONMENT[option.name]
    variable = f"FLIPWATCH_{option.section.upper()}__{option.key.upper()}"

    config = load_config(None, {variable: text, **ALSO.get(option.name, {})})

    value = getattr(getattr(config, option.section), option.key)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    assert value == expected
    assert value != option.default


def test_an_empty_variable_unsets_what_the_file_set(write):
    write('[telegram]\ntoken = "1:a"\n[engine]\ncredits_per_month = 5')
    env = {"FLIPWATCH_TELEGRAM__TOKEN": "", "FLIPWATCH_ENGINE__CREDITS_PER_MONTH": ""}

    config = load_config(None, env)

    assert not config.telegram.is_on
    assert config.engine.credits_per_month is None


def test_an_empty_secret_in_the_file_is_not_set(write):
    write('[telegram]\ntoken = ""')

    assert not load_config(None, {}).telegram.is_on


def test_a_secret_file_is_relative_to_the_configuration(folder):
    (folder / "etc").mkdir()
    (folder / "etc" / "token").write_text(f"{SECRET}\n")
    path = folder / "etc" / "flipwatch.toml"
    path.write_text('[telegram]\ntoken_file = "token"')

    token = load_config(path, {}).telegram.token

    assert token is not None
    assert token.get_secret_value() == SECRET


@pytest.mark.parametrize(
    "name", ["telegram.token", "discord.token", "engine.api_key", "storage.url"]
)
def test_every_secret_can_be_kept_in_a_file_that_the_environment_names(folder, name):
    secret = "sqlite+aiosqlite:///secret.db"
    (folder / "secret").write_text(f"  {secret}\n\n")
    section, key = name.split(".")

    env = {f"FLIPWATCH_{section}__{key}_FILE".upper(): str(folder / "secret")}
    value = getattr(getattr(load_config(None, env), section), key)

    assert value == secret or value.get_secret_value() == secret


def test_a_secret_in_the_environment_wins_over_a_secret_file_in_the_file(write):
    write('[telegram]\ntoken_file = "token"')
    (write("1:a", "token")).touch()

    token = load_config(None, {"FLIPWATCH_TELEGRAM__TOKEN": "2:b"}).telegram.token

    assert token is not None
    assert token.get_secret_value() == "2:b"


def test_an_empty_variable_leaves_the_secret_to_its_file(folder):
    (folder / "token").write_text(SECRET)
    env = {
        "FLIPWATCH_TELEGRAM__TOKEN": "",
        "FLIPWATCH_TELEGRAM__TOKEN_FILE": "token",
        "FLIPWATCH_DISCORD__TOKEN_FILE": "",
    }

    config = load_config(None, env)

    assert config.telegram.is_on
    assert not config.discord.is_on


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[telegram]\ntoken = "1:a"\ntoken_file = "secret"',
            (
                "config.toml: telegram.token_file: give either telegram.token or this,"
                " not both"
            ),
        ),
        (
            '[telegram]\ntoken_file = "none"',
            (
                "config.toml: telegram.token_file: none cannot be read: No such file or"
                " directory"
            ),
        ),
        (
            '[telegram]\ntoken_file = "empty"',
            "config.toml: telegram.token_file: empty is empty",
        ),
        (
            '[telegram]\ntoken_file = "bytes"',
            "config.toml: telegram.token_file: bytes is not UTF-8 text",
        ),
        (
            "[telegram]\ntoken_file = 5",
            "config.toml: telegram.token_file: must be the path of a file",
        ),
    ],
    ids=["both", "missing", "empty", "no text", "no path"],
)
def test_a_secret_file_that_gives_no_secret_is_an_error(write, folder, text, told):
    write(text)
    write(SECRET, "secret")
    write(" \n", "empty")
    (folder / "bytes").write_bytes(b"\xff\xfe")

    assert problems() == [told]


def test_variables_of_tests_and_of_kubernetes_are_none_of_ours(folder):
    env = {
        "FLIPWATCH_TEST_POSTGRES_URL": "x",
        "FLIPWATCH_SERVICE_HOST": "10.0.0.1",
        "FLIPWATCH_SERVICE_PORT_HTTP": "80",
        "FLIPWATCH_PORT": "tcp://10.0.0.1:80",
        "FLIPWATCH_PORT_80_TCP_ADDR": "10.0.0.1",
        "PATH": os.environ.get("PATH", ""),
    }

    assert load_config(None, env) == Config()


# ------------------------------------------------------------------- round trip

_words = st.text(st.characters(codec="utf-8"), max_size=30)
_addresses = st.one_of(
    st.integers(-(10**15), 10**15).map(lambda n: f"telegram:{n}"),
    st.integers(1, 2**63 - 1).map(lambda n: f"discord:{n}"),
)
_configs = st.fixed_dictionaries(
    {},
    optional={
        "engine": st.fixed_dictionaries(
            {},
            optional={
                "kind": st.sampled_from(["replay", "remote", "embedded"]),
                "poll_interval": st.floats(1, allow_infinity=False),
                "credits_per_month": st.none() | st.integers(1),
                "universe": st.sampled_from(["watched", "top7", "all"]),
                "replay_file": _words,
                "replay_speed": st.floats(0, exclude_min=True, allow_infinity=False),
            },
        ),
        "web": st.fixed_dictionaries(
            {
                "host": st.sampled_from(["127.0.0.1", "::1", "localhost", "127.9.9.9"]),
                "port": st.integers(0, 65535),
            }
        ),
        "app": st.fixed_dictionaries(
            {},
            optional={
                "operators": st.lists(_addresses).map(tuple),
                "access": st.sampled_from(["open", "invite", "list"]),
                "worker": _words,
            },
        ),
        "alerts": st.fixed_dictionaries({"rearm_band": st.floats(0, 50)}),
    },
).map(Config.model_validate)


@given(config=_configs)
def test_what_is_dumped_loads_to_the_same_configuration(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("dump") / "config.toml"
    path.write_text(write_toml(config.dump()), encoding="utf-8", newline="")

    assert load_config(path, {}) == config


@given(text=_words)
def test_any_text_survives_being_written_as_toml(text):
    written = write_toml({"section": {"key": text}})

    assert tomllib.loads(written) == {"section": {"key": text}}
