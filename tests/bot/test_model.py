"""The values of the domain refuse what they must not hold."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from factories import BEARISH, BULLISH, NOON, reading
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Address, Platform, Signal, Snapshot, as_utc

NAIVE = datetime(2026, 11, 20, 14, 0)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        as_utc(NAIVE)
    with pytest.raises(ValueError, match="without a zone"):
        reading(as_of=NAIVE)
    with pytest.raises(ValueError, match="without a zone"):
        Snapshot(source="tm", fetched_at=NAIVE)


def test_a_time_of_another_zone_becomes_the_same_moment_in_utc() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))

    kept = reading(as_of=berlin).as_of

    assert kept == NOON
    assert kept.tzinfo is UTC


def test_signals_have_the_words_that_people_read() -> None:
    assert [Signal(n).word for n in (1, 0, -1)] == ["bullish", "neutral", "bearish"]


def test_a_verdict_is_signal_and_grade_and_nothing_else() -> None:
    one = reading(50, BULLISH, price=1)

    assert one.same_verdict(reading(50, BULLISH, price=2, name="Bitcoin"))
    assert not one.same_verdict(reading(51, BULLISH))
    assert not one.same_verdict(reading(50, BEARISH))
    assert not one.same_verdict(reading(50, None))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("telegram:123", Address(Platform.TELEGRAM, "123")),
        ("telegram:-1001234", Address(Platform.TELEGRAM, "-1001234")),
        ("telegram:-100/7", Address(Platform.TELEGRAM, "-100", "7")),
        ("discord:987654321", Address(Platform.DISCORD, "987654321")),
        ("web:k3f9-x", Address(Platform.WEB, "k3f9-x")),
        ("  web:a  ", Address(Platform.WEB, "a")),
    ],
)
def test_an_address_is_read_as_it_is_written(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text.strip()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "telegram, discord, web"),
        ("signal:5", "telegram, discord, web"),
        ("telegram", "id of the chat"),
        ("telegram:", "id of the chat"),
        ("telegram:@name", "id of the chat"),
        ("telegram:²", "id of the chat"),
        ("telegram:--5", "id of the chat"),
        ("telegram:٣", "id of the chat"),
        ("telegram:1/²", "topic, a number"),
        ("discord:general", "id of the chat"),
        ("telegram:1/general", "topic, a number"),
        ("discord:1/2", "topic, a number"),
        ("web:", "id of the chat"),
        ("web:a/b", "topic, a number"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Address.parse(text)


def read(text: str) -> Address | str:
    try:
        return Address.parse(text)
    except ValueError as error:
        return str(error)


@given(st.text(max_size=20), st.sampled_from(["", "web:", "telegram:", "discord:"]))
def test_any_text_is_an_address_or_a_clear_error(text: str, head: str) -> None:
    found = read(head + text)

    if isinstance(found, Address):
        assert Address.parse(str(found)) == found
    else:
        assert found.startswith("“")
