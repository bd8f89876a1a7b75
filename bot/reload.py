"""What a configuration that is read anew (SIGHUP) may change at once. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.config import Config

#: options that take effect at once; all others need a restart
LIVE = frozenset(
    {
        "app.log_level",
        "app.log_format",
        "app.operators",
        "app.access",
        "app.users",
        "app.watches_max",
        "app.lines_per_minute",
        "keep.readings",
        "keep.events",
        "keep.deliveries",
        "keep.dead",
        "keep.inbox",
        "keep.polls",
        "keep.gone",
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """What two configurations differ in: options that can be changed now, and others.

    `config` is the old one with the changes of `live` options alone.
    """

    live: Sequence[str]
    waiting: Sequence[str]
    config: Config


def compare(old: Config, new: Config) -> Change:
    """Say what changed; pure."""
    live: list[str] = []
    waiting: list[str] = []
    sections: dict[str, object] = {}
    for section in Config.model_fields:
        before, after = getattr(old, section), getattr(new, section)
        taken = {}
        for key in type(before).model_fields:
            if getattr(before, key) == getattr(after, key):
                continue
            name = f"{section}.{key}"
            if name in LIVE:
                live.append(name)
                taken[key] = getattr(after, key)
            else:
                waiting.append(name)
        sections[section] = before.model_copy(update=taken)
    return Change(live, waiting, old.model_copy(update=sections))
