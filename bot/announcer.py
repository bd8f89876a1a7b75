"""Sends an announcement to everybody: after all alerts, slowly, each recipient once.

What was begun is written before it is sent, so a restart goes on where it was and
repeats nothing. One whose answer never came may have arrived; it is not sent again.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.announcing import Announcement, AnnouncementState, PostState
from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from bot.limits import Lane
from bot.model import Address, JsonDict, Platform, Recipient
from bot.notices import announcement
from bot.ports import Clock, Sender, Store

logger = logging.getLogger(__name__)

#: how often `step` is to be called
STEP_EVERY = timedelta(seconds=1)
#: of a platform's messages a second at most this share, and no more than this many
_SHARE = 1 / 3
_MOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncePlan:
    """How announcements are sent; `may_send` says whether alerts leave room now."""

    send_timeout: timedelta = timedelta(seconds=8)
    may_send: Callable[[Platform], bool] = lambda _platform: True


class Announcer:
    """Sends what is being announced, a few at each step."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[Platform, Sender],
        plan: AnnouncePlan,
        *,
        now: Clock,
    ) -> None:
        self._store = store
        self._senders = senders
        self._plan = plan
        self._now = now
        #: where this process is in the list; it begins anew until nobody is left
        self._after = dict.fromkeys(senders, 0)

    async def step(self) -> int:
        """Send to the next few recipients; return how many got it."""
        current = await self._store.find_announcement()
        if current is None:
            self._after = dict.fromkeys(self._senders, 0)
            return 0
        if not current.left:
            ended = await self._store.end_announcement(
                current.id, AnnouncementState.DONE, now=self._now()
            )
            if ended:
                extra = {"action": "announced", "announcement": current.id}
                logger.info("announced", extra=extra)
            return 0
        sent = 0
        for platform, sender in self._senders.items():
            if self._plan.may_send(platform):
                sent += await self._step(current, platform, sender)
        return sent

    async def _step(
        self, current: Announcement, platform: Platform, sender: Sender
    ) -> int:
        rate = min(_MOST, max(1, math.floor(min(sender.rate, 1000) * _SHARE)))
        recipients = await self._store.next_posts(
            current.id, [platform], after=self._after[platform], limit=rate
        )
        # at the end of the list those that were not free come once more
        self._after[platform] = recipients[-1].id if recipients else 0
        sent = 0
        for recipient in recipients:
            if not self._plan.may_send(platform):
                break
            if sender.free_in(recipient.address) > timedelta():
                continue
            if not await self._store.begin_post(
                current.id, recipient.id, now=self._now()
            ):
                continue
            try:
                sent += await self._post(current, recipient, sender)
            except SenderMisconfiguredError:
                break
        return sent

    async def _post(
        self, current: Announcement, recipient: Recipient, sender: Sender
    ) -> bool:
        state: PostState | None = PostState.SENT
        reason = ""
        try:
            parts = sender.render(announcement(current.text))
            for number, part in enumerate(parts):
                nonce = f"a{current.id:x}.{recipient.id:x}.{number}"
                await self._send(sender, recipient.address, part, nonce)
        except RecipientGoneError as error:
            state, reason = PostState.FAILED, error.reason
            await self._store.park(
                recipient.address, reason=error.reason, now=self._now()
            )
        except MessageRejectedError as error:
            state, reason = PostState.FAILED, error.reason
        except DeliveryError as error:
            # a clear no is tried again; what may have arrived stays as begun
            state = PostState.SENDING if error.is_unknown else None
            reason = error.reason
            if isinstance(error, SenderMisconfiguredError):
                await self._store.settle_post(current.id, recipient.id, None)
                raise
        await self._store.settle_post(current.id, recipient.id, state, reason=reason)
        return state is PostState.SENT

    async def _send(
        self, sender: Sender, address: Address, part: JsonDict, nonce: str
    ) -> None:
        try:
            await self._send_once(sender, address, part, nonce, is_plain=False)
        except MessageRejectedError:
            await self._send_once(sender, address, part, nonce, is_plain=True)

    async def _send_once(
        self,
        sender: Sender,
        address: Address,
        part: JsonDict,
        nonce: str,
        *,
        is_plain: bool,
    ) -> None:
        seconds = self._plan.send_timeout.total_seconds()
        is_begun = False
        try:
            async with asyncio.timeout(2 * seconds):
                async with sender.turn(address, lane=Lane.ANNOUNCEMENT):
                    is_begun = True
                    async with asyncio.timeout(seconds):
                        await sender.send(address, part, nonce=nonce, is_plain=is_plain)
        except TimeoutError:
            raise TemporaryDeliveryError(
                "no answer in time", reason="timeout", is_unknown=is_begun
            ) from None
