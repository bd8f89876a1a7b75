"""What a check found: one subject, how it stands, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """How a subject stands; only `WRONG` keeps Flipwatch from doing its work."""

    OK = "ok"
    OFF = "off"
    LOOK = "look"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `flipwatch check`: what stands how, why, and the cure if any.

    `said` and `cure` hold no secret and are one line each.
    """

    subject: str
    standing: Standing
    said: str = ""
    cure: str = ""

    def __str__(self) -> str:
        """Write it as one line: `telegram: WRONG: cause -> cure`."""
        is_loud = self.standing in {Standing.LOOK, Standing.WRONG}
        word = self.standing.value.upper() if is_loud else self.standing.value
        line = f"{self.subject}: {word}"
        if self.said:
            line += f": {self.said}"
        return f"{line} -> {self.cure}" if self.cure else line


def ok(subject: str, said: str = "") -> Finding:
    """Say that a subject is well."""
    return Finding(subject=subject, standing=Standing.OK, said=said)


def off(subject: str, said: str) -> Finding:
    """Say that a subject is switched off, and by what."""
    return Finding(subject=subject, standing=Standing.OFF, said=said)


def look(subject: str, said: str, cure: str) -> Finding:
    """Say that a subject works, but deserves a look."""
    return Finding(subject=subject, standing=Standing.LOOK, said=said, cure=cure)


def wrong(subject: str, said: str, cure: str) -> Finding:
    """Say that a subject does not work, and how to mend it."""
    return Finding(subject=subject, standing=Standing.WRONG, said=said, cure=cure)
