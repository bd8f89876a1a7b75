"""Wall clocks and instants: what a local time of day means on a given day. Pure.

Twice a year most zones skip an hour or repeat one. Here a time in a skipped hour is the
moment when the clock jumps, and a repeated time is two moments, of which the caller
chooses.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

_MINUTE = timedelta(minutes=1)


def instant(day: date, at: time, clock: tzinfo, *, is_last: bool = False) -> datetime:
    """Return the moment, in UTC, when a clock shows this time on this day.

    Of a time that comes twice the first, or with `is_last` the second. Of one that is
    skipped the moment of the jump.
    """
    shown = datetime.combine(day, at, tzinfo=clock)
    early = shown.replace(fold=0).astimezone(UTC)
    late = shown.replace(fold=1).astimezone(UTC)
    if late < early:
        # Skipped: read by the offset after the jump it lies before the jump, and the
        # other way round.
        return _jump(late, early, clock)
    return late if is_last else early


def _jump(low: datetime, high: datetime, clock: tzinfo) -> datetime:
    """Find the minute between the two moments at which the clock's offset changes."""
    before = low.astimezone(clock).utcoffset()
    while high - low > _MINUTE:
        middle = low + (high - low) / 2
        middle = middle.replace(second=0, microsecond=0)
        if middle <= low:
            break
        if middle.astimezone(clock).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def local_day(moment: datetime, clock: tzinfo) -> date:
    """Return the day that a clock shows at a moment."""
    return moment.astimezone(clock).date()


def day_start(moment: datetime, clock: tzinfo) -> datetime:
    """Return when the day began that a clock shows at a moment, in UTC."""
    return instant(local_day(moment, clock), time(), clock)
