"""`flipwatch init`: few questions, a file that loads, readable by its owner alone."""

import stat
import tomllib

import pytest

from bot.config import Config
from bot.errors import ConfigError
from bot.first_file import first_file, interview, write
from bot.settings_file import load_config

TELEGRAM = "123456789:AAexampleexampleexampleexampleexamp"
DISCORD = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz012345"


def answering(*answers):
    """Answers in turn; remembers what was asked and told."""
    left = list(answers)
    asked, told = [], []

    def ask(question):
        asked.append(question)
        return left.pop(0)

    return ask, asked, told


def test_what_is_answered_stands_in_the_file_and_loads(tmp_path):
    ask, _, told = answering(TELEGRAM, DISCORD, "tm-0123", "telegram:42")

    answers = interview(ask, ask, told.append)
    write(tmp_path / "config.toml", first_file(answers), is_forced=False)

    config = load_config(tmp_path / "config.toml", {})
    assert config.telegram.token.get_secret_value() == TELEGRAM
    assert config.discord.token.get_secret_value() == DISCORD
    assert config.engine.chosen == "remote"
    assert config.engine.api_key.get_secret_value() == "tm-0123"
    assert config.app.operators == ("telegram:42",)
    assert told == []


def test_with_enter_alone_everything_stays_at_its_default(tmp_path):
    ask, asked, told = answering("", "", "", "")

    answers = interview(ask, ask, told.append)
    write(tmp_path / "config.toml", first_file(answers), is_forced=False)

    assert answers == {}
    assert len(asked) == 4
    assert load_config(tmp_path / "config.toml", {}) == Config()


def test_an_answer_that_can_not_be_right_is_asked_again():
    ask, asked, told = answering("my-token", TELEGRAM, "x", "", "a b", "", "me", "")

    answers = interview(ask, ask, told.append)

    assert answers == {"telegram.token": TELEGRAM}
    assert len(asked) == 8
    assert len(told) == 4
    assert "my-token" not in "".join(told)


def test_every_option_is_explained_in_the_file():
    text = first_file({})

    tomllib.loads(text)
    for section in Config.model_fields:
        assert f"[{section}]" in text
    assert "written by `flipwatch init`" in text


def test_only_its_owner_can_read_it(tmp_path):
    path = tmp_path / "config.toml"

    write(path, first_file({}), is_forced=False)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["config.toml"]


def test_a_file_that_is_there_is_kept_unless_forced(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("mine")

    with pytest.raises(ConfigError, match="--force"):
        write(path, "new", is_forced=False)
    assert path.read_text() == "mine"

    write(path, "new", is_forced=True)
    assert path.read_text() == "new"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="can't be written"):
        write(tmp_path / "no" / "config.toml", "new", is_forced=False)
