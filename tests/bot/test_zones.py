"""Time zones by what people call them."""

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import zones
from bot.preferences import is_zone


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("new_york", "America/New_York"),
        ("NYC", "America/New_York"),
        ("München", "Europe/Berlin"),
        ("sao paulo", "America/Sao_Paulo"),
        ("São Paulo", "America/Sao_Paulo"),
        ("Port-au-Prince", "America/Port-au-Prince"),
        ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("Kiev", "Europe/Kyiv"),
        ("Mumbai", "Asia/Kolkata"),
        ("Japan", "Asia/Tokyo"),
        ("washington, dc", "America/New_York"),
        ("UTC", "UTC"),
        ("gmt", "UTC"),
        ("UTC+2", "Etc/GMT-2"),
        ("utc +2", "Etc/GMT-2"),
        ("GMT-5", "Etc/GMT+5"),
        ("+02:00", "Etc/GMT-2"),
        ("UTC\N{MINUS SIGN}3", "Etc/GMT+3"),
        ("+0", "UTC"),
        ("UTC+5:30", "Asia/Kolkata"),
        ("UTC+5:45", "Asia/Kathmandu"),
        ("cet", "Europe/Brussels"),
        ("PST", "America/Los_Angeles"),
    ],
)
def test_a_place_is_found_by_any_of_its_names(typed: str, zone: str) -> None:
    assert zones.seek(typed) == zones.Sought(zone)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Berln", "Europe/Berlin"),
        ("Tokio", "Asia/Tokyo"),
        ("nwe york", "America/New_York"),
        ("Frankfrt", "Europe/Berlin"),
        ("Sidney", "Australia/Sydney"),
    ],
)
def test_a_typo_gets_suggestions(typed: str, meant: str) -> None:
    found = zones.seek(typed)

    assert found.zone == ""
    assert meant in found.suggestions
    assert len(found.suggestions) <= 3


@pytest.mark.parametrize("typed", ["", "  ", "UTC+15", "UTC+13:30", "UTC-13", "qqqqqq"])
def test_what_is_no_place_is_none(typed: str) -> None:
    assert zones.seek(typed) == zones.Sought()


@given(st.text(max_size=40))
def test_whatever_is_typed_gives_zones_that_exist(typed: str) -> None:
    found = zones.seek(typed)

    assert all(is_zone(z) for z in (found.zone, *found.suggestions) if z)


def test_every_zone_is_found_by_its_own_name() -> None:
    places = [z for z in available_timezones() if z.startswith(("Europe/", "Asia/"))]

    assert len(places) > 100
    assert [z for z in places if zones.seek(z).zone != z] == []


def test_every_zone_of_our_table_exists() -> None:
    assert [z for z in (*zones._ALSO, *zones._BETWEEN.values()) if not is_zone(z)] == []


def test_no_name_of_our_table_means_two_zones() -> None:
    names = [zones._plain(n) for also in zones._ALSO.values() for n in also.split(",")]

    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("", "UTC"),
        ("UTC", "UTC"),
        ("Europe/Berlin", "Berlin"),
        ("America/New_York", "New York"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires"),
        ("Etc/GMT-2", "UTC+2"),
        ("Etc/GMT+5", "UTC-5"),
    ],
)
def test_a_zone_has_a_name_for_people(zone: str, name: str) -> None:
    assert zones.place_name(zone) == name


def test_a_clock_shows_its_own_time() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)

    assert zones.clock_time(noon, "Europe/Berlin") == "14:00"
    assert zones.clock_time(noon, "") == "12:00"
