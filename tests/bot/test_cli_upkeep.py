"""The operator's commands as they are typed: init, check, db."""

import json
import logging
from pathlib import Path

import pytest

from bot.cli import main
from storage.lockfile import LockFile


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """Each test in a folder of its own, with the logging it found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLIPWATCH_CONFIG", raising=False)
    monkeypatch.setenv("FLIPWATCH_ENGINE__KIND", "replay")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def call(capsys):
    """Types a command; gives exit code, stdout and stderr."""

    def call(*arguments):
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_the_first_quarter_of_an_hour(call):
    code, out, err = call("init")
    assert code == 0, err
    assert "Next: flipwatch check, then flipwatch run" in out

    code, _, err = call("init")
    assert code == 2
    assert "--force" in err

    code, out, err = call("check", "--json")
    assert code == 0, err
    standing = {row["subject"]: row["standing"] for row in json.loads(out)}
    assert standing["configuration"] == "ok"
    assert standing["telegram"] == "off"


def test_what_is_wrong_makes_the_check_fail(call):
    Path("flipwatch.db").write_text("these are my notes " * 40)

    code, out, _ = call("check")

    assert code == 1
    (line,) = [line for line in out.splitlines() if "WRONG" in line]
    assert line.startswith("database: WRONG: flipwatch.db is not a SQLite database ->")


def test_a_database_is_backed_up_restored_checked_and_pruned(call):
    code, _, err = call("assets")
    assert code == 0, err
    Path("backups").mkdir()
    code, out, err = call("db", "backup", "backups")
    assert code == 0, err
    assert "verified" in out
    (backup,) = Path("backups").iterdir()

    held = LockFile(Path("flipwatch.db"))
    code, _, err = call("db", "restore", str(backup))
    held.release()
    assert code == 1
    assert "in use by another Flipwatch" in err

    code, out, err = call("db", "restore", str(backup))
    assert code == 0, err
    assert "what was there is kept: flipwatch.db.before-" in out
    code, out, err = call("db", "check")
    assert code == 0, err
    assert "database: ok" in out
    code, out, err = call("db", "prune")
    assert code == 0, err
    assert "deliveries: 0" in out
    code, _, err = call("db", "migrate")
    assert code == 0, err


def test_the_newest_backups_are_kept_and_nothing_else_is_deleted(call):
    call("assets")
    folder = Path("backups")
    folder.mkdir()
    for day in range(1, 6):
        (folder / f"flipwatch-2024010{day}-000000.db").touch()
    (folder / "flipwatch-old.db").touch()

    code, out, err = call("db", "backup", "backups", "--keep", "2")

    assert code == 0, err
    assert out.count("deleted:") == 4
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 3
    assert names[0] == "flipwatch-20240105-000000.db"
    assert names[-1] == "flipwatch-old.db"


def test_a_copy_goes_where_another_configuration_says(call):
    call("assets")
    Path("new.toml").write_text('[storage]\nurl = "sqlite+aiosqlite:///new.db"\n')

    code, out, err = call("db", "copy", "new.toml")

    assert code == 0, err
    assert "counted on both sides" in out
    assert Path("new.db").exists()


def test_a_test_message_goes_to_an_address(call, capsys):
    code, out, err = call("send-test", "web:me")
    assert code == 0, err
    assert "sent to web:me" in out

    with pytest.raises(SystemExit) as caught:
        main(["send-test", "smoke:1"])
    assert caught.value.code == 2
    assert "telegram" in capsys.readouterr().err


def test_what_comes_next_can_be_typed_where_the_program_is_not_on_the_path(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [".venv/bin/flipwatch"])

    assert main(["init", "--defaults"]) == 0

    said = capsys.readouterr().out
    assert "Next: .venv/bin/flipwatch check, then .venv/bin/flipwatch run" in said
