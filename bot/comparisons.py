"""Comparisons in the grammar: `grade>=80`, `mcap<1b`, `flipped<3d`. Pure."""

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.grammar_table import Part
from bot.typed_words import wrong

GRADE_MAX = 100.0
#: engines have no history that is older
AGE_MAX = timedelta(days=3650)

_COMPARISON = re.compile(r"([^<>=]+)(>=|<=|>|<|=)([^<>=]*)")
_AMOUNT = re.compile(r"\$?(\d+(?:\.\d+)?)([kmbt]?)")
_AGE = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_NAMES: Mapping[str, Part] = {
    "grade": Part.GRADE,
    "mcap": Part.MARKET_CAP,
    "marketcap": Part.MARKET_CAP,
    "cap": Part.MARKET_CAP,
    "volume": Part.VOLUME,
    "vol": Part.VOLUME,
    "flipped": Part.FLIPPED,
}
_FIELDS = {
    Part.GRADE: "grade",
    Part.MARKET_CAP: "market_cap",
    Part.VOLUME: "volume",
}
_SIZES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_HOURS = {"h": 1, "d": 24, "w": 168}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison understood.

    Attributes:
        part: what it is about.
        text: its canonical writing.
        bounds: fields of `Conditions` it sets: inclusive `min_*`, exclusive `max_*`.
        younger, older: for `flipped`, how long ago at most and at least.
    """

    part: Part
    text: str
    bounds: Mapping[str, float]
    younger: timedelta | None = None
    older: timedelta | None = None


def is_comparison(word: str) -> bool:
    """Whether a word compares something."""
    return "<" in word or ">" in word or "=" in word


def read_age(text: str) -> timedelta | None:
    """Read a length of time such as `36h`, `3d` or `2w`; None if it is none."""
    match = _AGE.fullmatch(text.lower())
    if match is None:
        return None
    length = timedelta(hours=int(match[1]) * _HOURS[match[2]])
    return length if timedelta() < length <= AGE_MAX else None


def read_comparison(
    words: Sequence[str], position: int, allowed: Collection[Part]
) -> Comparison:
    """Understand one comparison.

    Raises:
        UserError: the word is none, unknown, or its value makes no sense.
    """
    match = _COMPARISON.fullmatch(words[position])
    if match is None:
        raise wrong(
            words,
            position,
            f"I don't understand “{words[position]}”",
            "A condition looks like grade>=80 or mcap<1b.",
        )
    name, operator, text = match[1].lower(), match[2], match[3].lower()
    part = _part(words, position, name, f"{operator}{text}", allowed)
    if part is Part.FLIPPED:
        return _ago(words, position, operator, text)
    value = _value(words, position, name, operator, text)
    return Comparison(
        part,
        f"{name}{operator}{text}",
        _bounds(_FIELDS[part], operator, value),
    )


def _part(
    words: Sequence[str], position: int, name: str, rest: str, allowed: Collection[Part]
) -> Part:
    part = _NAMES.get(name)
    if part is None:
        known = [n for n, p in _NAMES.items() if p in allowed]
        near = difflib.get_close_matches(name, known, 1, 0.5)
        shown = [p for p in ("grade", "mcap", "volume", "flipped") if p in known]
        raise wrong(
            words,
            position,
            f"I don't know the word “{name}”",
            "" if near else f"Known are {', '.join(shown[:-1])} and {shown[-1]}.",
            suggestion=f"{near[0]}{rest}" if near else "",
            marked_word=f"▸{name}◂ {rest}",
        )
    if part not in allowed:
        # of the comparisons only this one is not for every command
        if Part.WINDOW in allowed and read_age(rest.lstrip("<=>")) is not None:
            raise wrong(
                words,
                position,
                "Flips need no “flipped”",
                suggestion=rest.lstrip("<=>"),
            )
        raise wrong(
            words,
            position,
            "“flipped” looks back, a watch looks ahead",
            "A watch tells you of every flip anyway.",
        )
    return part


def _ago(words: Sequence[str], position: int, operator: str, text: str) -> Comparison:
    length = read_age(text)
    if length is None or operator == "=":
        sign = "<" if operator == "=" else operator
        raise wrong(
            words,
            position,
            "“flipped” needs a time, such as 36h, 3d or 2w",
            suggestion=f"flipped{sign}{text if length is not None else '3d'}",
        )
    is_younger = operator in {"<", "<="}
    return Comparison(
        Part.FLIPPED,
        f"flipped{operator}{text}",
        {},
        younger=length if is_younger else None,
        older=None if is_younger else length,
    )


def _value(
    words: Sequence[str],
    position: int,
    name: str,
    operator: str,
    text: str,
) -> float:
    is_grade = _NAMES[name] is Part.GRADE
    match = _AMOUNT.fullmatch(text)
    if match is None:
        example = "80" if is_grade else "1b"
        raise wrong(
            words,
            position,
            f"A number is missing after “{name}{operator}”",
            suggestion=f"{name}{operator}{example}",
        )
    value = float(match[1]) * _SIZES[match[2]]
    if is_grade and (value > GRADE_MAX or match[2]):
        raise wrong(
            words,
            position,
            "A grade goes from 0 to 100",
            suggestion=f"{name}{operator}80",
            marked_word=f"{name} ▸{operator}{text}◂",
        )
    if not math.isfinite(value):
        raise wrong(
            words,
            position,
            "That number is too large",
            suggestion=f"{name}{operator}1b",
            marked_word=f"{name} ▸{operator}{text}◂",
        )
    return value


def _bounds(field: str, operator: str, value: float) -> dict[str, float]:
    """Write a comparison as an inclusive minimum and an exclusive maximum."""
    above = math.nextafter(value, math.inf)
    match operator:
        case ">=":
            return {f"min_{field}": value}
        case ">":
            return {f"min_{field}": above}
        case "<":
            return {f"max_{field}": value}
        case "<=":
            return {f"max_{field}": above}
        case _:
            return {f"min_{field}": value, f"max_{field}": above}
