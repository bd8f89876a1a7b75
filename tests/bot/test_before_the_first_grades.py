"""Who types before the first poll is told to wait, not that BTC is unknown."""

from pathlib import Path

import pytest
from world import open_world


@pytest.mark.parametrize("typed", ["/watch BTC ETH", "BTC", "/signal BTC"])
async def test_what_is_typed_before_the_first_grades_is_to_be_typed_again(
    tmp_path: Path, typed: str
):
    async with open_world(tmp_path) as world:
        reply = await world.say(typed)

        world.source.set("BTC", grade=70)
        world.source.set("ETH", grade=60)
        await world.poll()
        again = await world.say(typed)

    assert "No grades yet" in reply.plain
    assert "type this again in a minute or two" in reply.plain
    assert "BTC" in again.plain
    assert "No grades yet" not in again.plain
