"""The verdict on a history of kills: what was lost, repeated, or told out of order."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from kill_history import LEASE, History
from kill_places import Place, read
from kill_scene import SYMBOLS, word_of
from sqlalchemy import Row, select

from bot.model import Signal
from storage.tables import ASSETS, DELIVERIES, EVENTS, MESSAGES, RECIPIENTS, STATES

#: a delivery that told nothing had nothing to tell: what it was about was over
SILENT_REASONS = {"flipped_back", "already_told"}


@dataclass(kw_only=True)
class Verdict:
    """Counts for the terminal, and every complaint in words."""

    events: int = 0
    alerts: int = 0
    repeats: int = 0
    #: messages frozen and not settled when it was killed, summed over all kills
    in_flight: int = 0
    #: kills at which any was
    busy_kills: int = 0
    #: sends that ended without a clear answer though nobody was killed
    unanswered: int = 0
    #: news told again by another message: the one before was in flight at a kill and
    #: its outcome still unknown when its window ended, so it was decided anew
    retold: int = 0
    #: repeats because a lease ran out in a living process: the machine is too busy
    overdue: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


async def judge(history: History) -> Verdict:
    """Hold what people saw against what the market did and what the store says."""
    verdict = Verdict(wrong=list(history.scene.complaints()))
    ledger = history.ledger
    chats = {
        row.id: row.chat
        for row in await ledger.rows(select(RECIPIENTS.c.id, RECIPIENTS.c.chat))
    }
    messages = await ledger.rows(select(MESSAGES).order_by(MESSAGES.c.id))
    of_chat: dict[str, list[Row[Any]]] = defaultdict(list)
    for message in messages:
        of_chat[chats[message.recipient_id]].append(message)
    for kill in history.kills:
        flying = sum(_is_flying(message, kill) for message in messages)
        verdict.in_flight += flying
        verdict.busy_kills += flying > 0
    unanswered = Counter(
        place.chat
        for place in history.places
        for line in history.log_lines("not sent")
        if f":{place.chat}" in line
    )
    verdict.unanswered = unanswered.total()
    for place in history.places:
        _judge_order(history, place, _thawed(history, of_chat[place.chat]), verdict)
        _judge_messages(
            history, place, of_chat[place.chat], unanswered[place.chat], verdict
        )
    await _judge_store(history, verdict)
    for word in ("Traceback", "broke"):
        verdict.wrong += [f"logged: {line}" for line in history.log_lines(word)][:3]
    return verdict


def _is_flying(message: Row[Any], kill: datetime) -> bool:
    """Whether a message was decided but not settled at a moment."""
    is_begun = message.frozen_at <= kill
    return bool(is_begun and (message.settled_at is None or message.settled_at > kill))


def _overdue(message: Row[Any], kills: list[datetime]) -> int:
    """Count the leases that may have run out while the process that had them lived."""
    ends = [message.frozen_at, *kills, message.settled_at or message.frozen_at]
    leases = [int((b - a).total_seconds() / LEASE) for a, b in pairwise(ends)]
    # after a kill the first one to run out is the dead one's
    return sum(max(0, n - bool(place)) for place, n in enumerate(leases))


def _thawed(history: History, messages: list[Row[Any]]) -> set[str]:
    """Return what may be told again: thawed, after a kill while it was in flight."""
    return {
        history.scene.identity_of(message.id, number, part)
        for message in messages
        if message.state == "thawed"
        and any(kill >= message.frozen_at for kill in history.kills)
        for number, part in enumerate(message.parts)
    }


def _judge_order(
    history: History, place: Place, thawed: set[str], verdict: Verdict
) -> None:
    """Each asset's turns are told in order, and the last one told is what stands."""
    teller: dict[str, str] = {}
    last = {symbol: 14 * n for n, symbol in enumerate(SYMBOLS)}
    before = ""
    for alert in place.alerts:
        verdict.alerts += 1
        told = read(alert.text)
        if not told:
            verdict.wrong.append(f"{place.chat} can't read {alert.text!r}")
        # only what was told last is ever told again: later news wait for its end
        is_repeat = alert.identity == before
        before = alert.identity
        for symbol, (grade, signal) in told.items():
            turn = _turn(grade, last[symbol])
            is_later = turn == last[symbol] if is_repeat else turn > last[symbol]
            is_retold = turn == last[symbol] and teller.get(symbol) in thawed
            verdict.retold += is_retold and not is_later
            teller[symbol] = alert.identity
            if not is_later and not is_retold:
                verdict.wrong.append(
                    f"{place.chat}: {symbol} turn {turn} after {last[symbol]}"
                )
            if signal not in {"", word_of(turn)}:
                verdict.wrong.append(f"{place.chat}: {symbol} {signal} at {turn}")
            last[symbol] = max(turn, last[symbol])
    for symbol, turn in last.items():
        if word_of(turn) != history.market.stands(symbol) or (
            turn > history.market.turns[symbol]
        ):
            verdict.lost.append(
                f"{place.chat}: {symbol} was last told {word_of(turn)} (turn {turn}), "
                f"but stands at turn {history.market.turns[symbol]}"
            )


def _turn(grade: int, near: int) -> int:
    """Return the turn with this grade that is nearest to another."""
    return near + (grade - near + 50) % 100 - 50


def _judge_messages(
    history: History,
    place: Place,
    messages: list[Row[Any]],
    unanswered: int,
    verdict: Verdict,
) -> None:
    """What the store calls sent was seen; what was seen twice was in flight."""
    seen = Counter(alert.identity for alert in place.alerts)
    known: set[str] = set()
    extra = 0
    for message in messages:
        flights = [kill for kill in history.kills if _is_flying(message, kill)]
        for number, part in enumerate(message.parts):
            identity = history.scene.identity_of(message.id, number, part)
            known.add(identity)
            if message.state == "sent" and not seen[identity]:
                verdict.lost.append(f"{place.chat}: message {message.id} never arrived")
            again = max(0, seen[identity] - 1)
            overdue = min(max(0, again - len(flights)), _overdue(message, flights))
            verdict.repeats += again
            verdict.overdue += overdue
            extra += max(0, again - len(flights) - overdue)
            if again and history.scene.knows_nonces:
                verdict.wrong.append(f"{place.chat}: {message.id} was seen again")
    if extra > unanswered:
        verdict.wrong.append(
            f"{place.chat}: {extra} repeats of what was not in flight at a kill "
            f"({unanswered} unanswered)"
        )
    for identity in seen.keys() - known:
        verdict.wrong.append(f"{place.chat}: nobody decided {identity!r}")


async def _judge_store(history: History, verdict: Verdict) -> None:
    """Every event is there once, with one delivery per watcher, and all have ended."""
    ledger = history.ledger
    events = await ledger.rows(
        select(EVENTS, ASSETS.c.symbol)
        .join(ASSETS, ASSETS.c.id == EVENTS.c.asset_id)
        .where(ASSETS.c.symbol.in_(SYMBOLS))
        .order_by(EVENTS.c.id)
    )
    verdict.events = len(events)
    standing = dict.fromkeys(SYMBOLS, int(Signal.BULLISH))
    grades = {symbol: 14 * n for n, symbol in enumerate(SYMBOLS)}
    for event in events:
        turn = _turn(int(event.grade_to), grades[event.symbol])
        if event.kind != "flip" or event.from_signal != standing[event.symbol]:
            verdict.wrong.append(f"event {event.id} is no flip of what stood")
        if turn <= grades[event.symbol]:
            verdict.wrong.append(f"event {event.id} of {event.symbol} came twice")
        standing[event.symbol], grades[event.symbol] = event.to_signal, turn
    states = await ledger.rows(
        select(ASSETS.c.symbol, STATES.c.standing, STATES.c.grade)
        .join(ASSETS, ASSETS.c.id == STATES.c.asset_id)
        .where(ASSETS.c.symbol.in_(SYMBOLS))
    )
    for row in states:
        truth = history.market.turns[row.symbol]
        names = (Signal(row.standing).word, Signal(standing[row.symbol]).word)
        if set(names) != {word_of(truth)}:
            verdict.lost.append(
                f"{row.symbol} stands at {truth}, the store has {names}"
            )
    deliveries = await ledger.rows(select(DELIVERIES))
    pairs = Counter((d.event_id, d.recipient_id) for d in deliveries)
    missing = len(events) * len(history.places) - len(pairs)
    if missing or len(deliveries) != len(pairs):
        verdict.lost.append(f"{missing} deliveries were never made")
    for delivery in deliveries:
        is_told = delivery.state == "sent"
        is_over = delivery.state == "skipped" and delivery.reason in SILENT_REASONS
        if not (is_told or is_over):
            verdict.lost.append(
                f"delivery {delivery.id} ended {delivery.state}: {delivery.reason}"
            )
