"""What trouble there is, and who still has to hear of it."""

from datetime import timedelta
from itertools import pairwise

import pytest
from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Address, PollSummary
from bot.troubles import (
    DEAD_EVERY,
    DEAD_GRACE,
    Cause,
    Counted,
    EngineTrouble,
    Memory,
    Step,
    dead_window,
    decide,
    engine_trouble,
)

ANN, BOB = Address.parse("telegram:1"), Address.parse("web:bob")
MINUTE = timedelta(minutes=1)


def polls(*reasons: str) -> list[PollSummary]:
    """Finished polls five minutes apart, the newest first; "ok" worked."""
    return [
        PollSummary(
            number=100 - n,
            started_at=NOON - n * 5 * MINUTE,
            finished_at=NOON - n * 5 * MINUTE,
            is_ok=reason == "ok",
            reason="" if reason == "ok" else reason,
        )
        for n, reason in enumerate(reasons)
    ]


# ---------------------------------------------------------------- the engine


@pytest.mark.parametrize(
    "reasons",
    [
        [],
        ["ok"],
        ["timeout", "timeout", "ok", "timeout"],
        ["ok", "timeout", "timeout", "timeout"],
        ["budget"] * 10,
        ["ended"] * 10,
        ["timeout", "budget", "timeout", "ok"],
        ["superseded", "timeout", "timeout", "ok"],
    ],
    ids=lambda reasons: " ".join(reasons) or "none",
)
def test_fewer_than_three_failures_in_a_row_are_no_trouble(reasons: list[str]):
    assert engine_trouble(polls(*reasons)) is None


def test_three_failures_in_a_row_are_trouble_since_the_first_of_them():
    trouble = engine_trouble(
        polls("http_500", "timeout", "connection", "ok", "timeout")
    )

    assert trouble == EngineTrouble(
        reason="http_500", since=NOON - 10 * MINUTE, polls=3
    )


def test_polls_that_save_credits_in_between_do_not_count():
    trouble = engine_trouble(polls("timeout", "budget", "timeout", "timeout", "ok"))

    assert trouble is not None
    assert (trouble.polls, trouble.since) == (3, NOON - 15 * MINUTE)


def test_a_poll_that_did_not_ask_says_nothing_about_the_reason():
    trouble = engine_trouble(polls("refused", "refused", "http_401", "http_500", "ok"))
    assert trouble is not None
    assert trouble.reason == "http_401"

    trouble = engine_trouble(polls("refused", "refused", "refused"))
    assert trouble is not None
    assert (trouble.cause, trouble.short) == (Cause.REFUSED, "refused")


@pytest.mark.parametrize(
    ("reason", "cause", "short"),
    [
        ("http_401", Cause.REFUSED, "401"),
        ("http_402", Cause.REFUSED, "402"),
        ("http_403", Cause.REFUSED, "403"),
        ("http_429", Cause.LIMITED, "429"),
        ("http_408", Cause.UNAVAILABLE, "408"),
        ("http_500", Cause.UNAVAILABLE, "500"),
        ("http_503", Cause.UNAVAILABLE, "503"),
        ("timeout", Cause.UNAVAILABLE, "no answer"),
        ("connection", Cause.UNAVAILABLE, "unreachable"),
        ("backing_off", Cause.UNAVAILABLE, "no answer"),
        ("no_success", Cause.UNAVAILABLE, "failing"),
        ("not_json", Cause.UNREADABLE, "unreadable answer"),
        ("http_400", Cause.UNREADABLE, "400"),
    ],
)
def test_a_reason_has_its_cause_and_its_short_word(reason, cause, short):
    trouble = EngineTrouble(reason=reason, since=NOON, polls=3)

    assert (trouble.cause, trouble.short) == (cause, short)


# ---------------------------------------------------------------- who hears of it


def told(**kinds: list[Address]) -> Memory:
    return Memory(since=NOON, told={k: frozenset(v) for k, v in kinds.items()})


def test_new_trouble_is_told_to_everybody():
    assert decide(None, "refused", [ANN, BOB]) == Step(tell=(ANN, BOB))


def test_lasting_trouble_is_told_to_those_who_do_not_know_it():
    memory = told(refused=[ANN])

    assert decide(memory, "refused", [ANN, BOB]) == Step(tell=(BOB,))
    assert not decide(memory, "refused", [ANN])


def test_another_kind_of_trouble_is_told_once_too():
    memory = told(refused=[ANN])
    assert decide(memory, "limited", [ANN]) == Step(tell=(ANN,))

    memory = memory.with_told("limited", ANN)
    assert not decide(memory, "limited", [ANN])
    assert not decide(memory, "refused", [ANN])


def test_the_end_is_told_to_those_who_heard_of_the_trouble():
    memory = told(refused=[ANN], limited=[ANN, BOB])

    assert decide(memory, None, []) == Step(over=(ANN, BOB))
    assert not decide(None, None, [ANN])


def test_who_heard_of_the_end_is_forgotten_and_then_the_trouble_is():
    memory = told(refused=[ANN], limited=[ANN, BOB]).without(ANN)
    assert memory is not None
    assert memory.everybody == {BOB}

    assert memory.without(BOB) is None


@given(
    st.dictionaries(
        st.sampled_from(["refused", "Telegram refuses the bot's token", "limited"]),
        st.frozensets(st.sampled_from([ANN, BOB]), min_size=1),
    ),
    st.integers(0, 99),
)
def test_what_is_remembered_survives_the_store(kinds, notices):
    memory = Memory(since=NOON, told=kinds, notices=notices)

    assert Memory.load(memory.dump()) == memory


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([0, 1])),
        max_size=30,
    )
)
def test_over_any_history_nobody_is_told_the_same_twice_in_a_row(history):
    memory, heard = None, {ANN: [], BOB: []}
    for kind, reachable in history:
        step = decide(memory, kind, [ANN, BOB])
        for address in step.tell[:1] if reachable else ():
            heard[address].append(kind)
            memory = (memory or Memory(since=NOON)).with_told(kind, address)
        for address in step.over[:1] if reachable else ():
            heard[address].append(None)
            memory = memory.without(address)

    for words in heard.values():
        assert words[:1] != [None]
        assert all(a != b for a, b in pairwise(words))
        for phase in "\n".join(str(w) for w in words).split("None"):
            kinds = phase.split()
            assert len(kinds) == len(set(kinds))


# ---------------------------------------------------------------- dead letters


def test_letters_that_died_since_the_last_look_are_news():
    counted = Counted(until=NOON)

    found = dead_window(counted, NOON + MINUTE)

    assert found == (NOON, NOON + MINUTE - DEAD_GRACE)


def test_a_letter_that_died_a_moment_ago_is_left_to_the_next_look():
    assert dead_window(Counted(until=NOON), NOON + DEAD_GRACE) is None


@pytest.mark.parametrize(
    ("waited", "is_news"), [(DEAD_EVERY, True), (DEAD_EVERY - DEAD_GRACE, False)]
)
def test_between_two_notices_are_ten_minutes(waited: timedelta, is_news: bool):
    counted = Counted(until=NOON, told_at=NOON)

    assert (dead_window(counted, NOON + waited) is not None) is is_news


def test_a_notice_in_the_future_does_not_silence_the_next_one():
    counted = Counted(until=NOON, told_at=NOON + 100 * MINUTE)

    assert dead_window(counted, NOON + MINUTE) is not None
