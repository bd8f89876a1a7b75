"""From values to bytes: the file, its size, the thread it is made on."""

import asyncio
import os
import random
import subprocess
import sys
from datetime import timedelta

import pytest
from drawings import MARKET, PNG, RECORD, chart_view, size_of
from factories import NOON

from bot.errors import PictureError
from bot.pictures import ChartView, FlipDot, Look, Point
from handlers.pictures import painter, studio
from handlers.pictures.painter import BYTES_MAX
from handlers.pictures.studio import WAITING_MAX, Studio
from handlers.pictures.worker import render


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
        "from handlers.pictures.worker import render\n"
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


@pytest.fixture
async def work():
    opened = Studio()
    yield opened
    await opened.close()


async def test_a_process_of_its_own_draws_the_same(work):
    image = await work.draw(chart_view(), Look.LIGHT)

    assert image == render(chart_view(), Look.LIGHT)
    assert work._process.pid != os.getpid()


async def test_one_process_draws_them_all_in_turn(work):
    views = [chart_view(symbol=f"A{i}") for i in range(4)]

    images = await asyncio.gather(*(work.draw(view, Look.DARK) for view in views))

    assert images == [render(view, Look.DARK) for view in views]


async def test_the_process_knows_no_secrets(monkeypatch):
    monkeypatch.setenv("FLIPWATCH_TELEGRAM__TOKEN", "42:SECRET")

    assert "FLIPWATCH_TELEGRAM__TOKEN" not in studio._environment()


async def test_whoever_comes_when_too_many_wait_does_without():
    work = Studio(module="tests.hanging_drawer")
    waiting = [
        asyncio.create_task(work.draw(chart_view(), Look.DARK))
        for _ in range(WAITING_MAX)
    ]
    await asyncio.sleep(0)

    with pytest.raises(PictureError) as refused:
        await work.draw(chart_view(), Look.DARK)

    assert refused.value.reason == "busy"
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    await work.close()


async def test_a_drawer_that_hangs_is_replaced():
    work = Studio(module="tests.hanging_drawer", timeout=timedelta(seconds=0.3))

    with pytest.raises(PictureError) as refused:
        await work.draw(chart_view(), Look.DARK)

    assert refused.value.reason == "stuck"
    work._module = "handlers.pictures.worker"
    work._timeout = 60.0
    assert (await work.draw(chart_view(), Look.DARK)).startswith(PNG)
    await work.close()


async def test_a_drawer_that_dies_is_replaced(work):
    await work.draw(chart_view(), Look.DARK)
    work._process.kill()
    await work._process.wait()

    assert (await work.draw(chart_view(), Look.DARK)).startswith(PNG)


async def test_a_drawer_that_can_not_start_is_a_missing_picture():
    work = Studio(module="tests.no_such_drawer")

    with pytest.raises(PictureError) as refused:
        await work.draw(chart_view(), Look.DARK)

    assert refused.value.reason == "died"
    await work.close()


async def test_nobody_gets_the_picture_of_somebody_who_gave_up(work):
    """Cut off at every step of the first one's way, the second gets its own."""
    await work.draw(chart_view(), Look.DARK)
    given_up = asyncio.create_task(work.draw(MARKET, Look.DARK))
    for _ in range(5):
        await asyncio.sleep(0)
    given_up.cancel()

    image = await work.draw(chart_view(), Look.DARK)

    assert image == render(chart_view(), Look.DARK)


async def test_our_own_bug_in_a_layout_is_a_missing_picture_and_logged(work, caplog):
    broken = chart_view(points=None)

    with pytest.raises(PictureError) as refused:
        await work.draw(broken, Look.DARK)

    assert refused.value.reason == "broke"
    assert "drawing broke: TypeError" in caplog.text
    assert (await work.draw(chart_view(), Look.DARK)).startswith(PNG)


async def test_a_closed_studio_draws_nothing():
    work = Studio()
    await work.close()
    await work.close()

    with pytest.raises(PictureError) as refused:
        await work.draw(chart_view(), Look.DARK)

    assert refused.value.reason == "closed"


async def test_the_process_ends_with_the_studio(work):
    await work.draw(chart_view(), Look.DARK)
    process = work._process

    await work.close()

    assert process.returncode == 0
