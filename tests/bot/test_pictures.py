"""The name of a picture, and who has it drawn in time."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest
from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PictureError, StoreError
from bot.gallery import FAILURE_KEPT, KEPT_MAX, Gallery
from bot.pictures import (
    WINDOW_MAX,
    WINDOW_MIN,
    ChartView,
    Look,
    PictureKind,
    PictureRef,
)


def ref(number: int = 1, **rest: object) -> PictureRef:
    return PictureRef(kind=PictureKind.CHART, until=NOON, asset_id=number, **rest)


class FakePictures:
    """Draws at once, or when told, or not at all."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.error: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def draw(self, view: ChartView, look: Look) -> bytes:
        self.drawn.append(view.symbol)
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return f"{view.symbol} {look}".encode()

    async def close(self) -> None:
        pass


async def make(named: PictureRef) -> ChartView:
    return ChartView(symbol=f"A{named.asset_id}", since=named.since, until=named.until)


class Steady:
    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def pictures():
    return FakePictures()


@pytest.fixture
def steady():
    return Steady()


@pytest.fixture
async def gallery(pictures, steady):
    shelf = Gallery(
        pictures,
        {PictureKind.CHART: make},
        alert_patience=timedelta(milliseconds=20),
        reply_patience=timedelta(milliseconds=20),
        steady=steady,
    )
    yield shelf
    await shelf.close()


# ------------------------------------------------------------------------------ names


@given(
    st.builds(
        PictureRef,
        kind=st.sampled_from(PictureKind),
        until=st.datetimes(
            timezones=st.just(NOON.tzinfo), min_value=datetime(2000, 1, 1)
        ),
        asset_id=st.integers(0, 10**9),
        window=st.timedeltas(WINDOW_MIN, WINDOW_MAX),
        lines=st.lists(st.floats(0, 100), max_size=12).map(tuple),
        look=st.sampled_from(Look),
    )
)
def test_a_name_comes_back_from_json_as_it_was(named):
    assert PictureRef.from_json(json.loads(json.dumps(named.to_json()))) == named


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"kind": "x"},
        ref().to_json() | {"window": 1},
        ref().to_json() | {"until": "2026-01-01"},
    ],
    ids=["none", "list", "empty", "unknown kind", "too short", "no zone"],
)
def test_what_is_no_name_is_refused(document):
    with pytest.raises(ValueError, match=r"picture|window|zone"):
        PictureRef.from_json(document)


# ------------------------------------------------------------------------------- time


async def test_a_picture_is_drawn_once_for_all_who_ask(gallery, pictures):
    found = await asyncio.gather(*(gallery.picture(ref()) for _ in range(5)))

    assert found == [b"A1 dark"] * 5
    assert pictures.drawn == ["A1"]


async def test_what_was_prepared_is_ready(gallery):
    assert gallery.ready(ref()) is None

    await gallery.prepare(ref())

    assert gallery.ready(ref()) == b"A1 dark"


async def test_a_slow_picture_is_left_out_and_logged_and_there_for_the_next(
    gallery, pictures, caplog
):
    pictures.go_on.clear()

    await gallery.prepare(ref())

    assert gallery.ready(ref()) is None
    assert [r.reason for r in caplog.records] == ["slow"]
    pictures.go_on.set()
    assert await gallery.picture(ref()) == b"A1 dark"
    assert pictures.drawn == ["A1"]


async def test_while_a_drawing_hangs_no_other_alert_waits(pictures):
    """The first one waits for as long as patience lasts, a day here."""
    gallery = Gallery(
        pictures, {PictureKind.CHART: make}, alert_patience=timedelta(milliseconds=5)
    )
    pictures.go_on.clear()
    await gallery.prepare(ref(1))
    gallery._alert_patience = 86_400.0

    async with asyncio.timeout(5):
        await gallery.prepare(ref(2))

    assert gallery.ready(ref(2)) is None
    await gallery.close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PictureError("too large", reason="too_large"), "too_large"),
        (StoreError("gone"), "store"),
        (ZeroDivisionError(), "broke"),
    ],
    ids=["refused", "store", "bug"],
)
async def test_a_failure_is_no_picture_with_a_reason_in_the_log(
    gallery, pictures, caplog, error, reason
):
    pictures.error = error

    assert await gallery.picture(ref()) is None
    await gallery.prepare(ref())

    assert pictures.drawn == ["A1"]
    last = caplog.records[-1]
    assert (last.getMessage(), last.reason) == ("a picture is left out", reason)


async def test_what_failed_is_tried_again_after_a_while(gallery, pictures, steady):
    pictures.error = PictureError("busy", reason="busy")
    await gallery.picture(ref())
    pictures.error = None

    steady.at = FAILURE_KEPT.total_seconds() + 1

    assert await gallery.picture(ref()) == b"A1 dark"


async def test_a_kind_that_nobody_knows_is_left_out(gallery, caplog):
    market = PictureRef(kind=PictureKind.MARKET, until=NOON)

    assert await gallery.picture(market) is None

    assert caplog.records[-1].reason == "unknown_kind"


async def test_only_so_many_pictures_are_kept(gallery):
    for number in range(KEPT_MAX + 5):
        await gallery.prepare(ref(number))

    assert gallery.ready(ref(0)) is None
    assert gallery.ready(ref(KEPT_MAX + 4)) is not None


async def test_closing_cuts_off_what_is_being_drawn(gallery, pictures):
    pictures.go_on.clear()
    await gallery.prepare(ref())

    await gallery.close()
    await gallery.close()

    assert not gallery._drawing
