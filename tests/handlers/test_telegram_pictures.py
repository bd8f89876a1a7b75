"""Pictures on Telegram: under which words, uploaded when, and when left out."""

from datetime import timedelta

import pytest
from fake_telegram import FakeTelegram
from shelves import ALERT, DARK, REF, FakeShelf
from telegram_desk import FakeDesk, listening

from bot.config import TelegramConfig
from bot.errors import RecipientGoneError, TemporaryDeliveryError
from bot.message import Line, Message, line
from bot.model import Address, Platform
from bot.ports import PressReply
from handlers.telegram.render import CAPTION_MAX, render
from handlers.telegram.sender import TelegramSender
from handlers.telegram.transport import make_bot


@pytest.fixture
async def tg():
    async with FakeTelegram(token="42:TESTTOKEN") as server:
        yield server


@pytest.fixture
def shelf():
    return FakeShelf()


@pytest.fixture
async def sender(tg, shelf):
    config = TelegramConfig(token=tg.token, base_url=tg.base_url)
    opened = TelegramSender(
        make_bot(config), send_timeout=timedelta(seconds=5), shelf=shelf
    )
    yield opened
    await opened.close()


@pytest.fixture
def alice(tg):
    user = tg.user("Alice")
    user.says("/start")
    return user


def at(chat) -> Address:
    return Address(Platform.TELEGRAM, str(chat.id))


async def send(sender, chat, message=ALERT, **more):
    (part,) = sender.render(message)
    await sender.prepare(part)
    return await sender.send(at(chat), part, nonce="", **more)


async def test_an_alert_arrives_as_a_photo_with_its_words_and_buttons(
    tg, sender, alice
):
    receipt = await send(sender, alice)

    (seen,) = await alice.receives(1)
    assert (seen.has_photo, seen.photo) == (True, DARK)
    assert seen.text == "🔴 ETH turned bearish\nPrice $3,412"
    assert seen.html.startswith("🔴 <b>ETH turned bearish</b>")
    assert seen.buttons[0][0].callback_data == "v1:chart:7"
    assert receipt.message_ref == str(seen.message_id)
    assert tg.violations == []


async def test_the_picture_is_uploaded_once_and_named_by_its_id_after(
    tg, sender, alice, shelf
):
    bob = tg.user("Bob")
    bob.says("/start")

    await send(sender, alice)
    shelf.is_empty = True
    await send(sender, bob)

    (seen,) = await bob.receives(1)
    assert seen.photo == DARK
    first, second = [r.params["photo"] for r in tg.requests if r.method == "sendPhoto"]
    assert first.size == len(DARK)
    assert isinstance(second, str)
    assert shelf.asked == [("prepare", REF)]
    assert tg.violations == []


async def test_words_that_have_no_picture_in_time_go_alone(tg, sender, alice, shelf):
    shelf.is_empty = True

    await send(sender, alice)

    (seen,) = await alice.receives(1)
    assert not seen.has_photo
    assert seen.text.startswith("🔴 ETH turned bearish")
    assert tg.violations == []


async def test_a_group_that_forbids_photos_gets_the_words_and_is_not_parked(
    tg, sender, alice, caplog
):
    group = tg.group("Traders", admins=[alice])
    tg.forbid_photos(group)

    await send(sender, group)

    (seen,) = await group.receives(1)
    assert not seen.has_photo
    assert caplog.records[-1].reason == "no_rights"


async def test_a_file_id_that_telegram_forgot_is_uploaded_again(tg, sender, alice):
    await send(sender, alice)
    tg.fail_next(
        "sendPhoto",
        status=400,
        description="Bad Request: wrong file identifier/HTTP URL specified",
    )

    await send(sender, alice)
    await send(sender, alice)

    assert [s.has_photo for s in await alice.receives(3)] == [True, False, True]


async def test_somebody_who_blocked_the_bot_is_gone(tg, sender, alice):
    alice.blocks()

    with pytest.raises(RecipientGoneError):
        await send(sender, alice)


async def test_a_photo_whose_answer_is_lost_is_unknown_and_not_said_twice(
    tg, sender, alice
):
    tg.lose_answer_next("sendPhoto")

    with pytest.raises(TemporaryDeliveryError) as lost:
        await send(sender, alice)

    assert lost.value.is_unknown
    assert len(await alice.receives(1)) == 1
    assert not [r for r in tg.requests if r.method == "sendMessage"]


async def test_too_many_requests_for_a_photo_is_a_wait(tg, sender, alice):
    tg.fail_next("sendPhoto", status=429, parameters={"retry_after": 7})

    with pytest.raises(TemporaryDeliveryError) as refused:
        await send(sender, alice)

    assert refused.value.retry_after == timedelta(seconds=7)


async def test_after_a_refused_markup_the_words_go_alone_and_plain(tg, sender, alice):
    await send(sender, alice, is_plain=True)

    (seen,) = await alice.receives(1)
    assert not seen.has_photo


async def test_an_older_server_gets_times_in_words_under_the_photo(tg, sender, alice):
    tg.knows_time_entities = False
    stamped = ALERT.evolve(stamp=REF.until)

    await send(sender, alice, stamped)
    await send(sender, alice, stamped)

    first, second = await alice.receives(2)
    assert not first.has_photo
    assert second.has_photo
    assert second.text.endswith("14:00 UTC")


async def test_a_silent_photo_makes_no_sound(sender, alice):
    await send(sender, alice, ALERT.evolve(is_silent=True))

    (seen,) = await alice.receives(1)
    assert seen.is_silent


@pytest.mark.parametrize(("length", "has_picture"), [(0, True), (1, False)])
def test_words_that_do_not_fit_under_a_photo_have_none(length, has_picture, caplog):
    title = "x" * (CAPTION_MAX + length)

    (part,) = render(Message(title=line(title), picture=REF))

    assert ("picture" in part) is has_picture
    assert [r.reason for r in caplog.records] == ["caption_too_long"] * length


async def test_the_words_of_a_photo_can_be_edited(tg, sender, alice):
    receipt = await send(sender, alice)
    (part,) = sender.render(Message(title=line("withdrawn")))

    await sender.edit(at(alice), receipt.message_ref, part)
    await sender.edit(at(alice), receipt.message_ref, part)

    (seen,) = await alice.receives(1)
    assert (seen.has_photo, seen.text) == (True, "withdrawn")
    assert tg.violations == []


# --------------------------------------------------------------------------- answers


async def test_who_asks_for_a_chart_waits_for_it(tg, shelf, alice):
    desk = FakeDesk(replies={"/chart ETH": ALERT})
    async with listening(tg, desk, shelf=shelf):
        alice.says("/chart ETH")
        _, seen = await alice.receives(2)

    assert seen.has_photo
    assert shelf.asked == [("picture", REF)]
    assert tg.violations == []


async def test_a_groups_chart_button_opens_the_private_chat(tg, shelf, alice):
    """Its words would fit into a toast, but a toast shows no picture."""
    group = tg.group("Traders", admins=[alice])
    short = Message(title=line("ETH"), picture=REF)
    desk = FakeDesk(
        replies={"/chart ETH": ALERT}, presses={"v1:chart:7": PressReply(message=short)}
    )
    async with listening(tg, desk, shelf=shelf):
        alice.says("/chart ETH", in_=group)
        (post,) = await group.receives(1)
        opened = await alice.opened(alice.presses(post, "📈 Chart"))

    assert opened.endswith("?start=chart_7")


async def test_a_note_is_put_below_the_words_of_a_photo(tg, shelf, alice):
    desk = FakeDesk(replies={"/chart ETH": ALERT})
    notes = (line("🔕 Muted"), line("✖ No longer"), Line())
    async with listening(tg, desk, shelf=shelf):
        alice.says("/chart ETH")
        _, photo = await alice.receives(2)
        seen = []
        for number, note in enumerate(notes, 1):
            desk.presses["v1:chart:7"] = PressReply(
                toast="done", note=note, buttons=ALERT.buttons
            )
            await alice.toast(alice.presses(photo, "📈 Chart"))
            await tg.requested("editMessageCaption", number)
            seen.append(alice.messages[1])

    assert [s.text for s in seen] == [
        f"{photo.text}\n🔕 Muted",
        f"{photo.text}\n✖ No longer",
        photo.text,
    ]
    assert all(s.photo == DARK for s in seen)
    assert tg.violations == []
