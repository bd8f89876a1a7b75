"""Sections of the configuration that are about running it: what is kept how long."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bot.option_values import Secret, Section, check_heartbeat_url, option

#: days; shorter ones would break what looks back ("in 90 days", /why, net summaries)
SHORTEST_KEPT = 30


def _check_ever(days: int) -> int:
    if 0 < days < SHORTEST_KEPT:
        msg = f"0 or at least {SHORTEST_KEPT}"
        raise ValueError(msg)
    return days


Days = Annotated[int, Field(ge=SHORTEST_KEPT, le=36_500)]
#: 0 is for ever
DaysOrEver = Annotated[int, Field(ge=0, le=36_500), AfterValidator(_check_ever)]
_ALLOWED = f"a whole number of days from {SHORTEST_KEPT}"


class KeepConfig(Section):
    """How long what is over is kept; what waits or still counts always is."""

    readings: Days = option(
        1100,
        "Days of readings: what charts and track records look back on.",
        allowed=_ALLOWED,
    )
    events: Days = option(
        400, "Days of events: what /flips looks back on.", allowed=_ALLOWED
    )
    deliveries: Days = option(
        100,
        "Days of alerts that were sent or skipped: what /why looks back on.",
        allowed=f"{_ALLOWED}, at most keep.events",
    )
    dead: Days = option(
        400,
        "Days of alerts that were given up and neither replayed nor dropped.",
        allowed=_ALLOWED,
    )
    inbox: Days = option(100, "Days of what the web chat shows.", allowed=_ALLOWED)
    polls: Days = option(35, "Days of polls: when, how, how long.", allowed=_ALLOWED)
    gone: DaysOrEver = option(
        0,
        "Days a chat may be unreachable (blocked, deleted) before it is forgotten with"
        " its watchlist; 0 keeps it for ever.",
        allowed=f"0 or {_ALLOWED}",
    )

    @model_validator(mode="after")
    def _deliveries_name_events(self) -> Self:
        if self.deliveries > self.events:
            msg = (
                f"deliveries ({self.deliveries}) name events, so they can't be kept"
                f" longer than events ({self.events})"
            )
            raise ValueError(msg)
        return self


class HealthConfig(Section):
    """Who hears how it is: a monitor outside, and whoever starts it anew."""

    heartbeat_url: Annotated[Secret, AfterValidator(check_heartbeat_url)] = option(
        None,
        "Address of a monitor (such as healthchecks.io) that is called while all is"
        " well; it raises the alarm when the calls stop.",
        allowed="an http(s) address",
        is_secret=True,
        example="https://hc-ping.com/...",
    )
    heartbeat_interval: Annotated[float, Field(ge=10)] = option(
        60.0, "Seconds between two such calls.", allowed="a number of seconds from 10"
    )
    stuck_after: Annotated[float, Field(ge=30)] = option(
        300.0,
        "Seconds without any progress after which polling or sending counts as stuck:"
        " /readyz fails, and half a minute later the process ends, to be started anew.",
        allowed="a number of seconds from 30",
    )
