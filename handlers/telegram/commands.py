"""Turns updates into calls of the desk, and the desk's answers into messages.

No rules and no words of its own but the apology: what a command means is decided by
the desk.
"""

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from telegram import (
    Bot,
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberAdministrator,
    ChatMemberRestricted,
    ChatMemberUpdated,
    Message,
    Update,
)
from telegram.constants import ChatID
from telegram.error import BadRequest, TelegramError

from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    TemporaryDeliveryError,
)
from bot.message import Message as Reply
from bot.message import line
from bot.model import Address, JsonDict, PlaceKind, Platform
from bot.ports import Call, Desk, PressReply
from handlers.telegram.errors import classify
from handlers.telegram.render import units
from handlers.telegram.sender import TelegramSender

logger = logging.getLogger(__name__)

#: what Telegram proposes after a slash
MENU: Final = (
    ("start", "Begin, or come back"),
    ("help", "What I understand, with examples"),
    ("watch", "Watch assets: /watch BTC ETH"),
    ("unwatch", "Stop watching: /unwatch BTC"),
    ("watchlist", "Everything you watch"),
    ("signal", "Signal and grade now: /signal BTC"),
    ("chart", "Price, flips and grade in a picture: /chart BTC 90d"),
    ("threshold", "Lines a grade may cross: /threshold BTC 80 50"),
    ("mute", "Silence for a while: /mute 24h"),
    ("unmute", "End the silence"),
    ("broadcast", "What this group or channel gets (admins)"),
    ("preview", "A sample alert, here and now"),
    ("status", "Is everything running?"),
)
APOLOGY: Final = "That did not work here; nothing was changed. Try again in a minute."
#: core.telegram.org/bots/api#answercallbackquery
TOAST_MAX: Final = 200
#: a reply is tried once more if Telegram asks for no longer a wait than this
PATIENCE: Final = timedelta(seconds=10)

_KINDS: Final = {
    Chat.PRIVATE: PlaceKind.PRIVATE,
    Chat.GROUP: PlaceKind.GROUP,
    Chat.SUPERGROUP: PlaceKind.GROUP,
    Chat.CHANNEL: PlaceKind.CHANNEL,
}
_COMMAND: Final = re.compile(r"/(\w+)(?:@(\w+))?(?=\s|$)")
#: core.telegram.org/bots/features#deep-linking
_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_PAYLOAD: Final = re.compile(r"[^A-Za-z0-9_-]+")
_ADMINS: Final = {ChatMember.OWNER, ChatMember.ADMINISTRATOR}
_OUTSIDE: Final = {ChatMember.LEFT, ChatMember.BANNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Toast:
    """The one answer to a press."""

    text: str = ""
    is_alert: bool = False
    url: str = ""


class TelegramCommands:
    """The handlers of one bot; `sender` sends the replies."""

    def __init__(self, desk: Desk, sender: TelegramSender, bot: Bot) -> None:
        self._desk = desk
        self._sender = sender
        self._bot = bot

    # ---- the four kinds of updates

    async def on_message(self, update: Update, _context: object) -> None:
        """Answer a command or, in a private chat, anything written."""
        message = update.effective_message
        if message is None:
            return
        if message.migrate_to_chat_id is not None:
            await self._moved(message.chat.id, message.migrate_to_chat_id)
        elif message.migrate_from_chat_id is not None:
            await self._moved(message.migrate_from_chat_id, message.chat.id)
        elif text := self._text(message):
            call = self._call(message, text)
            reply = await self._desk.say(call)
            if call.kind is not PlaceKind.PRIVATE:
                reply = reply.evolve(reply_to=str(message.message_id))
            await self._tell(call.place, reply)

    async def on_press(self, update: Update, _context: object) -> None:
        """Do what a button says; the presser always gets exactly one answer."""
        query = update.callback_query
        if query is None:
            return
        if query.message is None or query.data is None:
            await self._answer(query, _Toast())
            return
        call = self._press_call(query)
        try:
            reply = await self._desk.press(call, query.data)
        except Exception:
            await self._answer(query, _Toast(text=APOLOGY, is_alert=True))
            raise
        await self._answer(query, self._toast(call, query.data, reply))
        await self._change(call, reply)
        if reply.message is not None and call.kind is PlaceKind.PRIVATE:
            await self._tell(call.place, reply.message)

    async def on_membership(self, update: Update, _context: object) -> None:
        """Follow where the bot is, and whether it may write there."""
        change = update.my_chat_member
        if change is None:
            return
        place = _place(change.chat)
        kind = _KINDS[change.chat.type]
        before, after = change.old_chat_member, change.new_chat_member
        if after.status in _OUTSIDE:
            await self._desk.on_gone(place, self._reason(change, kind))
            return
        may_write = _may_write(after, kind)
        if not may_write:
            await self._desk.on_gone(place, "no_rights")
        elif not _may_write(before, kind):
            await self._desk.on_back(place, kind)
        if before.status in _OUTSIDE and kind is not PlaceKind.PRIVATE:
            greeting = await self._desk.on_added(place, kind)
            if greeting is not None and may_write:
                await self._tell(place, greeting)

    async def on_error(self, update: object, context: Any) -> None:
        """Log where a handler failed, without anybody's words, and say so kindly."""
        error: BaseException = context.error
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        logger.error(
            "A handler failed",
            extra={
                "action": "telegram_handler_failed",
                "error": type(error).__name__,
                "where": [f"{f.filename}:{f.lineno} {f.name}" for f in frames],
            },
        )
        if not isinstance(update, Update):
            return
        message = update.message or update.channel_post
        if message is not None and self._text(message):
            await self._tell(_message_place(message), Reply(title=line(APOLOGY)))

    def _reason(self, change: ChatMemberUpdated, kind: PlaceKind) -> str:
        if kind is PlaceKind.PRIVATE:
            return "blocked"
        # A basic group says "left" of a bot that was thrown out, too.
        return "not_member" if change.from_user.id == self._bot.id else "kicked"

    # ---- what was typed or pressed

    def _text(self, message: Message) -> str:
        """Return what was said to this bot, or an empty string."""
        text = (message.text or "").strip()
        is_private = message.chat.type == Chat.PRIVATE
        author = message.from_user
        if author is not None and author.is_bot and message.sender_chat is None:
            return ""
        if not is_private and message.forward_origin is not None:
            # A linked channel's post appears in its group too; it was said elsewhere.
            return ""
        command = _COMMAND.match(text)
        if command is None:
            return text if is_private else ""
        name, addressee = command.groups()
        if addressee and addressee.lower() != self._bot.username.lower():
            return ""
        is_known = name.lower() in dict(MENU)
        if not is_private and not addressee and not is_known:
            # In a group with several bots it may be meant for any of them.
            return ""
        return f"/{name.lower()}{text[command.end() :]}"

    def _call(self, message: Message, text: str) -> Call:
        kind = _KINDS[message.chat.type]
        speaks_for_place = kind is PlaceKind.CHANNEL or _is_anonymous(message)
        user_id = message.sender_chat.id if message.sender_chat else None
        if user_id is None and message.from_user is not None:
            user_id = message.from_user.id
        author = message.from_user
        return Call(
            place=_message_place(message),
            kind=kind,
            user="" if speaks_for_place else f"telegram:{user_id}",
            text=text,
            language=(author.language_code or "") if author else "",
            is_admin=(
                _yes
                if speaks_for_place or kind is PlaceKind.PRIVATE
                else self._admin_check(message.chat.id, user_id)
            ),
            private_link=self._private_link,
        )

    def _press_call(self, query: CallbackQuery) -> Call:
        pressed = query.message
        if pressed is None:
            raise ValueError("a press without its message")
        kind = _KINDS[pressed.chat.type]
        is_anonymous = query.from_user.id == ChatID.ANONYMOUS_ADMIN
        # of a message that is too old Telegram tells only chat and id
        place = (
            _message_place(pressed)
            if isinstance(pressed, Message)
            else _place(pressed.chat)
        )
        return Call(
            place=place,
            kind=kind,
            user="" if is_anonymous else f"telegram:{query.from_user.id}",
            text="",
            language=query.from_user.language_code or "",
            is_admin=(
                _yes
                if is_anonymous or kind is PlaceKind.PRIVATE
                else self._admin_check(pressed.chat.id, query.from_user.id)
            ),
            private_link=self._private_link,
            message_ref=str(pressed.message_id),
        )

    def _admin_check(
        self, chat_id: int, user_id: int | None
    ) -> Callable[[], Awaitable[bool]]:
        """Return a check that asks Telegram at the moment it is called."""

        async def is_admin() -> bool:
            if user_id is None or user_id < 0:
                return False  # a channel speaking in a group is nobody's admin
            try:
                member = await self._bot.get_chat_member(chat_id, user_id)
            except BadRequest:
                # Where members are hidden only the admins may be listed.
                admins = await self._bot.get_chat_administrators(chat_id)
                return any(admin.user.id == user_id for admin in admins)
            return member.status in _ADMINS

        return is_admin

    def _private_link(self, payload: str) -> str:
        """Return a link into the private chat; empty for a payload it can't carry."""
        if not _PAYLOAD.fullmatch(payload):
            return ""
        return f"https://t.me/{self._bot.username}?start={payload}"

    # ---- what is answered

    async def _tell(self, place: Address, reply: Reply) -> None:
        """Send a reply; where that fails tell the desk or the log, never raise."""
        try:
            for part in self._sender.render(reply):
                place = await self._tell_part(place, part)
        except RecipientGoneError as error:
            await self._desk.on_gone(place, error.reason)
        except DeliveryError as error:
            logger.warning(
                "A reply could not be sent",
                extra={"action": "telegram_reply_failed", "reason": error.reason},
            )

    async def _tell_part(self, place: Address, part: JsonDict) -> Address:
        """Send one part, once more where that is safe; return where it went.

        Raises `TemporaryDeliveryError` where the chat's limits leave no room for a
        reply: in a group its alerts come first.
        """
        is_plain = False
        await self._sender.prepare(part, is_reply=True)
        wait = self._sender.free_in(place)
        if wait > PATIENCE:
            raise TemporaryDeliveryError(
                "no room for a reply", reason="reply_share", retry_after=wait
            )
        await asyncio.sleep(wait.total_seconds())
        try:
            await self._sender.reply(place, part, nonce="")
        except RecipientMovedError as error:
            moved = Address(Platform.TELEGRAM, error.new_chat, place.topic)
            await self._desk.on_moved(place, moved)
            place = moved
        except MessageRejectedError as error:
            logger.exception(
                "A reply was refused",
                extra={"action": "telegram_reply_refused", "reason": error.reason},
            )
            is_plain = True
        except TemporaryDeliveryError as error:
            wait = error.retry_after or timedelta(seconds=1)
            if error.is_unknown or wait > PATIENCE:
                raise
            await asyncio.sleep(wait.total_seconds())
        else:
            return place
        await self._sender.reply(place, part, nonce="", is_plain=is_plain)
        return place

    def _toast(self, call: Call, action: str, reply: PressReply) -> _Toast:
        """Decide the presser's one answer.

        Outside a private chat a new message would be everybody's. Its words come as
        an alert only the presser sees, or, if too long, the private chat opens.
        """
        if reply.url:
            return _Toast(url=reply.url)
        if reply.message is None or call.kind is PlaceKind.PRIVATE:
            return _Toast(text=reply.toast)
        words = "\n".join(x for x in (reply.toast, reply.message.plain) if x)
        if units(words) <= TOAST_MAX and reply.message.picture is None:
            return _Toast(text=words, is_alert=True)
        payload = _NOT_PAYLOAD.sub("_", action.removeprefix("v1:"))[:64]
        return _Toast(url=self._private_link(payload or "start"))

    async def _answer(self, query: CallbackQuery, toast: _Toast) -> None:
        text = toast.text
        if units(text) > TOAST_MAX:
            logger.error("A toast was too long", extra={"length": len(text)})
            text = text[: TOAST_MAX // 2 - 1] + "…"
        try:
            await query.answer(
                text=text or None,
                show_alert=toast.is_alert or None,
                url=toast.url or None,
            )
        except TelegramError as error:
            # A press older than about a minute can't be answered any more; what it
            # asked for is done all the same.
            logger.info(
                "A press could not be answered",
                extra={
                    "action": "telegram_toast_failed",
                    "reason": classify(error).reason,
                },
            )

    async def _change(self, call: Call, reply: PressReply) -> None:
        """Edit the message the button is on."""
        try:
            if reply.edited is not None:
                first, *rest = self._sender.render(reply.edited)
                await self._sender.edit(call.place, call.message_ref, first)
                for part in rest:
                    await self._tell_part(call.place, part)
            elif reply.buttons is not None:
                await self._sender.edit_buttons(
                    call.place, call.message_ref, reply.buttons
                )
        except RecipientGoneError as error:
            await self._desk.on_gone(call.place, error.reason)
        except DeliveryError as error:
            logger.warning(
                "A message could not be edited",
                extra={"action": "telegram_edit_failed", "reason": error.reason},
            )

    async def _moved(self, old: int, new: int) -> None:
        await self._desk.on_moved(
            Address(Platform.TELEGRAM, str(old)), Address(Platform.TELEGRAM, str(new))
        )


async def _yes() -> bool:
    return True


def _place(chat: Chat) -> Address:
    return Address(Platform.TELEGRAM, str(chat.id))


def _message_place(message: Message) -> Address:
    """Return the chat, or the topic of a forum.

    A reply in any supergroup has a thread id too; only a topic is a place of its own.
    """
    is_topic = message.is_topic_message and message.chat.type == Chat.SUPERGROUP
    topic = str(message.message_thread_id) if is_topic else ""
    return Address(Platform.TELEGRAM, str(message.chat.id), topic)


def _is_anonymous(message: Message) -> bool:
    """Whether an admin speaks as the group itself."""
    author, chat = message.from_user, message.sender_chat
    is_hidden = author is not None and author.id == ChatID.ANONYMOUS_ADMIN
    return is_hidden or (chat is not None and chat.id == message.chat.id)


def _may_write(member: ChatMember, kind: PlaceKind) -> bool:
    if member.status in _OUTSIDE:
        return False
    if isinstance(member, ChatMemberRestricted):
        return member.is_member and member.can_send_messages
    if kind is PlaceKind.CHANNEL:
        return isinstance(member, ChatMemberAdministrator) and bool(
            member.can_post_messages
        )
    return True
