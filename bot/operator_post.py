"""Reaches operators: where each of them is written to, and what became of it.

Apart from the outbox: a notice is about what is so now, and whoever sends it looks
again in a moment anyway.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from bot.commands.operators import remember_place, remembered_places
from bot.commands.room import claimed_operators
from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    TemporaryDeliveryError,
)
from bot.message import Message
from bot.model import Address, JsonDict, Platform
from bot.ports import Clock, Sender, Store

logger = logging.getLogger(__name__)

#: an operator who can't be reached is tried again so much later
GONE_PAUSE = timedelta(hours=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPlan:
    """Who operates the bot, and how they are reached.

    Attributes:
        operators: `platform:id` of those named in the configuration.
        send_timeout: how long a platform may take over a message.
        open_private: opens a Discord user's direct messages; raises `DeliveryError`.
    """

    operators: frozenset[str] = frozenset()
    send_timeout: timedelta = timedelta(seconds=8)
    open_private: Callable[[str], Awaitable[Address]] | None = None


class Outcome(Enum):
    """What became of a notice: told, to be tried again, or nobody can be told."""

    TOLD = "told"
    LATER = "later"
    LOST = "lost"


class OperatorPost:
    """Writes to operators in private, where the senders of this process reach."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[Platform, Sender],
        plan: PostPlan,
        *,
        now: Clock,
    ) -> None:
        self._store = store
        self._senders = senders
        self._plan = plan
        self._now = now
        self._not_before: dict[Address | str, datetime] = {}
        self._failures: dict[Address | str, str] = {}

    @property
    def platforms(self) -> Sequence[Platform]:
        """The platforms on which this process sends."""
        return tuple(self._senders)

    def appoint(self, operators: frozenset[str]) -> None:
        """Write to these named operators from now on."""
        self._plan = replace(self._plan, operators=operators)

    async def places(self) -> Sequence[Address]:
        """List where operators are told, of those platforms that are on here."""
        users = self._plan.operators | set(await claimed_operators(self._store))
        known = await remembered_places(self._store)
        found = [known.get(u) or await self._private_place(u) for u in sorted(users)]
        return [
            place
            for place in dict.fromkeys(found)
            if place is not None and place.platform in self._senders
        ]

    async def _private_place(self, user: str) -> Address | None:
        """Return the place of an operator who was never seen; opens a Discord DM."""
        address = Address.parse(user)
        if address.platform is not Platform.DISCORD:
            # a private chat has the id of its user, and an inbox is its own user
            return address
        opener = self._plan.open_private
        if opener is None or self._now() < self._not_before.get(user, _LONG_AGO):
            return None
        try:
            async with asyncio.timeout(self._plan.send_timeout.total_seconds()):
                place = await opener(address.chat)
        except TimeoutError:
            self._failed(user, TemporaryDeliveryError("no answer", reason="timeout"))
            return None
        except DeliveryError as error:
            self._failed(user, error)
            return None
        await remember_place(self._store, user, place)
        return place

    def is_due(self, address: Address) -> bool:
        """Whether an address may be written to now."""
        if self._now() < self._not_before.get(address, _LONG_AGO):
            return False
        sender = self._senders.get(address.platform)
        return sender is not None and sender.free_in(address) <= timedelta()

    async def tell(self, address: Address, message: Message, seed: str) -> Outcome:
        """Send a notice; the same seed is the same notice where nonces are known."""
        sender = self._senders[address.platform]
        digest = hashlib.blake2s(f"{seed} {address}".encode(), digest_size=8)
        try:
            for number, part in enumerate(sender.render(message)):
                nonce = f"n{digest.hexdigest()}.{number}"
                await self._send(sender, address, part, nonce)
        except DeliveryError as error:
            return self._failed(address, error)
        self._failures.pop(address, None)
        self._not_before.pop(address, None)
        logger.info(
            "operator told", extra={"action": "operator_told", "to": str(address)}
        )
        return Outcome.TOLD

    async def _send(
        self, sender: Sender, address: Address, part: JsonDict, nonce: str
    ) -> None:
        try:
            await self._send_once(sender, address, part, nonce)
        except MessageRejectedError:
            await self._send_once(sender, address, part, nonce, is_plain=True)

    async def _send_once(
        self,
        sender: Sender,
        address: Address,
        part: JsonDict,
        nonce: str,
        *,
        is_plain: bool = False,
    ) -> None:
        seconds = self._plan.send_timeout.total_seconds()
        try:
            async with (
                # in case the turn never comes: this look holds up the next
                asyncio.timeout(2 * seconds),
                sender.turn(address),
                asyncio.timeout(seconds),
            ):
                await sender.send(address, part, nonce=nonce, is_plain=is_plain)
        except TimeoutError:
            raise TemporaryDeliveryError(
                "no answer in time", reason="timeout", is_unknown=True
            ) from None

    def _failed(self, key: Address | str, error: DeliveryError) -> Outcome:
        """Note a notice that was not sent, and from when it may be tried again."""
        if self._failures.get(key) != error.reason:
            # one line per distinct failure while it lasts
            self._failures[key] = error.reason
            extra = {"action": "untold", "to": str(key), "reason": error.reason}
            logger.warning("operator not told: %s", error, extra=extra)
        wait = timedelta()
        if isinstance(error, TemporaryDeliveryError):
            wait = error.retry_after or timedelta()
        elif isinstance(error, RecipientGoneError | MessageRejectedError):
            wait = GONE_PAUSE
        self._not_before[key] = self._now() + wait
        is_lost = isinstance(error, RecipientGoneError | MessageRejectedError)
        return Outcome.LOST if is_lost else Outcome.LATER
