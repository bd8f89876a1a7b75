"""What is answered to /flips, /top and /screen: one compact table, with pages. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import words
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    Table,
    TimeStyle,
    bold,
    code,
    line,
)
from bot.model import Asset, Event, Signal

#: a table of more rows does not fit on a phone beside title and footer
PAGE_SIZE = 12
#: no row is wider, or Telegram breaks it on a phone
TABLE_COLUMNS = 30
#: what is less than its smallest digit
_TINY = "<$0.0000001"
#: core.telegram.org/bots/api#inlinekeyboardbutton
ACTION_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged:
    """Which page of how many rows is shown, and how to ask for another.

    Attributes:
        command: `flips`, `top` or `screen`.
        query: what was typed after it, in canonical writing without the page.
        now: the time by which ages count: a recording's own.
        as_of: the newest time of the engine among the rows.
    """

    command: str
    query: str
    total: int
    page: int
    now: datetime
    source_title: str
    as_of: datetime | None = None

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class FlipRow:
    """One flip, and its asset as it stands now."""

    event: Event
    asset: Asset


def flips(
    rows: Sequence[FlipRow],
    paged: Paged,
    *,
    window: timedelta,
    direction: Signal | None,
    bullish: int,
) -> Message:
    """Answer /flips; `bullish` counts those of all pages that turned bullish."""
    span = words.span(window)
    if direction is None:
        counts = f" · {bullish} ▲ {paged.total - bullish} ▼"
        title = line(
            "⚡ ", bold(f"{words.count(paged.total, 'flip')} in {span}"), counts
        )
    else:
        title = line(
            f"{words.DOT[direction]} ",
            bold(f"{paged.total:,} turned {direction.word} in {span}"),
        )
    cells = [_flip_cells(row, paged.now) for row in rows]
    table = _table(("", "grade", "ago", "price"), cells)
    return _answer(title, table, paged)


def no_flips(paged: Paged, *, window: timedelta, last: FlipRow | None) -> Message:
    """Answer /flips where there was none."""
    body = _query_line(paged)
    if last is None:
        body.append(line("I have seen none at all so far."))
    else:
        event = last.event
        body.append(
            line(
                f"The last one: {words.DOT[event.to_signal]} ",
                bold(last.asset.symbol),
                f" {event.to_signal.word}, ",
                Moment(event.as_of, TimeStyle.DATE),
            )
        )
    title = line("⚡ ", bold(f"No flips in {words.span(window)}"))
    return Message(title=title, body=tuple(body), is_private=True)


def top(assets: Sequence[Asset], paged: Paged) -> Message:
    """Answer /top: highest grade first."""
    title = line("📶 ", bold(f"Top {paged.total} by grade"))
    return _answer(title, _asset_table(assets, paged.now), paged)


def screen(assets: Sequence[Asset], paged: Paged) -> Message:
    """Answer /screen."""
    verb = "matches" if paged.total == 1 else "match"
    title = line("🔎 ", bold(f"{words.count(paged.total, 'asset')} {verb}"))
    return _answer(title, _asset_table(assets, paged.now), paged)


def nothing_matches(paged: Paged) -> Message:
    """Answer /top or /screen where nothing matches."""
    return Message(
        title=line("🔎 ", bold("Nothing matches now")),
        body=(*_query_line(paged), line("Leave a condition out to see more.")),
        is_private=True,
    )


def _answer(title: Line, table: Table, paged: Paged) -> Message:
    footer = paged.source_title
    buttons: tuple[tuple[Button, ...], ...] = ()
    body: list[Block] = [*_query_line(paged), table]
    if paged.pages > 1:
        footer = f"Page {paged.page} of {paged.pages} · {footer}"
        buttons = _page_buttons(paged)
        if not buttons:
            following = paged.page % paged.pages + 1
            body.append(line("The next page: add ", code(f"page{following}")))
    return Message(
        title=title,
        body=tuple(body),
        footer=line(footer),
        stamp=paged.as_of,
        stamp_style=TimeStyle.BOTH,
        buttons=buttons,
        is_private=True,
    )


def _query_line(paged: Paged) -> list[Block]:
    # how many rows are wanted is in the first line
    asked = " ".join(word for word in paged.query.split() if not word.isdecimal())
    return [line(code(asked))] if asked else []


def _page_buttons(paged: Paged) -> tuple[tuple[Button, ...], ...]:
    """Return the row that turns pages; none where its words do not fit."""

    def action(page: int) -> str:
        return f"v1:{paged.command}:{page}:{paged.query}"

    before = (paged.page - 2) % paged.pages + 1
    after = paged.page % paged.pages + 1
    if max(len(action(p).encode()) for p in (before, after)) > ACTION_BYTES:
        return ()
    return (
        (
            Button("◀", action(before)),
            Button(f"{paged.page}/{paged.pages}", "v1:keep"),
            Button("▶", action(after)),
        ),
    )


# ---------------------------------------------------------------------------- tables


def _flip_cells(row: FlipRow, now: datetime) -> tuple[str, ...]:
    event, state = row.event, row.asset.state
    grades = f"{words.grade(event.grade_from)}→{words.grade(event.grade_to)}"
    price = None if state is None else state.last.price
    move = words.move(event.price, price)
    return (
        f"{words.MARK[event.to_signal]} {row.asset.symbol}",
        grades,
        words.age(event.as_of, now),
        "" if move is None else words.percent_short(move),
    )


def _asset_table(assets: Sequence[Asset], now: datetime) -> Table:
    cells = []
    for asset in assets:
        state = asset.state
        if state is None:
            continue
        since, last = state.standing_since, state.last
        cells.append(
            (
                f"{words.MARK[state.standing]} {asset.symbol}",
                words.grade(last.grade),
                "" if since is None else words.age(since, now),
                _price(last.price),
            )
        )
    return _table(("", "grade", "for", "price"), cells)


def _price(value: float | None) -> str:
    """Write a price in at most 11 columns; a tiny or huge one by its size."""
    if value is None:
        return ""
    exact = words.price(value)
    if words.columns(exact) <= len(_TINY):
        return exact
    return _TINY if value < 1 else words.money(value)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    """Lay out rows: the first column as wide as is left, the others to the right.

    A column of which nothing is known is left out.
    """
    kept = [i for i in range(len(head)) if any(row[i] for row in rows)]
    head = tuple(head[i] for i in kept)
    rows = [tuple(row[i] for i in kept) for row in rows]
    widths = [
        max(words.columns(row[i]) for row in (head, *rows)) for i in range(1, len(head))
    ]
    room = TABLE_COLUMNS - sum(width + 1 for width in widths)
    texts = []
    for first, *rest in (head, *rows):
        name = words.fit(first, room)
        filled = name + " " * (room - words.columns(name))
        cells = (
            " " * (width + 1 - words.columns(cell)) + cell
            for cell, width in zip(rest, widths, strict=True)
        )
        texts.append(f"{filled}{''.join(cells)}".rstrip())
    return Table(_trimmed(texts, room))


def _trimmed(texts: Sequence[str], room: int) -> tuple[str, ...]:
    """Take away columns that are blank in every row of a wide first column."""
    spare = min(len(t[:room]) - len(t[:room].rstrip()) for t in texts)
    return tuple(t[: room - spare] + t[room:] for t in texts)
