"""From values to bytes: the file, its size, the thread it is made on."""

import asyncio
import random
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from drawings import MARKET, RECORD, chart_view, size_of
from factories import NOON

from bot.errors import PictureError
from bot.pictures import ChartView, FlipDot, Look, Point
from handlers.pictures import painter, studio
from handlers.pictures.painter import BYTES_MAX
from handlers.pictures.studio import WAITING_MAX, Studio, render


def busy_view() -> ChartView:
    """As much as a picture can hold: noise, gaps, many flips."""
    chance = random.Random(5)
    since = NOON - timedelta(days=90)
    points, price = [], 60_000.0
    for i in range(400):
        price *= 1 + chance.gauss(0, 0.06)
        points.append(
            Point(since + i * timedelta(hours=5.4), price, chance.random() * 99)
        )
    turns = tuple(
        FlipDot(points[i].at, i % 2 == 0, points[i].price) for i in range(0, 400, 2)
    )
    return chart_view(points=tuple(points), turns=turns, lines=(30, 50, 70, 80))


@pytest.mark.parametrize("look", list(Look))
@pytest.mark.parametrize(
    "view",
    [chart_view(), busy_view(), MARKET, RECORD],
    ids=["chart", "busy chart", "market", "record"],
)
def test_every_kind_is_a_square_png_of_at_most_100_kilobytes(view, look):
    image = render(view, look)

    assert size_of(image) == (1080, 1080)
    assert len(image) <= BYTES_MAX


def test_the_same_view_gives_the_same_bytes():
    assert render(busy_view(), Look.DARK) == render(busy_view(), Look.DARK)


@pytest.mark.parametrize("look", list(Look))
def test_the_ground_and_the_signals_keep_their_exact_colours(look):
    import io

    from PIL import Image

    from handlers.pictures.palette import PALETTES

    image = Image.open(io.BytesIO(render(chart_view(), look))).convert("RGB")

    palette = PALETTES[look]
    found = {colour for _, colour in image.getcolors(1 << 24)}
    assert image.getpixel((3, 3)) == palette.ground
    assert {palette.bullish, palette.ink, palette.grade} <= found


def test_words_are_drawn_on_a_machine_without_any_font():
    """No font of the system is opened: only files of our own are read for letters."""
    script = (
        "import sys\n"
        "opened = []\n"
        "def note(event, what):\n"
        "    if event == 'open':\n"
        "        opened.append(str(what[0]))\n"
        "sys.addaudithook(note)\n"
        "from drawings import chart_view\n"
        "from bot.pictures import Look\n"
        "from handlers.pictures.studio import render\n"
        "render(chart_view(), Look.DARK)\n"
        "fonts = {p for p in opened if p.endswith(('.ttf', '.otf', '.pfb', '.ttc'))}\n"
        "assert fonts, 'none at all'\n"
        "assert all('handlers/pictures/fonts' in p for p in fonts), fonts\n"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env={
            "PYTHONPATH": ":".join(sys.path),
            "FONTCONFIG_FILE": "/nowhere",
            "HOME": "/",
        },
    )


def test_a_picture_that_comes_out_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(painter, "BYTES_MAX", 1000)

    with pytest.raises(PictureError) as refused:
        render(chart_view(), Look.DARK)

    assert refused.value.reason == "too_large"


async def test_drawing_is_done_on_a_thread_of_its_own(monkeypatch):
    threads = []

    def note(view, look):
        threads.append(threading.current_thread())
        return b"image"

    monkeypatch.setattr(studio, "render", note)
    work = Studio()

    assert await work.draw(chart_view(), Look.DARK) == b"image"

    assert threads[0] is not threading.main_thread()
    await work.close()


async def test_whoever_comes_when_too_many_wait_does_without(monkeypatch):
    go_on = threading.Event()

    def wait(view, look):
        go_on.wait()
        return b""

    monkeypatch.setattr(studio, "render", wait)
    work = Studio()
    waiting = [
        asyncio.create_task(work.draw(chart_view(), Look.DARK))
        for _ in range(WAITING_MAX)
    ]
    await asyncio.sleep(0)

    with pytest.raises(PictureError) as refused:
        await work.draw(chart_view(), Look.DARK)

    assert refused.value.reason == "busy"
    go_on.set()
    await asyncio.gather(*waiting)
    await work.close()


async def test_our_own_bug_in_a_layout_is_a_missing_picture_and_logged(
    monkeypatch, caplog
):
    def broken(view, look):
        raise ZeroDivisionError

    monkeypatch.setattr(studio, "render", broken)
    work = Studio()

    with pytest.raises(PictureError) as refused:
        await work.draw(chart_view(), Look.DARK)

    assert refused.value.reason == "broke"
    assert "drawing broke" in caplog.text
    await work.close()


async def test_a_closed_studio_draws_nothing():
    work = Studio()
    await work.close()
    await work.close()

    with pytest.raises(PictureError) as refused:
        await work.draw(chart_view(), Look.DARK)

    assert refused.value.reason == "closed"
