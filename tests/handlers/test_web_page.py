"""The chat page in Chromium: what a person sees, on a desktop and on a phone."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from browser import is_too_wide, listen_to_errors
from playwright.async_api import expect
from web_doubles import WebRoom
from web_messages import BEARISH, BROAD, BULLISH, MISTAKE, WATCHING

from bot.errors import StoreError
from bot.message import Button, Message, Table, bold, line
from bot.ports import PressReply

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
HOME = "demo"


@asynccontextmanager
async def chat(browser, room, size=DESKTOP, **more):
    """The page, open and connected, in a browser of its own."""
    context = await browser.new_context(viewport=size, **more)
    context.set_default_timeout(10_000)
    page = await context.new_page()
    page.errors = listen_to_errors(page)
    await page.goto(room.url)
    await expect(page.locator("#state")).to_have_text("live")
    await expect(page.locator("#messages")).to_have_attribute("aria-busy", "false")
    yield page
    await context.close()


@pytest.fixture
async def room():
    async with WebRoom(default_inbox=HOME).open() as open_room:
        yield open_room


async def type_in(page, text):
    await page.locator("#input").fill(text)
    await page.locator("#input").press("Enter")


def entries(page, kind=""):
    which = f"[data-kind={kind}]" if kind else ""
    return page.locator(f".entry[data-id]{which}")


async def test_a_command_is_answered_and_an_alert_comes_by_itself(browser, room):
    room.desk.replies["/watch ETH"] = WATCHING
    async with chat(browser, room) as desktop, chat(browser, room, PHONE) as phone:
        await expect(phone.locator("#empty")).to_be_visible()

        await type_in(desktop, "/watch ETH")
        reply = "👁 Watching BTC, ETH, SOL"
        await expect(entries(desktop, "reply").locator(".title")).to_have_text(reply)
        await room.alert(HOME, BEARISH)
        await room.alert(HOME, BROAD)

        for page in (desktop, phone):
            await expect(entries(page, "you")).to_have_text("/watch ETH")
            await expect(entries(page, "reply").locator(".title")).to_have_text(reply)
            await expect(page.locator("#empty")).to_be_hidden()
            await expect(entries(page, "alert")).to_have_count(2)
            alert = entries(page, "alert").first
            await expect(alert.locator(".title")).to_have_text(
                "🔴 ETH turned bearish · grade 38, was 71"
            )
            await expect(alert.locator(".body")).to_contain_text("Price $3,412")
            await expect(alert.locator(".footer")).to_contain_text("Watch ETH")
            await expect(alert.locator("button.action")).to_have_count(4)
            await expect(entries(page, "alert").last).to_be_in_viewport()
            await expect(entries(page)).to_have_count(4)
            assert not await is_too_wide(page)
            assert page.errors == []


async def test_a_reload_shows_the_same_conversation_once(browser, room):
    room.desk.replies["/watch grad"] = MISTAKE
    async with chat(browser, room) as page:
        await type_in(page, "/watch grad")
        await room.alert(HOME, BULLISH)
        await expect(entries(page)).to_have_count(3)
        before = await entries(page).all_inner_texts()

        await page.reload()

        await expect(entries(page)).to_have_count(3)
        assert await entries(page).all_inner_texts() == before
        assert page.errors == []


async def test_a_press_changes_the_buttons_and_says_so(browser, room):
    undo = ((Button("↩ Undo", "v1:undo:1"),),)
    room.desk.press_replies["v1:mute24:17"] = PressReply(
        toast="Muted until 14:05", buttons=undo
    )
    room.desk.press_replies["v1:why:17"] = PressReply(
        message=Message(title=line(bold("Details")))
    )
    async with chat(browser, room) as page:
        await room.alert(HOME, BEARISH)

        await page.get_by_role("button", name="Details").click()
        await expect(entries(page, "reply").locator(".title")).to_have_text("Details")
        await page.get_by_role("button", name="Mute 24 h").click()

        await expect(page.locator("#toast")).to_have_text("Muted until 14:05")
        await expect(entries(page, "alert").locator("button.action")).to_have_text(
            ["↩ Undo"]
        )
        await expect(entries(page)).to_have_count(2)


async def test_a_nasty_message_stays_words_inside_its_card(browser, room):
    nasty = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    message = Message(title=line(nasty * 5), body=(Table((nasty * 5,)),))
    async with chat(browser, room, PHONE) as page:
        await room.alert(HOME, message)
        await type_in(page, nasty)

        await expect(entries(page, "alert").locator(".title")).to_have_text(nasty * 5)
        await expect(entries(page, "you")).to_have_text(nasty)
        table = entries(page).locator("pre")
        assert await table.evaluate("e => e.scrollWidth > e.clientWidth")
        assert not await is_too_wide(page)
        assert await page.locator(".entry img, .entry script").count() == 0
        assert page.errors == []


async def test_times_are_on_the_readers_own_clock(browser, room):
    async with chat(browser, room, timezone_id="Asia/Tokyo", locale="en-GB") as page:
        await room.alert(HOME, BEARISH)

        stamp = entries(page).locator(".footer time")
        await expect(stamp).to_contain_text("23:00")
        await expect(stamp).to_have_attribute("datetime", "2026-11-20T14:00:00+00:00")


async def test_who_reads_above_is_not_moved_and_told_of_what_is_new(browser, room):
    for _ in range(6):
        await room.alert(HOME, BROAD)
    async with chat(browser, room, PHONE) as page:
        at = "document.getElementById('scroll').scrollTop"
        # opened at the end of the conversation
        await expect(entries(page).last).to_be_in_viewport()
        await page.evaluate(f"{at} = 0")
        await expect(entries(page).first).to_be_in_viewport()

        await room.alert(HOME, BULLISH)

        pill = page.locator("#pill")
        await expect(pill).to_have_text("1 new message ↓")
        assert await page.evaluate(at) == 0
        await pill.click()
        await expect(entries(page).last).to_be_in_viewport()
        await expect(pill).to_be_hidden()


async def test_the_arrow_key_recalls_what_was_typed(browser, room):
    async with chat(browser, room) as page:
        field = page.locator("#input")
        await type_in(page, "/help")
        await type_in(page, "/status")
        await field.fill("dra")

        seen = []
        for key in ("ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown"):
            await field.press(key)
            seen.append(await field.input_value())

        assert seen == ["/status", "/help", "/status", "dra"]


async def test_assets_are_proposed_and_taken_with_the_keyboard(browser, room):
    async with chat(browser, room) as page:
        field = page.locator("#input")
        await field.press_sequentially("/watch e")
        choices = page.locator("#choices li")
        await expect(choices).to_have_text(["ETH · Ethereum", "ETC · Classic"])

        await field.press("ArrowDown")
        await field.press("ArrowDown")
        await field.press("Enter")
        await expect(field).to_have_value("/watch ETC ")
        await field.press("Enter")

        await expect(entries(page, "you")).to_have_text("/watch ETC")


async def test_a_suggestion_is_sent_with_one_tap(browser, room):
    async with chat(browser, room, PHONE, has_touch=True) as page:
        await page.locator("#suggestions button", has_text="/watchlist").tap()

        await expect(entries(page, "reply")).to_contain_text("You said /watchlist")


async def test_a_refusal_is_said_and_the_line_is_given_back(browser, room):
    async with chat(browser, room) as page:
        room.store.fail_with(StoreError("x"))

        await type_in(page, "/watch ETH")

        await expect(page.locator("#toast")).to_contain_text("database")
        await expect(page.locator("#input")).to_have_value("/watch ETH")
        await expect(page.locator(".entry")).to_have_count(0)


async def test_unseen_alerts_are_counted_in_the_title(browser, room):
    async with chat(browser, room) as page:
        await page.evaluate("document.hasFocus = () => false")
        await room.alert(HOME, BEARISH)
        await room.alert(HOME, BULLISH)
        await expect(page).to_have_title("(2) Flipwatch")

        await page.evaluate(
            "delete document.hasFocus; dispatchEvent(new Event('focus'))"
        )

        await expect(page).to_have_title("Flipwatch")


async def test_the_page_says_that_it_lost_the_line_and_finds_back(browser, room):
    async with chat(browser, room) as page:
        port = int(room.url.rpartition(":")[2])
        await room.face.stop()
        await expect(page.locator("#state")).to_have_text("reconnecting…")

        await room.alert(HOME, BEARISH)
        room.face = room.new_face(port=port)
        await room.face.start()

        async with asyncio.timeout(20):
            await expect(page.locator("#state")).to_have_text("live", timeout=20_000)
        await expect(entries(page, "alert")).to_have_count(1)
