"""Telegram's chats and members as places of ours: which, of what kind, whose admin."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from telegram import (
    Bot,
    Chat,
    ChatFullInfo,
    ChatMember,
    ChatMemberAdministrator,
    ChatMemberRestricted,
    Message,
    User,
)
from telegram.constants import ChatID
from telegram.error import BadRequest, Forbidden

from bot.errors import RecipientMovedError
from bot.message import Message as Reply
from bot.model import Address, PlaceKind, Platform
from bot.ports import Spot
from handlers.telegram.sender import TelegramSender

KINDS: Final = {
    Chat.PRIVATE: PlaceKind.PRIVATE,
    Chat.GROUP: PlaceKind.GROUP,
    Chat.SUPERGROUP: PlaceKind.GROUP,
    Chat.CHANNEL: PlaceKind.CHANNEL,
}
_ADMINS: Final = {ChatMember.OWNER, ChatMember.ADMINISTRATOR}
OUTSIDE: Final = {ChatMember.LEFT, ChatMember.BANNED}


class Places:
    """Asks Telegram about chats and members, each time anew."""

    def __init__(self, bot: Bot, sender: TelegramSender) -> None:
        self._bot = bot
        self._sender = sender

    def admin_check(
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
            except Forbidden:
                return False  # the bot is out of it and can't know
            return member.status in _ADMINS

        return is_admin

    def finder(self, user_id: int) -> Callable[[str], Awaitable[Spot | None]]:
        """Return what finds a group or channel for this user, by name or id."""

        async def find(name: str) -> Spot | None:
            chat_id, _, topic = name.partition("/")
            wanted = chat_id if chat_id.startswith("@") else int(chat_id)
            try:
                chat = await self._bot.get_chat(wanted)
            except (BadRequest, Forbidden):
                return None
            kind = KINDS[chat.type]
            if kind is PlaceKind.PRIVATE:
                return None
            place = Address(Platform.TELEGRAM, str(chat.id), topic)
            return Spot(
                place=place,
                kind=kind,
                title=chat.title or "",
                is_admin=self.admin_check(chat.id, user_id),
                can_post=await self._can_post(chat, kind),
                post=self.poster(place),
            )

        return find

    async def _can_post(self, chat: ChatFullInfo, kind: PlaceKind) -> bool:
        try:
            member = await self._bot.get_chat_member(chat.id, self._bot.id)
        except (BadRequest, Forbidden):
            return False  # only members of a channel may ask about it
        if not may_write(member, kind):
            return False
        rights = chat.permissions
        is_plain_member = member.status == ChatMember.MEMBER
        return not (is_plain_member and rights and rights.can_send_messages is False)

    def poster(self, place: Address) -> Callable[[Reply], Awaitable[None]]:
        """Return what sends a message to a place; it raises `DeliveryError`."""

        async def post(message: Reply) -> None:
            target = place
            for part in self._sender.render(message):
                try:
                    await self._sender.reply(target, part, nonce="")
                except RecipientMovedError as error:
                    target = replace(target, chat=error.new_chat)
                    await self._sender.reply(target, part, nonce="")

        return post


def place_of(chat: Chat) -> Address:
    """Return a chat as an address."""
    return Address(Platform.TELEGRAM, str(chat.id))


def message_place(message: Message) -> Address:
    """Return the chat, or the topic of a forum.

    A reply in any supergroup has a thread id too; only a topic is a place of its own.
    """
    is_topic = message.is_topic_message and message.chat.type == Chat.SUPERGROUP
    topic = str(message.message_thread_id) if is_topic else ""
    return Address(Platform.TELEGRAM, str(message.chat.id), topic)


def topic_title(message: Message) -> str:
    """Return the name of the topic, which comes with what is said there at first hand.

    Such a message counts as a reply to the one that opened the topic.
    """
    opening = message.reply_to_message
    created = None if opening is None else opening.forum_topic_created
    return "" if created is None else created.name


def name_of(user: User | None) -> str:
    """Return how people know a user; empty for one that stands for a chat."""
    if user is None or user.is_bot:
        return ""
    return f"@{user.username}" if user.username else user.first_name


def is_anonymous(message: Message) -> bool:
    """Whether an admin speaks as the group itself."""
    author, chat = message.from_user, message.sender_chat
    is_hidden = author is not None and author.id == ChatID.ANONYMOUS_ADMIN
    return is_hidden or (chat is not None and chat.id == message.chat.id)


def may_write(member: ChatMember, kind: PlaceKind) -> bool:
    """Whether somebody with this standing may write there."""
    if member.status in OUTSIDE:
        return False
    if isinstance(member, ChatMemberRestricted):
        return member.is_member and member.can_send_messages
    if kind is PlaceKind.CHANNEL:
        return isinstance(member, ChatMemberAdministrator) and bool(
            member.can_post_messages
        )
    return True
