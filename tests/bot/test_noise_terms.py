"""What a recipient's choices make of its alerts: pace, nights, digests, sounds."""

from datetime import datetime, time, timedelta

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    NOON,
    asset,
    correction,
    crossing,
    down,
    flip,
    mute,
    state,
    told,
    up,
    waiting,
    watch,
)

from bot.model import Asset, Event, Mute, Signal, Told, Waiting
from bot.news import Decision, News, Note, Occasion, Reason
from bot.noise import OPEN_HOLD, decide
from bot.noise_asset import HOVERING, UNCONFIRMED_LOOK
from bot.preferences import (
    Cadence,
    Digest,
    NewsKind,
    Pace,
    Preferences,
    QuietHours,
    Sound,
)

# NOON is 14:00 UTC
NOW = NOON + timedelta(minutes=1)
CALM, FAST = Preferences(pace=Pace.CALM), Preferences(pace=Pace.FAST)
QUIET = Preferences(quiet=QuietHours(time(13), time(20)))
DAILY = Preferences(digest=Digest(Cadence.DAILY, time(20)))
URGENT = watch(is_urgent=True)


def btc(
    signal: Signal = BEARISH,
    *,
    grade: float = 50.0,
    read_at: datetime = NOON,
    flips: tuple[datetime, ...] = (NOON,),
    id: int = 1,  # noqa: A002 - the field's own name
) -> Asset:
    there = state(
        signal,
        grade=grade,
        as_of=read_at,
        since=flips[-1] if flips else None,
        flips=flips,
    )
    return asset(id=id, state=there)


def settle(
    items: list[Waiting],
    *known: Told,
    chosen: Preferences = Preferences(),  # noqa: B008 - a frozen value
    mutes: tuple[Mute, ...] = (),
    now: datetime = NOW,
    digest_at: datetime | None = None,
) -> Decision:
    return decide(
        now,
        waiting=items,
        told={t.asset_id: t for t in known},
        mutes=mutes,
        preferences=chosen,
        digest_at=digest_at,
    )


def one(event: Event, about: Asset, **rest: object) -> list[Waiting]:
    return [waiting(event, about, **rest)]


def only(decision: Decision) -> News:
    (news,) = decision.news
    return news


# ---------------------------------------------------------------------------- calm


def test_calm_holds_a_flip_until_a_second_reading_agrees():
    items = one(flip(BEARISH), btc())

    held = settle(items, told(BULLISH), chosen=CALM)
    sent = settle(one(flip(BEARISH), btc(read_at=NOON + HOUR)), chosen=CALM)

    assert held.holds == {1: (NOW + UNCONFIRMED_LOOK, Reason.UNCONFIRMED)}
    assert sent.send == (1,)


def test_calm_skips_what_reverses_first():
    about = btc(BULLISH, read_at=NOON + HOUR, flips=(NOON, NOON + HOUR))
    items = [
        waiting(flip(BEARISH), about, held_for="unconfirmed"),
        waiting(flip(BULLISH, at=NOON + HOUR), about, id=2),
    ]

    decision = settle(items, told(BULLISH), chosen=CALM)

    assert set(decision.skips.values()) == {Reason.NOT_CONFIRMED}
    assert decision.came_back == ()


@pytest.mark.parametrize("chosen", [Preferences(), FAST], ids=["normal", "fast"])
def test_the_other_paces_do_not_wait_for_a_second_reading(chosen):
    assert settle(one(flip(BEARISH), btc()), told(BULLISH), chosen=chosen).send == (1,)


def test_a_correction_needs_no_second_reading():
    event = correction(flip(BEARISH))
    items = one(event, btc(BULLISH, flips=()))

    assert settle(items, told(BEARISH, since=NOON), chosen=CALM).send == (1,)


def crossed(grade: float, *, read_at: datetime = NOON + HOUR) -> list[Waiting]:
    about = btc(BULLISH, grade=grade, read_at=read_at, flips=())
    by = watch(thresholds=(50.0, 80.0))
    return one(crossing(*up(50, 80), at=NOON), about, watch_=by)


def test_calm_holds_a_crossing_until_a_second_reading_agrees():
    first = settle(crossed(81, read_at=NOON), chosen=CALM)
    second = settle(crossed(80), chosen=CALM)

    assert [reason for _, reason in first.holds.values()] == [Reason.UNCONFIRMED]
    assert [p.threshold for p in only(second).passed] == [50, 80]


def test_a_grade_that_hovers_at_a_line_for_a_day_tells_only_the_others():
    hovering = crossed(79, read_at=NOON + HOVERING)

    assert settle(crossed(79), chosen=CALM).holds
    assert [p.threshold for p in only(settle(hovering, chosen=CALM)).passed] == [50]


def test_a_line_passed_and_passed_back_is_not_confirmed():
    about = btc(BULLISH, grade=40, read_at=NOON + HOUR, flips=())
    by = watch(thresholds=(50.0,))
    items = [
        waiting(crossing(*up(50)), about, watch_=by, held_for=Reason.UNCONFIRMED),
        waiting(crossing(*down(50), at=NOON + HOUR), about, id=2, watch_=by),
    ]

    decision = settle(items, chosen=CALM)

    assert set(decision.skips.values()) == {Reason.NOT_CONFIRMED}


# ---------------------------------------------------------------------------- choppy

FLIPS = tuple(NOON - (2 - n) * HOUR for n in range(3))


def test_the_second_flip_of_a_day_is_told_as_again_to_who_knows_the_first():
    about = btc(flips=FLIPS[1:])
    items = one(flip(BEARISH), about)

    known = only(settle(items, told(BULLISH, since=FLIPS[1])))
    stranger = only(settle(items, told(BULLISH, since=FLIPS[1] - DAY)))

    assert (known.note, known.again_after) == (Note.AGAIN, HOUR)
    assert (stranger.note, stranger.again_after) == (Note.AGAIN, None)


@pytest.mark.parametrize("chosen", [Preferences(), CALM], ids=["normal", "calm"])
def test_further_flips_are_held_until_they_settle(chosen):
    about = btc(flips=FLIPS, read_at=NOON + HOUR)

    decision = settle(one(flip(BEARISH), about), told(BULLISH), chosen=chosen)

    assert decision.holds == {1: (NOW + 5 * HOUR, Reason.CHOPPY)}


def test_what_settled_is_told_even_if_it_stands_as_told():
    about = btc(flips=FLIPS, read_at=NOON + 6 * HOUR)
    items = [
        waiting(flip(BULLISH, at=FLIPS[1]), about, held_for="choppy"),
        waiting(flip(BEARISH), about, id=2, held_for="choppy"),
    ]

    decision = settle(items, told(BEARISH, since=FLIPS[0]))

    assert only(decision).note is Note.SETTLED
    assert decision.send == (1, 2)
    assert [t.signal for t in decision.tells] == [BEARISH]


def test_fast_hears_every_flip():
    decision = settle(one(flip(BEARISH), btc(flips=FLIPS)), told(BULLISH), chosen=FAST)

    assert only(decision).note is Note.NONE


def test_who_is_back_hears_what_stands_choppy_or_not():
    items = one(flip(BEARISH), btc(flips=FLIPS), held_for="away")

    decision = settle(items, told(BULLISH))

    assert (decision.send, decision.occasion) == ((1,), Occasion.AWAY)


def test_a_line_is_told_while_the_flips_of_its_asset_are_held():
    about = btc(flips=FLIPS, grade=40)
    by = watch(thresholds=(50.0,))
    items = [
        waiting(flip(BEARISH), about, watch_=by),
        waiting(crossing(*down(50)), about, id=2, watch_=by),
    ]

    decision = settle(items, told(BULLISH))

    assert (tuple(decision.holds), decision.send) == ((1,), (2,))
    assert only(decision).is_turn_held


# --------------------------------------------------------------------- nights, digests


def test_quiet_hours_hold_until_their_end():
    decision = settle(one(flip(BEARISH), btc()), told(BULLISH), chosen=QUIET)

    assert decision.holds == {1: (NOON + 6 * HOUR, Reason.QUIET_HOURS)}


def test_an_urgent_watch_goes_through_quiet_hours_and_digests():
    items = one(flip(BEARISH), btc(), watch_=URGENT)

    for chosen in (QUIET, DAILY):
        decision = settle(items, told(BULLISH), chosen=chosen)
        assert (decision.send, decision.occasion) == ((1,), Occasion.ALERT)
        assert decision.send_by is None


def test_what_is_not_urgent_must_be_sent_before_quiet_hours_begin():
    early = Preferences(quiet=QuietHours(time(15), time(20)))

    decision = settle(one(flip(BEARISH), btc()), told(BULLISH), chosen=early)

    assert decision.send_by == NOON + HOUR


def night(*about: Asset, back: bool = False) -> list[Waiting]:
    items = []
    for place in about:
        events = [flip(BEARISH, asset_id=place.id)]
        if back:
            events.append(flip(BULLISH, at=NOON + HOUR, asset_id=place.id))
        for event in events:
            number = len(items) + 1
            items.append(waiting(event, place, id=number, held_for="quiet_hours"))
    return items


EVENING = NOON + 6 * HOUR


def test_a_night_with_several_flips_is_one_summary():
    items = night(btc(), btc(id=2))

    decision = settle(items, chosen=QUIET, now=EVENING)

    assert (decision.occasion, decision.send) == (Occasion.QUIET, (1, 2))


def test_a_night_with_one_flip_is_that_alert():
    decision = settle(night(btc()), chosen=QUIET, now=EVENING)

    assert (decision.occasion, only(decision).held_for) == (
        Occasion.ALERT,
        Reason.QUIET_HOURS,
    )


def test_a_night_in_which_all_came_back_is_one_line():
    about = btc(BULLISH, read_at=NOON + HOUR, flips=(NOON, NOON + HOUR))

    decision = settle(night(about, back=True), told(BULLISH), chosen=QUIET, now=EVENING)

    assert (decision.occasion, decision.news) == (Occasion.QUIET, ())
    assert decision.came_back == (about,)
    assert (decision.send, decision.skips) == ((1, 2), {})


def test_what_came_back_without_a_night_is_no_message():
    about = btc(BULLISH, read_at=NOON + HOUR, flips=(NOON, NOON + HOUR))
    items = [
        waiting(flip(BEARISH), about, reason="rate_limited"),
        waiting(flip(BULLISH, at=NOON + HOUR), about, id=2),
    ]

    decision = settle(items, told(BULLISH), now=EVENING)

    assert (decision.send, set(decision.skips.values())) == (
        (),
        {Reason.FLIPPED_BACK},
    )


def test_a_digest_holds_until_its_time_and_is_one_then():
    items = one(flip(BEARISH), btc())

    before = settle(items, told(BULLISH), chosen=DAILY)
    then = settle(items, told(BULLISH), chosen=DAILY, now=EVENING)

    assert before.holds == {1: (EVENING, Reason.DIGEST)}
    assert (then.send, then.occasion) == ((1,), Occasion.DIGEST)


def test_a_day_has_one_digest():
    items = one(flip(BEARISH), btc())
    just_sent = EVENING + timedelta(seconds=2)

    decision = settle(
        items,
        told(BULLISH),
        chosen=DAILY,
        now=just_sent + timedelta(seconds=1),
        digest_at=just_sent,
    )

    assert decision.holds == {1: (EVENING + DAY, Reason.DIGEST)}


def test_a_digest_inside_quiet_hours_comes_as_they_end():
    chosen = Preferences(
        quiet=QuietHours(time(13), time(21)), digest=Digest(Cadence.DAILY, time(20))
    )
    items = one(flip(BEARISH), btc(), held_for="quiet_hours")

    held = settle(items, told(BULLISH), chosen=chosen, now=EVENING)
    sent = settle(items, told(BULLISH), chosen=chosen, now=EVENING + HOUR)

    assert held.holds == {1: (EVENING + HOUR, Reason.QUIET_HOURS)}
    assert sent.occasion is Occasion.DIGEST


# ------------------------------------------------------------------- mutes and sounds


def test_a_mute_until_the_next_flip_is_not_ended_by_one_that_is_held():
    items = one(flip(BEARISH), btc())

    held = settle(items, told(BULLISH), chosen=QUIET, mutes=(mute(1),))
    sent = settle(items, told(BULLISH), chosen=QUIET, mutes=(mute(1),), now=EVENING)

    assert (held.ended_mutes, sent.ended_mutes) == ((), (1,))


def test_muted_assets_that_flipped_are_counted():
    items = [
        waiting(flip(BEARISH), btc()),
        waiting(flip(BEARISH, asset_id=2), btc(id=2), id=2),
    ]

    decision = settle(items, mutes=(mute(1, until=NOW + HOUR),))

    assert (decision.muted, decision.send) == (1, (2,))


def test_flips_that_are_turned_off_wait_and_lines_are_told():
    off = Preferences(sounds={NewsKind.FLIP: Sound.OFF})
    by = watch(thresholds=(50.0,))
    items = [
        waiting(flip(BEARISH), btc(grade=40), watch_=by),
        waiting(crossing(*down(50)), btc(grade=40), id=2, watch_=by),
    ]

    decision = settle(items, told(BULLISH), chosen=off)

    assert decision.holds == {1: (NOW + OPEN_HOLD, Reason.TURNED_OFF)}
    assert decision.send == (2,)


def test_lines_that_are_turned_off_are_skipped():
    off = Preferences(sounds={NewsKind.CROSSING: Sound.OFF})
    by = watch(thresholds=(50.0,))
    items = one(crossing(*down(50)), btc(grade=40), watch_=by)

    assert settle(items, chosen=off).skips == {1: Reason.TURNED_OFF}


# ---------------------------------------------------------------------------- downtime


def test_what_was_found_after_a_downtime_is_told_as_that():
    event = flip(BEARISH, off_since=NOON - 3 * HOUR, gap_since=NOON - 3 * HOUR)

    assert settle(one(event, btc()), told(BULLISH)).occasion is Occasion.OFF


def test_after_a_short_downtime_an_alert_is_an_alert():
    since = NOON - HOUR / 2
    event = flip(BEARISH, off_since=since, gap_since=since)

    assert settle(one(event, btc()), told(BULLISH)).occasion is Occasion.ALERT
