"""`flipwatch backtest`, as it is called."""

import csv

import numpy as np
import pytest
from synthetic_candles import candles, changed

from bot import backtest
from bot.cli import FAILED, OK, USAGE, main


def run(capsys, *arguments):
    code = main(["backtest", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def written(path, grid):
    """Write a grid as a long CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("symbol", "time", "open", "high", "low", "close", "volume"))
        for column, symbol in enumerate(grid.symbols):
            for n, opens_at in enumerate(grid.opens_at):
                values = (grid.open, grid.high, grid.low, grid.close, grid.volume)
                writer.writerow((symbol, opens_at, *(v[n, column] for v in values)))
    return path


def finished(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_documented_record_comes_out_as_documented(capsys):
    code, out, _ = run(capsys, "record", "--fees", "0")
    assert code == OK
    for line in (
        "2024-11-26 bullish 0.29 to 1.55 (+434.5%, furthest +758.6%)",
        "2025-03-25 bullish 0.53 to 1.05 (+98.1%, furthest +198.1%)",
        "bearish 510 to 438.338 (-14.1%, furthest -38.4%)",
        "2025-02-21 bullish 438.338 to 327 (-25.4%, furthest +0.0%)",
        "2025-02-26 bearish 327 to 281 (-14.1%, furthest -44.1%)",
        "2025-04-19 bullish 281 to 402 (+43.1%, furthest +68.7%)",
        "2024-11-07 bullish 2880 to 3490 (+21.2%, furthest +39.9%)",
        "2024-12-24 bearish 3490 to 1850 (-47.0%, furthest -55.9%)",
        "bullish 1850, open: not counted (furthest +51.4%)",
        "3 signals so far, too few to say",
        "no fees",
    ):
        assert line in out
    assert "coin" not in out


def test_candles_are_graded_and_each_finished_signal_is_written(capsys, tmp_path):
    file = written(tmp_path / "c.csv", candles(6, 700))
    rows_file, picture = tmp_path / "rows.csv", tmp_path / "c2.svg"
    code, out, _ = run(capsys, file, "--csv", rows_file)
    assert code == OK
    assert "6 assets, 700 candles of a day" in out
    assert "0.10% a trade" in out
    rows = finished(rows_file)
    assert {row["asset"] for row in rows} <= {f"C{n}" for n in range(6)}
    assert len(rows) > 20
    for row in rows:
        move = float(row["end_price"]) / float(row["price"]) - 1
        assert float(row["move"]) == pytest.approx(move, abs=1e-6)
        is_up = row["signal"] == "bullish"
        assert (row["followed"] == "1") == (move > 0 if is_up else move < 0)
    code, out, _ = run(capsys, file, "--asset", "c2", "--picture", picture)
    assert code == OK
    assert "C1" not in out
    dots = sum(row["asset"] == "C2" for row in rows) + 1
    assert picture.read_text().count("<circle") == dots


def test_only_the_time_asked_for_counts(capsys, tmp_path):
    grid = candles(6, 700)
    file = written(tmp_path / "c.csv", grid)
    rows_file = tmp_path / "rows.csv"
    middle = str(np.datetime64(int(grid.opens_at[400]), "s"))
    run(capsys, file, "--csv", rows_file, "--from", middle)
    later = finished(rows_file)
    run(capsys, file, "--csv", rows_file, "--to", middle)
    earlier = finished(rows_file)
    assert later
    assert earlier
    assert min(row["began_at"] for row in later) >= middle
    assert max(row["ended_at"] for row in earlier) <= middle + "+00:00"


def test_the_bar_after_the_signal_counts_from_its_open(capsys, tmp_path):
    grid = candles(6, 700)
    file = written(tmp_path / "c.csv", changed(grid, open=grid.open * 1.001))
    rows_file = tmp_path / "rows.csv"
    found = []
    for flags in ((), ("--next-bar",)):
        run(capsys, file, "--csv", rows_file, *flags)
        found.append([float(row["price"]) for row in finished(rows_file)])
    assert len(found[0]) > 20
    assert found[1] == pytest.approx([price * 1.001 for price in found[0]])


def test_a_recording_of_readings_is_tried_out(capsys, tmp_path):
    lines = ["as_of,asset_id,symbol,signal,grade,price"]
    prices = (2880, 3490, 2900, 3100, 3255, 3190, 3330, 3226, 2880, 3412)
    lines.append("2024-11-01,eth,ETH,-1,20,2500")
    lines += [
        f"2024-11-{n + 7:02},eth,ETH,{-1 if n % 2 else 1},50,{price}"
        for n, price in enumerate(prices)
    ]
    file = tmp_path / "readings.csv"
    file.write_text("\n".join(lines))
    code, out, _ = run(capsys, file, "--fees", "0")
    assert code == OK
    assert "ETH: price followed 5 of 9 signals" in out
    assert "50% of the time" in out
    assert "after bullish it rose 3 of 5, median +6.9%" in out
    assert "after bearish it fell 2 of 4, median -3.2%" in out
    assert "held only while bullish +45.7%, all the time +18.5%" in out


def test_a_market_gets_a_report_between_the_marks_of_a_file(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr(backtest, "FEW_ASSETS", 20)
    file = written(tmp_path / "c.csv", candles(24, 420))
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n{backtest.BEGIN}\nstale\n{backtest.END}\nafter\n")
    code, out, _ = run(capsys, file, "--next-bar", "--report", page)
    assert code == OK
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("after\n")
    assert "stale" not in text
    assert "### By year" in text
    assert "### By year" in out
    assert (tmp_path / "page-growth.svg").read_text().startswith("<svg")
    again = run(capsys, file, "--next-bar", "--report", page)
    assert again[0] == OK
    assert page.read_text() == text
    page.write_text("no marks")
    assert run(capsys, file, "--report", page)[0] == USAGE


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["nowhere"], "no such file or folder"),
        (["record", "--asset", "NOBODY"], "no asset NOBODY"),
        (["record", "--picture", "x.svg"], "name it with --asset"),
    ],
)
def test_what_cannot_be_done_is_said(capsys, tmp_path, monkeypatch, arguments, what):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *arguments)
    assert code == USAGE
    assert what in err


def test_a_file_that_cannot_be_written_fails(capsys, tmp_path):
    code, _, err = run(capsys, "record", "--csv", tmp_path / "no" / "rows.csv")
    assert code == FAILED
    assert "no" in err


@pytest.mark.parametrize("wrong", [["--fees", "-1"], ["--from", "soon"]])
def test_wrong_options_are_refused(capsys, wrong):
    with pytest.raises(SystemExit) as stopped:
        main(["backtest", "record", *wrong])
    assert stopped.value.code == USAGE
    assert "not “" in capsys.readouterr().err
