"""A short soak: hours of flips among failing platforms, and nobody is left behind.

`make soak` runs the long one.
"""

from benchmarks.soak import soak


async def test_hours_of_bad_weather_lose_nothing_and_leave_nothing_behind(monkeypatch):
    # what the disk does is another test's subject
    monkeypatch.setattr("storage.database.SYNCHRONOUS", "OFF")

    found = await soak(3, 240, seed=7)

    assert found.lost == []
    assert found.left == {}
    assert found.messages > 400
    assert all(found.weather[what] for what in ("gone", "wait", "no answer, taken"))
    assert found.grown < 30, found.memory
    assert found.more_handles <= 0, found.handles
