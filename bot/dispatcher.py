"""Claim recipients that are due, decide, freeze one message, send it, settle."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from bot import retry
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
from bot.flow import Flow, Pause
from bot.freezer import Freezer
from bot.model import Claim, Edit, FrozenMessage, Platform, Receipt
from bot.ports import Clock, Sender, Sent, Store
from bot.settler import Settler

logger = logging.getLogger(__name__)

#: a wake is only a hint: due deliveries are looked for this often anyway
LOOK_EVERY = timedelta(seconds=1)
#: how long a platform with a wrong set-up is left alone before it is tried again
MISCONFIGURED_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchPlan:
    """How deliveries are made.

    Attributes:
        owner: this process's name on leases.
        lease: how long a claim holds; longer than `send_timeout`.
        max_age: how long an alert is worth delivering.
        concurrency: messages in flight (sent and not settled) per platform.
        source_title: the engine's name as people know it.
        on_sent: told of every sent alert with the time since it was detected.
        on_aged: the same with the time since the engine's own time of its reading.
    """

    owner: str
    lease: timedelta = timedelta(seconds=10)
    send_timeout: timedelta = timedelta(seconds=8)
    max_age: timedelta = retry.MAX_AGE
    concurrency: int = 200
    source_title: str = ""
    on_sent: Callable[[Platform, timedelta], None] = lambda _platform, _delay: None
    on_aged: Callable[[Platform, timedelta], None] = lambda _platform, _age: None


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
        self._plan = plan
        self._now = now
        self._chance = chance
        # what is claimed must have its turn while its lease outlives a send
        spare = plan.lease - plan.send_timeout
        self._flows = {
            platform: Flow(sender, concurrency=plan.concurrency, spare=spare)
            for platform, sender in senders.items()
        }
        self._freezer = Freezer(store, source_title=plan.source_title, now=now)
        self._settler = Settler(store, now=now)
        self._is_stopping = False

    def allow(self, platform: Platform, is_allowed: bool) -> None:
        """Claim for a platform, or claim nothing more for it; at first all are allowed.

        What is in flight ends as it would; what waits for its turn is given back.
        """
        flow = self._flows.get(platform)
        if flow is None:
            return
        flow.is_barred = not is_allowed
        if is_allowed:
            flow.waker.wake()

    def hold(self, platform: Platform, is_held: bool) -> None:
        """Send nothing on a platform until it is let go: an operator said so."""
        flow = self._flows.get(platform)
        if flow is None or flow.is_held == is_held:
            return
        flow.is_held = is_held
        if not is_held:
            flow.waker.wake()

    def has_room(self, platform: Platform) -> bool:
        """Whether this process may send there and no alert waits for its turn."""
        flow = self._flows.get(platform)
        return (
            flow is not None
            and not (flow.is_barred or flow.is_held)
            and not flow.is_busy
            and (flow.pause is None or self._now() >= flow.pause.until)
        )

    def stop(self) -> None:
        """Claim nothing more; `run` ends when what is claimed is settled."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Say that something may be due."""
        for flow in self._flows.values():
            flow.waker.wake()

    def trouble(self, platform: Platform) -> str:
        """Say what of our own set-up keeps a platform from sending, or an empty string.

        A wait that the platform ordered is no trouble, nor is another process's turn.
        """
        flow = self._flows.get(platform)
        if flow is None or flow.is_barred or flow.pause is None:
            return ""
        return flow.pause.reason if flow.pause.is_fault else ""

    def progressed_at(self, platform: Platform) -> float:
        """Say when sending on a platform last went on, in monotonic seconds."""
        return self._flows[platform].progressed_at

    async def run(self) -> None:
        """Deliver on all platforms until `stop`, or until cancelled.

        Sends in flight at the cancellation are cut off; their messages are frozen and
        go out again, exactly the same, after the lease.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for platform, flow in self._flows.items():
                    group.create_task(self._run_platform(platform, flow))
        finally:
            # a yes that came is written, whatever else is cut off
            await self._settler.drain()

    async def _run_platform(self, platform: Platform, flow: Flow) -> None:
        async with asyncio.TaskGroup() as group:
            while not self._is_stopping:
                room = flow.room()
                claims = await self._claim(platform, flow, room) if room else []
                if room:
                    # with no room left, only what ends is progress
                    flow.progress()
                for claim, frozen in await self._prepare(flow, claims):
                    group.create_task(self._bring(flow, claim, frozen))
                if not claims:
                    await flow.waker.wait(LOOK_EVERY)

    async def deliver_due(self, limit: int = 100) -> int:
        """Deliver what is due now on all platforms; return how many were claimed."""
        count = 0
        for platform, flow in self._flows.items():
            claims = await self._claim(platform, flow, limit)
            prepared = await self._prepare(flow, claims)
            try:
                async with asyncio.TaskGroup() as group:
                    for claim, frozen in prepared:
                        group.create_task(self._bring(flow, claim, frozen))
            finally:
                await self._settler.drain()
            count += len(claims)
        return count

    async def _claim(
        self, platform: Platform, flow: Flow, limit: int
    ) -> Sequence[Claim]:
        now = self._now()
        if (
            flow.is_barred
            or flow.is_held
            or (flow.pause is not None and now < flow.pause.until)
        ):
            return []
        if flow.sender.pause_left() > timedelta():
            # What it told us to wait for concerns all its chats: none is looked at.
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
        for claim in claims:
            flow.enter(claim)
        return claims

    async def _prepare(
        self, flow: Flow, claims: Sequence[Claim]
    ) -> list[tuple[Claim, FrozenMessage]]:
        """Give back what can't be sent now, freeze the rest; return what is to be sent.

        Nothing but a cancellation leaves here.
        """
        new: list[Claim] = []
        ready: list[tuple[Claim, FrozenMessage]] = []
        for claim in claims:
            frozen = claim.frozen
            wait = flow.sender.free_in(claim.recipient.address)
            if wait > timedelta():
                # Its turn comes later: it waits in the database, and nobody with it.
                due_at = self._now() + wait
                await self._logged(claim, self._store.release(claim, due_at=due_at))
            elif frozen is None:
                new.append(claim)
            elif reason := self._outdated(frozen, flow.sender):
                # Nothing old is ever sent as if current: decide and render it anew.
                await self._logged(claim, self._thaw(claim, frozen, reason))
                flow.waker.wake()
            else:
                ready.append((claim, frozen))
        if new:
            ready += await self._freezer.freeze(new, flow.sender)
        going = {claim.recipient.id for claim, _ in ready}
        for claim in claims:
            if claim.recipient.id not in going:
                flow.leave(claim)
        return ready

    def _outdated(self, frozen: FrozenMessage, sender: Sender) -> str:
        """Say why a message that nobody has a part of is decided anew, or nothing."""
        if frozen.sent_parts:
            return ""
        now = self._now()
        if now - frozen.frozen_at > sender.repeat_window:
            return "window_over"
        if frozen.send_by is not None and now >= frozen.send_by:
            return "too_late_today"
        return ""

    async def _thaw(self, claim: Claim, frozen: FrozenMessage, reason: str) -> None:
        now = self._now()
        await self._store.settle_retry(
            claim,
            frozen.id,
            due_at=now,
            reason=reason,
            is_unknown=False,
            counts=False,
            now=now,
        )

    async def _logged(self, claim: Claim, work: Awaitable[None]) -> None:
        """Do something about one claim; nothing but a cancellation leaves here."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is told apart and logged there
            _log_failure(claim, error)

    # ------------------------------------------------------------------- sending

    async def _bring(self, flow: Flow, claim: Claim, frozen: FrozenMessage) -> None:
        """Send one message; it keeps its slot until its outcome is written.

        Nothing but a cancellation leaves here.
        """
        await flow.slots.acquire()
        is_sent = False
        try:
            is_sent = await self._send(flow, claim, frozen)
        except Exception as error:  # noqa: BLE001 - it is told apart and logged there
            _log_failure(claim, error)
        finally:
            flow.progress()
            flow.leave(claim)
            if not is_sent:
                flow.slots.release()
        if is_sent and frozen.edit is not None:
            await self._edit(flow, claim, frozen.edit)

    async def _edit(self, flow: Flow, claim: Claim, edit: Edit) -> None:
        """Change an earlier message too; what was sent says the same, so only once."""
        address = claim.recipient.address
        try:
            await flow.sender.edit(address, edit.message_ref, edit.part)
        except DeliveryError as error:
            extra = _extra(claim, "not_edited") | {"reason": error.reason}
            logger.info("not edited: %s", error, extra=extra)
        except Exception as error:  # noqa: BLE001 - it is told apart and logged there
            _log_failure(claim, error)

    async def _send(self, flow: Flow, claim: Claim, frozen: FrozenMessage) -> bool:
        """Send what is left of a message; return whether the platform took it all."""
        address, sender = claim.recipient.address, flow.sender
        receipt: Receipt | None = None
        for number in range(frozen.sent_parts, len(frozen.parts)):
            if receipt is not None:
                await self._store.record_part(
                    claim, frozen.id, receipt, now=self._now()
                )
                wait = sender.free_in(address)
                if wait:
                    # The rest of a long message stays frozen until the chat is free.
                    await self._store.release(claim, due_at=self._now() + wait)
                    return False
            await sender.prepare(frozen.parts[number])
            try:
                async with sender.turn(address):
                    flow.leave(claim)
                    if flow.is_barred or flow.is_held or self._is_late(claim):
                        await self._give_back(claim, frozen)
                        return False
                    if not number and (reason := self._outdated(frozen, sender)):
                        # Quiet hours may have begun while it waited for its turn.
                        await self._thaw(claim, frozen, reason)
                        return False
                    receipt = await sender.send(
                        address,
                        frozen.parts[number],
                        nonce=f"{frozen.id:x}.{number}",
                        is_plain=frozen.is_plain,
                    )
            except DeliveryError as error:
                await self._failed(flow, claim, frozen, error)
                return False
        sent = Sent(claim, frozen, receipt)
        self._settler.put(sent, partial(self._settled, flow, sent))
        return True

    def _settled(self, flow: Flow, sent: Sent, is_written: bool) -> None:
        flow.slots.release()
        if is_written:
            self._note_sent(flow, sent.claim, sent.message)

    def _is_late(self, claim: Claim) -> bool:
        """Whether the lease may end under the send: others would send it, too."""
        return claim.lease_until - self._now() < self._plan.send_timeout

    async def _give_back(self, claim: Claim, frozen: FrozenMessage) -> None:
        """Let whoever claims next send it, and decide anew if it can't be out yet."""
        if claim.frozen is None:
            await self._thaw(claim, frozen, "turn_lost")
        else:
            await self._store.release(claim)

    def _note_sent(self, flow: Flow, claim: Claim, frozen: FrozenMessage) -> None:
        flow.pause = None
        now, platform = self._now(), claim.recipient.address.platform
        delays = [now - w.event.detected_at for w in claim.waiting]
        for delay in delays:
            self._plan.on_sent(platform, delay)
        for waiting in claim.waiting:
            self._plan.on_aged(platform, now - waiting.event.as_of)
        if logger.isEnabledFor(logging.INFO):
            late = max(delays, default=timedelta())
            extra = _extra(claim, "sent")
            extra |= {
                "alerts": len(frozen.delivery_ids),
                "seconds": late.total_seconds(),
            }
            if len(frozen.delivery_ids) > 1:
                # single messages that merging spared the reader
                extra["saved"] = len(frozen.delivery_ids) - 1
            logger.info("sent", extra=extra)

    # ------------------------------------------------------------------ failures

    async def _failed(
        self, flow: Flow, claim: Claim, frozen: FrozenMessage, error: DeliveryError
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
                until = now + MISCONFIGURED_PAUSE
                flow.pause = Pause(until, str(error), is_fault=True)
                due_at = now + MISCONFIGURED_PAUSE
                await self._again(claim, frozen, error, due_at=due_at)
            case _:
                await self._retry(flow, claim, frozen, error)

    async def _moved(
        self, claim: Claim, frozen: FrozenMessage, error: RecipientMovedError
    ) -> None:
        # Counted and a little later each time, should two places point at each other.
        wait = retry.delay(frozen.attempts - 1, 0.0) if frozen.attempts else timedelta()
        due_at = self._now() + wait
        await self._again(claim, frozen, error, due_at=due_at, counts=True)
        old = claim.recipient.address
        await self._store.move_recipient(old, replace(old, chat=error.new_chat))

    async def _retry(
        self, flow: Flow, claim: Claim, frozen: FrozenMessage, error: DeliveryError
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
            flow.pause = Pause(decision.at, str(error))
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
            self._flows[claim.recipient.address.platform].waker.wake()


def _log_failure(claim: Claim, error: Exception) -> None:
    """Say why a claim was left as it is; it comes back when its lease runs out."""
    match error:
        case LeaseLostError():
            # Another process got there first; its result counts.
            logger.debug("lease lost", extra=_extra(claim, "lease_lost"))
        case StoreError():
            logger.error(
                "delivery not settled",
                exc_info=error,
                extra=_extra(claim, "unsettled"),
            )
        case _:
            # Our own bug with one recipient must not stop the others.
            logger.error("delivery broke", exc_info=error, extra=_extra(claim, "broke"))


def _extra(claim: Claim, action: str) -> dict[str, object]:
    return {"action": action, "to": claim.recipient.alias}
