"""What there is in the fake Telegram: posts, chats, updates waiting for the bot.

Nothing here knows HTTP or the Bot API's methods; ids, shapes and service messages are
those of https://core.telegram.org/bots/api.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fake_telegram_html import utf16

#: Updates that only come when `allowed_updates` names them.
NOT_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}
#: core.telegram.org/bots/api#message, `sender_chat`: who writes for hidden admins.
ANONYMOUS_ADMIN = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
#: In this order the server finds them in what people type.
_TYPED_ENTITIES = (
    ("bot_command", re.compile(r"(?<![\w/@])/\w{1,64}(?:@\w+)?", re.ASCII)),
    ("mention", re.compile(r"(?<![\w/])@\w{4,32}", re.ASCII)),
    ("hashtag", re.compile(r"(?<!\w)#\w*[^\W\d]\w*")),
    ("cashtag", re.compile(r"(?<!\w)\$[A-Z]{1,8}\b")),
)


@dataclass(frozen=True, slots=True)
class Button:
    """A button as its reader sees it."""

    label: str
    callback_data: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message of the bot as its reader sees it.

    Attributes:
        text: without markup, entities decoded; a photo's caption.
        html: as the bot sent it.
        first: the message as it was sent, once its text was edited.
        sent_at: on the clock of the fake, `time.monotonic` unless another was given.
    """

    message_id: int
    chat_id: int
    text: str
    html: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    is_silent: bool = False
    reply_to: int | None = None
    thread: int | None = None
    edited: bool = False
    has_photo: bool = False
    #: the name and the text of a file that came with it
    file: tuple[str, str] | None = None
    photo: bytes = b""
    first: "Seen | None" = None
    sent_at: float = 0.0


@dataclass(slots=True, kw_only=True)
class Post:
    """A message as the server keeps it."""

    message_id: int
    chat: "Chat"
    sender: dict[str, Any] | None
    sender_chat: dict[str, Any] | None = None
    text: str = ""
    html: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)
    markup: dict[str, Any] | None = None
    is_from_bot: bool = False
    is_silent: bool = False
    reply_to: int | None = None
    thread: int | None = None
    service: dict[str, Any] = field(default_factory=dict)
    has_photo: bool = False
    #: name and content
    file: tuple[str, bytes] | None = None
    photo: bytes = b""
    edited: bool = False
    #: as it was sent, once its text was edited
    first: Seen | None = None
    sent_at: float = 0.0
    date: int = field(default_factory=lambda: int(time.time()))

    def seen(self) -> Seen:
        rows = (self.markup or {}).get("inline_keyboard", [])
        return Seen(
            message_id=self.message_id,
            chat_id=self.chat.id,
            text=self.text,
            html=self.html,
            buttons=tuple(
                tuple(
                    Button(b["text"], b.get("callback_data", ""), b.get("url", ""))
                    for b in row
                )
                for row in rows
            ),
            is_silent=self.is_silent,
            reply_to=self.reply_to,
            thread=self.thread,
            edited=self.edited,
            has_photo=self.has_photo,
            file=(self.file[0], self.file[1].decode()) if self.file else None,
            photo=self.photo,
            sent_at=self.sent_at,
            first=self.first,
        )

    def as_json(self, *, with_reply: bool = True) -> dict[str, Any]:
        """Return it as the Bot API's Message."""
        message: dict[str, Any] = {
            "message_id": self.message_id,
            "chat": self.chat.as_json(),
            "date": self.date,
        }
        if self.sender:
            message["from"] = self.sender
        if self.sender_chat:
            message["sender_chat"] = self.sender_chat
        if self.thread is not None:
            message |= {"message_thread_id": self.thread, "is_topic_message": True}
        has_media = self.has_photo or self.file is not None
        prefix = "caption" if has_media else "text"
        if self.text:
            message[prefix] = self.text
        if self.entities:
            message["caption_entities" if has_media else "entities"] = self.entities
        if self.has_photo:
            name = f"photo-{self.chat.id}-{self.message_id}"
            size = {"file_id": name, "file_unique_id": name, "width": 800}
            message["photo"] = [size | {"height": 450}]
        if self.file is not None:
            name, content = self.file
            message["document"] = {
                "file_id": f"file-{self.chat.id}-{self.message_id}",
                "file_unique_id": f"f{self.message_id}",
                "file_name": name,
                "file_size": len(content),
            }
            size = {"file_id": name, "file_unique_id": name, "width": 1080}
            message["photo"] = [size | {"height": 1080}]
        if self.markup and "inline_keyboard" in self.markup:
            message["reply_markup"] = self.markup
        if self.edited:
            message["edit_date"] = self.date
        # what is said in a topic at first hand counts as a reply to its opening
        original = self.chat.kept.get(self.reply_to or self.thread or 0)
        if original is self:
            original = None
        if with_reply and original:
            message["reply_to_message"] = original.as_json(with_reply=False)
        return message | self.service


def typed_entities(text: str) -> list[dict[str, Any]]:
    """Find the entities that the server finds in what somebody typed."""
    found: list[dict[str, Any]] = []
    for kind, pattern in _TYPED_ENTITIES:
        for match in pattern.finditer(text):
            begin = utf16(text[: match.start()])
            entity = {"type": kind, "offset": begin, "length": utf16(match[0])}
            if not any(e["offset"] <= begin < e["offset"] + e["length"] for e in found):
                found.append(entity)
    return sorted(found, key=lambda e: e["offset"])


class Bell:
    """Wakes whoever waits for the world to change."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, is_true: Callable[[], object], timeout: float) -> bool:
        """Wait until it is true; return False if it is not in time."""
        try:
            async with asyncio.timeout(timeout):
                while not is_true():
                    await self._event.wait()
        except TimeoutError:
            return bool(is_true())
        return True


@dataclass(slots=True, kw_only=True)
class Callback:
    """A pressed button and, once the bot gave it, the answer."""

    id: str
    pressed_at: float
    answer: dict[str, Any] | None = None


class World:
    """Everything that outlives a connection."""

    def __init__(
        self, *, token: str, username: str, clock: Callable[[], float]
    ) -> None:
        self.clock = clock
        self.bell = Bell()
        self.bot = {
            "id": int(token.split(":", maxsplit=1)[0]),
            "is_bot": True,
            "first_name": "Flipwatch",
            "username": username,
        }
        self.chats: dict[int, Chat] = {}
        self.moved: dict[int, int] = {}
        self.updates: list[dict[str, Any]] = []
        self.allowed_updates: list[str] = []
        self.callbacks: dict[str, Callback] = {}
        #: posts of the bot in the order they arrived anywhere
        self.arrived: list[Post] = []
        #: arrivals and edits, for `quiet`
        self.changes = 0
        #: what a failed wait tells beside what was seen
        self.explain: Callable[[], str] = lambda: ""
        self._last_update = 100_000
        self._last_callback = 5_000
        self._last_message = 0
        self._last_chat = 0

    @property
    def username(self) -> str:
        return str(self.bot["username"])

    def new_number(self) -> int:
        """Count chats, for ids that differ."""
        self._last_chat += 1
        return self._last_chat

    def file(self, file_id: str) -> bytes | None:
        """Return the content of a file that somebody sent."""
        for chat in self.chats.values():
            for post in chat.kept.values():
                if post.file and file_id == f"file-{chat.id}-{post.message_id}":
                    return post.file[1]
        return None

    def next_message_id(self) -> int:
        """Private chats and basic groups share one sequence of message ids."""
        self._last_message += 1
        return self._last_message

    def push(self, kind: str, content: dict[str, Any]) -> None:
        """Queue an update, unless the bot does not want its kind."""
        wanted = self.allowed_updates
        if kind in wanted if wanted else kind not in NOT_BY_DEFAULT:
            self._last_update += 1
            self.updates.append({"update_id": self._last_update, kind: content})
            self.bell.ring()

    def new_callback(self) -> Callback:
        self._last_callback += 1
        callback = Callback(id=str(self._last_callback), pressed_at=self.clock())
        self.callbacks[callback.id] = callback
        return callback

    def changed(self) -> None:
        self.changes += 1
        self.bell.ring()


class Chat:
    """A place with posts; people, groups and channels are made of it."""

    type = "private"

    def __init__(self, world: World, chat_id: int, title: str) -> None:
        self.world = world
        self.id = chat_id
        self.title = title
        self.username = ""
        #: everything posted here by message id, service messages too
        self.kept: dict[int, Post] = {}
        self._arrived: list[Post] = []
        self._read = 0
        self._last_message = 0
        world.chats[chat_id] = self

    def __repr__(self) -> str:
        return f"{self.title} ({self.type} {self.id})"

    def as_json(self) -> dict[str, Any]:
        name = "first_name" if self.type == "private" else "title"
        chat = {"id": self.id, "type": self.type, name: self.title}
        return chat | ({"username": self.username} if self.username else {})

    @property
    def messages(self) -> tuple[Seen, ...]:
        """What the bot has posted here and not deleted, as it looks now."""
        return tuple(p.seen() for p in self.kept.values() if p.is_from_bot)

    def add(self, **fields: Any) -> Post:
        """Keep a new post under the chat's next message id."""
        if self.type in {"supergroup", "channel"}:
            self._last_message += 1
            number = self._last_message
        else:
            number = self.world.next_message_id()
        post = Post(message_id=number, chat=self, sent_at=self.world.clock(), **fields)
        self.kept[number] = post
        return post

    def deliver(self, **fields: Any) -> Post:
        """Keep a new post of the bot and wake those who wait for it."""
        sender = None if self.type == "channel" else self.world.bot
        chat = self.as_json() if self.type == "channel" else None
        post = self.add(sender=sender, sender_chat=chat, is_from_bot=True, **fields)
        self._arrived.append(post)
        self.world.arrived.append(post)
        self.world.changed()
        return post

    async def receives(self, n: int = 1, timeout: float = 10) -> tuple[Seen, ...]:
        """Wait for the next `n` messages of the bot and return them as they look now.

        Raises `AssertionError` with what was seen if they do not come in time.
        """
        if not await self.world.bell.until(
            lambda: len(self._arrived) >= self._read + n, timeout
        ):
            new = [p.seen() for p in self._arrived[self._read :]]
            seen = "\n".join(f"  {m}" for m in self.messages) or "  nothing"
            raise AssertionError(
                f"{self} received {len(new)} of {n} messages in {timeout} s.\n"
                f"Seen so far:\n{seen}\n{self.world.explain()}"
            )
        posts = self._arrived[self._read : self._read + n]
        self._read += n
        return tuple(p.seen() for p in posts)

    @property
    def unread(self) -> tuple[Seen, ...]:
        """What the bot has posted here that nobody waited for."""
        return tuple(p.seen() for p in self._arrived[self._read :])

    def find(self, message_id: int) -> Post:
        """Return a post that somebody in a test speaks of."""
        if message_id not in self.kept:
            raise AssertionError(f"{self} has no message {message_id}")
        return self.kept[message_id]
