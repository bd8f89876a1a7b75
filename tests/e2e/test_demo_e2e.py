"""The demo as a newcomer meets it: a page, a /watch, an alert; and again later."""

import signal
from pathlib import Path

import pytest
from browser import is_too_wide, listen_to_errors
from playwright.async_api import Browser, expect
from running import Running, start


async def start_demo(folder: Path, *arguments: str) -> Running:
    program = await start("demo", "--port", "0", *arguments, cwd=folder)
    program.url = (await program.line(r"^Flipwatch demo: (http://127\.0\.0\.1:\d+)$"))[
        1
    ]
    return program


@pytest.mark.browser
@pytest.mark.timeout(400)
async def test_watch_eth_is_answered_and_its_flip_arrives_without_reload(
    tmp_path: Path, browser: Browser
) -> None:
    program = await start_demo(tmp_path)
    try:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        errors = listen_to_errors(page)
        await page.goto(program.url)

        await page.fill("#input", "/watch ETH")
        await page.press("#input", "Enter")

        reply = page.locator('.entry[data-kind="reply"]', has_text="Watching ETH")
        await expect(reply.first).to_be_visible(timeout=30_000)
        alert = page.locator('.entry[data-kind="alert"]', has_text="ETH turned")
        await expect(alert.first).to_be_visible(timeout=240_000)

        await page.set_viewport_size({"width": 390, "height": 844})
        assert not await is_too_wide(page)
        assert errors == []
    finally:
        assert await program.stop(signal.SIGINT) == 0, program.output
    assert "Traceback" not in program.output


@pytest.mark.timeout(240)
async def test_a_second_start_goes_on_and_the_record_plays_beside_it(
    tmp_path: Path,
) -> None:
    first = await start_demo(tmp_path)
    # the starter watchlist brings alerts without anything typed
    await first.line(r"sent +to=web#", timeout=120)
    assert await first.stop(signal.SIGINT) == 0, first.output
    seen = [_as_of(line) for line in first.stderr if " poll " in f" {line} "]

    second = await start_demo(tmp_path)
    await second.line(r"sent +to=web#", timeout=120)
    assert await second.stop(signal.SIGINT) == 0, second.output

    again = [_as_of(line) for line in second.stderr if " poll " in f" {line} "]
    assert again[0] > seen[-1]
    assert (tmp_path / "demo-data" / "flipwatch.db").exists()

    # the record can be played beside it: watches of one are nothing to the other
    record = await start_demo(tmp_path, "--scenario", "record")
    await record.line(r"sent +to=web#", timeout=120)
    assert await record.stop(signal.SIGINT) == 0, record.output
    assert (tmp_path / "demo-data" / "record.db").exists()


def _as_of(line: str) -> str:
    return line.partition("as_of=")[2].split()[0]
