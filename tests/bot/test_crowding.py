"""How much one user or chat may type: told once, then silence, then answers again."""

import itertools
from datetime import timedelta

from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from bot.crowding import Crowding, Verdict

SECOND = timedelta(seconds=1)
ANSWER, WARN, SILENT = Verdict.ANSWER, Verdict.WARN, Verdict.SILENT


def flood(crowding: Crowding, count: int, now=NOON, chat: str = "") -> list[Verdict]:
    return [crowding.look("u", chat, now) for _ in range(count)]


def test_whoever_types_too_much_is_told_once_and_then_not_answered():
    found = flood(Crowding(30), 20)

    assert found == [ANSWER] * 15 + [WARN] + [SILENT] * 4


def test_whoever_waits_as_long_as_was_said_is_answered_again():
    crowding = Crowding(30)
    flood(crowding, 20)
    wait = crowding.wait("u", "")

    assert wait == 10 * SECOND
    assert crowding.look("u", "", NOON + wait - SECOND) is SILENT
    assert crowding.look("u", "", NOON + wait) is ANSWER
    assert crowding.wait("u", "") == timedelta()


def test_others_do_not_wait_for_one_who_floods():
    crowding = Crowding(30)
    flood(crowding, 20)

    assert crowding.look("other", "", NOON) is ANSWER


def test_a_chat_of_many_has_its_own_measure():
    crowding = Crowding(30)

    found = [crowding.look(f"u{n}", "chat", NOON) for n in range(50)]

    assert found.count(ANSWER) == 45
    assert found.count(WARN) == 1


def test_an_anonymous_admin_counts_for_the_chat_alone():
    crowding = Crowding(30)

    assert [crowding.look("", "chat", NOON) for _ in range(46)][-1] is WARN


def test_a_clock_that_steps_back_frees_nobody_and_locks_nobody_out():
    crowding = Crowding(30)
    flood(crowding, 20)

    assert crowding.look("u", "", NOON - timedelta(days=1)) is SILENT
    assert crowding.look("u", "", NOON + 11 * SECOND) is ANSWER


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200))
def test_nobody_is_answered_more_than_the_rate_and_one_burst(gaps: list[float]):
    crowding = Crowding(30)
    now, answered = NOON, 0
    for gap in gaps:
        now += timedelta(seconds=gap)
        answered += crowding.look("u", "", now) is ANSWER

    assert answered <= 15 + (now - NOON).total_seconds() / 2 + 1


@given(st.lists(st.sampled_from([0.1, 1.0, 2.0, 4.0]), min_size=1, max_size=200))
def test_nobody_is_told_twice_without_an_answer_in_between(gaps: list[float]):
    crowding = Crowding(30)
    now, seen = NOON, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        verdict = crowding.look("u", "", now)
        if verdict is not SILENT:
            seen.append(verdict)

    assert all((a, b) != (WARN, WARN) for a, b in itertools.pairwise(seen))
