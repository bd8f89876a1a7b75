"""The users' side of the fake Telegram: people, groups and channels with verbs."""

import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fake_telegram_html import utf16
from fake_telegram_world import (
    ANONYMOUS_ADMIN,
    Chat,
    Post,
    Seen,
    World,
    typed_entities,
)

#: core.telegram.org/bots/features#deep-linking
_START_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{0,64}")
NO_RIGHTS = "not enough rights to send text messages to the chat"


def member_json(
    user: dict[str, Any], status: str, *, is_channel: bool = False
) -> dict[str, Any]:
    """Return the Bot API's ChatMember with everything it must have."""
    member: dict[str, Any] = {"status": status, "user": user}
    match status:
        case "creator":
            member["is_anonymous"] = False
        case "kicked":
            member["until_date"] = 0
        case "administrator":
            rights = (
                "can_manage_chat can_delete_messages can_manage_video_chats "
                "can_restrict_members can_promote_members can_change_info "
                "can_invite_users can_post_stories can_edit_stories can_delete_stories "
            ) + ("can_post_messages can_edit_messages" if is_channel else "")
            member |= {"can_be_edited": False, "is_anonymous": False}
            member |= dict.fromkeys(rights.split(), True)
    return member


class User(Chat):
    """Somebody, and at the same time the private chat of that person with the bot."""

    def __init__(self, world: World, name: str, language: str) -> None:
        super().__init__(world, 5_000_000 + world.new_number(), name)
        self.language = language
        self.has_started = False
        self.has_blocked = False
        self.is_deactivated = False

    def as_user(self) -> dict[str, Any]:
        user = {"id": self.id, "is_bot": False, "first_name": self.title}
        if self.username:
            user["username"] = self.username
        return user | ({"language_code": self.language} if self.language else {})

    def says(
        self,
        text: str,
        *,
        in_: "Group | None" = None,
        topic: int | None = None,
        reply_to: "int | Seen | None" = None,
    ) -> int:
        """Write to the bot, or in a group; return the message's id.

        `/start` after a block unblocks first, as the app's button does.
        """
        if in_ is not None:
            assert self in in_.members, f"{self} is not in {in_}"
            return in_.hears(self.as_user(), text, topic=topic, reply_to=reply_to)
        if self.has_blocked:
            assert text.startswith("/start"), f"{self} has blocked the bot"
            self.unblocks()
        self.has_started = True
        post = _typed(self, self.as_user(), text, reply_to=reply_to)
        self.world.push("message", post.as_json())
        return post.message_id

    def sends_file(self, name: str, content: bytes, caption: str = "") -> int:
        """Send a file to the bot, with or without words; return the message's id."""
        self.has_started = True
        post = self.add(
            sender=self.as_user(),
            text=caption,
            entities=typed_entities(caption),
            file=(name, content),
        )
        self.world.push("message", post.as_json())
        return post.message_id

    def edits(self, message_id: int, text: str, *, in_: "Group | None" = None) -> None:
        """Change an own message afterwards."""
        post = (in_ or self).find(message_id)
        post.text, post.entities, post.edited = text, typed_entities(text), True
        self.world.push("edited_message", post.as_json())

    def presses(
        self, message: Seen | int, label: str, *, in_: "Chat | None" = None
    ) -> str:
        """Press the button whose label contains `label`; return the callback's id."""
        return self._presses(message, label, in_)

    def presses_old(
        self, message: Seen | int, label: str, *, in_: "Chat | None" = None
    ) -> str:
        """Press a button of a message so old that the bot is told only where it is.

        core.telegram.org/bots/api#inaccessiblemessage
        """
        return self._presses(message, label, in_, is_accessible=False)

    def _presses(
        self,
        message: Seen | int,
        label: str,
        in_: "Chat | None",
        *,
        is_accessible: bool = True,
    ) -> str:
        if isinstance(message, Seen):
            chat = self.world.chats[message.chat_id]
            post = chat.find(message.message_id)
        else:
            chat = in_ or self
            post = chat.find(message)
        buttons = [b for row in post.seen().buttons for b in row]
        for button in buttons:
            if label in button.label and not button.url:
                break
        else:
            labels = [b.label for b in buttons]
            raise AssertionError(f"no button with “{label}”, there are {labels}")
        callback = self.world.new_callback()
        self.world.push(
            "callback_query",
            {
                "id": callback.id,
                "from": self.as_user(),
                "message": post.as_json() if is_accessible else _far(post),
                "chat_instance": str(chat.id),
                "data": button.callback_data,
            },
        )
        return callback.id

    async def toast(self, callback_id: str, timeout: float = 10) -> str:
        """Wait for the answer to a press and return its text."""
        return str((await self._answer(callback_id, timeout)).get("text", ""))

    async def opened(self, callback_id: str, timeout: float = 10) -> str:
        """Wait for the answer to a press and return the link that it opens."""
        return str((await self._answer(callback_id, timeout)).get("url", ""))

    async def _answer(self, callback_id: str, timeout: float) -> dict[str, Any]:
        callback = self.world.callbacks[callback_id]
        if not await self.world.bell.until(
            lambda: callback.answer is not None, timeout
        ):
            raise AssertionError(
                f"the press {callback_id} of {self} was not answered in {timeout} s\n"
                f"{self.world.explain()}"
            )
        return callback.answer or {}

    def shares(self, chat: "Place") -> int:
        """Choose a chat by the keyboard the bot showed last; return the message's id.

        The app lists only what fits the button, and lets the bot in where the button
        says with which rights.
        """
        shown = [p.markup for p in self.kept.values() if p.is_from_bot and p.markup]
        rows = next((m["keyboard"] for m in reversed(shown) if "keyboard" in m), None)
        assert rows is not None, f"{self} sees no keyboard to choose with"
        is_channel = chat.type == "channel"
        wanted = [b["request_chat"] for row in rows for b in row if "request_chat" in b]
        fitting = [w for w in wanted if w["chat_is_channel"] is is_channel]
        assert fitting, f"no button offers a {chat.type}"
        request = fitting[0]
        is_admin = self in chat.admins
        assert is_admin or "user_administrator_rights" not in request, (
            f"{self} is no admin of {chat}, so the app does not list it"
        )
        is_in = chat.bot_status in {"member", "administrator"}
        if not is_in and "bot_administrator_rights" in request:
            chat.adds_bot(by=self)
        elif not is_in:
            assert not request.get("bot_is_member"), f"{chat} is not listed"
        shared = {"request_id": request["request_id"], "chat_id": chat.id}
        post = self.add(sender=self.as_user(), service={"chat_shared": shared})
        self.world.push("message", post.as_json())
        return post.message_id

    def opens_link(self, url: str, *, in_: "Group | None" = None) -> int:
        """Open a link to the bot; `?startgroup=` needs the group that is chosen."""
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True)
        bot = parts.path.strip("/")
        assert parts.netloc in {"t.me", "telegram.me"}, f"{url} is not a t.me link"
        assert bot.lower() == self.world.username.lower(), f"{url}: another bot"
        payload = query.get("start", query.get("startgroup", [""]))[0]
        assert _START_PAYLOAD.fullmatch(payload), f"{url}: the payload is not allowed"
        if "startgroup" in query:
            assert in_ is not None, "say which group is chosen with in_="
            in_.adds_bot(by=self)
            return self.says(f"/start@{bot} {payload}".rstrip(), in_=in_)
        return self.says(f"/start {payload}".rstrip())

    def blocks(self) -> None:
        """Block the bot."""
        self.has_blocked = True
        _tell_member(self, self.as_user(), "member", "kicked")

    def unblocks(self) -> None:
        """Take the block back, without saying anything."""
        self.has_blocked = False
        _tell_member(self, self.as_user(), "kicked", "member")

    def deactivates(self) -> None:
        """Delete the own account: no update tells the bot."""
        self.is_deactivated = True


class Place(Chat):
    """What groups and channels have in common: members, admins, the bot's part."""

    def __init__(
        self, world: World, chat_id: int, title: str, admins: Sequence[User]
    ) -> None:
        super().__init__(world, chat_id, title)
        self.admins = list(admins)
        self.members = list(admins)
        self.bot_status = "left"
        self.is_deleted = False
        self.writing_error = ""

    def adds_bot(self, by: User) -> None:
        """Let the bot in, which tells it by `my_chat_member`."""
        self._bot_becomes("member", by)

    def kicks_bot(self, by: User) -> None:
        """Throw the bot out; a basic group's update says “left”, others “kicked”."""
        self._bot_becomes("left" if self.type == "group" else "kicked", by)
        self.bot_status = "kicked"

    def loses_bot(self) -> None:
        """Play what follows when the bot leaves by itself."""
        old, self.bot_status = self.bot_status, "left"
        _tell_member(self, self.world.bot, old, "left")

    def makes_bot_admin(self, by: User) -> None:
        self._bot_becomes("administrator", by)

    def makes_bot_member(self, by: User) -> None:
        """Take the bot's rights away and leave it in."""
        self._bot_becomes("member", by)

    def promotes(self, user: User) -> None:
        """Make somebody an admin; the bot is not told (`chat_member` is opt-in)."""
        self.members += [user] if user not in self.members else []
        self.admins.append(user)

    def demotes(self, user: User) -> None:
        self.admins.remove(user)

    def deletes(self) -> None:
        """Delete the whole chat."""
        self.is_deleted = True

    def forbids_writing(self, error: str = NO_RIGHTS) -> None:
        """Refuse posts with 400, in these words; `CHAT_WRITE_FORBIDDEN` is another."""
        self.writing_error = error

    def allows_writing(self) -> None:
        self.writing_error = ""

    def status_of(self, user: User) -> str:
        if user in self.admins:
            return "creator" if user is self.admins[0] else "administrator"
        return "member" if user in self.members else "left"

    def _bot_becomes(self, status: str, by: User) -> None:
        old = "left" if self.bot_status == "kicked" else self.bot_status
        self.bot_status = status
        _tell_member(self, by.as_user(), old, status)


class Group(Place):
    """A basic group or a supergroup, with topics if it is a forum."""

    def __init__(
        self,
        world: World,
        title: str,
        admins: Sequence[User],
        *,
        is_supergroup: bool,
        is_forum: bool,
    ) -> None:
        number = world.new_number()
        chat_id = -1_000_000_000_000 - number if is_supergroup else -4_000_000 - number
        super().__init__(world, chat_id, title, admins)
        self.type = "supergroup" if is_supergroup else "group"
        self.is_forum = is_forum
        self.topics: dict[int, str] = {}
        self.closed_topics: set[int] = set()

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | ({"is_forum": True} if self.is_forum else {})

    def adds_bot(self, by: User) -> None:
        """Let the bot in, which tells it by `my_chat_member` and a service message."""
        super().adds_bot(by)
        self._serves(by, {"new_chat_members": [self.world.bot]})

    def topic(self, name: str) -> int:
        """Open a topic and return its id."""
        assert self.is_forum, f"{self} is not a forum"
        post = self._serves(
            self.admins[0],
            {"forum_topic_created": {"name": name, "icon_color": 7322096}},
        )
        self.topics[post.message_id] = name
        return post.message_id

    def deletes_topic(self, topic: int) -> None:
        """Delete a topic with its posts; the bot is not told."""
        del self.topics[topic]
        self.kept = {i: p for i, p in self.kept.items() if p.thread != topic}

    def closes_topic(self, topic: int) -> None:
        """Let only admins write in a topic; the bot is told by a service message."""
        self.closed_topics.add(topic)

    def opens_topic(self, topic: int) -> None:
        self.closed_topics.discard(topic)

    def anonymous_admin_says(self, text: str, *, topic: int | None = None) -> int:
        """Write as an admin whose name is hidden."""
        return self.hears(ANONYMOUS_ADMIN, text, topic=topic, as_chat=True)

    def migrates(self) -> int:
        """Become a supergroup: two service messages, and the old id is refused."""
        assert self.type == "group", f"{self} is a supergroup already"
        old, new = self.id, -1_000_000_000_000 - self.world.new_number()
        by = self.admins[0]
        self._serves(by, {"migrate_to_chat_id": new})
        self.type, self.id = "supergroup", new
        self.world.chats[new] = self.world.chats.pop(old)
        self.world.moved[old] = new
        # message ids begin anew; what was posted before stays behind
        self.kept = {}
        self._serves(by, {"migrate_from_chat_id": old}, as_chat=True)
        return new

    def hears(
        self,
        sender: dict[str, Any],
        text: str,
        *,
        topic: int | None = None,
        reply_to: "int | Seen | None" = None,
        as_chat: bool = False,
    ) -> int:
        """Keep what somebody typed; the bot gets it if privacy mode lets it."""
        if topic is not None:
            assert topic in self.topics, f"{self} has no topic {topic}"
        chat = self.as_json() if as_chat else None
        post = _typed(
            self, sender, text, reply_to=reply_to, thread=topic, sender_chat=chat
        )
        if self._reaches_bot(post):
            self.world.push("message", post.as_json())
        return post.message_id

    def _reaches_bot(self, post: Post) -> bool:
        """Apply core.telegram.org/bots/features#privacy-mode."""
        if self.bot_status == "administrator":
            return True
        if self.bot_status != "member":
            return False
        original = self.kept.get(post.reply_to or 0)
        if original and original.is_from_bot:
            return True
        command = re.match(r"/\w+(?:@(\w+))?", post.text)
        if not command:
            return False
        return (
            command[1] or self.world.username
        ).lower() == self.world.username.lower()

    def _serves(
        self, by: User, service: dict[str, Any], *, as_chat: bool = False
    ) -> Post:
        """Post a service message, which always reaches a bot that is in."""
        sender = ANONYMOUS_ADMIN if as_chat else by.as_user()
        chat = self.as_json() if as_chat else None
        post = self.add(sender=sender, sender_chat=chat, service=service)
        if "forum_topic_created" in service:
            post.thread = post.message_id
        if self.bot_status in {"member", "administrator"}:
            self.world.push("message", post.as_json())
        return post


class Channel(Place):
    """A channel: posts have no author."""

    type = "channel"

    def __init__(self, world: World, title: str, admins: Sequence[User]) -> None:
        super().__init__(world, -1_000_000_000_000 - world.new_number(), title, admins)

    def adds_bot(self, by: User) -> None:
        """Let the bot in; a bot can only be an admin of a channel."""
        self._bot_becomes("administrator", by)

    def posts(self, text: str) -> int:
        """Write in the channel: a `channel_post` without an author."""
        post = _typed(self, None, text, sender_chat=self.as_json())
        if self.bot_status == "administrator":
            self.world.push("channel_post", post.as_json())
        return post.message_id


def _far(post: Post) -> dict[str, Any]:
    """Return all that a bot is told of a message it can't read any more."""
    return {"chat": post.chat.as_json(), "message_id": post.message_id, "date": 0}


def _typed(
    chat: Chat,
    sender: dict[str, Any] | None,
    text: str,
    *,
    reply_to: "int | Seen | None" = None,
    thread: int | None = None,
    sender_chat: dict[str, Any] | None = None,
) -> Post:
    assert 1 <= utf16(text) <= 4096, "an app does not send this"
    return chat.add(
        sender=sender,
        sender_chat=sender_chat,
        text=text,
        entities=typed_entities(text),
        reply_to=reply_to.message_id if isinstance(reply_to, Seen) else reply_to,
        thread=thread,
    )


def _tell_member(chat: Chat, by: dict[str, Any], old: str, new: str) -> None:
    is_channel = chat.type == "channel"
    bot = chat.world.bot
    chat.world.push(
        "my_chat_member",
        {
            "chat": chat.as_json(),
            "from": by,
            "date": int(time.time()),
            "old_chat_member": member_json(bot, old, is_channel=is_channel),
            "new_chat_member": member_json(bot, new, is_channel=is_channel),
        },
    )
