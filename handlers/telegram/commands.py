"""Turns updates into calls of the desk, and the desk's answers into messages.

No rules and no words of its own but the apology: what a command means is decided by
the desk.
"""

import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from telegram import (
    Bot,
    CallbackQuery,
    Chat,
    ChatMemberUpdated,
    MaybeInaccessibleMessage,
    Message,
    Update,
    User,
)
from telegram.constants import ChatID
from telegram.error import TelegramError

from bot.errors import (
    DeliveryError,
    RecipientGoneError,
)
from bot.message import Message as Reply
from bot.message import line
from bot.model import Address, PlaceKind, Platform
from bot.ports import Arrival, Call, Desk, PressReply, Spot
from handlers.telegram import documents
from handlers.telegram.errors import classify
from handlers.telegram.menu import MENU
from handlers.telegram.notes import with_note
from handlers.telegram.places import (
    KINDS,
    OUTSIDE,
    Places,
    is_anonymous,
    may_write,
    message_place,
    name_of,
    place_of,
    topic_title,
)
from handlers.telegram.render import units
from handlers.telegram.replies import Replies
from handlers.telegram.sender import TelegramSender

logger = logging.getLogger(__name__)

APOLOGY: Final = "That did not work here; nothing was changed. Try again in a minute."
#: core.telegram.org/bots/api#answercallbackquery
TOAST_MAX: Final = 200
_COMMAND: Final = re.compile(r"/(\w+)(?:@(\w+))?(?=\s|$)")
#: core.telegram.org/bots/features#deep-linking
_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_PAYLOAD: Final = re.compile(r"[^A-Za-z0-9_-]+")


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
        self._places = Places(bot, sender)
        self._replies = Replies(desk, sender)

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
            await self._answer_text(message, text)

    async def _answer_text(self, message: Message, text: str) -> None:
        call = self._call(message, text)
        if message.document is not None:
            file = await documents.read(self._bot, message)
            call = replace(call, attachment=file)
        reply = await self._desk.say(call)
        if reply is None:
            return
        typed = str(message.message_id)
        if call.kind is not PlaceKind.PRIVATE:
            reply = reply.evolve(reply_to=typed)
        refs = await self._replies.tell(call.place, reply)
        if reply.fades is not None and refs:
            await self._desk.on_fading(call.place, [*refs, typed], reply.fades)

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
        await self._change(call, reply, query.message)
        if reply.message is not None and call.kind is PlaceKind.PRIVATE:
            await self._replies.tell(call.place, reply.message)

    async def on_membership(self, update: Update, _context: object) -> None:
        """Follow where the bot is, and whether it may write there."""
        change = update.my_chat_member
        if change is None:
            return
        place = place_of(change.chat)
        kind = KINDS[change.chat.type]
        before, after = change.old_chat_member, change.new_chat_member
        if after.status in OUTSIDE:
            await self._desk.on_gone(place, self._reason(change, kind))
            return
        can_write = may_write(after, kind)
        if not can_write:
            await self._desk.on_gone(place, "no_rights")
        elif not may_write(before, kind):
            await self._desk.on_back(place, kind)
        if before.status in OUTSIDE and kind is not PlaceKind.PRIVATE:
            arrival = Arrival(
                place=place,
                kind=kind,
                by=f"telegram:{change.from_user.id}",
                title=change.chat.title or "",
                can_post=can_write,
            )
            welcome = await self._desk.on_added(arrival)
            if welcome.post is not None and can_write:
                await self._replies.tell(place, welcome.post)
            if welcome.guide is not None and welcome.guide_to is not None:
                await self._replies.tell(welcome.guide_to, welcome.guide)

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
            await self._replies.tell(message_place(message), Reply(title=line(APOLOGY)))

    def _reason(self, change: ChatMemberUpdated, kind: PlaceKind) -> str:
        if kind is PlaceKind.PRIVATE:
            return "blocked"
        # A basic group says "left" of a bot that was thrown out, too.
        return "not_member" if change.from_user.id == self._bot.id else "kicked"

    # ---- what was typed or pressed

    def _text(self, message: Message) -> str:
        """Return what was said to this bot, or an empty string."""
        text = (message.text or message.caption or "").strip()
        if not text and message.document is not None:
            # a file alone is one that somebody brings
            text = "/import"
        is_private = message.chat.type == Chat.PRIVATE
        if is_private and message.chat_shared is not None:
            # chosen from the list that the client offered
            return f"/broadcast {message.chat_shared.chat_id}"
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
        kind = KINDS[message.chat.type]
        speaks_for_place = kind is PlaceKind.CHANNEL or is_anonymous(message)
        user_id = message.sender_chat.id if message.sender_chat else None
        if user_id is None and message.from_user is not None:
            user_id = message.from_user.id
        author = message.from_user
        return Call(
            place=message_place(message),
            kind=kind,
            user="" if speaks_for_place else f"telegram:{user_id}",
            text=text,
            language=(author.language_code or "") if author else "",
            is_admin=(
                _yes
                if speaks_for_place or kind is PlaceKind.PRIVATE
                else self._places.admin_check(message.chat.id, user_id)
            ),
            private_link=self._private_link,
            user_name="" if speaks_for_place else name_of(author),
            title=message.chat.title or "",
            topic_title=topic_title(message),
            find_spot=self._finder(kind, author),
        )

    def _finder(
        self, kind: PlaceKind, user: User | None
    ) -> Callable[[str], Awaitable[Spot | None]] | None:
        """Return what finds other places: only from one's own private chat."""
        if kind is not PlaceKind.PRIVATE or user is None:
            return None
        return self._places.finder(user.id)

    def _press_call(self, query: CallbackQuery) -> Call:
        pressed = query.message
        if pressed is None:
            raise ValueError("a press without its message")
        kind = KINDS[pressed.chat.type]
        is_anonymous = query.from_user.id == ChatID.ANONYMOUS_ADMIN
        # of a message that is too old Telegram tells only chat and id
        place = (
            message_place(pressed)
            if isinstance(pressed, Message)
            else place_of(pressed.chat)
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
                else self._places.admin_check(pressed.chat.id, query.from_user.id)
            ),
            private_link=self._private_link,
            message_ref=str(pressed.message_id),
            user_name=name_of(query.from_user),
            title=pressed.chat.title or "",
            topic_title=topic_title(pressed) if isinstance(pressed, Message) else "",
            post=self._places.poster(place),
            find_spot=self._finder(kind, query.from_user),
        )

    def _private_link(self, payload: str) -> str:
        """Return a link into the private chat; empty for a payload it can't carry."""
        if not _PAYLOAD.fullmatch(payload):
            return ""
        return f"https://t.me/{self._bot.username}?start={payload}"

    # ---- what follows a press

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

    async def _change(
        self, call: Call, reply: PressReply, pressed: MaybeInaccessibleMessage
    ) -> None:
        """Edit the message the button is on."""
        try:
            if reply.edited is not None:
                first, *rest = self._sender.render(reply.edited)
                await self._sender.edit(call.place, call.message_ref, first)
                for part in rest:
                    await self._replies.tell_part(call.place, part)
            elif reply.note is not None and await self._write_note(
                call, reply, pressed
            ):
                return
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

    async def _write_note(
        self, call: Call, reply: PressReply, pressed: MaybeInaccessibleMessage
    ) -> bool:
        """Put the note and the buttons below the message; False if that can't be.

        Of a message that is too old Telegram tells no words.
        """
        if not isinstance(pressed, Message) or reply.note is None:
            return False
        if not (pressed.text or pressed.caption):
            return False
        noted = with_note(
            pressed,
            reply.note,
            knows_time_entities=self._sender.knows_time_entities,
        )
        if noted is None:
            return False
        text, entities = noted
        markup = pressed.reply_markup
        if reply.buttons is not None:
            markup = self._sender.keyboard(reply.buttons)
        if pressed.text:
            edit = self._sender.edit_entities
        else:
            edit = self._sender.edit_caption_entities
        await edit(call.place, call.message_ref, text, entities, markup)
        return True

    async def _moved(self, old: int, new: int) -> None:
        await self._desk.on_moved(
            Address(Platform.TELEGRAM, str(old)), Address(Platform.TELEGRAM, str(new))
        )


async def _yes() -> bool:
    return True
