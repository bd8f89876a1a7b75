"""Keys to our own engine's API: what is kept of them, and the port that keeps it.

A key is shown once, when it is made; kept is only its hash. It is 256 bits of chance,
so a plain hash is as good as a slow one: there is nothing to guess.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from bot.model import as_utc

_PREFIX = "fw-"
_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of a key: everything but the key.

    Attributes:
        name: the operator's word for who has it; unique, also among revoked ones.
        digest: its hash, see `digest_of`.
        per_minute: requests a minute; None takes the default.
    """

    name: str
    digest: str
    per_minute: int | None = None
    created_at: datetime
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "created_at", as_utc(self.created_at))
        if self.revoked_at is not None:
            object.__setattr__(self, "revoked_at", as_utc(self.revoked_at))


class ApiKeyStore(Protocol):
    """What is remembered of keys; raises only `StoreError`."""

    async def add_api_key(self, key: ApiKey) -> bool:
        """Write a key; False if one has this name already."""
        ...

    async def list_api_keys(self) -> Sequence[ApiKey]:
        """List all keys, also revoked ones, oldest first."""
        ...

    async def revoke_api_key(self, name: str, now: datetime) -> bool:
        """Revoke a key; False if none that is in force has this name."""
        ...


def new_key() -> str:
    """Make a key from chance."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(key: str) -> str:
    """Return the hash that is kept of a key."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
