"""The record of what is stored: turns as `bot.record` counts them. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from bot import record
from bot.model import PastReading, Signal, Turn
from bot.record import Bar, Finished, PricedFlip, Record

_BEFORE = timedelta(seconds=1)


def record_of(turns: Sequence[Turn], path: Iterable[PastReading] = ()) -> Record:
    """Make the record of one asset's turns, which alternate, oldest first.

    A turn counts from the price at which it was told; where that is unknown, from the
    next known one in `path`, which also gives the furthest moves.
    """
    bars = _bars(turns, path)
    return record.record_of(_flips(turns, bars), bars)


def finished(turns: Sequence[Turn]) -> tuple[Finished, ...]:
    """Return the finished signals of one asset, without their furthest moves."""
    return record.record_of(_flips(turns, _bars(turns, ()))).finished


def together(each: Iterable[Sequence[Finished]]) -> Record:
    """Put the finished signals of many assets together; nobody held all of them."""
    return Record(
        finished=tuple(one for found in each for one in found),
        open=None,
        held_bullish=0.0,
        held_always=0.0,
        fee=0.0,
    )


def _bars(turns: Sequence[Turn], path: Iterable[PastReading]) -> list[Bar]:
    at_turns = {turn.as_of for turn in turns}
    bars = [Bar(at=t.as_of, price=t.price, signal=t.signal) for t in turns]
    bars += [Bar(at=r.as_of, price=r.price) for r in path if r.as_of not in at_turns]
    return sorted(bars, key=lambda bar: bar.at)


def _flips(turns: Sequence[Turn], bars: Sequence[Bar]) -> list[PricedFlip]:
    if not turns:
        return []
    # what stood before the first turn is no flip itself
    first = turns[0]
    before = Bar(at=first.as_of - _BEFORE, price=None, signal=Signal(-first.signal))
    return record.flips_of([before, *(b for b in bars if b.at >= first.as_of)])
