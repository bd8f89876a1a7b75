"""The statements of fan-out: who hears of which event, for many events at once.

Written out, because here the shape is the point: every arm goes along an index from
the events to the watches that cover their assets, within one range of recipients.
Together they say what `bot.routing.route` says; a test holds them against it on random
data. They are spelled for SQLite, whose planner must be told the way (CROSS JOIN keeps
the order, INDEXED BY the index); for PostgreSQL that is left out.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Interval, TextClause, bindparam, text

from bot.model import Scope, Signal
from bot.routing import SPECIFICITY
from storage.columns import UtcTime
from storage.recipient_tables import OPEN_STATES


class Arm(StrEnum):
    """A way from an event to watches that may match."""

    ASSET = "asset"
    CATEGORY = "category"
    TOP = "top"
    ALL = "all"
    #: told bullish through a watch that no longer covers the asset
    TOLD = "told"
    #: about to be told so
    OWED = "owed"
    #: the grading engine itself: everybody who watches anything
    EVERY = "every"


#: arms along what watches are on
SCOPE_ARMS = frozenset(Arm(scope.value) for scope in Scope)
#: arms to those who must hear the end of a bullish signal, whatever they watch by now
END_ARMS = frozenset({Arm.TOLD, Arm.OWED})
#: arms that find at most one watch per event and recipient: nothing to choose from
_SINGLE = frozenset({Arm.ASSET}), frozenset({Arm.ALL})

_ENDS = f"e.kind NOT IN ('crossing', 'silent') AND e.to_signal = {Signal.BEARISH:d}"
#: how the arms join `e` with watches `w`, or with `h` that names one; the conditions
#: on scope and state are spelled as the partial indexes spell them
_JOINS: dict[Arm, str] = {
    Arm.ASSET: """
        e CROSS JOIN watches w INDEXED BY ix_watches_asset
          ON w.scope = 'asset' AND w.asset_id = e.asset_id
          AND w.recipient_id >= e.low AND w.recipient_id <= e.high""",
    Arm.CATEGORY: """
        e CROSS JOIN asset_categories c ON c.asset_id = e.asset_id
        CROSS JOIN watches w INDEXED BY ix_watches_category
          ON w.scope = 'category' AND w.category = c.category AND e.kind <> 'silent'
          AND w.recipient_id >= e.low AND w.recipient_id <= e.high""",
    # most events lie further down than anybody's top reaches: they are left out first
    Arm.TOP: """
        e CROSS JOIN watches w INDEXED BY ix_watches_top
          ON w.scope = 'top' AND w.top >= e.rank AND e.kind <> 'silent'
          AND w.recipient_id >= e.low AND w.recipient_id <= e.high
          AND e.rank <= (SELECT max(t.top) FROM watches t INDEXED BY ix_watches_top
            WHERE t.scope = 'top'
              AND t.recipient_id > :cursor AND t.recipient_id <= :until)""",
    Arm.ALL: """
        e CROSS JOIN watches w INDEXED BY ix_watches_all
          ON w.scope = 'all' AND NOT e.is_own AND e.kind <> 'silent'
          AND w.recipient_id >= e.low AND w.recipient_id <= e.high""",
    Arm.TOLD: f"""
        e CROSS JOIN told h INDEXED BY ix_told_asset
          ON h.asset_id = e.asset_id
          AND h.recipient_id >= e.low AND h.recipient_id <= e.high
          AND h.signal = {Signal.BULLISH:d} AND {_ENDS}""",
    Arm.OWED: f"""
        (SELECT d.* FROM deliveries d INDEXED BY ix_deliveries_bullish
          WHERE d.bullish_asset_id IS NOT NULL AND d.{OPEN_STATES}
            AND d.recipient_id > :cursor AND d.recipient_id <= :until) h""",
    Arm.EVERY: """
        e CROSS JOIN watches w
          ON e.kind IN ('source', 'engine')
          AND w.recipient_id >= e.low AND w.recipient_id <= e.high""",
}


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What the two databases spell differently."""

    #: numbers of a JSON array in the parameter `ids`, as a subquery
    ids: str
    #: thresholds that the event passed, from pairs of (threshold, direction)
    passed: str
    #: Whoever is being parked or resumed is waited for, else a delivery made now
    #: would be left behind in the other state; SQLite has one writer anyway.
    lock: str


_DIALECTS = {
    "sqlite": _Dialect(
        ids="SELECT value FROM json_each(:ids)",
        passed="""SELECT json_extract(p.value, '$[0]') AS threshold
            FROM json_each(e.passed) p""",
        lock="",
    ),
    "postgresql": _Dialect(
        ids="SELECT CAST(value AS BIGINT) FROM"
        " json_array_elements_text(CAST(:ids AS JSON)) AS i(value)",
        passed="""SELECT CAST(p.value ->> 0 AS FLOAT) AS threshold
            FROM json_array_elements(e.passed) AS p(value)""",
        lock="FOR SHARE OF r",
    ),
}


def _events(dialect: _Dialect) -> str:
    """The chosen events, each with the range of recipients that it concerns."""
    return f"""e AS MATERIALIZED (
      SELECT v.id, v.asset_id, v.kind, v.to_signal, v.grade_to, v.market_cap, v.volume,
        v.passed, a.rank, substr(a.key, 1, 1) = '~' AS is_own,
        v.basis_seen_at + :stale AS stale_after,
        CASE WHEN v.only_for > :cursor THEN v.only_for ELSE :cursor + 1 END AS low,
        CASE WHEN v.only_for <= :until THEN v.only_for ELSE :until END AS high
      FROM events v CROSS JOIN assets a ON a.id = v.asset_id
      WHERE v.id IN ({dialect.ids}))"""


def _within(low: str, high: str, value: str) -> str:
    """Low inclusive, high exclusive; a bound on something unknown is never true."""
    return f"""(w.{low} IS NULL OR w.{low} <= e.{value})
          AND (w.{high} IS NULL OR w.{high} > e.{value})"""


#: direction counts for flips, sizes for all but corrections, grades for flips
_FOLLOWS = f"""(e.kind <> 'flip' OR (
            (w.direction IS NULL OR w.direction = e.to_signal)
            AND {_within("min_grade", "max_grade", "grade_to")}))
        AND (e.kind IN ('correction', 'silent') OR (
            {_within("min_market_cap", "max_market_cap", "market_cap")}
            AND {_within("min_volume", "max_volume", "volume")}))"""

#: only the word `bullish` in a private watch stops the end
_HEARS_ENDS = f"""NOT (r.kind = 'private' AND w.direction IS NOT NULL
          AND w.direction = {Signal.BULLISH:d})"""

#: told bullish through this watch, or about to be told so
_HEARD_BEGINNING = f"""(
          EXISTS (SELECT 1 FROM told h WHERE h.recipient_id = w.recipient_id
            AND h.asset_id = e.asset_id AND h.signal = {Signal.BULLISH:d}
            AND h.watch_id = w.id)
          OR EXISTS (SELECT 1 FROM deliveries h
            WHERE h.recipient_id = w.recipient_id
              AND h.bullish_asset_id = e.asset_id AND h.bullish_asset_id IS NOT NULL
              AND h.{OPEN_STATES}
              AND h.watch_id = w.id AND h.event_id < e.id))"""


def _covers(watch: str) -> str:
    """Whether the watch's target has the asset in it."""
    return f"""(({watch}.scope = 'all' AND NOT e.is_own)
        OR ({watch}.scope = 'asset' AND {watch}.asset_id = e.asset_id)
        OR ({watch}.scope = 'top' AND e.rank IS NOT NULL AND {watch}.top >= e.rank)
        OR ({watch}.scope = 'category' AND EXISTS (SELECT 1 FROM asset_categories c
          WHERE c.asset_id = e.asset_id AND c.category = {watch}.category)))"""


_EXCEPTED = f"""EXISTS (SELECT 1 FROM watches x
        WHERE x.recipient_id = w.recipient_id AND x.is_exception AND {_covers("x")})"""
_SPECIFICITY = "CASE w.scope {} END".format(
    " ".join(f"WHEN '{scope}' THEN {place}" for scope, place in SPECIFICITY.items())
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which parts the INSERT needs for a chunk."""

    arms: frozenset[Arm]
    has_ends: bool = False
    has_crossings: bool = False
    has_exceptions: bool = False


def _matching(arm: Arm, shape: Shape, dialect: _Dialect, columns: str) -> str:
    """Select what matches along one arm."""
    joins = _JOINS[arm]
    if arm is Arm.EVERY:
        return f"""SELECT {columns}
      FROM {joins}
        CROSS JOIN recipients r ON r.id = w.recipient_id
      WHERE NOT w.is_exception"""
    holds = [
        "NOT w.is_exception",
        "e.kind NOT IN ('source', 'engine')",
        "(e.stale_after IS NULL OR w.created_at <= e.stale_after)",
    ]
    if shape.has_exceptions:
        holds.append(f"NOT {_EXCEPTED}")
    if arm in END_ARMS:
        # A watch that still covers is found along its scope. What an asset was told
        # through a watch on that asset is covered for ever.
        joins += """
        CROSS JOIN watches w ON w.id = h.watch_id AND w.recipient_id = h.recipient_id
          AND w.scope <> 'asset'"""
        if arm is Arm.OWED:
            joins += f"""
        CROSS JOIN e ON e.asset_id = h.bullish_asset_id AND e.id > h.event_id
          AND h.recipient_id >= e.low AND h.recipient_id <= e.high AND {_ENDS}"""
        holds += [_HEARS_ENDS, f"NOT {_covers('w')}"]
    else:
        if shape.has_crossings:
            holds.append(f"""(e.kind <> 'crossing' OR EXISTS (
          SELECT 1 FROM ({dialect.passed}) passed JOIN watch_lines l
            ON l.watch_id = w.id AND l.threshold = passed.threshold))""")
        ends = f" OR ({_ENDS} AND {_HEARS_ENDS} AND {_HEARD_BEGINNING})"
        holds.append(f"(({_FOLLOWS}){ends if shape.has_ends else ''})")
    condition = "\n        AND ".join(holds)
    return f"""SELECT {columns}
      FROM {joins}
        CROSS JOIN recipients r ON r.id = w.recipient_id
      WHERE {condition}"""


_COLUMNS = (
    "event_id, recipient_id, watch_id, bullish_asset_id, state, reason, due_at,"
    " owed_since, attempts, is_unsure, created_at"
)
_BULLISH = f"""CASE WHEN e.kind = 'flip' AND e.to_signal = {Signal.BULLISH:d}
        THEN e.asset_id END"""
_STATE = """CASE WHEN r.parked_since IS NULL THEN 'pending' ELSE 'parked' END,
      CASE WHEN r.parked_since IS NULL THEN 'new' ELSE r.parked_reason END,
      :now, :now, 0, FALSE, :now"""


@lru_cache(maxsize=64)
def insert_deliveries(dialect_name: str, shape: Shape) -> TextClause:
    """Write the INSERT for what matches along the arms.

    What an earlier statement of the chunk decided stays. Parameters: `ids` (a JSON
    array), `cursor` and `until` (recipients after the one up to the other), `stale`,
    `now`.
    """
    dialect = _DIALECTS[dialect_name]
    if shape.arms in _SINGLE:
        (arm,) = shape.arms
        values = f"e.id, w.recipient_id, w.id, {_BULLISH}, {_STATE}"
        found = (
            _matching(arm, shape, dialect, values) + " ORDER BY w.recipient_id, e.id"
        )
    else:
        columns = f"""e.id AS event_id, w.recipient_id, w.id AS watch_id,
        {_BULLISH} AS bullish, {_SPECIFICITY} AS specificity, w.created_at"""
        every = " UNION ALL ".join(
            _matching(arm, shape, dialect, columns) for arm in sorted(shape.arms)
        )
        found = f"""SELECT m.event_id, m.recipient_id, m.watch_id, m.bullish, {_STATE}
    FROM (SELECT c.*, row_number() OVER (PARTITION BY c.event_id, c.recipient_id
        ORDER BY c.specificity, c.created_at DESC, c.watch_id DESC) AS place
      FROM ({every}) c) m
      CROSS JOIN recipients r ON r.id = m.recipient_id
    WHERE m.place = 1"""
    statement = f"""WITH {_events(dialect)}
    INSERT INTO deliveries ({_COLUMNS})
    {found}
    {dialect.lock} ON CONFLICT (recipient_id, event_id) DO NOTHING"""
    return _prepared(statement, dialect_name)


@lru_cache(maxsize=8)
def count_candidates(dialect_name: str, arms: frozenset[Arm]) -> TextClause:
    """Write the query for how many candidates each arm has, `most` at most.

    One row with a column per arm, and whether the recipients have exceptions. Reads
    indexes only. Parameters: `ids`, `cursor`, `until`, `most`, `stale`.
    """
    columns = ", ".join(
        f"(SELECT count(*) FROM (SELECT 1 AS one FROM {_JOINS[arm]}"
        f" LIMIT :most) n) AS n_{arm.value}"
        for arm in sorted(arms)
    )
    statement = f"""WITH {_events(_DIALECTS[dialect_name])} SELECT {columns},
    EXISTS (SELECT 1 FROM watches x WHERE x.is_exception
      AND x.recipient_id > :cursor AND x.recipient_id <= :until) AS has_exceptions"""
    return _prepared(statement, dialect_name)


@lru_cache(maxsize=8)
def move_cursor(dialect_name: str, *, is_over: bool) -> TextClause:
    """Write the UPDATE that moves events to a recipient, or finishes them.

    Parameters: `ids` and `until`, or `now`.
    """
    moved = "fanned_out_at = :now" if is_over else "cursor = :until"
    ids = _DIALECTS[dialect_name].ids
    return _prepared(f"UPDATE events SET {moved} WHERE id IN ({ids})", dialect_name)


def _prepared(statement: str, dialect_name: str) -> TextClause:
    """Leave SQLite's hints out elsewhere, and give the parameters their types."""
    is_sqlite = dialect_name == "sqlite"
    if not is_sqlite:
        statement = re.sub(r" INDEXED BY \w+", "", statement)
        statement = statement.replace("CROSS JOIN", "JOIN")
    types: dict[str, Any] = {
        "cursor": BigInteger(),
        "until": BigInteger(),
        "most": BigInteger(),
        "now": UtcTime(),
        # where a moment is a number of microseconds, so is a time between two
        "stale": BigInteger() if is_sqlite else Interval(),
    }
    used = {name for name in types if f":{name}" in statement}
    return text(statement).bindparams(
        *(bindparam(name, type_=types[name]) for name in sorted(used))
    )
