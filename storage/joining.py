"""Two chats come to share one recipient, and part again.

One person reads both, so what either was told counts as told, by what was said last;
what waits for either waits on, once. Where both have a watch on the same target, a
mute or a setting, that of the home counts: the chat that made the code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Address, DeliveryState, Platform, Watch
from bot.ports import Joined
from storage.claims import undo_decision
from storage.database import in_batches
from storage.part import StorePart, lock_recipient
from storage.routes import (
    GRACE,
    find_code,
    find_row,
    forget_codes,
    is_at,
    is_same_chat,
    open_route,
    prefer,
    routes_of,
)
from storage.rows import covering, to_recipient, to_watch
from storage.tables import (
    ASSETS,
    DELIVERIES,
    EVENTS,
    LINK_TRIES,
    MESSAGES,
    MUTES,
    PRIVATE_LINES,
    RECIPIENTS,
    ROUTES,
    TOLD,
    TOLD_LINES,
    UNDOS,
    WATCH_LINES,
    WATCHES,
)
from storage.thawing import AWAY, let_go, resume, thaw_all
from storage.watch_lines import drop_unwanted_lines, write_default_lines
from storage.watches import drop_uncovered

_PENDING = DeliveryState.PENDING.value
_PARKED = DeliveryState.PARKED.value
_OPEN = (_PENDING, _PARKED, DeliveryState.CLAIMED.value)


class JoiningStore(StorePart):
    """What the port says about linking and unlinking."""

    async def join(
        self, recipient_id: int, digest: str, *, account: str, now: datetime
    ) -> Joined | None:
        """Let a recipient join the one whose code this is; the code is used up.

        None if no such code is live, or it is the recipient's own. Raises
        `NotFoundError` for an unknown recipient.
        """

        async def work(connection: AsyncConnection) -> Joined | None:
            code = await find_code(connection, digest, now)
            if code is None or code.recipient_id == recipient_id:
                return None
            # one order of locks, whoever is who
            for one in sorted((code.recipient_id, recipient_id)):
                await lock_recipient(connection, one)
            code = await find_code(connection, digest, now)
            if code is None:
                # used by somebody else in this very moment
                return None
            rows = {
                row.id: row
                for row in await connection.execute(
                    select(RECIPIENTS).where(
                        RECIPIENTS.c.id.in_([code.recipient_id, recipient_id])
                    )
                )
            }
            pair = _Pair(rows[code.recipient_id], rows[recipient_id])
            await forget_codes(connection, pair.home.id)
            await forget_codes(connection, pair.guest.id)
            return await _join(connection, pair, (code.account, account), now)

        return await self._database.write(work)

    async def part(self, address: Address, *, now: datetime) -> bool:
        """Let one chat go its own way, with a copy of everything.

        What waits then waits for both. False if the chat shares nothing.
        """

        async def work(connection: AsyncConnection) -> bool:
            row = await find_row(connection, address)
            if row is None:
                return False
            await lock_recipient(connection, row.id)
            await open_route(connection, address, now)
            routes = await routes_of(connection, row.id)
            if not routes:
                return False
            found = await connection.execute(
                select(RECIPIENTS).where(RECIPIENTS.c.id == row.id)
            )
            await _part(connection, found.one(), routes, address, now)
            return True

        return await self._database.write(work)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The rows of two recipients that become one."""

    home: Any
    guest: Any

    @property
    def both(self) -> tuple[int, int]:
        return self.home.id, self.guest.id

    @property
    def stays(self) -> int:
        """The row that is left: the later one.

        Fan-out goes by id; an event that has passed the later one has passed both, so
        whatever is still to come for either comes to it.
        """
        return max(self.both)

    @property
    def goes(self) -> int:
        return min(self.both)

    def rank(self, row: Any) -> bool:
        """Whether a row of either is the home's: that counts where all else is even."""
        return bool(row.recipient_id == self.home.id)


async def _join(
    connection: AsyncConnection,
    pair: _Pair,
    accounts: tuple[str, str],
    now: datetime,
) -> Joined:
    for one in pair.both:
        await thaw_all(connection, one, now, wait=GRACE)
    differing = await _join_watches(connection, pair)
    by_line = await _join_told_lines(connection, pair)
    await _join_private_lines(connection, pair, by_line)
    used = await _join_routes(connection, pair, accounts, now)
    await _join_told(connection, pair, used)
    await _join_mutes(connection, pair, now)
    await _join_deliveries(connection, pair)
    for table in (MESSAGES, UNDOS, LINK_TRIES):
        await connection.execute(
            update(table)
            .where(table.c.recipient_id == pair.goes)
            .values(recipient_id=pair.stays)
        )
    await connection.execute(
        update(EVENTS).where(EVENTS.c.only_for == pair.goes).values(only_for=pair.stays)
    )
    await connection.execute(delete(RECIPIENTS).where(RECIPIENTS.c.id == pair.goes))
    home, guest = pair.home, pair.guest
    await connection.execute(
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id == pair.stays)
        .values(
            platform=used.platform,
            chat=used.chat,
            topic="",
            thresholds=home.thresholds,
            settings=dict(home.settings) or dict(guest.settings),
            language=home.language or guest.language,
            parked_since=used.parked_since,
            parked_reason=used.parked_reason,
            created_at=min(home.created_at, guest.created_at),
            sent_at=_latest(home.sent_at, guest.sent_at),
            digest_at=home.digest_at or guest.digest_at,
        )
    )
    if used.parked_since is None:
        await resume(connection, pair.stays, now)
    await write_default_lines(connection, pair.stays, home.thresholds)
    await drop_uncovered(connection, pair.stays)
    await drop_unwanted_lines(connection, pair.stays)
    await let_go(connection, pair.stays, now)
    await undo_decision(connection, pair.stays)
    row = (
        await connection.execute(
            select(RECIPIENTS).where(RECIPIENTS.c.id == pair.stays)
        )
    ).one()
    return Joined(recipient=to_recipient(row), differing=tuple(differing))


def _latest(*moments: datetime | None) -> datetime | None:
    return max((m for m in moments if m is not None), default=None)


# ---------------------------------------------------------------- watches


async def _join_watches(connection: AsyncConnection, pair: _Pair) -> list[str]:
    """Give all watches to the one that stays; return the texts that did not count."""
    rows = (
        await connection.execute(
            select(WATCHES).where(WATCHES.c.recipient_id.in_(pair.both))
        )
    ).all()
    await _keep_own_lines(connection, pair, rows)
    by_target: dict[str, list[Any]] = {}
    for row in sorted(rows, key=lambda r: (r.is_exception, not pair.rank(r))):
        by_target.setdefault(row.target_key, []).append(row)
    dropped = [row for each in by_target.values() for row in each[1:]]
    replaced = {
        row.id: by_target[row.target_key][0].id
        for row in dropped
        if not by_target[row.target_key][0].is_exception
    }
    kept = [each[0] for each in by_target.values()]
    dropped += await _vain_exceptions(connection, rows, kept)
    for batch in in_batches(row.id for row in dropped):
        await connection.execute(delete(WATCHES).where(WATCHES.c.id.in_(batch)))
    for table in (DELIVERIES, TOLD):
        for gone, heir in replaced.items():
            await connection.execute(
                update(table)
                .where(table.c.recipient_id.in_(pair.both), table.c.watch_id == gone)
                .values(watch_id=heir)
            )
    await connection.execute(
        update(WATCHES)
        .where(WATCHES.c.recipient_id == pair.goes)
        .values(recipient_id=pair.stays)
    )
    return [
        row.text
        for row in dropped
        if not row.is_exception and row.text != by_target[row.target_key][0].text
    ]


async def _keep_own_lines(
    connection: AsyncConnection, pair: _Pair, rows: Sequence[Any]
) -> None:
    """Write the guest's default lines on its watches: now the home's are default."""
    lines = [float(t) for t in pair.guest.thresholds]
    if lines == [float(t) for t in pair.home.thresholds]:
        return
    tail = "".join(f" {t:g}" for t in sorted(lines, reverse=True))
    for row in rows:
        if row.thresholds is None and not pair.rank(row) and not row.is_exception:
            await connection.execute(
                update(WATCHES)
                .where(WATCHES.c.id == row.id)
                .values(thresholds=lines, text=row.text + tail)
            )


async def _vain_exceptions(
    connection: AsyncConnection, rows: Sequence[Any], kept: Sequence[Any]
) -> list[Any]:
    """Return exceptions on what the other one hears of: nothing must be lost."""
    exceptions = [row for row in kept if row.is_exception]
    agreed = {
        row.target_key
        for row in exceptions
        if sum(r.target_key == row.target_key for r in rows) > 1
    }
    found = []
    for row in exceptions:
        if row.target_key in agreed:
            continue
        others: Sequence[Watch] = [
            to_watch(r) for r in rows if r.recipient_id != row.recipient_id
        ]
        asset = (
            await connection.execute(
                select(ASSETS.c.categories, ASSETS.c.rank).where(
                    ASSETS.c.id == row.asset_id
                )
            )
        ).one()
        if covering(row.asset_id, asset.categories, asset.rank, others):
            found.append(row)
    return found


# ---------------------------------------------------------------- what was told


async def _rows(connection: AsyncConnection, table: Table, pair: _Pair) -> list[Any]:
    found = await connection.execute(
        select(table).where(table.c.recipient_id.in_(pair.both))
    )
    return list(found.all())


async def _replace(
    connection: AsyncConnection, table: Table, pair: _Pair, rows: Iterable[Any]
) -> None:
    """Let only these rows be left of both, as those of the one that stays."""
    await connection.execute(delete(table).where(table.c.recipient_id.in_(pair.both)))
    values = [_values(row) | {"recipient_id": pair.stays} for row in rows]
    if values:
        await connection.execute(insert(table), values)


async def _join_told(connection: AsyncConnection, pair: _Pair, used: Any) -> None:
    """Keep of each asset what was said last, by whichever of the two."""
    last: dict[int, Any] = {}
    for row in sorted(
        await _rows(connection, TOLD, pair),
        key=lambda r: (r.signal is not None, r.told_at, pair.rank(r)),
    ):
        last[row.asset_id] = row
    await _replace(connection, TOLD, pair, last.values())
    # the ids of messages in a chat that is not in use mean nothing there
    strangers = [
        row.asset_id
        for row in last.values()
        if not is_same_chat(used, pair.home if pair.rank(row) else pair.guest)
    ]
    for batch in in_batches(strangers):
        await connection.execute(
            update(TOLD)
            .where(TOLD.c.recipient_id == pair.stays, TOLD.c.asset_id.in_(batch))
            .values(message_ref="")
        )


async def _join_told_lines(
    connection: AsyncConnection, pair: _Pair
) -> Mapping[tuple[int, float], int]:
    """Keep the side that was said last; return by line whose that was."""
    last: dict[tuple[int, float], Any] = {}
    for row in sorted(
        await _rows(connection, TOLD_LINES, pair),
        key=lambda r: (r.told_at, pair.rank(r)),
    ):
        last[row.asset_id, row.threshold] = row

    await _replace(connection, TOLD_LINES, pair, last.values())
    return {key: row.recipient_id for key, row in last.items()}


async def _join_private_lines(
    connection: AsyncConnection, pair: _Pair, by_line: Mapping[tuple[int, float], int]
) -> None:
    """Keep a private line of whoever was told last; else the shared one counts."""
    kept: dict[tuple[int, float], Any] = {}
    for row in sorted(await _rows(connection, PRIVATE_LINES, pair), key=pair.rank):
        key = (row.asset_id, row.threshold)
        if by_line.get(key, row.recipient_id) == row.recipient_id:
            kept[key] = row
    await _replace(connection, PRIVATE_LINES, pair, kept.values())


async def _join_mutes(connection: AsyncConnection, pair: _Pair, now: datetime) -> None:
    kept: dict[int | None, Any] = {}
    for row in sorted(await _rows(connection, MUTES, pair), key=pair.rank):
        if row.until is None or row.until > now:
            kept[row.asset_id] = row
    await _replace(connection, MUTES, pair, kept.values())


async def _join_deliveries(connection: AsyncConnection, pair: _Pair) -> None:
    """Keep one delivery of each event: what was sent to either is sent."""
    mine = DELIVERIES.alias("mine")
    columns = ("id", "state", "is_unsure")
    pairs = await connection.execute(
        select(
            *(DELIVERIES.c[c].label(f"a_{c}") for c in columns),
            *(mine.c[c].label(f"b_{c}") for c in columns),
        )
        .join(mine, mine.c.event_id == DELIVERIES.c.event_id)
        .where(
            DELIVERIES.c.recipient_id == pair.goes, mine.c.recipient_id == pair.stays
        )
    )
    losers = [
        row.b_id
        if _progress(row.a_state, row.a_is_unsure)
        > _progress(row.b_state, row.b_is_unsure)
        else row.a_id
        for row in pairs
    ]
    for batch in in_batches(losers):
        await connection.execute(delete(DELIVERIES).where(DELIVERIES.c.id.in_(batch)))
    await connection.execute(
        update(DELIVERIES)
        .where(DELIVERIES.c.recipient_id == pair.goes)
        .values(recipient_id=pair.stays)
    )


def _progress(state: str, is_unsure: bool) -> int:
    """Say which of two deliveries of one event counts: sent, waiting, given up."""
    if state == DeliveryState.SENT.value:
        return 3
    if state in _OPEN:
        return 2 if is_unsure else 1
    return 0


# ---------------------------------------------------------------- routes


async def _join_routes(
    connection: AsyncConnection,
    pair: _Pair,
    accounts: tuple[str, str],
    now: datetime,
) -> Any:
    """Make the chats of both routes of the one that stays; return the one to use.

    That is the home's, unless it is gone and the guest's is not.
    """
    preferred = Address(Platform(pair.home.platform), pair.home.chat)
    unlinked = []
    for row, account in zip((pair.home, pair.guest), accounts, strict=True):
        routes = await routes_of(connection, row.id)
        if not routes:
            unlinked.append((row, account))
        for route in routes:
            if route.is_preferred and row is pair.home:
                preferred = Address(Platform(route.platform), route.chat)
    await connection.execute(
        update(ROUTES)
        .where(ROUTES.c.recipient_id == pair.goes)
        .values(recipient_id=pair.stays)
    )
    for row, account in unlinked:
        await connection.execute(
            insert(ROUTES).values(
                platform=row.platform,
                chat=row.chat,
                recipient_id=pair.stays,
                account=account,
                is_preferred=False,
                parked_since=row.parked_since,
                parked_reason=row.parked_reason,
                linked_at=now,
            )
        )
    await prefer(connection, pair.stays, preferred)
    routes = await routes_of(connection, pair.stays)
    return _best(routes, pair.home)


def _best(routes: Sequence[Any], used: Any) -> Any:
    """Return the chat to use: one that is open, preferably the one in use."""
    return max(
        routes,
        key=lambda r: (r.parked_since is None, is_same_chat(r, used), r.is_preferred),
    )


# ---------------------------------------------------------------- parting


async def _part(
    connection: AsyncConnection,
    row: Any,
    routes: Sequence[Any],
    address: Address,
    now: datetime,
) -> None:
    """Give the chats apart from the one in use a copy; the other keeps all it has.

    So a message that is on its way stays with the chat it goes to.
    """
    leaving = [r for r in routes if is_at(r, address)]
    others = [r for r in routes if not is_at(r, address)]
    away = others if is_at(row, address) else leaving
    stays = leaving if is_at(row, address) else others
    used = _best(away, away[0])
    values = _values(row) | {
        "platform": used.platform,
        "chat": used.chat,
        "topic": "",
        "parked_since": used.parked_since,
        "parked_reason": used.parked_reason,
        "lease_owner": None,
        "lease_until": None,
    }
    del values["id"]
    made = await connection.execute(
        insert(RECIPIENTS).values(values).returning(RECIPIENTS.c.id)
    )
    copy_id = made.scalar_one()
    await _copy(connection, row.id, copy_id, used.parked_reason, now)
    for chats, owner in ((away, copy_id), (stays, row.id)):
        for route in chats:
            at = (ROUTES.c.platform == route.platform, ROUTES.c.chat == route.chat)
            await connection.execute(
                # a single chat needs no route
                delete(ROUTES).where(*at)
                if len(chats) == 1
                else update(ROUTES).where(*at).values(recipient_id=owner)
            )
        if len(chats) > 1 and not any(r.is_preferred for r in chats):
            first = Address(Platform(chats[0].platform), chats[0].chat)
            await prefer(connection, owner, first)
    await undo_decision(connection, row.id)


async def _copy(
    connection: AsyncConnection,
    from_id: int,
    to_id: int,
    parked_reason: str,
    now: datetime,
) -> None:
    """Copy watches, what was told, private lines, mutes and what waits."""
    watch_ids: dict[int | None, int | None] = {None: None}
    for watch in await _all_of(connection, WATCHES, from_id):
        number = watch.pop("id")
        made = await connection.execute(
            insert(WATCHES)
            .values(watch | {"recipient_id": to_id})
            .returning(WATCHES.c.id)
        )
        watch_ids[number] = made.scalar_one()
    lines = await connection.execute(
        select(WATCH_LINES).where(WATCH_LINES.c.watch_id.in_(list(watch_ids)))
    )
    await _add(
        connection,
        WATCH_LINES,
        [
            {"watch_id": watch_ids[line.watch_id], "threshold": line.threshold}
            for line in lines
        ],
    )
    for table in (TOLD, TOLD_LINES, PRIVATE_LINES, MUTES):
        rows = []
        for known in await _all_of(connection, table, from_id):
            known.pop("id", None)
            if table is TOLD:
                known["message_ref"] = ""
                known["watch_id"] = watch_ids.get(known["watch_id"])
            rows.append(known | {"recipient_id": to_id})
        await _add(connection, table, rows)
    waiting = []
    for known in await _all_of(connection, DELIVERIES, from_id):
        if known["state"] not in _OPEN:
            continue
        del known["id"]
        was_away = known["state"] == _PARKED
        now_open = {
            "state": _PENDING,
            "reason": AWAY if was_away else known["reason"],
            "held_for": AWAY if was_away else known["held_for"],
            "due_at": now,
            "owed_since": min(known["owed_since"], now),
        }
        now_parked = {"state": _PARKED, "reason": parked_reason}
        waiting.append(
            known
            | (now_parked if parked_reason else now_open)
            | {
                "recipient_id": to_id,
                "watch_id": watch_ids.get(known["watch_id"]),
                "message_id": None,
            }
        )
    await _add(connection, DELIVERIES, waiting)


async def _all_of(
    connection: AsyncConnection, table: Table, recipient_id: int
) -> list[dict[str, Any]]:
    found = await connection.execute(
        select(table).where(table.c.recipient_id == recipient_id)
    )
    return [dict(row) for row in found.mappings()]


def _values(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to the columns


async def _add(
    connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]]
) -> None:
    if rows:
        await connection.execute(insert(table), rows)
