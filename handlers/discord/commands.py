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
_CHANNEL = 7
#: channels that hold messages of ours: text, announcement and the three kinds of thread
#: (discord.com/developers/docs/resources/channel#channel-object-channel-types)
_CHANNEL_TYPES = (0, 5, 10, 11, 12)
_ATTACHMENT = 11
_GUILD_INSTALL = 0
_CONTEXT_GUILD = 0
_CONTEXT_BOT_DM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option; `is_completed` proposes assets while the last word is typed.

    One that `is_place` is no word of the line: it says which channel is meant.
    """

    name: str
    description: str
    is_required: bool = False
    is_completed: bool = False
    is_place: bool = False
    #: a file in place of a word of the line
    is_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One slash command; its options stand in the order of the typed line.

    In a server the answer to a personal command is for the one who asked. What is of
    no use in a server is offered in direct messages only.

    No command asks for permissions up front: everybody may look at what a channel
    gets, and who may change it is asked for each time.
    """

    name: str
    description: str
    options: tuple[Option, ...] = ()
    is_personal: bool = True
    is_for_servers: bool = True


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


def _what(
    description: str, *, is_file: bool = False, is_required: bool = False
) -> Option:
    return Option(
        name="file" if is_file else "what",
        description=description,
        is_file=is_file,
        is_required=is_required,
    )


#: one's own settings, chats and data
PERSONAL: tuple[Command, ...] = (
    Command(name="settings", description="All settings, with buttons"),
    Command(
        name="quiet",
        description="Hours in which nothing comes but what is urgent",
        options=(_what("22:00-07:00, 10pm-7am Berlin, or off"),),
    ),
    Command(
        name="timezone",
        description="Whose clock counts",
        options=(_what("A place or an offset: Berlin, New York, UTC+2"),),
    ),
    Command(
        name="digest",
        description="One message in place of many",
        options=(_what("daily 08:00, weekly mon 08:00, or off"),),
    ),
    Command(
        name="pace",
        description="How soon a change is believed",
        options=(_what("calm, normal or fast"),),
    ),
    Command(
        name="sound",
        description="What rings",
        options=(_what("flips on, lines silent, or silent for everything"),),
    ),
    Command(
        name="budget",
        description="How many messages a day are fine",
        options=(_what("A number such as 3, or off"),),
    ),
    Command(
        name="pictures",
        description="Whether alerts about one asset carry its chart",
        options=(_what("on or off"),),
    ),
    Command(
        name="signoflife",
        description="A silent line after a week without news",
        options=(_what("on or off"),),
    ),
    Command(
        name="language",
        description="The language I write in",
        options=(_what("Its name"),),
    ),
    Command(
        name="link",
        description="Share one watchlist with your other chat",
        options=(_what("The code from the other chat; leave it out to get one"),),
    ),
    Command(name="unlink", description="Let this chat go its own way"),
    Command(
        name="export",
        description="Your watches and settings as a file",
        options=(_what("json, csv or list"),),
    ),
    Command(
        name="import",
        description="Take over watches from a file or a list",
        options=(
            _what("A list such as BTC ETH SOL"),
            _what("A file from /export, or a list of symbols", is_file=True),
        ),
    ),
    Command(name="forgetme", description="Erase everything about you"),
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
        name="flips",
        description="What turned bullish or bearish in the last days",
        options=(_what("3d bullish #ai; leave it out for all of the last 3 days"),),
        is_personal=False,
    ),
    Command(
        name="top",
        description="The highest grades",
        options=(_what("10 #ai; leave it out for the ten highest of all"),),
        is_personal=False,
    ),
    Command(
        name="screen",
        description="What meets conditions now",
        options=(_what("grade>80 flipped<3d mcap<1b", is_required=True),),
        is_personal=False,
    ),
    Command(
        name="why",
        description="What became of the last alert here, or of an asset's last change",
        options=(_asset("Which one; leave it out for the last alert"),),
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
        name="market",
        description="How much of the market is bullish, and who moved",
        is_personal=False,
    ),
    Command(
        name="record",
        description="What past signals were worth",
        options=(_asset("Which one: BTC or #ai; leave it out for the whole engine"),),
        is_personal=False,
    ),
    Command(
        name="simulate",
        description="What a watch would have sent in the last 90 days",
        options=(_assets("As in /watch: BTC grade>=80"),),
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
    *PERSONAL,
    Command(
        name="broadcast",
        description="Admins: what this channel gets",
        options=(
            Option(
                name="what",
                description="top100, #ai bullish grade>=80, show, test or off",
                is_completed=True,
            ),
            Option(
                name="channel",
                description="Another channel of this server",
                is_place=True,
            ),
        ),
        is_personal=False,
    ),
    Command(name="preview", description="A sample alert, for you alone"),
    Command(name="status", description="Whether I work, and how fast"),
    Command(
        name="admin",
        description="For the operators of this bot",
        options=(_what("stats, budget, dead, pause, announce, users, block, invite"),),
        is_for_servers=False,
    ),
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
        is_for_servers=False,
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
                _definition(option)
                for option in sorted(command.options, key=lambda o: not o.is_required)
            ],
            "contexts": (
                [_CONTEXT_GUILD, _CONTEXT_BOT_DM]
                if command.is_for_servers
                else [_CONTEXT_BOT_DM]
            ),
            "integration_types": [_GUILD_INSTALL],
            "default_member_permissions": None,
        }
        for command in commands
    ]


def _definition(option: Option) -> JsonDict:
    common: JsonDict = {
        "name": option.name,
        "description": option.description,
        "required": option.is_required,
    }
    if option.is_place:
        return common | {"type": _CHANNEL, "channel_types": list(_CHANNEL_TYPES)}
    if option.is_file:
        return common | {"type": _ATTACHMENT}
    return common | {"type": _STRING, "autocomplete": option.is_completed}


def fingerprint(bodies: Sequence[JsonDict]) -> str:
    """Return a short value that changes when the definitions do."""
    return hashlib.sha256(json.dumps(bodies).encode()).hexdigest()


def typed_line(name: str, values: Mapping[str, str]) -> str:
    """Put a command's options together to the line that is typed elsewhere.

    White space becomes single spaces: a line stays a line.
    """
    command = find_command(name)
    order = list(values)
    if command is not None:
        order = [o.name for o in command.options if not (o.is_place or o.is_file)]
    words = (word for option in order for word in values.get(option, "").split())
    return " ".join((f"/{name}", *words))


def place_option(name: str, values: Mapping[str, str]) -> str:
    """Return the id of the channel that was named beside the line, if one was."""
    command = find_command(name)
    options = command.options if command is not None else ()
    named = (values.get(o.name, "") for o in options if o.is_place)
    return next((x for x in named if x), "")


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
