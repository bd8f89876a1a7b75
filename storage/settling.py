"""How claims end: freeze what was decided, settle what became of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    exists,
    false,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import LeaseLostError, NotFoundError, StoreError
from bot.model import Claim, DeliveryState, FrozenMessage, MessageKind
from bot.noise import HOLDS
from bot.ports import Freeze, Sent
from storage.claims import end_leases, held_leases, hold_lease, lease_lost
from storage.columns import UtcTime
from storage.database import in_batches
from storage.packed import among, document, moment, named, number, unpacked, words
from storage.rows import tell_document
from storage.tables import (
    DELIVERIES,
    MESSAGES,
    MUTES,
    RECIPIENTS,
    WATCHES,
)
from storage.told import tell_recipients

#: reason of a delivery whose frozen message is on its way
SENDING = "sending"

_PENDING = DeliveryState.PENDING.value
_CLAIMED = DeliveryState.CLAIMED.value


def is_in(message_id: int) -> ColumnElement[bool]:
    """Whether a delivery is still on its way with this very message."""
    return (DELIVERIES.c.state == _CLAIMED) & (DELIVERIES.c.message_id == message_id)


def freeze(
    connection: Connection, decided: Sequence[tuple[Claim, Freeze]], now: datetime
) -> list[FrozenMessage | LeaseLostError | None]:
    """Do what `Store.freeze` says inside the caller's transaction."""
    held = held_leases(connection, [claim for claim, _ in decided])
    whose = _still_pending(connection, [each for _, each in decided])
    lost: dict[int, LeaseLostError] = {}
    for claim, each in decided:
        if each.delivery_ids and not each.parts and not each.dead_reason:
            raise StoreError("a message carries deliveries but has no parts")
        if claim.recipient.id not in held:
            lost[claim.recipient.id] = lease_lost(claim)
        elif any(whose.get(i) != claim.recipient.id for i in each.delivery_ids):
            # the next claim decides on what is there now
            lost[claim.recipient.id] = LeaseLostError(
                "what was decided about is no longer waiting"
            )
    kept = [(c, each) for c, each in decided if c.recipient.id not in lost]
    _hold(connection, kept, whose, now)
    _skip(connection, kept, whose)
    _bury(connection, kept, now)
    ids = _insert_messages(connection, [x for x in kept if x[1].parts], now)
    end_leases(connection, [c.recipient.id for c, each in kept if not each.parts])
    return [
        lost.get(claim.recipient.id)
        or _frozen(ids.get(claim.recipient.id), claim, each, now)
        for claim, each in decided
    ]


def _still_pending(connection: Connection, decided: Iterable[Freeze]) -> dict[int, int]:
    """Return the recipients of those deliveries that are pending, by delivery."""
    ids = [i for x in decided for i in (*x.delivery_ids, *x.holds, *x.skips)]
    rows = named(connection.execute(_WHOSE, {"ids": ids}))
    return {row.id: row.recipient_id for row in rows}


_WHOSE = select(DELIVERIES.c.id, DELIVERIES.c.recipient_id).where(
    among(DELIVERIES.c.id), DELIVERIES.c.state == _PENDING
)


def _hold(
    connection: Connection,
    decided: Iterable[tuple[Claim, Freeze]],
    whose: Mapping[int, int],
    now: datetime,
) -> None:
    holds: dict[tuple[datetime, str], list[int]] = {}
    for claim, each in decided:
        for delivery_id, hold in each.holds.items():
            if whose.get(delivery_id) == claim.recipient.id:
                holds.setdefault(hold, []).append(delivery_id)
    for (until, reason), ids in holds.items():
        values: dict[str, Any] = {"due_at": until, "reason": reason}
        if reason in HOLDS:
            values["held_for"] = reason
        _postpone(connection, ids, values, wait=until - now)


def _skip(
    connection: Connection,
    decided: Iterable[tuple[Claim, Freeze]],
    whose: Mapping[int, int],
) -> None:
    by_reason: dict[str, list[int]] = {}
    for claim, each in decided:
        for delivery_id, reason in each.skips.items():
            if whose.get(delivery_id) == claim.recipient.id:
                by_reason.setdefault(reason, []).append(delivery_id)
    for reason, ids in by_reason.items():
        for batch in in_batches(ids):
            connection.execute(
                update(DELIVERIES)
                .where(DELIVERIES.c.id.in_(batch), DELIVERIES.c.state == _PENDING)
                .values(state=DeliveryState.SKIPPED.value, reason=reason)
            )


def _bury(
    connection: Connection, decided: Iterable[tuple[Claim, Freeze]], now: datetime
) -> None:
    """Make deliveries dead letters, with the message that they never became."""
    for claim, each in decided:
        if not each.dead_reason:
            continue
        row = {
            "recipient_id": claim.recipient.id,
            "state": "dead",
            "reason": each.dead_reason,
            "kind": each.kind.value,
            "parts": [],
            "sent_parts": 0,
            "delivery_ids": list(each.delivery_ids),
            "tells": [],
            "ended_mutes": [],
            "is_plain": False,
            "is_unsure": False,
            "first_ref": "",
            "due_at": now,
            "frozen_at": now,
            "settled_at": now,
        }
        written = connection.execute(
            insert(MESSAGES).values(row).returning(MESSAGES.c.id)
        )
        values = {
            "state": DeliveryState.DEAD.value,
            "reason": each.dead_reason,
            "message_id": written.scalar_one(),
        }
        for batch in in_batches(each.delivery_ids):
            connection.execute(
                update(DELIVERIES).where(DELIVERIES.c.id.in_(batch)).values(values)
            )


def _insert_messages(
    connection: Connection, decided: Sequence[tuple[Claim, Freeze]], now: datetime
) -> dict[int, int]:
    """Write the messages, take their deliveries; return message ids by recipient."""
    if not decided:
        return {}
    rows = connection.execute(
        _INSERT_MESSAGES,
        {
            "now": now,
            "rows": [
                (
                    claim.recipient.id,
                    each.parts,
                    each.delivery_ids,
                    [tell_document(tell) for tell in each.tells],
                    each.ended_mutes,
                    each.kind.value,
                    each.send_by,
                    None if each.edit is None else asdict(each.edit),
                )
                for claim, each in decided
            ],
        },
    ).all()
    ids = {row.recipient_id: row.id for row in rows}
    wanted = [i for _, each in decided for i in each.delivery_ids]
    taken = connection.execute(_TAKE_DELIVERIES, {"ids": wanted}).rowcount
    if taken != len(set(wanted)):
        # they were looked at under the recipients' locks: nothing of this is kept
        raise StoreError("a delivery is not its recipient's")
    return ids


_NEW = unpacked("rows")
_NOW = bindparam("now", type_=UtcTime())
_NEW_MESSAGE: dict[str, ColumnElement[Any]] = {
    "recipient_id": number(_NEW, 0),
    "state": literal("frozen"),
    "reason": literal(SENDING),
    "parts": document(_NEW, 1),
    "sent_parts": literal(0),
    "delivery_ids": document(_NEW, 2),
    "tells": document(_NEW, 3),
    "ended_mutes": document(_NEW, 4),
    "kind": words(_NEW, 5),
    "send_by": moment(_NEW, 6),
    "edit": document(_NEW, 7),
    "is_plain": false(),
    "is_unsure": false(),
    "first_ref": literal(""),
    "due_at": _NOW,
    "frozen_at": _NOW,
}
_INSERT_MESSAGES = (
    insert(MESSAGES)
    .from_select(list(_NEW_MESSAGE), select(*_NEW_MESSAGE.values()).select_from(_NEW))
    .returning(MESSAGES.c.id, MESSAGES.c.recipient_id)
)
#: a recipient has one frozen message, and it was just written
_TAKE_DELIVERIES = (
    update(DELIVERIES)
    .where(among(DELIVERIES.c.id), DELIVERIES.c.state == _PENDING)
    .values(
        state=_CLAIMED,
        reason=SENDING,
        message_id=select(MESSAGES.c.id)
        .where(
            MESSAGES.c.recipient_id == DELIVERIES.c.recipient_id,
            literal_column("messages.state = 'frozen'"),
        )
        .scalar_subquery(),
    )
)


def _frozen(
    message_id: int | None, claim: Claim, decided: Freeze, now: datetime
) -> FrozenMessage | None:
    """Return the message as it was written, with what is known of its patience."""
    if message_id is None:
        return None
    carried = frozenset(decided.delivery_ids)
    waiting = [w for w in claim.waiting if w.delivery_id in carried]
    return FrozenMessage(
        id=message_id,
        parts=decided.parts,
        delivery_ids=decided.delivery_ids,
        tells=decided.tells,
        send_by=decided.send_by,
        edit=decided.edit,
        frozen_at=now,
        attempts=max((w.attempts for w in waiting), default=0),
        owed_since=min((w.owed_since for w in waiting), default=now),
    )


async def hold_message(
    connection: AsyncConnection, claim: Claim, message_id: int
) -> Any:
    """Lock the recipient and return the frozen message.

    Raises `LeaseLostError` if the claim is not ours or the message settled already.
    """
    await hold_lease(connection, claim)
    message = await _find_message(connection, message_id)
    if message.state != "frozen":
        raise LeaseLostError(f"message {message_id} is {message.state} already")
    return message


async def _find_message(connection: AsyncConnection, message_id: int) -> Any:
    row = (
        await connection.execute(select(MESSAGES).where(MESSAGES.c.id == message_id))
    ).first()
    if row is None:
        raise NotFoundError(f"there is no message {message_id}")
    return row


def settle_sent(connection: Connection, sent: Sequence[Sent], now: datetime) -> None:
    """Do what `Store.settle_sent` says inside the caller's transaction."""
    held = held_leases(connection, [each.claim for each in sent])
    yeses = {each.message.id: each for each in sent}
    rows = named(connection.execute(_SETTLING, {"ids": list(yeses)}))
    if len(rows) < len(yeses):
        _check_forgotten(connection, yeses, {row.id for row in rows})
    news = [_Yes(row, yeses[row.id]) for row in rows if row.state != "sent"]
    if news:
        _write_sent(connection, news, now)
        _write_tells(connection, news, now)
        _end_mutes(connection, news)
    _end_sent(connection, news, held, now)


def _check_forgotten(
    connection: Connection, yeses: Mapping[int, Sent], known: Collection[int]
) -> None:
    """Let a message be gone along with its recipient, who was erased meanwhile.

    Raises `NotFoundError` where the recipient is there.
    """
    gone = {i: each.claim.recipient.id for i, each in yeses.items() if i not in known}
    found = connection.execute(
        select(RECIPIENTS.c.id).where(RECIPIENTS.c.id.in_(gone.values()))
    )
    alive = set(found.scalars())
    if unknown := [i for i, recipient_id in gone.items() if recipient_id in alive]:
        raise NotFoundError(f"there is no message {min(unknown)}")


class _Yes:
    """A message as its row stands, as it was frozen, and the platform's id of it."""

    __slots__ = ("frozen", "is_there", "ref", "row")

    def __init__(self, row: Any, sent: Sent) -> None:
        self.row = row
        self.frozen = sent.message
        self.ref = row.first_ref
        if not self.ref and sent.receipt is not None:
            self.ref = sent.receipt.message_ref
        address = sent.claim.recipient.address
        #: whether the recipient still gets its alerts in the chat this one went to
        self.is_there = (row.platform, row.chat) == (address.platform, address.chat)


_later = MESSAGES.alias("later")
# without what was frozen: that is known, and long
_SETTLING = (
    select(
        MESSAGES.c.id,
        # a move may have merged the recipient into another one meanwhile
        MESSAGES.c.recipient_id,
        MESSAGES.c.state,
        MESSAGES.c.kind,
        MESSAGES.c.ended_mutes,
        MESSAGES.c.first_ref,
        MESSAGES.c.frozen_at,
        RECIPIENTS.c.platform,
        RECIPIENTS.c.chat,
        exists()
        .where(
            _later.c.recipient_id == MESSAGES.c.recipient_id,
            _later.c.id > MESSAGES.c.id,
            _later.c.state == "sent",
        )
        .label("is_overtaken"),
    )
    .join(RECIPIENTS, RECIPIENTS.c.id == MESSAGES.c.recipient_id)
    .where(among(MESSAGES.c.id))
    .order_by(MESSAGES.c.id)
)


def _write_sent(connection: Connection, yeses: Sequence[_Yes], now: datetime) -> None:
    rows = [(yes.row.id, yes.ref, len(yes.frozen.parts)) for yes in yeses]
    connection.execute(_MESSAGES_SENT, {"now": now, "rows": rows})
    # a thawed message's deliveries may be in another one by now, but it was this one
    # that told them
    for yes in [yes for yes in yeses if yes.row.state != "frozen"]:
        connection.execute(
            _DELIVERIES_SENT.values(message_id=yes.row.id),
            {"ids": yes.frozen.delivery_ids, "now": now},
        )
    ids = [i for x in yeses if x.row.state == "frozen" for i in x.frozen.delivery_ids]
    connection.execute(_DELIVERIES_SENT, {"ids": ids, "now": now})


_YESES = unpacked("rows")
_MESSAGES_SENT = (
    update(MESSAGES)
    .where(MESSAGES.c.id == number(_YESES, 0))
    .values(
        state="sent",
        reason="",
        sent_parts=number(_YESES, 2),
        first_ref=words(_YESES, 1),
        settled_at=_NOW,
    )
)
_DELIVERIES_SENT = (
    update(DELIVERIES)
    .where(among(DELIVERIES.c.id), DELIVERIES.c.state != DeliveryState.SENT.value)
    .values(state=DeliveryState.SENT.value, reason="", sent_at=_NOW)
)


def _end_sent(
    connection: Connection,
    yeses: Sequence[_Yes],
    held: frozenset[int],
    now: datetime,
) -> None:
    """End the leases, and note with the recipients when they were last written to."""
    told = {yes.row.recipient_id for yes in yeses}
    end_leases(connection, held - told)
    for statement, ids in ((_END_SENT, told & held), (_NOTE_SENT, told - held)):
        if ids:
            connection.execute(statement, {"ids": list(ids), "now": now})
    for kind, statement in _NOTED.items():
        those = [yes.row.recipient_id for yes in yeses if yes.row.kind == kind]
        if those:
            connection.execute(statement, {"ids": those, "now": now})


_NOTE_SENT = update(RECIPIENTS).where(among(RECIPIENTS.c.id)).values(sent_at=_NOW)
_END_SENT = _NOTE_SENT.values(lease_owner=None, lease_until=None)
_NOTED = {
    MessageKind.DIGEST.value: update(RECIPIENTS)
    .where(among(RECIPIENTS.c.id))
    .values(digest_at=_NOW),
    MessageKind.WAVE.value: update(RECIPIENTS)
    .where(among(RECIPIENTS.c.id))
    .values(wave_at=_NOW),
}


def _write_tells(connection: Connection, yeses: Iterable[_Yes], now: datetime) -> None:
    """Make the messages' tells told, but of those a later message overtook.

    Those whose watch was removed while the message was on its way are left out, so
    that nothing told lingers of an asset that nobody watches.
    """
    news = [
        (yes.row.recipient_id, yes.ref if yes.is_there else "", tell)
        for yes in yeses
        if not yes.row.is_overtaken
        for tell in yes.frozen.tells
    ]
    ids = [tell.watch_id for _, _, tell in news if tell.watch_id is not None]
    found = connection.execute(_WATCHES, {"ids": ids}).scalars().all()
    alive: set[int | None] = {None, *found}
    tell_recipients(connection, [x for x in news if x[2].watch_id in alive], now)


_WATCHES = select(WATCHES.c.id).where(among(WATCHES.c.id))


def _end_mutes(connection: Connection, yeses: Iterable[_Yes]) -> None:
    """Remove the mutes "until the next flip" that these messages ended.

    One that was set after the message was decided waits for a later flip.
    """
    for row in (yes.row for yes in yeses):
        for asset_id in row.ended_mutes:
            asset = MUTES.c.asset_id
            connection.execute(
                delete(MUTES).where(
                    MUTES.c.recipient_id == row.recipient_id,
                    asset.is_(None) if asset_id is None else asset == asset_id,
                    MUTES.c.until.is_(None),
                    MUTES.c.created_at <= row.frozen_at,
                )
            )


async def postpone(
    connection: AsyncConnection,
    ids: Collection[int],
    values: Mapping[str, Any],
    *,
    wait: timedelta,
    attempts: int = 0,
) -> None:
    """Write new values on open deliveries; `wait` does not count as owed time."""
    work = partial(_postpone, ids=ids, values=values, wait=wait, attempts=attempts)
    await connection.run_sync(work)


def _postpone(
    connection: Connection,
    ids: Collection[int],
    values: Mapping[str, Any],
    *,
    wait: timedelta,
    attempts: int = 0,
) -> None:
    for batch in in_batches(ids):
        chosen = DELIVERIES.c.id.in_(batch) & DELIVERIES.c.state.in_(
            [_PENDING, _CLAIMED]
        )
        changed: dict[str, Any] = dict(values)
        if attempts:
            changed["attempts"] = DELIVERIES.c.attempts + attempts
        connection.execute(update(DELIVERIES).where(chosen).values(changed))
        if wait <= timedelta(0):
            continue
        # moments are added up here: each database would do it in its own way
        rows = connection.execute(
            select(DELIVERIES.c.id, DELIVERIES.c.owed_since).where(chosen)
        )
        moved = [{"this": row.id, "moved": row.owed_since + wait} for row in rows]
        if moved:
            connection.execute(
                update(DELIVERIES)
                .where(DELIVERIES.c.id == bindparam("this"))
                .values(owed_since=bindparam("moved")),
                moved,
            )
