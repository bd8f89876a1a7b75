"""What an operator has paused: polls, or a platform. Kept in the store, for all.

Every process looks every few seconds, so a pause holds in all of them and survives
a restart.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

from bot.model import Platform
from bot.ports import Store

#: how often a process looks what is paused
LOOK_EVERY = timedelta(seconds=2)
POLLS = "polls"
#: what can be paused
PAUSABLE = (POLLS, *(platform.value for platform in Platform))
#: bot value: a JSON object of what is paused -> who paused it
_PAUSED = "paused"


async def paused(store: Store) -> Mapping[str, str]:
    """Return what is paused, and by whom."""
    text = await store.get_value(_PAUSED)
    return json.loads(text) if text else {}


async def set_paused(store: Store, name: str, *, by: str) -> None:
    """Pause something, or with an empty `by` let it go on."""
    known = dict(await paused(store))
    known.pop(name, None)
    if by:
        known[name] = by
    await store.set_value(_PAUSED, json.dumps(known) if known else None)


class Pauses:
    """What this process knows of pauses; `apply` is told each platform's."""

    def __init__(
        self, store: Store, *, apply: Callable[[Platform, bool], None]
    ) -> None:
        self._store = store
        self._apply = apply
        self._known: Mapping[str, str] = {}

    async def look(self) -> None:
        """Look what is paused and act on it."""
        self._known = await paused(self._store)
        for platform in Platform:
            self._apply(platform, platform.value in self._known)

    def are_polls(self) -> bool:
        """Whether polls are paused."""
        return POLLS in self._known

    def troubles(self) -> Mapping[str, str]:
        """Name what is paused, for /status."""
        return dict.fromkeys(self._known, "paused by an operator")
