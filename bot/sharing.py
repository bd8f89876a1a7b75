"""What one process at a time does, on a database that several processes share.

One sends for a bot's token and one listens on a platform: whoever has the lease. The
others stand by. Wiring: it knows the dispatcher and the faces, and only `bot.app`
knows it.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from bot.config import Config
from bot.dispatcher import Dispatcher
from bot.leases import Duty, LeaseKeeper
from bot.model import Platform
from bot.ports import Clock, Face, Store

#: Platforms count what came in the last second, also from the process that sent before
#: this one: so long nothing is sent after taking over.
HANDOVER = timedelta(seconds=1.1)


def worker_name(config: Config) -> str:
    """Return this process's name among several.

    On SQLite a process is alone, so the next one is the same worker: it goes on at once
    with the poll that a crash left unfinished.
    """
    if config.app.worker or not config.storage.is_shared:
        return config.app.worker or "alone"
    return f"{socket.gethostname()}-{os.getpid()}"


class Sharing:
    """The leases this process tries to have, and what it does while it has them.

    On SQLite it keeps none: there this process is alone (`storage.lockfile`), and a
    restart after a crash must not wait for a lease to run out.
    """

    def __init__(self, config: Config, store: Store, *, now: Clock) -> None:
        self._config = config
        self._store = store
        self._now = now
        #: another one at every start: a dead process's lease is not ours
        self._owner = f"{worker_name(config)}-{secrets.token_hex(4)}"
        self._keepers: dict[str, LeaseKeeper] = {}

    def share_sending(self, dispatcher: Dispatcher, platform: Platform) -> None:
        """Send on a platform only with its lease."""
        # everybody may put something into the web inboxes: they are in the database
        if self._config.storage.is_shared and platform is not Platform.WEB:
            dispatcher.allow(platform, False)
            turn = SendingTurn(dispatcher, platform)
            name = f"sender:{platform.value}"
            self._keepers[name] = self._keeper(name, turn.begin, turn.end)

    def share_listening(self, face: Face) -> bool:
        """Listen on a platform only with its lease; False if no lease is needed.

        What Telegram posts to a webhook reaches one process only, so any may listen.
        Each set of Discord's shards is a lease of its own.
        """
        config, name = self._config, f"chat:{face.name}"
        is_telegram = face.name == Platform.TELEGRAM.value
        if not config.storage.is_shared or face.name == Platform.WEB.value:
            return False
        if is_telegram and config.telegram.mode == "webhook":
            return False
        lease = name
        if face.name == Platform.DISCORD.value and config.discord.shard_ids:
            lease += ":" + ",".join(map(str, sorted(config.discord.shard_ids)))
        self._keepers[name] = self._keeper(lease, face.start, face.stop)
        return True

    def stands_by(self, face: Face) -> bool:
        """Whether another process listens in place of this face."""
        keeper = self._keepers.get(f"chat:{face.name}")
        return keeper is not None and not keeper.is_held

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to try; ends with `stop`."""
        for name, keeper in self._keepers.items():
            group.create_task(keeper.run(), name=name)

    def stop(self) -> None:
        """Give all leases back, so that others go on at once."""
        for keeper in self._keepers.values():
            keeper.stop()

    def held(self) -> Mapping[str, bool]:
        """Return the leases by name, and whether this process has them."""
        return {name: keeper.is_held for name, keeper in self._keepers.items()}

    def _keeper(
        self,
        lease: str,
        begin: Callable[[], Awaitable[None]],
        end: Callable[[], Awaitable[None]],
    ) -> LeaseKeeper:
        duty = Duty(
            name=lease,
            owner=self._owner,
            begin=begin,
            end=end,
            # longer than a send takes at most, so that none is left over
            length=timedelta(seconds=self._config.delivery.lease),
        )
        return LeaseKeeper(self._store, duty, now=self._now)


class SendingTurn:
    """Lets the dispatcher send on a platform for as long as this process may."""

    def __init__(self, dispatcher: Dispatcher, platform: Platform) -> None:
        self._dispatcher = dispatcher
        self._platform = platform
        self._starting: asyncio.TimerHandle | None = None

    async def begin(self) -> None:
        """Send, once the platform has forgotten who sent before."""
        loop = asyncio.get_running_loop()
        self._starting = loop.call_later(
            HANDOVER.total_seconds(), self._dispatcher.allow, self._platform, True
        )

    async def end(self) -> None:
        """Claim nothing more; what is in flight ends within the send timeout."""
        if self._starting is not None:
            self._starting.cancel()
        self._dispatcher.allow(self._platform, False)
