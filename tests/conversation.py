"""Conversations as data: what is typed, what comes back, and how the two are compared.

A pattern is a line as it is read, without markup; … stands for anything. The first
pattern is the first line of the reply, the others are lines further down, in order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Platform = Literal["telegram", "discord", "web"]
PLATFORMS: tuple[Platform, ...] = ("telegram", "discord", "web")
How = Literal["good", "odd", "bad"]
Where = Literal["private", "group"]


@dataclass(frozen=True, kw_only=True)
class Say:
    """A typed line, what kind of input it is, and the reply as patterns.

    `on` names the platforms where the line can be typed at all. In a line, `{code}` is
    the one-time code of the first start and `{found}` what `keep`, an expression with
    one group, found in the reply of an earlier line of the section.
    """

    text: str
    reply: tuple[str, ...]
    how: How = "good"
    on: tuple[Platform, ...] = PLATFORMS
    keep: str = ""


@dataclass(frozen=True, kw_only=True)
class Press:
    """A press of a button on the last reply; the answer is a toast or a message."""

    label: str
    reply: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The engine turns an asset; the alert that comes of it."""

    symbol: str
    alert: tuple[str, ...]


Step = Say | Press | Turn


@dataclass(frozen=True, kw_only=True)
class Section:
    """One person's conversation about one command, and the manual's words on it."""

    command: str
    about: str
    steps: tuple[Step, ...]
    usage: tuple[str, ...] = ()
    where: Where = "private"
    is_admin: bool = True
    is_operator: bool = False
    on: tuple[Platform, ...] = PLATFORMS

    @property
    def turns(self) -> bool:
        """Whether something happens on the market meanwhile."""
        return any(isinstance(step, Turn) for step in self.steps)

    @property
    def name(self) -> str:
        """A name for failures."""
        return f"/{self.command} ({self.where}{'' if self.is_admin else ', member'})"


def good(text: str, *reply: str, on: tuple[Platform, ...] = PLATFORMS) -> Say:
    """A line as it is meant to be typed."""
    return Say(text=text, reply=reply, on=on)


def odd(text: str, *reply: str, on: tuple[Platform, ...] = PLATFORMS) -> Say:
    """A line nobody thought of, which has a sensible answer all the same."""
    return Say(text=text, reply=reply, how="odd", on=on)


def bad(text: str, *reply: str, on: tuple[Platform, ...] = PLATFORMS) -> Say:
    """A line that can't be done."""
    return Say(text=text, reply=reply, how="bad", on=on)


#: lines without a slash, unknown commands, and commands without what they require:
#: Discord's own client refuses them
TYPED: tuple[Platform, ...] = ("telegram", "web")


# ------------------------------------------------------------------------- comparing


def words_of(text: str) -> list[str]:
    """Return the lines of a reply as they are read, without markup and gaps."""
    text = re.sub(r"<t:\d+(?::\w)?>", "⏱", text)
    text = text.replace("```", "\n")
    # Discord escapes what would be markup, and that stays
    text = re.sub(r"\\(.)|[*`]", lambda m: m[1] or "", text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line]


def mismatch(patterns: Sequence[str], text: str) -> str:
    """Say how a reply differs from what was expected, or return an empty string."""
    lines = words_of(text)
    if not lines:
        return "an empty reply"
    first, *rest = patterns
    if not _matches(first, lines[0]):
        return f"expected {first!r}\n     got {lines}"
    at = 1
    for pattern in rest:
        found = [n for n in range(at, len(lines)) if _matches(pattern, lines[n])]
        if not found:
            return f"no line like {pattern!r} in {lines}"
        at = found[0] + 1
    return ""


def _matches(pattern: str, line: str) -> bool:
    parts = [re.escape(" ".join(part.split())) for part in pattern.split("…")]
    expression = r"\s*.*?\s*".join(parts)
    return re.fullmatch(expression, line) is not None


# --------------------------------------------------------------------------- playing


class Person(Protocol):
    """Somebody at a platform, as one section needs them."""

    async def say(self, text: str) -> str:
        """Type a line and return the one reply, in plain words."""
        ...

    async def press(self, label: str) -> str:
        """Press a button of the last reply; return toast or message."""
        ...

    async def hears(self) -> str:
        """Wait for the next alert."""
        ...


class Stage(Protocol):
    """A platform with the real process behind it."""

    platform: Platform
    code: str

    def person(self, section: Section) -> Person:
        """Let somebody new appear where the section plays."""
        ...

    def turn(self, symbol: str) -> None:
        """Let the engine turn an asset."""
        ...

    async def settled(self) -> None:
        """Wait until what was sent since the last turn counts as sent."""
        ...


async def play(stage: Stage, section: Section) -> list[str]:
    """Play a section; return what was not as expected, a text each."""
    if stage.platform not in section.on:
        return []
    if section.where == "group" and stage.platform == "web":
        return []  # there are no groups
    person = stage.person(section)
    failures: list[str] = []
    found = ""
    for step in section.steps:
        match step:
            case Say():
                if stage.platform not in step.on:
                    continue
                typed = step.text.format(code=stage.code, found=found)
                text = await person.say(typed)
                said = f"{typed!r}"
                if step.keep and (kept := re.search(step.keep, text)):
                    found = kept[1]
            case Press():
                text = await person.press(step.label)
                said = f"pressed {step.label!r}"
            case Turn():
                stage.turn(step.symbol)
                text = await person.hears()
                await stage.settled()
                said = f"{step.symbol} turned"
        expected = step.alert if isinstance(step, Turn) else step.reply
        expected = tuple(each.replace("{found}", found) for each in expected)
        if wrong := mismatch(expected, text):
            failures.append(f"{section.name} on {stage.platform}: {said}\n     {wrong}")
    return failures
