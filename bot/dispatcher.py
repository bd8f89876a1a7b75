"""Claim recipients that are due, decide, freeze one message, send it, settle."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import messages, noise, phrases, retry
from bot.errors import (
    DeliveryError,
    LeaseLostError,
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    SenderMisconfiguredError,
    StoreError,
    TemporaryDeliveryError,
)
from bot.message import Message
from bot.model import Claim, FrozenMessage, Platform
from bot.ports import Clock, Freeze, Sender, Store
from bot.waker import Waker

logger = logging.getLogger(__name__)

#: a wake is only a hint: due deliveries are looked for this often anyway
LOOK_EVERY = timedelta(seconds=1)
#: how long a platform with a wrong set-up is left alone before it is tried again
MISCONFIGURED_PAUSE = timedelta(seconds=30)
#: a yes of the platform is worth several tries to write it down
SETTLE_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPlan:
    """How deliveries are made.

    Attributes:
        owner: this process's name on leases.
        lease: how long a claim holds; longer than `send_timeout`.
        max_age: how long an alert is worth delivering.
        concurrency: messages in flight per platform.
        source_title: the engine's name as people know it.
        on_sent: told of every sent alert with the time since it was detected.
    """

    owner: str
    lease: timedelta = timedelta(seconds=10)
    send_timeout: timedelta = timedelta(seconds=8)
    max_age: timedelta = retry.MAX_AGE
    concurrency: int = 20
    source_title: str = ""
    on_sent: Callable[[Platform, timedelta], None] = lambda _platform, _delay: None


@dataclass(frozen=True, slots=True)
class Pause:
    """A platform that is left alone until a time, and why."""

    until: datetime
    reason: str


class Dispatcher:
    """Brings deliveries to their end: sent, parked, dead or skipped."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[Platform, Sender],
        plan: DispatchPlan,
        *,
        now: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._senders = senders
        self._plan = plan
        self._now = now
        self._chance = chance
        self._wakers = {platform: Waker() for platform in senders}
        self._pauses: dict[Platform, Pause] = {}
        self._barred: set[Platform] = set()
        self._is_stopping = False

    def allow(self, platform: Platform, is_allowed: bool) -> None:
        """Claim for a platform, or claim nothing more for it; at first all are allowed.

        What is in flight ends as it would.
        """
        if not is_allowed:
            self._barred.add(platform)
            return
        self._barred.discard(platform)
        if platform in self._wakers:
            self._wakers[platform].wake()

    def stop(self) -> None:
        """Claim nothing more; `run` ends when what is in flight is settled."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Say that something may be due."""
        for waker in self._wakers.values():
            waker.wake()

    def trouble(self, platform: Platform) -> str:
        """Say why a platform is paused, or return an empty string."""
        pause = self._pauses.get(platform)
        return pause.reason if pause is not None else ""

    async def run(self) -> None:
        """Deliver on all platforms until `stop`, or until cancelled.

        Sends in flight at the cancellation are cut off; their messages are frozen and
        go out again, exactly the same, after the lease.
        """
        async with asyncio.TaskGroup() as group:
            for platform in self._senders:
                group.create_task(self._run_platform(platform))

    async def _run_platform(self, platform: Platform) -> None:
        in_flight: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while not self._is_stopping:
                room = self._plan.concurrency - len(in_flight)
                claims = await self._claim(platform, room) if room > 0 else []
                for claim in claims:
                    task = group.create_task(self._deliver_logged(claim))
                    in_flight.add(task)
                    task.add_done_callback(in_flight.discard)
                if in_flight and len(in_flight) >= self._plan.concurrency:
                    await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                elif not claims:
                    await self._wakers[platform].wait(LOOK_EVERY)

    async def _claim(self, platform: Platform, limit: int) -> list[Claim]:
        pause = self._pauses.get(platform)
        now = self._now()
        if platform in self._barred or (pause is not None and now < pause.until):
            return []
        try:
            claims = await self._store.claim_due(
                [platform],
                owner=self._plan.owner,
                now=now,
                lease=self._plan.lease,
                limit=limit,
            )
        except StoreError:
            logger.exception("claim failed", extra={"action": "claim_failed"})
            return []
        return list(claims)

    async def deliver_due(self, limit: int = 100) -> int:
        """Deliver what is due now on all platforms; return how many were claimed."""
        count = 0
        for platform in self._senders:
            claims = await self._claim(platform, limit)
            async with asyncio.TaskGroup() as group:
                for claim in claims:
                    group.create_task(self._deliver_logged(claim))
            count += len(claims)
        return count

    async def _deliver_logged(self, claim: Claim) -> None:
        """Deliver one claim; nothing but a cancellation leaves here."""
        try:
            await self._deliver(claim)
        except LeaseLostError:
            # Another process got there first; its result counts.
            logger.debug("lease lost", extra=_extra(claim, "lease_lost"))
        except StoreError:
            # The lease runs out, and the claim comes back with the message frozen.
            logger.exception("delivery not settled", extra=_extra(claim, "unsettled"))
        except Exception:
            # Our own bug with one recipient must not stop the others.
            logger.exception("delivery broke", extra=_extra(claim, "broke"))

    async def _deliver(self, claim: Claim) -> None:
        sender = self._senders[claim.recipient.address.platform]
        wait = sender.free_in(claim.recipient.address)
        if wait > timedelta():
            # Its turn comes later: it waits in the database, and nobody with it.
            await self._store.release(claim, due_at=self._now() + wait)
            return
        frozen = claim.frozen
        if frozen is None:
            frozen = await self._freeze(claim, sender)
        elif (
            frozen.sent_parts == 0
            and self._now() - frozen.frozen_at > sender.repeat_window
        ):
            # Nothing old is ever sent as if current: decide and render it anew.
            await self._store.settle_retry(
                claim,
                frozen.id,
                due_at=self._now(),
                reason="window_over",
                is_unknown=False,
                counts=False,
                now=self._now(),
            )
            self.wake()
            return
        if frozen is not None:
            await self._send(claim, frozen, sender)

    async def _freeze(self, claim: Claim, sender: Sender) -> FrozenMessage | None:
        now = self._now()
        decision = noise.decide(
            now,
            waiting=claim.waiting,
            told=claim.told,
            mutes=claim.mutes,
            thresholds=claim.recipient.thresholds,
        )
        parts = sender.render(self._word(claim, decision)) if decision.news else ()
        for delivery_id, reason in decision.skips.items():
            logger.info(
                "skipped",
                extra={
                    **_extra(claim, "skipped"),
                    "delivery": delivery_id,
                    "reason": reason,
                },
            )
        frozen = await self._store.freeze(
            claim,
            Freeze(
                parts=parts,
                delivery_ids=decision.send,
                tells=decision.tells,
                holds=decision.holds,
                skips=decision.skips,
                ended_mutes=decision.ended_mutes,
            ),
            now=now,
        )
        if frozen is not None and frozen.owed_since is None and claim.waiting:
            oldest = min(w.owed_since for w in claim.waiting)
            attempts = max(w.attempts for w in claim.waiting)
            frozen = replace(frozen, owed_since=oldest, attempts=attempts)
        return frozen

    def _word(self, claim: Claim, decision: noise.Decision) -> Message:
        reply_to = ""
        if len(decision.news) == 1:
            told = claim.told.get(decision.news[0].asset.id)
            reply_to = told.message_ref if told is not None else ""
        setting = phrases.Setting(
            now=self._now(),
            kind=claim.recipient.kind,
            source_title=self._plan.source_title,
            reply_to=reply_to,
        )
        return messages.alert(decision, setting)

    # ------------------------------------------------------------------- sending

    async def _send(self, claim: Claim, frozen: FrozenMessage, sender: Sender) -> None:
        address = claim.recipient.address
        for number in range(frozen.sent_parts, len(frozen.parts)):
            wait = sender.free_in(address) if number > frozen.sent_parts else None
            if wait:
                # The rest of a long message stays frozen until the chat is free.
                await self._store.release(claim, due_at=self._now() + wait)
                return
            try:
                async with asyncio.timeout(self._plan.send_timeout.total_seconds()):
                    receipt = await sender.send(
                        address,
                        frozen.parts[number],
                        nonce=f"{frozen.id:x}.{number}",
                        is_plain=frozen.is_plain,
                    )
            except TimeoutError:
                error = TemporaryDeliveryError(
                    "no answer in time", reason="timeout", is_unknown=True
                )
                await self._failed(claim, frozen, error)
                return
            except DeliveryError as error:
                await self._failed(claim, frozen, error)
                return
            await self._store.record_part(claim, frozen.id, receipt, now=self._now())
        await self._settle_sent(claim, frozen)
        self._pauses.pop(address.platform, None)
        delays = [self._now() - w.event.detected_at for w in claim.waiting]
        for delay in delays:
            self._plan.on_sent(address.platform, delay)
        late = max(delays, default=timedelta())
        extra = _extra(claim, "sent")
        extra |= {"alerts": len(frozen.delivery_ids), "seconds": late.total_seconds()}
        logger.info("sent", extra=extra)

    async def _settle_sent(self, claim: Claim, frozen: FrozenMessage) -> None:
        for left in reversed(range(SETTLE_TRIES)):
            try:
                await self._store.settle_sent(claim, frozen.id, now=self._now())
            except LeaseLostError:
                raise
            except StoreError:
                if not left:
                    raise
                await asyncio.sleep(0)
            else:
                return

    # ------------------------------------------------------------------ failures

    async def _failed(
        self, claim: Claim, frozen: FrozenMessage, error: DeliveryError
    ) -> None:
        """Bring a failed send to its next state, by the kind of its error."""
        extra = _extra(claim, "not_sent") | {"reason": error.reason}
        logger.warning("not sent: %s", error, extra=extra)
        now, message_id = self._now(), frozen.id
        match error:
            case RecipientGoneError():
                await self._store.settle_parked(
                    claim, message_id, reason=error.reason, now=now
                )
            case RecipientMovedError():
                await self._moved(claim, frozen, error)
            case MessageRejectedError() if not frozen.is_plain:
                await self._again(claim, frozen, error, due_at=now, is_plain=True)
            case SenderMisconfiguredError():
                self._pause(claim, MISCONFIGURED_PAUSE, str(error))
                due_at = now + MISCONFIGURED_PAUSE
                await self._again(claim, frozen, error, due_at=due_at)
            case _:
                await self._retry(claim, frozen, error)

    async def _moved(
        self, claim: Claim, frozen: FrozenMessage, error: RecipientMovedError
    ) -> None:
        await self._again(claim, frozen, error, due_at=self._now())
        old = claim.recipient.address
        await self._store.move_recipient(old, replace(old, chat=error.new_chat))

    async def _retry(
        self, claim: Claim, frozen: FrozenMessage, error: DeliveryError
    ) -> None:
        now = self._now()
        decision = retry.decide(
            error,
            attempts=frozen.attempts,
            owed_since=frozen.owed_since or frozen.frozen_at,
            now=now,
            chance=self._chance(),
            max_age=self._plan.max_age,
        )
        if isinstance(decision, retry.GiveUp):
            logger.error(
                "delivery is dead",
                extra=_extra(claim, "dead") | {"reason": decision.reason},
            )
            await self._store.settle_dead(
                claim, frozen.id, reason=decision.reason, now=now
            )
            return
        if isinstance(error, TemporaryDeliveryError) and error.is_global:
            self._pause(claim, decision.at - now, str(error))
        await self._again(
            claim, frozen, error, due_at=decision.at, counts=not decision.is_ordered
        )

    async def _again(
        self,
        claim: Claim,
        frozen: FrozenMessage,
        error: DeliveryError,
        *,
        due_at: datetime,
        is_plain: bool = False,
        counts: bool = False,
    ) -> None:
        await self._store.settle_retry(
            claim,
            frozen.id,
            due_at=due_at,
            reason=error.reason,
            is_unknown=error.is_unknown,
            is_plain=is_plain,
            counts=counts,
            now=self._now(),
        )
        if due_at <= self._now():
            self._wakers[claim.recipient.address.platform].wake()

    def _pause(self, claim: Claim, length: timedelta, reason: str) -> None:
        platform = claim.recipient.address.platform
        self._pauses[platform] = Pause(self._now() + length, reason)


def _extra(claim: Claim, action: str) -> dict[str, object]:
    return {"action": action, "to": str(claim.recipient.address)}
