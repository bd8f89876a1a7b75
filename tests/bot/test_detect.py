"""What counts as an event, and what never does."""

import random
from datetime import timedelta
from itertools import pairwise

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    INTERVAL,
    NEUTRAL,
    NOON,
    Polls,
    down,
    reading,
    up,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import grades, histories, sound_grades

from bot.model import (
    Direction,
    Event,
    EventKind,
    Line,
    PrivateLine,
    Reading,
    Side,
    Signal,
)
from bot.told_lines import side_of, step_line

LATER = NOON + HOUR


def turns(polls: Polls) -> list[tuple[EventKind, Signal]]:
    return [(e.kind, e.to_signal) for e in polls.events]


def moves(events: list[Event]) -> list[tuple[tuple[float, Direction], ...]]:
    return [tuple((p.threshold, p.direction) for p in e.passed) for e in events]


def signals(*values: int) -> list[Reading]:
    """One reading a day with these signals."""
    return [
        reading(50, Signal(value), as_of=NOON + number * DAY)
        for number, value in enumerate(values)
    ]


def poll_all(polls: Polls, readings: list[Reading]) -> Polls:
    for one in readings:
        polls.poll(one)
    return polls


# ---------------------------------------------------------------------------- lines


def test_trembling_around_a_line_is_one_event() -> None:
    polls = Polls(70)

    events = polls.grades(69.9, 70.1, 69.9, 70.1)

    assert moves(events) == [up(70)]
    assert events[0].grade_from == 69.9
    assert events[0].grade_to == 70.1


def test_up_far_down_and_up_again_are_three_events() -> None:
    polls = Polls(70)

    events = polls.grades(60, 71, 20, 75)

    assert moves(events) == [up(70), down(70), up(70)]


@pytest.mark.parametrize(
    ("grades_", "expected"),
    [
        pytest.param((69, 70), [up(70)], id="rising to exactly the line crosses up"),
        pytest.param((71, 70), [], id="falling to exactly the line crosses nothing"),
        pytest.param((71, 69.99), [down(70)], id="a hair under the line crosses down"),
        pytest.param((69, 71, 67.01), [up(70)], id="not quite a band back is locked"),
        pytest.param(
            (69, 71, 67), [up(70), down(70)], id="exactly a band back fires at once"
        ),
        pytest.param((69, 72.99, 69), [up(70)], id="not quite a band on stays locked"),
        pytest.param(
            (69, 73, 69.99), [up(70), down(70)], id="exactly a band on unlocks"
        ),
        pytest.param(
            (69, 71, 68, 74, 69), [up(70), down(70)], id="unlocked later still counts"
        ),
        pytest.param(
            (71, 69, 72.9, 66, 70),
            [down(70), up(70)],
            id="the same holds the other way round",
        ),
        pytest.param((60, 60, 60), [], id="a grade that stays crosses nothing"),
    ],
)
def test_a_line_fires_locks_and_unlocks(
    grades_: tuple[float, ...], expected: list[object]
) -> None:
    polls = Polls(70)

    assert moves(polls.grades(*grades_)) == expected


def test_a_jump_over_several_lines_is_one_event_lowest_first() -> None:
    polls = Polls(80, 30, 70, 50)

    events = polls.grades(18.7, 87.3)

    assert moves(events) == [up(30, 50, 70, 80)]


def test_a_flip_and_a_crossing_of_one_reading_are_two_events() -> None:
    polls = Polls(50)
    polls.poll(reading(71, BULLISH))

    found = polls.poll(reading(38, BEARISH, as_of=LATER)).events

    assert [e.kind for e in found] == [EventKind.FLIP, EventKind.CROSSING]
    assert found[1].from_signal is found[1].to_signal is BEARISH


def test_a_new_line_starts_on_the_side_that_was_shown() -> None:
    polls = Polls()
    polls.grades(69)
    polls.lines = frozenset({70.0})

    events = polls.grades(70)

    assert moves(events) == [up(70)]


def test_a_line_without_a_grade_so_far_takes_its_side_silently() -> None:
    polls = Polls(70)
    polls.poll(reading(None))

    assert not polls.poll(reading(75, as_of=LATER)).events
    assert polls.states["btc"].lines == {70.0: Line(Side.ABOVE)}


def test_a_line_nobody_wants_any_more_is_forgotten() -> None:
    polls = Polls(70, 80)
    polls.grades(69)
    polls.lines = frozenset({80.0})

    assert not polls.grades(75)
    assert set(polls.states["btc"].lines) == {80.0}


def test_the_band_can_be_chosen() -> None:
    line = Line(Side.ABOVE, is_locked=True)

    assert step_line(line, 64.9, 70, 5) == (Line(Side.BELOW), Direction.DOWN)
    assert step_line(line, 65.1, 70, 5) == (line, None)


# -------------------------------------------------------------------- private lines


def private(side: Side, recipient_id: int = 7) -> PrivateLine:
    return PrivateLine(
        recipient_id=recipient_id, key="btc", threshold=80.0, line=Line(side)
    )


def test_who_adds_80_at_79_hears_of_80_though_it_is_locked_above_for_others() -> None:
    polls = Polls(80)
    polls.grades(75, 80.5, 79)
    assert polls.states["btc"].lines[80] == Line(Side.ABOVE, is_locked=True)
    polls.private = {(7, "btc", 80.0): private(Side.BELOW)}

    events = polls.grades(80.0)

    assert moves(events) == [up(80)]
    assert events[0].only_for == 7


def test_a_private_line_follows_the_shared_one_once_both_agree() -> None:
    polls = Polls(80)
    polls.grades(75, 80.5, 79)
    polls.private = {(7, "btc", 80.0): private(Side.BELOW)}

    polls.grades(80.0)
    assert polls.private == {}

    assert not polls.grades(79)
    (event,) = polls.grades(76)
    assert event.only_for is None


def test_a_private_line_goes_without_a_word_when_the_shared_one_joins_it() -> None:
    polls = Polls(80)
    polls.grades(75, 80.5, 79)
    polls.private = {(7, "btc", 80.0): private(Side.BELOW)}

    (event,) = polls.grades(70)

    assert event.only_for is None
    assert polls.private == {}


def test_private_lines_of_two_recipients_are_two_events_with_their_own_keys() -> None:
    polls = Polls(80)
    polls.grades(75, 80.5, 79)
    polls.private = {
        (7, "btc", 80.0): private(Side.BELOW, 7),
        (8, "btc", 80.0): private(Side.BELOW, 8),
    }

    events = polls.grades(80)

    assert [e.only_for for e in events] == [7, 8]
    assert len({e.key for e in events}) == 2


def test_an_unknown_grade_leaves_private_lines_alone() -> None:
    polls = Polls(80)
    polls.grades(75, 80.5, 79)
    polls.private = {(7, "btc", 80.0): private(Side.BELOW)}

    polls.poll(reading(None, as_of=NOON + DAY))

    assert polls.private == {(7, "btc", 80.0): private(Side.BELOW)}


# ---------------------------------------------------------------------------- flips


def test_the_baseline_is_remembered_and_never_announced() -> None:
    polls = Polls(30, 50, 70, 80)

    found = polls.poll(reading(87, BEARISH))

    assert not found.events
    assert found.readings == (reading(87, BEARISH),)
    known = polls.states["btc"]
    assert known.standing is BEARISH
    assert known.standing_since is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param((1, 0, 1), [], id="through neutral and back is nothing"),
        pytest.param((1, 0), [], id="to neutral is nothing"),
        pytest.param((1, 0, 0, -1), [BEARISH], id="through neutral is one flip"),
        pytest.param((1, -1), [BEARISH], id="directly is one flip"),
        pytest.param((-1, 1, -1), [BULLISH, BEARISH], id="there and back are two"),
        pytest.param((0, 0, 1), [], id="the first signal after zeros is a baseline"),
        pytest.param((0, 1, -1), [BEARISH], id="after that baseline a flip counts"),
        pytest.param((1, 1, 1), [], id="the same signal is nothing"),
    ],
)
def test_flips_are_changes_of_the_standing_signal(
    values: tuple[int, ...], expected: list[Signal]
) -> None:
    polls = poll_all(Polls(), signals(*values))

    assert turns(polls) == [(EventKind.FLIP, to) for to in expected]


def test_a_flip_through_neutral_happens_at_the_new_signal() -> None:
    polls = poll_all(Polls(), signals(1, 0, -1))

    assert polls.events[0].as_of == NOON + 2 * DAY
    assert polls.events[0].from_signal is BULLISH


def test_a_flip_brings_what_ended_with_it() -> None:
    polls = Polls()
    polls.poll(reading(40, BEARISH, price=300))
    polls.poll(reading(83, BULLISH, price=288, as_of=LATER))

    (event,) = polls.poll(reading(38, BEARISH, price=341.2, as_of=NOON + DAY)).events

    assert (event.grade_from, event.grade_to) == (83, 38)
    assert (event.since, event.since_price) == (LATER, 288)
    assert event.price == 341.2


# ------------------------------------------------------------------------ as_of gate


def test_an_older_time_of_the_engine_is_ignored() -> None:
    polls = Polls(50)
    polls.poll(reading(71, BULLISH, as_of=LATER))
    before = polls.states["btc"]

    found = polls.poll(reading(20, BEARISH, as_of=NOON))

    assert (found.events, found.readings, found.seen) == ((), (), frozenset())
    assert polls.states["btc"] == before


def test_the_same_reading_again_is_nothing() -> None:
    polls = Polls(50)
    polls.poll(reading(71))

    found = polls.poll(reading(71))

    assert (found.events, found.readings, dict(found.states)) == ((), (), {})
    assert found.seen == {"btc"}


def test_a_newer_time_with_the_same_values_is_a_reading() -> None:
    polls = Polls(50)
    polls.poll(reading(71))

    found = polls.poll(reading(71, as_of=LATER))

    assert found.events == ()
    assert found.readings == (reading(71, as_of=LATER),)


def test_a_fresher_price_at_the_same_time_replaces_the_old_one() -> None:
    polls = Polls()
    polls.poll(reading(71, price=100))

    found = polls.poll(reading(71, price=101))

    assert found.events == ()
    assert [r.price for r in found.readings] == [101]


def test_a_price_that_is_missing_the_second_time_is_not_unlearned() -> None:
    polls = Polls()
    polls.poll(reading(71, price=100, volume=5.0, market_cap=7.0))

    found = polls.poll(reading(71))

    assert found.readings == ()
    last = polls.states["btc"].last
    assert (last.price, last.volume, last.market_cap) == (100, 5.0, 7.0)


def test_a_price_of_another_time_is_never_carried_on() -> None:
    polls = Polls()
    polls.poll(reading(71, price=100))

    polls.poll(reading(71, as_of=LATER))

    assert polls.states["btc"].last.price is None


# ------------------------------------------------------------------------- revisions


def test_a_revision_counts_once_two_polls_in_a_row_show_it() -> None:
    polls = Polls(50)
    polls.poll(reading(71, BULLISH))

    assert not polls.poll(reading(38, BEARISH)).events
    found = polls.poll(reading(38, BEARISH)).events

    assert [e.kind for e in found] == [EventKind.FLIP, EventKind.CROSSING]
    assert all(e.is_revision for e in found)
    assert not polls.poll(reading(38, BEARISH)).events


def test_values_that_are_gone_at_the_next_poll_were_never_meant() -> None:
    polls = Polls(50)
    polls.poll(reading(71, BULLISH))

    for _ in range(3):
        polls.poll(reading(38, BEARISH))
        polls.poll(reading(71, BULLISH))

    assert polls.events == []


def test_two_polls_that_show_different_values_confirm_neither() -> None:
    polls = Polls(50)
    polls.poll(reading(71, BULLISH))

    polls.poll(reading(38, BEARISH))
    assert not polls.poll(reading(71, NEUTRAL)).events
    assert not polls.poll(reading(38, BEARISH)).events

    assert polls.states["btc"].standing is BULLISH


def test_a_newer_reading_makes_a_pending_revision_pointless() -> None:
    polls = Polls(50)
    polls.poll(reading(71, BULLISH))
    polls.poll(reading(38, BEARISH))

    polls.poll(reading(72, BULLISH, as_of=LATER))

    assert polls.events == []
    assert polls.states["btc"].pending_revision is None


def flipped(at: int = 0) -> Polls:
    """A bearish flip at LATER, told by the poll right after."""
    polls = Polls()
    polls.poll(reading(71, BULLISH, price=300))
    polls.poll(reading(38, BEARISH, as_of=LATER), after=timedelta(minutes=5 + at))
    assert turns(polls) == [(EventKind.FLIP, BEARISH)]
    return polls


@pytest.mark.parametrize(
    "revised", [BULLISH, NEUTRAL], ids=["to bullish", "to no signal"]
)
def test_a_flip_revised_away_within_48_hours_is_one_correction(revised: Signal) -> None:
    polls = flipped()
    flip = polls.events[0]
    polls.poll(reading(69, revised, as_of=LATER))

    polls.poll(reading(69, revised, as_of=LATER), after=timedelta(hours=47))

    assert turns(polls)[1:] == [(EventKind.CORRECTION, BULLISH)]
    assert polls.events[1].corrects == flip.key
    assert polls.events[1].from_signal is BEARISH
    known = polls.states["btc"]
    assert (known.standing, known.standing_since) == (BULLISH, None)


def test_a_flip_revised_away_after_48_hours_is_a_flip_back() -> None:
    polls = flipped()
    polls.poll(reading(69, BULLISH, as_of=LATER), after=timedelta(hours=48))

    polls.poll(reading(69, BULLISH, as_of=LATER))

    assert turns(polls)[1:] == [(EventKind.FLIP, BULLISH)]


def test_a_later_reading_that_turns_back_is_a_flip_however_soon() -> None:
    polls = flipped()

    polls.poll(reading(69, BULLISH, as_of=LATER + HOUR))

    assert turns(polls)[1:] == [(EventKind.FLIP, BULLISH)]


def test_a_later_reading_without_a_signal_withdraws_nothing() -> None:
    polls = flipped()

    polls.poll(reading(69, NEUTRAL, as_of=LATER + HOUR))

    assert len(polls.events) == 1
    assert polls.states["btc"].standing is BEARISH


def test_after_a_correction_the_signal_may_turn_again() -> None:
    polls = flipped()
    for signal in (BULLISH, BEARISH):
        polls.poll(reading(50, signal, as_of=LATER))
        polls.poll(reading(50, signal, as_of=LATER))

    assert turns(polls)[1:] == [
        (EventKind.CORRECTION, BULLISH),
        (EventKind.FLIP, BEARISH),
    ]
    assert len({e.key for e in polls.events}) == 3


def test_after_a_correction_since_and_price_are_what_they_were() -> None:
    polls = Polls()
    polls.poll(reading(40, BEARISH))
    polls.poll(reading(83, BULLISH, as_of=NOON + DAY, price=288))
    polls.poll(reading(38, BEARISH, as_of=NOON + 2 * DAY, price=341))
    for _ in range(2):
        polls.poll(reading(83, BULLISH, as_of=NOON + 2 * DAY, price=341))

    known = polls.states["btc"]

    assert known.standing_since == NOON + DAY
    assert known.standing_price == 288


# --------------------------------------------------------------------------- unknown


@pytest.mark.parametrize(
    "grade", [None, float("nan"), float("inf"), -0.1, 100.1, 101.0]
)
def test_a_grade_that_is_none_is_never_a_change(grade: float | None) -> None:
    polls = Polls(30, 50, 70, 80)
    polls.grades(60)

    polls.poll(reading(grade, BULLISH, as_of=NOON + DAY))

    assert polls.events == []
    assert polls.states["btc"].last.grade == 60


@pytest.mark.parametrize(
    ("grade", "expected"), [(0.0, down(50)), (100.0, up(80))], ids=["0", "100"]
)
def test_the_ends_of_the_scale_are_grades(
    grade: float, expected: tuple[tuple[float, Direction], ...]
) -> None:
    polls = Polls(50, 80)

    assert moves(polls.grades(60, grade)) == [expected]


def test_an_unknown_signal_is_never_a_change() -> None:
    polls = Polls(50)
    polls.poll(reading(60, BULLISH))

    polls.poll(reading(55, None, as_of=LATER))
    assert polls.states["btc"].standing is BULLISH
    polls.poll(reading(55, BULLISH, as_of=LATER + HOUR))

    assert polls.events == []


def test_a_known_grade_counts_though_the_signal_is_unknown() -> None:
    polls = Polls(50)
    polls.poll(reading(60, BULLISH))

    (event,) = polls.poll(reading(40, None, as_of=LATER)).events

    assert event.kind is EventKind.CROSSING
    assert event.to_signal is BULLISH


def test_an_unknown_value_at_the_same_time_is_no_revision() -> None:
    polls = Polls(50)
    polls.poll(reading(60, BULLISH))

    for _ in range(3):
        polls.poll(reading(None, None))

    assert polls.events == []
    assert polls.states["btc"].last == reading(60, BULLISH)


def test_missing_assets_and_empty_snapshots_change_nothing() -> None:
    polls = Polls(50)
    polls.poll(reading(60, BULLISH), reading(70, BULLISH, key="eth"))
    before = dict(polls.states)

    found = polls.poll(reading(70, BULLISH, key="eth"))
    assert "btc" not in found.states
    assert "btc" not in found.seen
    empty = polls.poll()

    assert (empty.events, empty.readings, empty.seen) == ((), (), frozenset())
    assert polls.states["btc"] == before["btc"]


# ------------------------------------------------------------------------------ gaps


@pytest.mark.parametrize(
    ("after", "is_gap"),
    [
        pytest.param(3 * INTERVAL, False, id="three intervals are no gap"),
        pytest.param(3 * INTERVAL + timedelta(seconds=1), True, id="more are one"),
    ],
)
def test_over_three_intervals_without_a_look_are_a_gap(
    after: timedelta, is_gap: bool
) -> None:
    polls = Polls(50)
    polls.poll(reading(60, BULLISH))
    seen = polls.now

    events = polls.poll(reading(40, BEARISH, as_of=LATER), after=after).events

    assert [e.gap_since for e in events] == [seen if is_gap else None] * 2
    assert [e.basis_seen_at for e in events] == [seen] * 2


def test_looking_without_anything_new_is_no_gap() -> None:
    polls = Polls()
    for _ in range(10):
        polls.poll(reading(60, BULLISH))

    (event,) = polls.poll(reading(40, BEARISH, as_of=LATER)).events

    assert event.gap_since is None


def test_a_recording_has_no_gaps_and_no_stale_basis() -> None:
    polls = Polls(is_replay=True)
    polls.poll(reading(60, BULLISH))

    (event,) = polls.poll(reading(40, BEARISH, as_of=LATER), after=DAY).events

    assert event.gap_since is None
    assert event.basis_seen_at is None


# ------------------------------------------------------------------------------ keys


def test_keys_are_spelled_the_same_every_time() -> None:
    polls = Polls(50)
    polls.poll(reading(71, BULLISH))

    found = polls.poll(reading(38, BEARISH, as_of=LATER)).events

    assert [e.key for e in found] == [
        "tm|btc|flip|2026-11-20T15:00:00+00:00|bullish|bearish",
        "tm|btc|crossing|2026-11-20T15:00:00+00:00|71|38",
    ]


def test_two_pollers_find_the_same_keys_whatever_their_clocks_say() -> None:
    first, second = Polls(50), Polls(50)
    second.now += timedelta(seconds=77)
    second.tick = 40

    for polls in (first, second):
        polls.poll(reading(71, BULLISH))
        polls.poll(reading(38, BEARISH, as_of=LATER))

    assert [e.key for e in first.events] == [e.key for e in second.events]


def test_a_revision_carries_its_tick_in_the_key() -> None:
    polls = Polls()
    polls.poll(reading(71, BULLISH))
    polls.poll(reading(71, BEARISH))

    (event,) = polls.poll(reading(71, BEARISH)).events

    assert event.key.endswith("|bullish|bearish|t3")


# ------------------------------------------------------------------------ properties

LINES = (50.0, 70.0, 80.0)


def replay(history: list[tuple[Reading, ...]]) -> Polls:
    polls = Polls(*LINES)
    for readings in history:
        polls.poll(*readings)
    return polls


@given(histories())
def test_the_same_snapshot_twice_gives_nothing_the_second_time(
    history: list[tuple[Reading, ...]],
) -> None:
    polls = Polls(*LINES)

    for readings in history:
        # A revision needs two polls; the third sees nothing new.
        polls.poll(*readings)
        polls.poll(*readings)
        again = polls.poll(*readings)
        assert again.events == ()
        assert again.readings == ()
        assert dict(again.states) == {}


@given(histories(keys=("btc",)))
def test_flips_of_an_asset_alternate_once_corrections_are_taken_out(
    history: list[tuple[Reading, ...]],
) -> None:
    events = replay(history).events

    withdrawn = {e.corrects for e in events}
    flips = [e for e in events if e.kind is EventKind.FLIP and e.key not in withdrawn]
    assert all(e.from_signal is Signal(-e.to_signal) for e in flips)
    assert all(
        before.to_signal is not after.to_signal for before, after in pairwise(flips)
    )


@given(st.lists(sound_grades, min_size=2, max_size=20))
def test_crossings_of_one_line_alternate_up_and_down(values: list[float]) -> None:
    events = Polls(*LINES).grades(*values)

    for line in LINES:
        found = [p.direction for e in events for p in e.passed if p.threshold == line]
        first = Direction.DOWN if values[0] >= line else Direction.UP
        other = Direction.UP if first is Direction.DOWN else Direction.DOWN
        assert found == [(first, other)[n % 2] for n in range(len(found))]


@given(st.lists(sound_grades, min_size=1, max_size=20))
def test_a_band_away_from_a_line_the_told_side_is_the_side_of_the_grade(
    values: list[float],
) -> None:
    polls = Polls(*LINES)

    for value in values:
        polls.grades(value)
        for line, kept in polls.states["btc"].lines.items():
            if abs(value - line) >= 3:
                assert kept == Line(side_of(value, line), is_locked=False)


@given(histories(), st.randoms(use_true_random=False))
def test_events_of_an_asset_depend_on_nothing_but_its_own_readings(
    history: list[tuple[Reading, ...]], chance: random.Random
) -> None:
    together = replay(history).events

    shuffled = [tuple(chance.sample(s, len(s))) for s in history]
    assert replay(shuffled).events == together

    for key in ("btc", "eth", "sol"):
        alone = [tuple(r for r in s if r.key == key) for s in history]
        assert replay(alone).events == [e for e in together if e.asset_key == key]


@given(histories())
def test_every_event_has_a_key_of_its_own(history: list[tuple[Reading, ...]]) -> None:
    keys = [e.key for e in replay(history).events]

    assert len(set(keys)) == len(keys)


@given(st.lists(grades, min_size=1, max_size=10))
def test_a_kept_grade_is_always_one_that_an_engine_may_give(
    values: list[float | None],
) -> None:
    polls = Polls(*LINES)

    for number, value in enumerate(values):
        polls.poll(reading(value, as_of=NOON + number * HOUR))

    grade = polls.states["btc"].last.grade
    assert grade is None or 0 <= grade <= 100


def test_a_revision_whose_grade_moves_at_every_poll_still_confirms_its_flip() -> None:
    polls = Polls()
    polls.poll(reading(71, Signal.BULLISH))

    events = [polls.poll(reading(38 + n / 10, Signal.BEARISH)) for n in range(4)]

    assert [len(found.events) for found in events] == [0, 1, 0, 0]


def test_a_revision_that_leads_to_nothing_needs_no_second_poll() -> None:
    polls = Polls(80)
    polls.poll(reading(71, Signal.BULLISH))

    assert polls.poll(reading(72, Signal.BULLISH)).events == ()
    assert polls.states["btc"].last.grade == 72
    assert polls.states["btc"].pending_revision is None
