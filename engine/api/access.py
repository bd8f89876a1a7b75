"""Who may ask, and how often."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bot.api_keys import ApiKeyStore, digest_of
from bot.errors import StoreError

logger = logging.getLogger(__name__)

#: a revoked key works for so many seconds at most, and a new one may need them
REFRESH_SECONDS = 5.0
#: a longer header is no key of ours, and is not hashed
KEY_MAX = 200
#: strangers whose pace is remembered; the longest unseen go first
_STRANGERS_MAX = 10_000


@dataclass(slots=True)
class Caller:
    """Somebody who asks, with what is left of the minute.

    A bucket: it holds a minute's worth and fills evenly.
    """

    name: str
    per_minute: int
    left: float = 0.0
    seen_at: float = 0.0

    def wait(self, now: float) -> float:
        """Take one request; return 0, or in how many seconds there is one."""
        rate = self.per_minute / 60.0
        passed = max(now - self.seen_at, 0.0)
        self.left = min(self.per_minute, self.left + passed * rate)
        self.seen_at = now
        if self.left >= 1.0:
            self.left -= 1.0
            return 0.0
        return (1.0 - self.left) / rate


class Access:
    """Knows the keys in force and the pace of everybody.

    `steady` is a clock that never steps, in seconds. With `is_open` nobody needs a key,
    and strangers are told apart by address.
    """

    def __init__(
        self,
        keys: ApiKeyStore,
        *,
        per_minute: int,
        is_open: bool,
        steady: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._per_minute = per_minute
        self._is_open = is_open
        self._steady = steady
        self._callers: dict[str, Caller] = {}
        self._strangers: OrderedDict[str, Caller] = OrderedDict()

    async def refresh(self) -> None:
        """Read the keys anew; those that stay keep their pace."""
        try:
            keys = await self._keys.list_api_keys()
        except StoreError as error:
            logger.warning(
                "keys can't be read: %s", error, extra={"action": "api_keys"}
            )
            return
        found: dict[str, Caller] = {}
        for key in keys:
            if key.revoked_at is not None:
                continue
            pace = key.per_minute or self._per_minute
            known = self._callers.get(key.digest)
            if known is None or known.per_minute != pace:
                known = Caller(key.name, pace, pace, self._steady())
            found[key.digest] = known
        self._callers = found

    def caller(self, key: str | None, address: str) -> Caller | None:
        """Return who asks; None for a key that is missing or not in force.

        Where no key is needed, a wrong one is refused all the same.
        """
        if key:
            return self._callers.get(digest_of(key)) if len(key) <= KEY_MAX else None
        if not self._is_open:
            return None
        stranger = self._strangers.get(address)
        if stranger is None:
            pace = self._per_minute
            stranger = Caller("", pace, pace, self._steady())
            self._strangers[address] = stranger
            if len(self._strangers) > _STRANGERS_MAX:
                self._strangers.popitem(last=False)
        self._strangers.move_to_end(address)
        return stranger

    def wait(self, caller: Caller) -> float:
        """Take one request of a caller; return the seconds to wait, or 0."""
        return caller.wait(self._steady())
