"""A message in the fake Discord: how it is kept, shown, and whom it pings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from fake_discord_rules import FLAG_EPHEMERAL

# resources/message, "Message Flags"
FLAG_CROSSPOSTED = 1 << 0
FLAG_LOADING = 1 << 7
FLAG_SILENT = 1 << 12

MENTIONS = {"users": r"<@!?(\d+)>", "roles": r"<@&(\d+)>"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message as it looks at this moment.

    Attributes:
        embeds: as the bot sent them; `components` too (rows of buttons).
        pings: who was notified by a mention: `everyone`, `here`, `user:ID`, `role:ID`.
        files: names of the attached files.
        first: the message as it was sent, once it was edited.
    """

    message_id: str
    channel_id: str
    content: str
    embeds: list[dict[str, Any]]
    components: list[dict[str, Any]]
    flags: int
    nonce: str | None
    reply_to: str | None
    pings: list[str]
    files: list[str]
    is_edited: bool
    first: "Seen | None" = None

    @property
    def is_ephemeral(self) -> bool:
        return bool(self.flags & FLAG_EPHEMERAL)

    @property
    def is_silent(self) -> bool:
        return bool(self.flags & FLAG_SILENT)

    @property
    def is_crossposted(self) -> bool:
        return bool(self.flags & FLAG_CROSSPOSTED)

    @property
    def buttons(self) -> list[str]:
        """The labels of all buttons, in reading order."""
        return [b.get("label") or "" for row in self.components for b in _in(row)]


def _in(row: dict[str, Any]) -> list[dict[str, Any]]:
    return list(row.get("components", ()))


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message as Discord keeps it; `version` grows with every edit."""

    id: str
    channel: Any
    author: Any
    created_at: datetime
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    flags: int = 0
    nonce: str | int | None = None
    reply_to: str | None = None
    pings: list[str] = field(default_factory=list)
    edited_at: datetime | None = None
    interaction: Any = None
    is_deleted: bool = False
    first: Seen | None = None
    version: int = 0

    @property
    def is_ephemeral(self) -> bool:
        return bool(self.flags & FLAG_EPHEMERAL)

    def seen(self) -> Seen:
        return Seen(
            message_id=self.id,
            channel_id=self.channel.id,
            content=self.content,
            embeds=self.embeds,
            components=self.components,
            flags=self.flags,
            nonce=None if self.nonce is None else str(self.nonce),
            reply_to=self.reply_to,
            pings=self.pings,
            files=self.files,
            is_edited=self.edited_at is not None,
            first=self.first,
        )

    def fill(self, body: dict[str, Any], files: list[str]) -> None:
        """Set what the body names; the rest stays."""
        if "content" in body:
            self.content = body["content"] or ""
        if "embeds" in body:
            self.embeds = [{"type": "rich", **e} for e in body["embeds"] or []]
        if "components" in body:
            self.components = body["components"] or []
        if "attachments" in body or files:
            self.files = files
        kept = FLAG_EPHEMERAL | FLAG_CROSSPOSTED | FLAG_SILENT
        self.flags = (self.flags & kept) | (body.get("flags") or 0)

    def edit(self, body: dict[str, Any], files: list[str]) -> None:
        world = self.channel.world
        was_loading = self.flags & FLAG_LOADING
        if not was_loading and self.first is None:
            self.first = self.seen()
        self.fill(body, files)
        if not was_loading:
            self.edited_at = world.now()
        self.version += 1
        world.touch()

    def delete(self) -> None:
        self.is_deleted = True
        self.channel.world.touch()


def reply_to(body: Mapping[str, Any]) -> str | None:
    reference = body.get("message_reference")
    return str(reference["message_id"]) if reference else None


def pings(world: Any, body: Mapping[str, Any], *, is_answer: bool) -> list[str]:
    """Return whom the mentions in a message notify (resources/message).

    Without `allowed_mentions` everything pings, in answers to interactions only
    users. Text in code blocks counts too: better one ping too many seen here.
    """
    everything = {"users"} if is_answer else {"users", "roles", "everyone"}
    allowed = body.get("allowed_mentions")
    parse = everything if allowed is None else set(allowed.get("parse") or ())
    listed = {k: {str(i) for i in (allowed or {}).get(k) or ()} for k in MENTIONS}
    text = body.get("content") or ""
    found = [
        kind
        for kind in ("everyone", "here")
        if f"@{kind}" in text and "everyone" in parse
    ]
    found += [
        f"{kind[:-1]}:{who}"
        for kind, pattern in MENTIONS.items()
        for who in re.findall(pattern, text)
        if kind in parse or who in listed[kind]
    ]
    answered = world.messages.get(reply_to(body) or "")
    is_told = allowed is None or bool(allowed.get("replied_user"))
    if answered is not None and is_told and answered.author is not world.bot:
        found.append(f"user:{answered.author.id}")
    return list(dict.fromkeys(found))


def message_payload(message: Message, *, is_quoted: bool = False) -> dict[str, Any]:
    """Return a message as the API gives it; what it answers comes one level deep."""
    answered = message.channel.world.messages.get(message.reply_to or "")
    numbered = count(1)
    rows = [
        row
        | {"id": next(numbered)}
        | {"components": [b | {"id": next(numbered)} for b in _in(row)]}
        for row in message.components
    ]
    kind = 19 if message.reply_to else 20 if message.interaction else 0
    payload: dict[str, Any] = {
        "id": message.id,
        "type": kind,
        "channel_id": message.channel.id,
        "author": message.author.payload,
        "content": message.content,
        "embeds": message.embeds,
        "components": rows,
        "attachments": [_file_payload(message, name) for name in message.files],
        "mentions": [],
        "mention_roles": [],
        "mention_everyone": "everyone" in message.pings,
        "pinned": False,
        "tts": False,
        "timestamp": message.created_at.isoformat(),
        "edited_timestamp": message.edited_at and message.edited_at.isoformat(),
        "flags": message.flags,
    }
    if message.nonce is not None:
        payload["nonce"] = message.nonce
    if message.channel.server is not None:
        payload["guild_id"] = message.channel.server.id
    if message.reply_to is not None:
        payload["message_reference"] = {
            "type": 0,
            "channel_id": message.channel.id,
            "message_id": message.reply_to,
        }
        if not is_quoted:
            is_there = answered is not None and not answered.is_deleted
            payload["referenced_message"] = (
                message_payload(answered, is_quoted=True) if is_there else None
            )
    return payload


def _file_payload(message: Message, name: str) -> dict[str, Any]:
    url = f"http://127.0.0.1/attachments/{message.channel.id}/{message.id}/{name}"
    return {"id": message.id, "filename": name, "size": 0, "url": url, "proxy_url": url}
