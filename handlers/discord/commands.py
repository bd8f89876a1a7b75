"""The slash commands: one table, from which everything else follows.

A command only puts its options together to the line that is typed elsewhere, so that
there is one grammar for all platforms. No rules, no texts of replies.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.model import JsonDict
from bot.ports import Choice

#: discord.com/developers/docs/interactions/application-commands
CHOICES_MAX = 25
CHOICE_MAX = 100

_CHAT_INPUT = 1
_STRING = 3
_GUILD_INSTALL = 0
_CONTEXT_GUILD = 0
_CONTEXT_BOT_DM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option; `is_completed` proposes assets while the last word is typed."""

    name: str
    description: str
    is_required: bool = False
    is_completed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One slash command; its options stand in the order of the typed line.

    In a server the answer to a personal command is for the one who asked.
    """

    name: str
    description: str
    options: tuple[Option, ...] = ()
    is_personal: bool = True


def _assets(description: str, *, is_required: bool = True) -> Option:
    return Option(
        name="assets",
        description=description,
        is_required=is_required,
        is_completed=True,
    )


def _asset(description: str, *, is_required: bool = False) -> Option:
    return Option(
        name="asset",
        description=description,
        is_required=is_required,
        is_completed=True,
    )


COMMANDS: tuple[Command, ...] = (
    Command(name="start", description="Begin, or resume after a pause"),
    Command(name="help", description="What I do and how to say it"),
    Command(
        name="watch",
        description="Get a direct message when a signal flips or a grade passes a line",
        options=(_assets("BTC ETH, with lines: BTC 80 50, or #ai bullish grade>=80"),),
    ),
    Command(
        name="unwatch",
        description="Stop watching",
        options=(_assets("What to stop: BTC ETH"),),
    ),
    Command(name="watchlist", description="What you watch, and how it stands"),
    Command(
        name="signal",
        description="Signal and grade of an asset now, and since when",
        options=(_asset("Which one: BTC", is_required=True),),
        is_personal=False,
    ),
    Command(
        name="chart",
        description="Price, flips and grade of an asset in a picture",
        options=(
            _asset("Which one: BTC", is_required=True),
            Option(name="window", description="How far back: 24h, 90d, 1y"),
        ),
        is_personal=False,
    ),
    Command(
        name="threshold",
        description="Set the lines whose crossing you want to hear of",
        options=(
            _asset("For this one only; leave it out to set all"),
            Option(name="lines", description="Grades: 80 50", is_required=True),
        ),
    ),
    Command(
        name="mute",
        description="Silence for a while",
        options=(
            Option(
                name="what",
                description="What and how long: BTC 24h; leave it out for everything",
                is_completed=True,
            ),
        ),
    ),
    Command(
        name="unmute",
        description="End the silence",
        options=(_asset("Which one; leave it out for everything"),),
    ),
    Command(
        name="broadcast",
        description="Admins: what this channel gets",
        options=(
            Option(
                name="what",
                description="top100, #ai bullish grade>=80, off; leave it out to see",
                is_completed=True,
            ),
        ),
        is_personal=False,
    ),
    Command(
        name="preview",
        description="A sample alert here and now",
        is_personal=False,
    ),
    Command(name="status", description="Whether I work, and how fast"),
    Command(
        name="claim",
        description="Become the operator of this bot",
        options=(
            Option(
                name="code",
                description="The code that was printed when I first started",
                is_required=True,
            ),
        ),
    ),
)

_BY_NAME: Mapping[str, Command] = {c.name: c for c in COMMANDS}


def find_command(name: str) -> Command | None:
    """Return the command of this name, if we have one."""
    return _BY_NAME.get(name)


def definitions(commands: Sequence[Command] = COMMANDS) -> list[JsonDict]:
    """Return the bodies that register the commands, for servers and direct messages."""
    return [
        {
            "type": _CHAT_INPUT,
            "name": command.name,
            "description": command.description,
            # Discord wants the required ones first; the line keeps its own order.
            "options": [
                {
                    "type": _STRING,
                    "name": option.name,
                    "description": option.description,
                    "required": option.is_required,
                    "autocomplete": option.is_completed,
                }
                for option in sorted(command.options, key=lambda o: not o.is_required)
            ],
            "contexts": [_CONTEXT_GUILD, _CONTEXT_BOT_DM],
            "integration_types": [_GUILD_INSTALL],
        }
        for command in commands
    ]


def fingerprint(bodies: Sequence[JsonDict]) -> str:
    """Return a short value that changes when the definitions do."""
    return hashlib.sha256(json.dumps(bodies).encode()).hexdigest()


def typed_line(name: str, values: Mapping[str, str]) -> str:
    """Put a command's options together to the line that is typed elsewhere.

    White space becomes single spaces: a line stays a line.
    """
    command = find_command(name)
    order = [o.name for o in command.options] if command else list(values)
    words = (word for option in order for word in values.get(option, "").split())
    return " ".join((f"/{name}", *words))


def last_word(typed: str) -> str:
    """Return the word being typed, empty after a space."""
    return "" if typed != typed.rstrip() else typed.rsplit(" ", maxsplit=1)[-1]


def proposals(typed: str, choices: Sequence[Choice]) -> list[JsonDict]:
    """Return autocomplete choices that keep what was typed before the last word.

    One that does not fit into Discord's 100 characters is left out: filled in, a cut
    line would be another line.
    """
    before = typed[: len(typed) - len(last_word(typed))]
    fitting: list[JsonDict] = [
        {"name": _shortened(f"{before}{c.label}"), "value": f"{before}{c.value}"}
        for c in choices
        if len(before) + len(c.value) <= CHOICE_MAX
    ]
    return fitting[:CHOICES_MAX]


def _shortened(label: str) -> str:
    return label if len(label) <= CHOICE_MAX else f"{label[: CHOICE_MAX - 1]}…"
