"""A year of a real market: on a broad day everybody gets one message.

The market's data is nobody's to give away, so it is looked for outside: FLIPWATCH_DATA
names the folder that `benchmarks.market_replay` describes.
"""

import os
import re
from pathlib import Path

import pytest

from benchmarks import market_replay

DATA = os.environ.get("FLIPWATCH_DATA", "")


@pytest.mark.skipif(not DATA, reason="FLIPWATCH_DATA names no folder of market data")
async def test_on_a_broad_day_of_2024_everybody_gets_one_message(capsys):
    code = await market_replay.replay(Path(DATA), 2024, most=40, chats=6)

    said = capsys.readouterr().out
    assert code == 0
    broad = re.findall(r"most to one: (\d+)", said)
    assert broad
    assert set(broad) == {"1"}
    (saved,) = re.findall(r"single ones, ([\d,]+) saved", said)
    assert int(saved.replace(",", "")) > 0
