"""The grammar of what is watched: `BTC ETH 80 50`, `#ai bullish grade>=80 mcap<1b`.

Pure. One error at a time, the first from the left; it points at the word.
"""

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.errors import UserError
from bot.model import Conditions, Scope, Signal

_OPERATOR = re.compile(r"\s*(>=|<=|=>|=<|>|<|=)\s*")
_COMPARISON = re.compile(r"([^<>=]+)(>=|<=|>|<|=)([^<>=]*)")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?%?")
_AMOUNT = re.compile(r"\$?(\d+(?:\.\d+)?)([kmbt]?)")
#: more digits than any top-n has; int() refuses thousands of them
_TOP = re.compile(r"top(\d{1,9})\d*")
_SYMBOL = re.compile(r"[^\s<>=#/@]{1,30}")
_CATEGORY = re.compile(r"[\w&.-]{1,40}")
_FIELDS = {
    "grade": "grade",
    "mcap": "market_cap",
    "marketcap": "market_cap",
    "cap": "market_cap",
    "volume": "volume",
    "vol": "volume",
}
_SIZES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_DIRECTIONS = {"bullish": Signal.BULLISH, "bearish": Signal.BEARISH}
_URGENT = "urgent"
_WORDS = ("bullish", "bearish", "all", "grade", "mcap", "volume", _URGENT)
_GRADE_MAX = 100.0
#: more lines than this on one watch would be noise, and one message lists them all
LINES_MAX = 10
TOP_MAX = 10_000
#: lines have so many decimals at most, so that they are printed as they are
LINE_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Named:
    """One thing named: an asset by its word, a category, a top-n or everything."""

    scope: Scope
    word: str = ""
    top: int = 0

    def __str__(self) -> str:
        match self.scope:
            case Scope.CATEGORY:
                return f"#{self.word}"
            case Scope.TOP:
                return f"top{self.top}"
            case Scope.ALL:
                return "all"
            case Scope.ASSET:
                return f"${self.word}" if _is_reserved(self.word) else self.word


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What was typed, understood: what is named and under which conditions.

    `condition_text` is the canonical writing of the conditions; parsing it again gives
    the same conditions.
    """

    named: tuple[Named, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    condition_text: str = ""


def parse(text: str) -> Parsed:
    """Understand what is to be watched.

    Raises:
        UserError: with the wrong word marked and a suggestion where there is one.
    """
    return _Parser(_words(text)).parse()


def print_watch(named: Named, condition_text: str) -> str:
    """Write a watch so that `parse` gives the same watch again."""
    return f"{named} {condition_text}".strip()


def parse_lines(words: Sequence[str]) -> tuple[float, ...]:
    """Understand a list of lines such as `80 50`; sorted, without repeats."""
    parser = _Parser(list(words))
    for position, word in enumerate(words):
        if not _NUMBER.fullmatch(word):
            raise parser.wrong(
                position,
                f"“{word}” is not a grade",
                "Lines are numbers from 0 to 100.",
            )
        parser.take_line(position, word)
    return parser.lines()


def _is_reserved(word: str) -> bool:
    """Whether a symbol would be read as something else, were there no $ before it."""
    lower = word.lower()
    return (
        lower in _DIRECTIONS
        or lower in {"all", _URGENT}
        or _TOP.fullmatch(lower) is not None
        or _NUMBER.fullmatch(word) is not None
    )


def _words(text: str) -> list[str]:
    joined = _OPERATOR.sub(
        lambda m: {"=>": ">=", "=<": "<="}.get(m[1], m[1]), text.replace(",", " ")
    )
    return joined.split()


class _Parser:
    """Goes through the words once, from the left."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.named: list[Named] = []
        self.direction: Signal | None = None
        self.bounds: dict[str, float] = {}
        self.typed: list[str] = []
        self.is_urgent = False
        self._lines: set[float] = set()

    def parse(self) -> Parsed:
        for position, word in enumerate(self.words):
            self._take(position, word)
        lines = self.lines()
        texts = [*self.typed, *(f"{x:g}" for x in sorted(lines, reverse=True))]
        return Parsed(
            named=tuple(dict.fromkeys(self.named)),
            conditions=Conditions(
                direction=self.direction,
                thresholds=lines or None,
                is_urgent=self.is_urgent,
                **self.bounds,
            ),
            condition_text=" ".join(texts),
        )

    def lines(self) -> tuple[float, ...]:
        return tuple(sorted(self._lines))

    def wrong(
        self,
        position: int,
        title: str,
        hint: str = "",
        suggestion: str = "",
        *,
        marked_word: str = "",
    ) -> UserError:
        """Build the error that marks one word of what was typed.

        `marked_word` shows that word when only a part of it is wrong.
        """
        shown = marked_word or f"▸{self.words[position]}◂"
        marked = [shown if i == position else word for i, word in enumerate(self.words)]
        fixed = ""
        if suggestion:
            fixed = " ".join(
                suggestion if i == position else word
                for i, word in enumerate(self.words)
            )
            hint = hint or f"Did you mean {suggestion}?"
        return UserError(title, hint=hint, marked=" ".join(marked), suggestion=fixed)

    def _take(self, position: int, word: str) -> None:
        # Upper case first: ı and ſ are another I and S, as symbols are upper case.
        lower = word.upper().lower()
        if "<" in word or ">" in word or "=" in word:
            self._compare(position, word)
        elif word.startswith("#"):
            self._category(position, word.lower()[1:])
        elif lower in _DIRECTIONS:
            self._turn(position, lower)
        elif lower == _URGENT:
            self._urge()
        elif lower == "all":
            self.named.append(Named(Scope.ALL))
        elif match := _TOP.fullmatch(lower):
            self._top(position, int(match[1]))
        elif _NUMBER.fullmatch(word):
            self.take_line(position, word)
        else:
            self._asset(position, word)

    def _asset(self, position: int, word: str) -> None:
        symbol = word.lstrip("$").upper()
        if not symbol or not _SYMBOL.fullmatch(symbol) or not symbol.isprintable():
            raise self.wrong(
                position,
                f"I don't know the word “{word}”",
                "Name assets by their symbols: BTC ETH",
            )
        self.named.append(Named(Scope.ASSET, symbol))

    def _category(self, position: int, name: str) -> None:
        if not name or not _CATEGORY.fullmatch(name):
            raise self.wrong(
                position, "A category is missing after #", "For example: #ai"
            )
        self.named.append(Named(Scope.CATEGORY, name))

    def _top(self, position: int, number: int) -> None:
        if not 1 <= number <= TOP_MAX:
            raise self.wrong(
                position, f"top goes from 1 to {TOP_MAX:,}", suggestion="top100"
            )
        self.named.append(Named(Scope.TOP, top=number))

    def _turn(self, position: int, word: str) -> None:
        direction = _DIRECTIONS[word]
        if self.direction not in {None, direction}:
            raise self.wrong(
                position,
                "Not “bullish” and “bearish” at once",
                "For both directions leave both words out.",
            )
        if self.direction is None:
            self.direction = direction
            self.typed.append(word)

    def _urge(self) -> None:
        if not self.is_urgent:
            self.is_urgent = True
            self.typed.append(_URGENT)

    def take_line(self, position: int, word: str) -> None:
        """Take one line; it must be a grade."""
        value = float(word.rstrip("%").replace(",", "."))
        if not 0 <= value <= _GRADE_MAX:
            suggestion = "80" if value > _GRADE_MAX else "20"
            raise self.wrong(
                position, "A grade goes from 0 to 100", suggestion=suggestion
            )
        self._lines.add(round(value, LINE_DECIMALS))
        if len(self._lines) > LINES_MAX:
            raise self.wrong(
                position, f"At most {LINES_MAX} lines", "Fewer lines, less noise."
            )

    def _compare(self, position: int, word: str) -> None:
        match = _COMPARISON.fullmatch(word)
        if match is None:
            raise self.wrong(
                position,
                f"I don't understand “{word}”",
                "A condition looks like grade>=80 or mcap<1b",
            )
        name, operator, text = match[1].lower(), match[2], match[3].lower()
        field = self._field(position, name, f"{operator}{text}")
        value = self._value(position, field, name, operator, text)
        for key, bound in _bounds(field, operator, value).items():
            if key in self.bounds:
                raise self.wrong(
                    position, f"“{name}” has this condition already", "Leave one out."
                )
            self.bounds[key] = bound
        low, high = (
            self.bounds.get(f"min_{field}"),
            self.bounds.get(f"max_{field}"),
        )
        if low is not None and high is not None and low >= high:
            raise self.wrong(
                position,
                f"No {name} is both",
                "The lower bound must be below the upper one.",
            )
        self.typed.append(f"{name}{operator}{text}")

    def _field(self, position: int, name: str, rest: str) -> str:
        if name in _FIELDS:
            return _FIELDS[name]
        if name == "flipped":
            raise self.wrong(
                position,
                "“flipped” looks back, a watch looks ahead",
                "A watch tells you of every flip anyway.",
            )
        near = difflib.get_close_matches(name, [*_FIELDS, "flipped"], 1, 0.5)
        raise self.wrong(
            position,
            f"I don't know the word “{name}”",
            "" if near else "Known are grade, mcap and volume.",
            suggestion=f"{near[0]}{rest}" if near else "",
            marked_word=f"▸{name}◂ {rest}",
        )

    def _value(
        self, position: int, field: str, name: str, operator: str, text: str
    ) -> float:
        match = _AMOUNT.fullmatch(text)
        if match is None:
            example = "80" if field == "grade" else "1b"
            raise self.wrong(
                position,
                f"A number is missing after “{name}{operator}”",
                suggestion=f"{name}{operator}{example}",
            )
        value = float(match[1]) * _SIZES[match[2]]
        if field == "grade" and (value > _GRADE_MAX or match[2]):
            raise self.wrong(
                position,
                "A grade goes from 0 to 100",
                suggestion=f"{name}{operator}80",
                marked_word=f"{name} ▸{operator}{text}◂",
            )
        if not math.isfinite(value):
            raise self.wrong(
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


def suggest(word: str, known: Sequence[str]) -> str:
    """Return the known word that was most likely meant, or an empty string."""
    upper = word.upper()
    near = difflib.get_close_matches(upper, known, n=1, cutoff=0.7)
    if near:
        return near[0]
    keyword = difflib.get_close_matches(word.lower(), _WORDS, n=1, cutoff=0.7)
    return keyword[0] if keyword else ""
