"""How a recipient wants to hear: what may be chosen, and its JSON form."""

from datetime import time

import pytest
from hypothesis import given
from strategies import preferences

from bot.preferences import (
    Cadence,
    Digest,
    NewsKind,
    Pace,
    Preferences,
    QuietHours,
    Sound,
    is_zone,
)


def test_nothing_chosen_is_written_as_nothing():
    assert Preferences().to_json() == {}


@given(chosen=preferences())
def test_what_was_written_reads_back_the_same(chosen: Preferences):
    assert Preferences.from_json(chosen.to_json()) == chosen


def test_unknown_keys_and_kinds_are_left_out():
    document = {"colour": "red", "sounds": {"flip": "off", "weather": "on"}}

    assert Preferences.from_json(document) == Preferences(
        sounds={NewsKind.FLIP: Sound.OFF}
    )


@pytest.mark.parametrize(
    "document",
    [
        {"zone": "Europe/Atlantis"},
        {"zone": "../etc/passwd"},
        {"zone": "Europe"},
        {"zone": 3},
        {"quiet": "22:00-07:00"},
        {"quiet": ["22:00"]},
        {"quiet": ["22:00", "25:00"]},
        {"quiet": ["22:00", "22:00"]},
        {"quiet": ["22:00:30", "07:00"]},
        {"digest": {"cadence": "hourly", "at": "08:00"}},
        {"digest": {"cadence": "daily"}},
        {"digest": {"cadence": "weekly", "at": "08:00", "weekday": 7}},
        {"digest": "daily"},
        {"pace": "frantic"},
        {"sounds": {"flip": "loud"}},
        {"sounds": ["flip"]},
        {"sign_of_life": "yes"},
        {"daily_budget": 0},
        {"daily_budget": True},
        {"daily_budget": 3.5},
        {"pictures": 1},
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_is_refused(document: dict[str, object]):
    with pytest.raises(ValueError, match=r"."):
        Preferences.from_json(document)


def test_only_flips_and_corrections_ring_and_only_in_private():
    private = {k: Preferences().sound_of(k, is_private=True) for k in NewsKind}
    public = {Preferences().sound_of(k, is_private=False) for k in NewsKind}

    ringing = {k for k, sound in private.items() if sound is Sound.ON}
    assert ringing == {NewsKind.FLIP, NewsKind.CORRECTION}
    assert public == {Sound.SILENT}


def test_a_chosen_sound_counts_everywhere():
    chosen = Preferences(sounds={NewsKind.CROSSING: Sound.ON})

    assert chosen.sound_of(NewsKind.CROSSING, is_private=False) is Sound.ON


def test_the_written_form_is_short_and_plain():
    chosen = Preferences(
        zone="Europe/Berlin",
        quiet=QuietHours(time(22), time(7)),
        digest=Digest(Cadence.WEEKLY, time(8, 30), weekday=4),
        pace=Pace.CALM,
        daily_budget=3,
        sign_of_life=False,
    )

    assert chosen.to_json() == {
        "zone": "Europe/Berlin",
        "quiet": ["22:00", "07:00"],
        "digest": {"cadence": "weekly", "at": "08:30", "weekday": 4},
        "pace": "calm",
        "sign_of_life": False,
        "daily_budget": 3,
    }


@pytest.mark.parametrize("name", ["", "Europe", "/etc/passwd", "a\0b", "Nowhere/X"])
def test_what_is_no_zone_is_none(name: str):
    assert not is_zone(name)


def test_a_zone_is_known_by_its_name():
    assert is_zone("America/Argentina/Buenos_Aires")
