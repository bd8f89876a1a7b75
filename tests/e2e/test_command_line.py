"""The command line: results on stdout, logs on stderr, exit codes 0, 1 and 2."""

from pathlib import Path

import pytest
from running import call, listing, running, start

CSV = """as_of,asset_id,symbol,signal,grade,price
2026-01-01T00:00:00Z,1,BTC,1,80,100
2026-01-01T00:00:00Z,2,ETH,-1,20,10
2026-01-01T01:00:00Z,1,BTC,-1,30,90
2026-01-01T01:00:00Z,2,ETH,-1,21,10
"""
REPLAY = """
[engine]
kind = "replay"
replay_file = "history.csv"
replay_speed = 3600
poll_interval = 1
"""


@pytest.mark.timeout(180)
async def test_a_replay_is_polled_to_its_end_and_listed(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(CSV)

    async with running(tmp_path, REPLAY) as program:
        await program.line("the replay file is at its end")
        status, _ = await program.get("/livez")
        assert status == 200
        assert await program.stop() == 0

    code, out, err = await call("assets", "--json", cwd=tmp_path)
    assert code == 0, err
    rows = {row["symbol"]: row for row in listing(out)}
    assert rows["BTC"]["signal"] == "bearish"
    assert rows["BTC"]["grade"] == 30
    assert rows["ETH"]["signal"] == "bearish"

    code, out, err = await call("events", "--json", cwd=tmp_path)
    assert code == 0, err
    (event,) = listing(out)
    assert (event["symbol"], event["from"], event["to"]) == (
        "BTC",
        "bullish",
        "bearish",
    )

    code, out, _ = await call("events", cwd=tmp_path)
    assert code == 0
    header, row = out.splitlines()
    assert header.split()[:3] == ["as_of", "kind", "symbol"]
    assert "BTC" in row


@pytest.mark.timeout(180)
async def test_wrong_calls_and_wrong_files_are_told_with_exit_code_2(
    tmp_path: Path,
) -> None:
    code, out, err = await call("rnu", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "invalid choice" in err

    (tmp_path / "config.toml").write_text('[telegram]\ntokn = "x"\n')
    code, out, err = await call("run", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "telegram.tokn" in err
    assert "telegram.token" in err
    assert "Traceback" not in err

    code, out, err = await call("run", "--config", "missing.toml", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "missing.toml" in err


@pytest.mark.timeout(180)
async def test_a_broken_recording_names_file_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(CSV.replace("1,80,100", "1,eighty,100"))
    (tmp_path / "config.toml").write_text(REPLAY)

    code, out, err = await call("run", cwd=tmp_path)

    assert (code, out) == (2, "")
    assert "history.csv" in err
    assert "line 2" in err
    assert "grade" in err


@pytest.mark.timeout(180)
async def test_a_file_that_is_no_database_is_told_and_left_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "flipwatch.db").write_text("these are my notes, not a database " * 40)

    code, out, err = await call("assets", cwd=tmp_path)

    assert (code, out) == (1, "")
    assert "flipwatch.db" in err
    assert "Traceback" not in err
    assert (tmp_path / "flipwatch.db").read_text().startswith("these are my notes")


@pytest.mark.timeout(180)
async def test_a_port_in_use_names_the_option(tmp_path: Path) -> None:
    async with running(tmp_path, '[engine]\nkind = "replay"\n') as first:
        port = first.url.rpartition(":")[2]
        (tmp_path / "other").mkdir()
        code, _, err = await call(
            "run", cwd=tmp_path / "other", env={"FLIPWATCH_WEB__PORT": port}
        )

    assert code == 2
    assert "web.port" in err
    assert "Traceback" not in err


@pytest.mark.timeout(180)
async def test_check_says_what_is_on(tmp_path: Path) -> None:
    code, out, err = await call("check", "--offline", cwd=tmp_path)

    assert code == 0, err
    assert "database: ok" in out
    assert "telegram: off: no token" in out


@pytest.mark.timeout(180)
async def test_a_stop_request_ends_it_cleanly(tmp_path: Path) -> None:
    program = await start("run", cwd=tmp_path, env={"FLIPWATCH_WEB__PORT": "0"})
    await program.line(r"running +url=")

    assert await program.stop() == 0
    assert "stopped" in program.output
