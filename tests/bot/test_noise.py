"""What of the waiting deliveries is told, held or skipped: the law of the product."""

from datetime import datetime, timedelta

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
from hypothesis import given
from hypothesis import strategies as st

from bot.model import (
    Asset,
    Direction,
    Event,
    EventKind,
    Mute,
    Passed,
    Side,
    Signal,
    Told,
    Waiting,
    Watch,
)
from bot.noise import OPEN_HOLD, Decision, News, Reason, decide

T1, T2, T3 = NOON, NOON + HOUR, NOON + 2 * HOUR
NOW = NOON + 3 * HOUR


def standing(signal: Signal, since: datetime | None = T1, **rest: object) -> Asset:
    return asset(state=state(signal, since=since), **rest)


def queue(about: Asset, *events: Event, by: Watch | None = None) -> list[Waiting]:
    return [
        waiting(event, about, id=number, watch_=by)
        for number, event in enumerate(events, 1)
    ]


def settle(
    items: list[Waiting],
    *known: Told,
    mutes: tuple[Mute, ...] = (),
    now: datetime = NOW,
    thresholds: tuple[float, ...] = (),
) -> Decision:
    return decide(
        now,
        waiting=items,
        told={t.asset_id: t for t in known},
        mutes=mutes,
        thresholds=thresholds,
    )


def only(decision: Decision) -> News:
    (news,) = decision.news
    return news


# ---------------------------------------------------------------------------- flips


def test_a_flip_is_told_and_then_it_is_what_was_told() -> None:
    event = flip(BEARISH, at=T1)

    decision = settle(queue(standing(BEARISH, T1), event), told(BULLISH))

    assert only(decision).change == event
    assert decision.send == (1,)
    (tell,) = decision.tells
    assert (tell.signal, tell.since, tell.watch_id) == (BEARISH, T1, 1)


def test_a_flip_of_an_asset_nothing_was_ever_told_of_is_told() -> None:
    event = flip(BEARISH, at=T1)

    assert only(settle(queue(standing(BEARISH), event))).change == event


def test_flipped_and_back_while_waiting_is_nothing() -> None:
    about = standing(BULLISH, T2)
    items = queue(about, flip(BEARISH, at=T1), flip(BULLISH, at=T2))

    decision = settle(items, told(BULLISH))

    assert decision.news == ()
    assert dict(decision.skips) == dict.fromkeys((1, 2), Reason.FLIPPED_BACK)
    assert decision.came_back == (about,)
    assert decision.tells == ()


def test_three_flips_while_waiting_are_one_message_with_the_last() -> None:
    events = [flip(BEARISH, at=T1), flip(BULLISH, at=T2), flip(BEARISH, at=T3)]

    decision = settle(queue(standing(BEARISH, T3), *events), told(BULLISH))

    assert only(decision).change == events[2]
    assert only(decision).flips == 3
    assert decision.send == (1, 2, 3)
    assert decision.tells[0].since == T3


def test_a_flip_that_was_told_already_is_not_told_again() -> None:
    items = queue(standing(BEARISH, T1), flip(BEARISH, at=T1))

    decision = settle(items, told(BEARISH, since=T1))

    assert decision.news == ()
    assert set(decision.skips) == {1}


def test_a_flip_that_a_newer_state_has_overtaken_is_never_sent_as_current() -> None:
    # the flip back is in the state already, its own delivery is not fanned out yet
    items = queue(standing(BULLISH, T2), flip(BEARISH, at=T1))

    decision = settle(items, told(BULLISH))

    assert decision.news == ()
    assert set(decision.skips) == {1}


def test_assets_are_decided_each_for_itself() -> None:
    btc = standing(BEARISH)
    eth = asset("ETH", id=2, state=state(BULLISH, since=T2))
    items = [
        waiting(flip(BEARISH, at=T1), btc, id=1),
        waiting(flip(BEARISH, at=T1, asset_id=2), eth, id=2),
        waiting(flip(BULLISH, at=T2, asset_id=2), eth, id=3),
    ]

    decision = settle(items, told(BULLISH), told(BULLISH, asset_id=2))

    assert [n.asset for n in decision.news] == [btc]
    assert decision.came_back == (eth,)
    assert (decision.send, set(decision.skips)) == ((1,), {2, 3})


# ---------------------------------------------------------------- partial watches


def test_a_bullish_watch_hears_every_bullish_flip_though_no_bearish_one_comes() -> None:
    only_bullish = watch(direction=BULLISH)
    second = flip(BULLISH, at=T3)

    decision = settle(
        queue(standing(BULLISH, T3), second, by=only_bullish), told(BULLISH, since=T1)
    )

    assert only(decision).change == second


def test_the_same_bullish_flip_is_told_to_such_a_watch_only_once() -> None:
    only_bullish = watch(direction=BULLISH)

    decision = settle(
        queue(standing(BULLISH, T3), flip(BULLISH, at=T3), by=only_bullish),
        told(BULLISH, since=T3),
    )

    assert decision.news == ()


def test_a_bullish_flip_that_ended_while_it_waited_is_nothing_to_such_a_watch() -> None:
    only_bullish = watch(direction=BULLISH)

    decision = settle(
        queue(standing(BEARISH, T2), flip(BULLISH, at=T1), by=only_bullish),
        told(BEARISH),
    )

    assert decision.news == ()
    assert set(decision.skips) == {1}


# ------------------------------------------------------------------------ corrections


def test_the_correction_of_a_told_flip_is_told() -> None:
    wrong = flip(BEARISH, at=T1)
    event = correction(wrong, detected_at=T2)

    decision = settle(queue(standing(BULLISH, None), event), told(BEARISH, since=T1))

    assert only(decision).change == event
    (tell,) = decision.tells
    assert (tell.signal, tell.since) == (BULLISH, None)


def test_a_flip_withdrawn_while_it_waited_is_nothing_and_never_came_back() -> None:
    wrong = flip(BEARISH, at=T1)
    items = queue(standing(BULLISH, None), wrong, correction(wrong))

    decision = settle(items, told(BULLISH))

    assert decision.news == ()
    assert set(decision.skips) == {1, 2}
    assert decision.came_back == ()


@pytest.mark.parametrize(
    ("by", "known"),
    [
        pytest.param(watch(is_all=True), (), id="nothing was told of the asset"),
        pytest.param(watch(is_all=True), (told(None),), id="only lines were told"),
        pytest.param(watch(), (told(BULLISH),), id="the true signal was told"),
        pytest.param(
            watch(direction=BEARISH),
            (told(BEARISH, since=T1 - 9 * DAY),),
            id="an older flip was told, this one did not match",
        ),
    ],
)
def test_the_correction_of_a_flip_that_was_never_told_is_nothing(
    by: Watch, known: tuple[Told, ...]
) -> None:
    wrong = flip(BEARISH, at=T1)

    decision = settle(queue(standing(BULLISH, None), correction(wrong), by=by), *known)

    assert decision.news == ()
    assert set(decision.skips) == {1}


def test_what_flips_after_an_untold_correction_is_told() -> None:
    wrong, later = flip(BEARISH, at=T1), flip(BEARISH, at=T2)

    decision = settle(queue(standing(BEARISH, T2), correction(wrong), later))

    assert only(decision).change == later


def test_a_withdrawn_flip_between_two_others_is_not_what_the_message_is_about() -> None:
    real, wrong = flip(BULLISH, at=T1), flip(BEARISH, at=T2)
    items = queue(standing(BULLISH, T1), real, wrong, correction(wrong))

    decision = settle(items, told(BEARISH))

    assert only(decision).change == real
    assert only(decision).flips == 1
    assert decision.send == (1, 2, 3)


def test_a_correction_of_what_may_have_been_told_is_told() -> None:
    wrong = flip(BEARISH, at=T1)
    event = correction(wrong)
    about = standing(BULLISH, None)
    items = [waiting(wrong, about, id=1, is_unsure=True), waiting(event, about, id=2)]

    decision = settle(items, told(BULLISH))

    assert only(decision).change == event


# ---------------------------------------------------------------------------- lines


def test_crossings_merge_to_the_net() -> None:
    items = queue(
        standing(BULLISH),
        crossing(*up(50, 70), at=T1),
        crossing(*down(70), at=T2),
        crossing(*up(80), *up(70), at=T3),
        by=watch(thresholds=(50, 70, 80)),
    )

    decision = settle(items)

    assert only(decision).passed == tuple(Passed(t, d) for t, d in up(50, 70, 80))
    assert only(decision).crossing == items[2].event
    assert decision.send == (1, 2, 3)
    assert decision.tells[0].lines == dict.fromkeys((50, 70, 80), Side.ABOVE)
    assert decision.tells[0].signal is None


def test_a_line_passed_and_passed_back_is_nothing() -> None:
    items = queue(
        standing(BULLISH),
        crossing(*up(70), at=T1),
        crossing(*down(70), at=T2),
        by=watch(thresholds=(70,)),
    )

    decision = settle(items)

    assert decision.news == ()
    assert dict(decision.skips) == dict.fromkeys((1, 2), Reason.ALREADY_TOLD)


def test_a_line_whose_side_was_told_already_is_nothing() -> None:
    items = queue(standing(BULLISH), crossing(*down(80)), by=watch(thresholds=(80,)))

    decision = settle(items, told(BULLISH, lines={80: Side.BELOW}))

    assert decision.news == ()


def test_recipients_see_their_own_lines_only() -> None:
    event = crossing(*up(30, 50, 70, 80))

    own = settle(queue(standing(BULLISH), event, by=watch(thresholds=(50, 70))))
    default = settle(queue(standing(BULLISH), event), thresholds=(80,))
    none = settle(queue(standing(BULLISH), event, by=watch(thresholds=())))

    assert [p.threshold for p in only(own).passed] == [50, 70]
    assert [p.threshold for p in only(default).passed] == [80]
    assert none.news == ()


def test_a_flip_and_a_line_of_one_reading_are_one_message() -> None:
    items = queue(
        standing(BEARISH),
        flip(BEARISH, at=T1),
        crossing(*down(50), at=T1, standing=BEARISH),
        by=watch(thresholds=(50,)),
    )

    decision = settle(items, told(BULLISH, lines={50: Side.ABOVE}))

    news = only(decision)
    assert news.change == items[0].event
    assert news.passed == (Passed(50, Direction.DOWN),)
    assert decision.tells[0].signal is BEARISH
    assert decision.tells[0].lines == {50: Side.BELOW}


def test_lines_are_told_though_the_flip_beside_them_came_back() -> None:
    items = queue(
        standing(BULLISH, T2),
        flip(BEARISH, at=T1),
        crossing(*down(50), at=T1, standing=BEARISH),
        flip(BULLISH, at=T2),
        by=watch(thresholds=(50,)),
    )

    decision = settle(items, told(BULLISH))

    assert only(decision).change is None
    assert decision.send == (2,)
    assert set(decision.skips) == {1, 3}


# ---------------------------------------------------------------------------- mutes


@pytest.mark.parametrize("asset_id", [1, None], ids=["of the asset", "of all"])
def test_a_mute_holds_until_its_end_and_then_tells_the_net(
    asset_id: int | None,
) -> None:
    until = NOW + HOUR
    items = queue(standing(BEARISH), flip(BEARISH, at=T1))
    silence = (mute(asset_id, until=until),)

    held = settle(items, told(BULLISH), mutes=silence)
    assert (held.news, held.send, dict(held.skips)) == ((), (), {})
    assert dict(held.holds) == {1: (until, Reason.MUTED)}

    released = settle(items, told(BULLISH), mutes=silence, now=until)
    assert only(released).change == items[0].event


def test_what_came_back_by_the_end_of_a_mute_is_nothing() -> None:
    items = queue(standing(BULLISH, T2), flip(BEARISH, at=T1), flip(BULLISH, at=T2))

    released = settle(items, told(BULLISH), mutes=(mute(until=NOW),))

    assert released.news == ()
    assert set(released.skips) == {1, 2}


def test_of_two_mutes_the_longer_one_holds() -> None:
    items = queue(standing(BEARISH), flip(BEARISH, at=T1))

    decision = settle(
        items, mutes=(mute(1, until=NOW + HOUR), mute(None, until=NOW + 9 * HOUR))
    )

    assert decision.holds[1][0] == NOW + 9 * HOUR


def test_the_mute_of_another_asset_holds_nothing() -> None:
    items = queue(standing(BEARISH), flip(BEARISH, at=T1))

    assert settle(items, mutes=(mute(2, until=NOW + HOUR),)).send == (1,)


def test_a_mute_until_the_next_flip_holds_lines_alone() -> None:
    items = queue(standing(BULLISH), crossing(*up(80)), by=watch(thresholds=(80,)))

    decision = settle(items, mutes=(mute(1),))

    assert dict(decision.holds) == {1: (NOW + OPEN_HOLD, Reason.MUTED)}
    assert decision.ended_mutes == ()


def test_the_flip_that_ends_such_a_mute_is_told_with_the_lines_it_held() -> None:
    items = queue(
        standing(BEARISH, T2),
        crossing(*up(80), at=T1),
        flip(BEARISH, at=T2),
        by=watch(thresholds=(80,)),
    )

    decision = settle(items, told(BULLISH), mutes=(mute(1),))

    assert only(decision).change == items[1].event
    assert only(decision).passed == (Passed(80, Direction.UP),)
    assert decision.send == (1, 2)
    assert decision.ended_mutes == (1,)
    assert not decision.holds


def test_the_flip_that_ends_the_mute_of_all_lets_go_what_other_assets_have() -> None:
    btc, eth = standing(BEARISH), asset("ETH", id=2, state=state())
    items = [
        waiting(
            crossing(*up(80), asset_id=2), eth, id=1, watch_=watch(thresholds=(80,))
        ),
        waiting(flip(BEARISH, at=T1), btc, id=2),
    ]

    decision = settle(items, told(BULLISH), mutes=(mute(None),))

    assert decision.ended_mutes == (None,)
    assert decision.send == (1, 2)
    assert not decision.holds


def test_a_timed_mute_beside_it_still_holds_the_flip() -> None:
    items = queue(standing(BEARISH), flip(BEARISH, at=T1))

    decision = settle(items, mutes=(mute(1), mute(None, until=NOW + HOUR)))

    assert set(decision.holds) == {1}
    assert decision.ended_mutes == ()


def test_being_away_says_more_than_a_retry_about_why_it_waited() -> None:
    about = standing(BEARISH, T3)
    events = [flip(BEARISH, at=T1), flip(BULLISH, at=T2), flip(BEARISH, at=T3)]
    reasons = ["rate_limited", "away", ""]
    items = [
        waiting(event, about, id=number, reason=reason)
        for number, (event, reason) in enumerate(zip(events, reasons, strict=True))
    ]

    assert only(settle(items, told(BULLISH))).held_for == "away"


# ------------------------------------------------------------------- unknown outcome


def test_what_may_have_been_told_is_told_again_if_it_stands() -> None:
    about = standing(BEARISH)
    items = [waiting(flip(BEARISH, at=T1), about, is_unsure=True)]

    assert only(settle(items, told(BEARISH, since=T1))).change == items[0].event


def test_what_may_have_been_told_and_turned_back_is_put_right() -> None:
    about = standing(BULLISH, T2)
    back = flip(BULLISH, at=T2)
    items = [
        waiting(flip(BEARISH, at=T1), about, id=1, is_unsure=True),
        waiting(back, about, id=2),
    ]

    assert only(settle(items, told(BULLISH))).change == back


def test_a_line_that_may_have_been_told_and_was_passed_back_is_put_right() -> None:
    about, by = standing(BULLISH), watch(thresholds=(70,))
    items = [
        waiting(crossing(*up(70), at=T1), about, id=1, watch_=by, is_unsure=True),
        waiting(crossing(*down(70), at=T2), about, id=2, watch_=by),
    ]

    assert only(settle(items)).passed == (Passed(70, Direction.DOWN),)


def test_what_may_have_been_told_waits_for_the_event_that_overtook_it() -> None:
    # the flip back stands already, but its own delivery is not fanned out yet
    items = [waiting(flip(BEARISH, at=T1), standing(BULLISH, T2), is_unsure=True)]

    decision = settle(items, told(BULLISH))

    ((until, _),) = decision.holds.values()
    assert NOW < until < NOW + timedelta(minutes=1)


# ------------------------------------------------------------------------ properties

WATCHES = (
    watch(thresholds=(50.0, 70.0)),
    watch(),
    watch(direction=BULLISH),
    watch(is_all=True, min_grade=80.0),
)


@st.composite
def queues(draw: st.DrawFn) -> tuple[list[Waiting], dict[int, Told], tuple[Mute, ...]]:
    """Histories of a few assets as they may wait for one recipient."""
    items: list[Waiting] = []
    known: dict[int, Told] = {}
    for asset_id in range(1, draw(st.integers(1, 3)) + 1):
        signal = start = draw(st.sampled_from([BULLISH, BEARISH]))
        since: datetime | None = None
        by = draw(st.sampled_from(WATCHES))
        events: list[Event] = []
        last: tuple[Event, datetime | None] | None = None
        for hour in range(draw(st.integers(0, 5))):
            at = NOON + hour * HOUR
            what = draw(st.sampled_from(["flip", "correction", "crossing"]))
            if what == "correction" and last is not None:
                event, since = correction(last[0]), last[1]
                signal, last = event.to_signal, None
            elif what == "crossing":
                move = draw(st.sampled_from([up, down]))(50.0, 70.0)
                event = crossing(*move, at=at, standing=signal, asset_id=asset_id)
            else:
                event = flip(Signal(-signal), at=at, asset_id=asset_id)
                last = (event, since)
                signal, since = event.to_signal, at
            events.append(event)
        about = asset(f"A{asset_id}", id=asset_id, state=state(signal, since=since))
        items += [
            waiting(e, about, id=10 * asset_id + n, watch_=by)
            for n, e in enumerate(events)
        ]
        if draw(st.booleans()):
            known[asset_id] = told(start, asset_id=asset_id)
    silences = draw(
        st.lists(
            st.tuples(
                st.sampled_from([None, 1, 2]),
                st.sampled_from([None, NOW - HOUR, NOW + HOUR]),
            ),
            max_size=2,
            unique_by=lambda m: m[0],
        )
    )
    return items, known, tuple(mute(a, until=u) for a, u in silences)


Queue = tuple[list[Waiting], dict[int, Told], tuple[Mute, ...]]


@given(queues())
def test_every_waiting_delivery_gets_exactly_one_answer(waits: Queue) -> None:
    items, known, silences = waits

    decision = decide(NOW, waiting=items, told=known, mutes=silences)

    answers = [*decision.send, *decision.holds, *decision.skips]
    assert sorted(answers) == sorted(i.delivery_id for i in items)
    assert bool(decision.send) == bool(decision.news)
    assert {n.asset.id for n in decision.news} == {t.asset_id for t in decision.tells}


@given(queues())
def test_nothing_is_held_without_a_mute_and_no_mute_holds_into_the_past(
    waits: Queue,
) -> None:
    items, known, silences = waits

    assert not decide(NOW, waiting=items, told=known).holds
    held = decide(NOW, waiting=items, told=known, mutes=silences).holds
    assert all(until > NOW for until, _ in held.values())


@given(queues())
def test_once_nothing_holds_what_was_told_is_what_stands(waits: Queue) -> None:
    items, known, _ = waits
    everything = watch()
    items = [
        waiting(i.event, i.asset, id=i.delivery_id, watch_=everything) for i in items
    ]

    decision = decide(NOW, waiting=items, told=known)

    told_now = {a: t.signal for a, t in known.items()}
    told_now |= {t.asset_id: t.signal for t in decision.tells if t.signal is not None}
    for item in items:
        assert item.asset.state is not None
        before = told_now.get(item.asset.id)
        assert before in {None, item.asset.state.standing}


@given(queues())
def test_deciding_again_after_it_was_told_tells_nothing(waits: Queue) -> None:
    items, known, _ = waits
    first = decide(NOW, waiting=items, told=known)
    for tell in first.tells:
        before = known.get(tell.asset_id, told(None, asset_id=tell.asset_id))
        known[tell.asset_id] = told(
            tell.signal or before.signal,
            since=tell.since if tell.signal else before.since,
            lines={**before.lines, **tell.lines},
            asset_id=tell.asset_id,
        )

    repeated = [i for i in items if i.delivery_id in first.send]
    second = decide(NOW, waiting=repeated, told=known)

    assert second.news == ()


@given(queues())
def test_no_flip_is_told_that_does_not_stand(waits: Queue) -> None:
    items, known, silences = waits

    for news in decide(NOW, waiting=items, told=known, mutes=silences).news:
        assert news.asset.state is not None
        if news.change is not None:
            assert news.change.to_signal is news.asset.state.standing
            assert news.change.kind is not EventKind.CROSSING


@given(queues(), st.timedeltas(timedelta(0), timedelta(days=2)))
def test_other_assets_do_not_matter_without_a_mute_of_all(
    waits: Queue, later: timedelta
) -> None:
    items, known, silences = waits
    own = tuple(m for m in silences if m.asset_id is not None)

    together = decide(NOW + later, waiting=items, told=known, mutes=own)
    for asset_id in {i.asset.id for i in items}:
        alone = decide(
            NOW + later,
            waiting=[i for i in items if i.asset.id == asset_id],
            told=known,
            mutes=own,
        )
        assert alone.news == tuple(n for n in together.news if n.asset.id == asset_id)
