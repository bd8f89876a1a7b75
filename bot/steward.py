"""Looks after groups, topics and channels in which nothing can be posted any more.

What they get is kept. The admin who set it is told once, if there is a private chat;
where the bot only lacks a right, it tries now and then whether it has it again.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import broadcasts
from bot.errors import DeliveryError, RecipientGoneError, StoreError
from bot.message import Message
from bot.model import Address, PlaceNote, Platform, Recipient
from bot.ports import Clock, Keeper, Sender, Store

logger = logging.getLogger(__name__)

#: how often to look for lost places
LOOK_EVERY = timedelta(seconds=60)
#: how often to try whether a right is back, at first and after a day
PROBE_EVERY = timedelta(minutes=15)
PROBE_SELDOM = timedelta(hours=6)
_SELDOM_AFTER = timedelta(days=1)
#: what an admin can mend without the bot being told
MENDABLE = frozenset(
    {
        "no_rights",
        "no_access",
        "forbidden",
        "topic_closed",
        "thread_archived",
        "thread_locked",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How this process reaches people and places.

    Attributes:
        senders, keepers: of the platforms on which it sends.
        open_private: opens a Discord user's direct messages; raises `DeliveryError`.
        send_timeout: how long a platform may take over a message.
    """

    senders: Mapping[Platform, Sender]
    keepers: Mapping[Platform, Keeper]
    open_private: Callable[[str], Awaitable[Address]] | None = None
    send_timeout: timedelta = timedelta(seconds=8)


class Steward:
    """Tells of lost places and notices those that can be written to again."""

    def __init__(
        self,
        store: Store,
        reach: Reach,
        *,
        now: Clock,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._reach = reach
        self._now = now
        self._wake = wake

    async def look(self) -> None:
        """Look at every lost place once; only a cancellation leaves here."""
        try:
            lost = await self._store.lost_places(list(self._reach.keepers))
            for recipient, note in lost:
                await self._see_to(recipient, note)
        except StoreError:
            logger.exception("places not looked after", extra={"action": "steward"})

    async def _see_to(self, recipient: Recipient, note: PlaceNote) -> None:
        if recipient.parked_since is None:
            return
        if recipient.parked_reason in MENDABLE and await self._is_back(recipient, note):
            await self._store.unpark(recipient.address, now=self._now())
            self._wake()
            return
        if note.setter and note.lost_told != recipient.parked_since:
            await self._tell(recipient, note, recipient.parked_since)

    # ---- is it back?

    async def _is_back(self, recipient: Recipient, note: PlaceNote) -> bool:
        now, since = self._now(), recipient.parked_since or self._now()
        every = PROBE_EVERY if now - since < _SELDOM_AFTER else PROBE_SELDOM
        last = max(since, note.probed_at or since)
        if now - last < every:
            return False
        await self._store.note_place(recipient.id, replace(note, probed_at=now))
        keeper = self._reach.keepers[recipient.address.platform]
        try:
            async with asyncio.timeout(self._reach.send_timeout.total_seconds()):
                await keeper.knock(recipient.address)
        except (DeliveryError, TimeoutError):
            return False
        logger.info(
            "place is back",
            extra={"action": "place_back", "to": str(recipient.address)},
        )
        return True

    # ---- telling

    async def _tell(
        self, recipient: Recipient, note: PlaceNote, since: datetime
    ) -> None:
        """Tell who set it up; what can never be told counts as told."""
        place = broadcasts.Named(
            address=recipient.address,
            kind=recipient.kind,
            title=note.title,
            topic_title=note.topic_title,
            is_here=False,
        )
        texts = [
            w.text
            for w in await self._store.list_watches(recipient.id)
            if not w.is_exception
        ]
        message = broadcasts.lost(place, texts, recipient.parked_reason, since)
        try:
            address = await self._private_chat(note.setter)
            if address is not None:
                await self._send(address, message, f"{recipient.id} {since}")
        except RecipientGoneError:
            address = None
        except (DeliveryError, TimeoutError) as error:
            extra = {"action": "loss_untold", "to": note.setter}
            logger.info("loss not told: %s", error, extra=extra)
            return
        await self._store.note_place(recipient.id, replace(note, lost_told=since))
        if address is not None:
            logger.info("loss told", extra={"action": "loss_told", "to": str(address)})

    async def _private_chat(self, user: str) -> Address | None:
        """Return where an admin can be written to, None if nowhere."""
        address = Address.parse(user)
        if address.platform not in self._reach.senders:
            return None
        if address.platform is Platform.DISCORD:
            opener = self._reach.open_private
            return None if opener is None else await opener(address.chat)
        # On Telegram a private chat has the id of its user.
        known = await self._store.find_recipient(address)
        if known is None or known.parked_since is not None:
            return None
        return address

    async def _send(self, address: Address, message: Message, seed: str) -> None:
        sender = self._reach.senders[address.platform]
        digest = hashlib.blake2s(f"{seed} {address}".encode(), digest_size=8)
        seconds = self._reach.send_timeout.total_seconds()
        for number, part in enumerate(sender.render(message)):
            nonce = f"p{digest.hexdigest()}.{number}"
            async with (
                asyncio.timeout(2 * seconds),
                sender.turn(address),
                asyncio.timeout(seconds),
            ):
                await sender.send(address, part, nonce=nonce)
