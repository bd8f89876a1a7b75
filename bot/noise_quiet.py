"""Quiet hours and digests: until when something waits, by the recipient's clock. Pure.

Nights are looked up anew at each question, from the zone of that moment. So a restart,
a change of zone or of the hours themselves needs nothing: what is held is asked about
again when it is due.
"""

from datetime import datetime, timedelta, tzinfo

from bot.local_time import instant, local_day
from bot.preferences import Cadence, Digest, QuietHours

#: days before and after the one on the clock on which a night may have begun; a zone
#: that moves across the date line skips a whole day
_AROUND = 2
_DAY = timedelta(days=1)
_WEEK_AND_MORE = 9


def quiet_until(
    now: datetime, quiet: QuietHours | None, clock: tzinfo
) -> datetime | None:
    """Return when the quiet hours end that are on now, None if there are none.

    Those that start in a skipped hour start after it; those that end in a repeated
    hour end at the second one.
    """
    if quiet is None:
        return None
    end: datetime | None = None
    for start, stop in _nights(now, quiet, clock):
        # where clocks change one night may run into the next
        if start <= (now if end is None else end) < stop:
            end = stop
    return end


def quiet_from(
    now: datetime, quiet: QuietHours | None, clock: tzinfo
) -> datetime | None:
    """Return when the next quiet hours begin, None if there are none."""
    if quiet is None:
        return None
    starts = (a for a, b in _nights(now, quiet, clock) if a > now and b > a)
    return min(starts, default=None)


def _nights(
    now: datetime, quiet: QuietHours, clock: tzinfo
) -> list[tuple[datetime, datetime]]:
    today = local_day(now, clock)
    over_midnight = _DAY if quiet.end <= quiet.start else timedelta()
    return [
        (
            instant(day, quiet.start, clock),
            instant(day + over_midnight, quiet.end, clock, is_last=True),
        )
        for day in (today + n * _DAY for n in range(-_AROUND, _AROUND + 1))
    ]


def digest_due(
    created_at: datetime,
    digest: Digest,
    clock: tzinfo,
    *,
    last_at: datetime | None = None,
) -> datetime:
    """Return when the digest comes that tells of something created at a moment.

    One per local day: none on the day, by this clock, of the last one (`last_at`). At
    a time that comes twice it is the first, at one that is skipped right after.
    """
    day = local_day(created_at, clock) - _DAY
    for _ in range(_WEEK_AND_MORE * 2):
        day += _DAY
        is_its_day = digest.cadence is Cadence.DAILY or day.weekday() == digest.weekday
        if not is_its_day:
            continue
        if last_at is not None and day <= local_day(last_at, clock):
            continue
        at = instant(day, digest.at, clock)
        # on a day that the zone skips altogether the clock never shows that date
        if at > created_at and local_day(at, clock) == day:
            return at
    msg = f"no digest within weeks of {created_at.isoformat()}"
    raise ValueError(msg)
