"""Who may use the bot: rules for users and chats, invites. Values and pure rules.

A subject is a user or a chat, written `platform:id`; a topic is its chat.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model import Address

#: no letters and figures that are taken for each other
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH = 12
_CODE = re.compile(rf"[{_ALPHABET}]{{{_CODE_LENGTH}}}")
INVITE_USES_MAX = 10_000
INVITE_AGE_MAX = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What an operator, or an invite, said about one subject."""

    subject: str
    is_allowed: bool
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A code that lets in as many subjects as it has uses, until it expires."""

    code: str
    uses: int
    used: int = 0
    expires_at: datetime
    created_by: str
    created_at: datetime


def subject_of(address: Address) -> str:
    """Return the chat of an address; a topic has the rules of its chat."""
    return f"{address.platform.value}:{address.chat}"


def new_code() -> str:
    """Return a code nobody guesses: 60 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))


def read_code(word: str) -> str:
    """Return the invite code in a word such as `invite_K7QF...`, or an empty string."""
    code = word.strip().upper().removeprefix("INVITE_")
    return code if _CODE.fullmatch(code) else ""


def is_blocked(rules: Mapping[str, bool]) -> bool:
    """Whether any of the subjects that ask is blocked."""
    return not all(rules.values())


def is_let_in(rules: Mapping[str, bool]) -> bool:
    """Whether one of the subjects that ask was let in, and none blocked."""
    return bool(rules) and all(rules.values())
