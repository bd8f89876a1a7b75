"""Hypothesis strategies for the domain's values."""

from datetime import time, timedelta

from factories import (
    BEARISH,
    BULLISH,
    HOUR,
    NOON,
    asset,
    crossing,
    flip,
    news,
    reading,
    state,
    watch,
)
from hypothesis import strategies as st

from bot.grammar import Named
from bot.model import Asset, Direction, EventKind, Reading, Scope, Signal
from bot.noise import Decision, News
from bot.preferences import (
    BUDGET_MAX,
    Cadence,
    Digest,
    NewsKind,
    Pace,
    Preferences,
    QuietHours,
    Sound,
)

#: on both halves of the earth, with odd offsets, changes at midnight and none at all
ZONES = (
    "",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
)

#: real ones and awkward ones, none of them a word that a message must not have
SYMBOLS = (
    "BTC",
    "ETH",
    "SOL",
    "1INCH",
    "RENDER",
    "FARTCOIN",
    "LAUNCHCOIN",
    "币安人生",
    "AVERYLONGSYMBOLINDEED",
)

#: symbols that read as something else, were there no $ before them
AWKWARD_SYMBOLS = ("ALL", "80", "TOP10", "URGENT", "3D", "PAGE2", "BEARISH")

signals = st.sampled_from([*Signal, None])
#: often near the lines that tests use, sometimes nothing an engine may say
grades = st.one_of(
    st.floats(0, 100),
    st.sampled_from([66.9, 67.0, 69.9, 70.0, 70.1, 73.0, 80.0, 50.0]),
    st.none(),
    st.sampled_from([float("nan"), float("inf"), -1.0, 101.0]),
)
sound_grades = st.one_of(
    st.floats(0, 100),
    st.sampled_from([66.9, 67.0, 69.9, 70.0, 70.1, 72.9, 73.0, 73.1]),
)
prices = st.one_of(st.none(), st.floats(1e-12, 1e12))


@st.composite
def histories(
    draw: st.DrawFn, *, keys: tuple[str, ...] = ("btc", "eth", "sol")
) -> list[tuple[Reading, ...]]:
    """Snapshots in a row: assets come and go, times stand still or move on."""
    clock = NOON
    snapshots = []
    for _ in range(draw(st.integers(1, 12))):
        clock += draw(st.sampled_from([timedelta(0), HOUR, 24 * HOUR]))
        shown = draw(st.sets(st.sampled_from(keys)))
        snapshots.append(
            tuple(
                reading(
                    draw(grades),
                    draw(signals),
                    key=key,
                    as_of=clock,
                    price=draw(prices),
                )
                for key in sorted(shown)
            )
        )
    return snapshots


@st.composite
def named(draw: st.DrawFn) -> Named:
    """Anything that a watch may name."""
    scope = draw(st.sampled_from(Scope))
    match scope:
        case Scope.ASSET:
            symbol = draw(st.from_regex(r"[A-Z0-9.+-]{1,10}", fullmatch=True))
            return Named(scope, draw(st.sampled_from([symbol, *AWKWARD_SYMBOLS])))
        case Scope.CATEGORY:
            return Named(
                scope, draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True))
            )
        case Scope.TOP:
            return Named(scope, top=draw(st.integers(1, 10_000)))
        case Scope.ALL:
            return Named(scope)


def _number(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


@st.composite
def condition_texts(draw: st.DrawFn) -> str:
    """Conditions as somebody may type them, all of them possible."""
    words: list[str] = []
    if draw(st.booleans()):
        words.append(draw(st.sampled_from(["bullish", "bearish", "BULLISH"])))
    if draw(st.booleans()):
        words.append("urgent")
    if draw(st.booleans()):
        low = draw(st.integers(0, 99))
        operator = draw(st.sampled_from([">=", ">", "=>"]))
        words.append(f"grade{operator}{low}")
        if draw(st.booleans()):
            words.append(f"grade<{draw(st.integers(low + 1, 100))}")
    for names in (["mcap", "cap", "marketcap"], ["volume", "vol"]):
        if draw(st.booleans()):
            field, operator = draw(st.sampled_from(names)), draw(st.sampled_from("<="))
            size = draw(st.sampled_from(["", "k", "m", "b", "t"]))
            words.append(f"{field}{operator}{draw(st.integers(1, 999))}{size}")
    words += [_number(x) for x in draw(st.lists(st.floats(0, 100), max_size=5))]
    return " ".join(draw(st.permutations(words)))


@st.composite
def assets(draw: st.DrawFn, *, id: int = 1) -> Asset:  # noqa: A002 - the field's name
    """An asset with what stands now."""
    standing = draw(st.sampled_from([BULLISH, BEARISH]))
    return asset(
        draw(st.sampled_from(SYMBOLS)),
        id=id,
        state=state(standing, grade=draw(sound_grades), since=NOON),
        market_cap=draw(st.one_of(st.none(), st.floats(1, 1e13))),
    )


@st.composite
def any_news(draw: st.DrawFn, *, id: int = 1) -> News:  # noqa: A002 - the field's name
    """News of one asset: a flip, a correction or a crossing, with or without prices."""
    about = draw(assets(id=id))
    assert about.state is not None
    at = NOON - draw(st.timedeltas(timedelta(0), timedelta(days=40)))
    facts = {
        "grade_from": draw(st.one_of(st.none(), sound_grades)),
        "grade_to": draw(st.one_of(st.none(), sound_grades)),
        "price": draw(prices),
        "price_day_ago": draw(prices),
        "since": draw(st.sampled_from([None, at - 30 * HOUR, at - 700 * HOUR])),
        "since_price": draw(prices),
        "gap_since": draw(st.sampled_from([None, at - 2 * HOUR])),
        "detected_at": at + draw(st.timedeltas(timedelta(0), timedelta(days=3))),
        "asset_id": id,
    }
    kind = draw(st.sampled_from(["flip", "correction", "crossing"]))
    where = draw(
        st.sampled_from(
            [
                watch(asset_id=id, text=about.symbol),
                watch(category="ai", text="#ai bullish grade>=80"),
                watch(top=100, text="top100"),
            ]
        )
    )
    held_for = draw(st.sampled_from(["", "muted", "away", "rate_limited"]))
    if kind == "crossing":
        passed = draw(
            st.dictionaries(
                st.sampled_from([30.0, 50.0, 62.5, 70.0, 80.0]),
                st.sampled_from(Direction),
                min_size=1,
            )
        )
        event = crossing(*passed.items(), at=at, standing=about.state.standing, **facts)
        return news(event, about, watch=where, held_for=held_for)
    of_kind = EventKind.FLIP if kind == "flip" else EventKind.CORRECTION
    event = flip(about.state.standing, at=at, kind=of_kind, **facts)
    return news(event, about, watch=where, held_for=held_for)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """A decision that tells something of one to many assets."""
    count = draw(st.sampled_from([1, 1, 2, 3, 4, 6, 16]))
    told = tuple(draw(any_news(id=number + 1)) for number in range(count))
    came_back = draw(st.lists(assets(id=99), max_size=2))
    return Decision(news=told, came_back=tuple(came_back))


@st.composite
def wall_clocks(draw: st.DrawFn) -> time:
    """A time of day in hours and minutes, often one that clock changes touch."""
    usual = st.sampled_from([time(0), time(1, 30), time(2), time(2, 30), time(3)])
    any_time = st.builds(time, st.integers(0, 23), st.integers(0, 59))
    return draw(st.one_of(usual, any_time))


@st.composite
def quiet_hours(draw: st.DrawFn) -> QuietHours:
    """Quiet hours of any length, across midnight or not."""
    start = draw(wall_clocks())
    return QuietHours(start, draw(wall_clocks().filter(lambda end: end != start)))


@st.composite
def preferences(draw: st.DrawFn) -> Preferences:
    """Anything that a recipient may choose."""
    return Preferences(
        zone=draw(st.sampled_from(ZONES)),
        quiet=draw(st.one_of(st.none(), quiet_hours())),
        digest=draw(
            st.one_of(
                st.none(),
                st.builds(
                    Digest,
                    st.sampled_from(Cadence),
                    wall_clocks(),
                    st.integers(0, 6),
                ),
            )
        ),
        pace=draw(st.sampled_from(Pace)),
        sounds=draw(st.dictionaries(st.sampled_from(NewsKind), st.sampled_from(Sound))),
        sign_of_life=draw(st.booleans()),
        daily_budget=draw(st.one_of(st.none(), st.integers(1, BUDGET_MAX))),
        pictures=draw(st.booleans()),
    )
