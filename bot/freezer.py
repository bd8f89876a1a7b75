"""Decides about claims and freezes their messages, a batch in one transaction."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from bot import (
    bare_words,
    broad_moves,
    chart_replies,
    messages,
    noise,
    noise_budget,
)
from bot.errors import LeaseLostError, StoreError
from bot.model import Claim, Edit, FrozenMessage, JsonDict, MessageKind
from bot.noise_budget import Advice
from bot.phrases import Setting
from bot.ports import Clock, Freeze, Sender, Store

logger = logging.getLogger(__name__)

#: the loop belongs to others too: after so many decisions they have their turn
BREATH = 25
#: reason of a dead letter that could be neither decided about nor worded
OUR_BUG = "our_bug"


class Freezer:
    """Turns claims without a message into frozen messages."""

    def __init__(self, store: Store, *, source_title: str, now: Clock) -> None:
        self._store = store
        self._source_title = source_title
        self._now = now

    async def freeze(
        self, claims: Sequence[Claim], sender: Sender
    ) -> list[tuple[Claim, FrozenMessage]]:
        """Decide, word, render and freeze; return those that have something to send.

        What fails is logged: its lease runs out, and it is claimed again.
        """
        now = self._now()
        drafts = _Drafts(sender, now, self._source_title)
        decided: list[tuple[Claim, Freeze]] = []
        for number, claim in enumerate(claims, 1):
            try:
                decided.append((claim, _decide(claim, drafts, now)))
            except Exception:
                # Our own bug with one recipient must not stop the others. Nor is it
                # tried at every lease for ever: the next try would break as well.
                logger.exception("decision broke", extra=_extra(claim, "broke"))
                decided.append((claim, _given_up(claim)))
            if number % BREATH == 0:
                await asyncio.sleep(0)
        if not decided:
            return []
        try:
            return await self._write(decided, now)
        except StoreError:
            if len(decided) == 1:
                logger.exception("not frozen", extra=_extra(decided[0][0], "unfrozen"))
                return []
        # One of them alone may be to blame.
        return [frozen for each in decided for frozen in await self._write_alone(each)]

    async def _write_alone(
        self, decided: tuple[Claim, Freeze]
    ) -> list[tuple[Claim, FrozenMessage]]:
        try:
            return await self._write([decided], self._now())
        except StoreError:
            logger.exception("not frozen", extra=_extra(decided[0], "unfrozen"))
            return []

    async def _write(
        self, decided: Sequence[tuple[Claim, Freeze]], now: datetime
    ) -> list[tuple[Claim, FrozenMessage]]:
        written = await self._store.freeze(decided, now=now)
        frozen: list[tuple[Claim, FrozenMessage]] = []
        for (claim, _), message in zip(decided, written, strict=True):
            if isinstance(message, LeaseLostError):
                # Another process got there first; its result counts.
                logger.debug("lease lost", extra=_extra(claim, "lease_lost"))
            elif message is not None:
                frozen.append((claim, message))
        return frozen


def decide(claim: Claim, now: datetime) -> noise.Decision:
    """Decide about all that waits in a claim, as it is decided before a send; pure."""
    return noise.decide(
        now,
        waiting=claim.waiting,
        told=claim.told,
        mutes=claim.mutes,
        thresholds=claim.recipient.thresholds,
        overtaken=claim.overtaken,
        preferences=claim.recipient.preferences,
        digest_at=claim.digest_at,
        has_wave=claim.wave is not None,
    )


def _decide(claim: Claim, drafts: "_Drafts", now: datetime) -> Freeze:
    decision = decide(claim, now)
    for delivery_id, reason in decision.skips.items():
        extra = _extra(claim, "skipped") | {"delivery": delivery_id, "reason": reason}
        logger.info("skipped", extra=extra)
    return Freeze(
        parts=drafts.of(claim, decision) if decision.send else (),
        delivery_ids=decision.send,
        tells=decision.tells,
        holds=decision.holds,
        skips=decision.skips,
        ended_mutes=decision.ended_mutes,
        kind=_KINDS.get(decision.occasion, MessageKind.ALERT),
        send_by=decision.send_by,
        edit=drafts.edit(claim, decision),
    )


_KINDS = {
    noise.Occasion.DIGEST: MessageKind.DIGEST,
    noise.Occasion.BROAD: MessageKind.WAVE,
    noise.Occasion.MORE: MessageKind.MORE,
}


def _given_up(claim: Claim) -> Freeze:
    """Give all that waits up: dead letters, to be replayed once it is mended."""
    return Freeze(
        delivery_ids=tuple(w.delivery_id for w in claim.waiting), dead_reason=OUR_BUG
    )


class _Drafts:
    """Words and renders; the same news to the same kind of place only once.

    For one batch: claims of one batch share their events and assets, so that these
    are told apart by what they are, not by what is in them.
    """

    def __init__(self, sender: Sender, now: datetime, source_title: str) -> None:
        self._sender = sender
        self._now = now
        self._source_title = source_title
        #: the parts, and whether they may answer an earlier alert
        self._known: dict[object, tuple[tuple[JsonDict, ...], bool]] = {}

    def of(self, claim: Claim, decision: noise.Decision) -> tuple[JsonDict, ...]:
        """Return the parts of a claim's message."""
        key = (_essence(decision), _essence_of(claim))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._worded(claim, decision)
        parts, is_answer = known
        reply_to = _reply_to(claim, decision) if is_answer else ""
        return self._sender.answering(parts, reply_to) if reply_to else parts

    def edit(self, claim: Claim, decision: noise.Decision) -> Edit | None:
        """Return the table of a broad move as this message makes it, if it does."""
        wave = claim.wave
        if wave is None or decision.occasion is not noise.Occasion.MORE:
            return None
        try:
            message = broad_moves.grown(decision, wave, self._setting(claim))
            parts = self._sender.render(message)
        except Exception:
            # The line itself says all of it.
            logger.exception("wording broke", extra=_extra(claim, "broke"))
            return None
        return Edit(wave.message_ref, parts[0]) if len(parts) == 1 else None

    def _worded(
        self, claim: Claim, decision: noise.Decision
    ) -> tuple[tuple[JsonDict, ...], bool]:
        """Word and render; where our wording breaks, say it in the barest words."""
        try:
            return self._render(claim, decision)
        except Exception:
            logger.exception("wording broke", extra=_extra(claim, "broke"))
            message = bare_words.message(decision, self._source_title)
            return self._sender.render(message), False

    def _render(
        self, claim: Claim, decision: noise.Decision
    ) -> tuple[tuple[JsonDict, ...], bool]:
        message = messages.alert(decision, self._setting(claim))
        if claim.recipient.preferences.pictures:
            message = message.evolve(picture=chart_replies.of_alert(decision.news))
        parts = self._sender.render(message.evolve(reply_to=""))
        return parts, bool(message.reply_to)

    def _setting(self, claim: Claim) -> Setting:
        return Setting(
            now=self._now,
            kind=claim.recipient.kind,
            source_title=self._source_title,
            reply_to="any",
            preferences=claim.recipient.preferences,
            backdrop=claim.backdrop,
            advice=_advice(claim),
            wave=claim.wave,
        )


def _essence(decision: noise.Decision) -> object:
    """Return all of a decision that its wording depends on, quick to compare.

    Of a watch that is its words and what it names.
    """
    return (
        tuple(
            (
                id(news.asset),
                id(news.change),
                id(news.crossing),
                news.passed,
                news.flips,
                news.held_for,
                news.note,
                news.again_after,
                news.knew,
                news.is_turn_held,
                news.watch.text,
                news.watch.target,
                news.watch.conditions,
            )
            for news in decision.news
        ),
        tuple(id(asset) for asset in decision.came_back),
        decision.occasion,
        decision.muted,
        bool(decision.holds),
    )


def _essence_of(claim: Claim) -> object:
    """Return all of a recipient that the wording depends on, quick to compare."""
    preferences, around = claim.recipient.preferences, claim.backdrop
    return (
        claim.recipient.kind,
        tuple(preferences.sounds.items()),
        preferences.digest,
        preferences.pictures,
        around.watched,
        around.title,
        around.own,
        tuple(id(asset) for asset in around.others),
        around.market,
        _advice(claim),
        None if claim.wave is None else tuple(id(e) for _, e in claim.wave.told),
    )


def _advice(claim: Claim) -> Advice | None:
    """Return what a message over the recipient's daily budget says of that."""
    if claim.today is None:
        return None
    return noise_budget.advise(claim.recipient.preferences, claim.today)


def _reply_to(claim: Claim, decision: noise.Decision) -> str:
    """Return the alert that a single asset's news answers, if there was one."""
    if len(decision.news) != 1:
        return ""
    told = claim.told.get(decision.news[0].asset.id)
    return "" if told is None else told.message_ref


def _extra(claim: Claim, action: str) -> dict[str, object]:
    return {"action": action, "to": claim.recipient.alias}
