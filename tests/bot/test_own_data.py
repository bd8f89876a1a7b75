"""Own data as a file: what is written comes back, and junk is refused in words."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import preferences

from bot import own_data
from bot.errors import UserError
from bot.grammar import Named, print_watch
from bot.message import ATTACHMENT_MAX
from bot.model import Scope
from bot.own_data import Form, Kept, KeptMute, OwnData

SYMBOLS = st.text(
    st.characters(categories=["Lu", "Nd"], include_characters="+-.'*!"),
    min_size=1,
    max_size=12,
).map(str.upper)
LINES = st.none() | st.lists(
    st.integers(0, 100).map(float), max_size=5, unique=True
).map(lambda found: tuple(sorted(found)))
CONDITIONS = st.sampled_from(
    ["", "bullish", "bearish grade>=80", "mcap<1b urgent", "grade>=50 volume>5m"]
)
NAMED = st.one_of(
    SYMBOLS.map(lambda s: Named(Scope.ASSET, s)),
    st.just(Named(Scope.ALL)),
    st.integers(1, 10_000).map(lambda n: Named(Scope.TOP, top=n)),
    st.sampled_from(["ai", "layer-1"]).map(lambda c: Named(Scope.CATEGORY, c)),
)


@st.composite
def kept(draw: st.DrawFn) -> Kept:
    named = draw(NAMED)
    is_asset = named.scope is Scope.ASSET
    is_exception = is_asset and draw(st.booleans())
    key = draw(st.sampled_from(["", "3375", "=1+1"])) if is_asset else ""
    return Kept(
        text=print_watch(named, "" if is_exception else draw(CONDITIONS)),
        lines=None if is_exception else draw(LINES),
        key=key,
        source="tm" if key else "",
        is_exception=is_exception,
    )


WATCHES = st.lists(kept(), min_size=1, max_size=8, unique=True).map(tuple)
AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


@given(WATCHES, preferences(), LINES, st.booleans())
def test_json_brings_everything_back(watches, wanted, lines, is_muted) -> None:
    data = OwnData(
        watches=watches,
        preferences=wanted,
        thresholds=lines,
        language="de",
        mutes=(KeptMute(symbol="BTC", key="1"), KeptMute(until=AT)) if is_muted else (),
    )

    read = own_data.read(own_data.write(data, Form.JSON).text)

    assert read == data
    assert read.problems == ()


@given(WATCHES)
@example((Kept(text="'-+", lines=()),))
def test_csv_brings_the_watches_back(watches) -> None:
    text = own_data.write(OwnData(watches=watches), Form.CSV).text

    assert own_data.read(text).watches == watches
    assert not any(
        cell.startswith(("=", "+", "-", "@"))
        for row in text.splitlines()
        for cell in row.split(",")
    )


@given(WATCHES)
def test_a_list_brings_back_what_a_list_can_say(watches) -> None:
    text = own_data.write(OwnData(watches=watches), Form.LIST).text
    plain = [w for w in watches if not w.is_exception]

    if plain:
        assert [w.text for w in own_data.read(text).watches] == [
            w.text for w in dict.fromkeys(_bare(w) for w in plain)
        ]


def _bare(one: Kept) -> Kept:
    return Kept(text=one.text, lines=one.lines or None)


@pytest.mark.parametrize(
    ("text", "watches"),
    [
        ("BTC, eth $SOL", ["BTC", "ETH", "SOL"]),
        ("BTC\nETH\n\nSOL\n", ["BTC", "ETH", "SOL"]),
        ('["BTC", "ETH 80"]', ["BTC", "ETH"]),
        ('{"watches": [{"watch": "BTC"}]}', ["BTC"]),
        ("Symbol;Amount\nBTC;1.5\nETH;2", ["BTC", "ETH"]),
        ("coin,price\nbtc,1\neth,2", ["BTC", "ETH"]),
        ("symbol\nbtc\n", ["BTC"]),
        ("\ufeffBTC", ["BTC"]),
        ("#ai bullish grade>=80", ["#ai bullish grade>=80"]),
    ],
)
def test_lists_of_others_are_understood(text: str, watches: list[str]) -> None:
    assert [w.text for w in own_data.read(text).watches] == watches


def test_what_cannot_be_read_is_named_and_the_rest_kept() -> None:
    read = own_data.read("BTC\ngrad>=80\nETH grade>=800\nSOL")

    assert [w.text for w in read.watches] == ["BTC", "SOL"]
    assert read.problems == ("grad>=80", "ETH grade>=800")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "{",
        "{}",
        "[" * 100_000,
        '{"watches": {}}',
        "[1, null]",
        "grad>=80",
        json.dumps({"watches": ["BTC"] * 2001}),
        "BTC\n" * 2001,
        "x" * (ATTACHMENT_MAX + 1),
    ],
)
def test_junk_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError) as caught:
        own_data.read(text)

    assert caught.value.hint


def test_settings_that_make_no_sense_are_named_and_left_out() -> None:
    text = json.dumps(
        {"watches": ["BTC"], "settings": {"zone": "Mars"}, "lines": [800]}
    )

    read = own_data.read(text)

    assert read.preferences is None
    assert read.thresholds is None
    assert set(read.problems) == {"settings", "[800]"}


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda x: (
            st.lists(x, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["watches", "watch", "lines", "key", "settings", "mutes"]
                ),
                x,
            )
        ),
        max_leaves=12,
    ).map(json.dumps)
)
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        read = own_data.read(text)
    except UserError:
        return
    for one in read.watches:
        own_data.conditions_of(one)


def test_half_a_character_in_json_is_none_and_a_whole_one_stays() -> None:
    text = (
        r'{"watches": [{"watch": "BTC", "key": "a\ud800"}, "\udfff"],'
        r' "language": "\ud83d\ude00"}'
    )

    data = own_data.read(text)

    repr(data).encode()
    assert data.watches[0].key == "a?"
    assert data.language == "😀"
