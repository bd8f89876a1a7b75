"""The one grammar of what is named: `BTC ETH 80 50`, `#ai bullish grade>=80 3d`.

Pure. /watch, /broadcast, /simulate, /flips, /top and /screen share it; which parts each
of them takes is a table, `bot.grammar_table`. One error at a time, the first from the
left; it points at the word.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.comparisons import GRADE_MAX, is_comparison, read_age, read_comparison
from bot.errors import UserError
from bot.grammar_table import WATCH, Grammar, Part
from bot.model import Conditions, Scope, Signal
from bot.typed_words import split_words, wrong

_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?%?")
#: more digits than any top-n has; int() refuses thousands of them
_TOP = re.compile(r"top(\d{1,9})\d*")
_PAGE = re.compile(r"page(\d{1,4})", re.ASCII)
_SYMBOL = re.compile(r"[^\s<>=#/@]{1,30}")
_CATEGORY = re.compile(r"[\w&.-]{1,40}")
_DIRECTIONS = {"bullish": Signal.BULLISH, "bearish": Signal.BEARISH}
_URGENT = "urgent"
#: parts that are about what has been: with them `3d` is a time, else an asset
_BACK = frozenset({Part.WINDOW, Part.FLIPPED})
_WORDS = ("bullish", "bearish", "all", "grade", "mcap", "volume", _URGENT)
#: more lines than this on one watch would be noise, and one message lists them all
LINES_MAX = 10
TOP_MAX = 10_000
#: a longer list is not read on a phone
COUNT_MAX = 100
#: a bare number up to this may have been meant as days
_MONTH = 31
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

    `str()` of it is understood as the same again, by the same grammar.

    Attributes:
        condition_text: the canonical writing of all but names and page; understood
            again it gives the same conditions.
        younger, older: how long ago the last flip may be at most, and at least.
        window: how far to look back.
        count: how many rows are wanted at most.
    """

    named: tuple[Named, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    condition_text: str = ""
    younger: timedelta | None = None
    older: timedelta | None = None
    window: timedelta | None = None
    count: int | None = None
    page: int = 1

    def __str__(self) -> str:
        page = f"page{self.page}" if self.page > 1 else ""
        words = (*map(str, self.named), self.condition_text, page)
        return " ".join(word for word in words if word)


def parse(text: str, grammar: Grammar = WATCH) -> Parsed:
    """Understand what was typed after a command.

    Raises:
        UserError: with the wrong word marked and a suggestion where there is one.
    """
    return _Parser(split_words(text), grammar).parse()


def print_watch(named: Named, condition_text: str) -> str:
    """Write a watch so that `parse` gives the same watch again."""
    return f"{named} {condition_text}".strip()


def parse_lines(words: Sequence[str]) -> tuple[float, ...]:
    """Understand a list of lines such as `80 50`; sorted, without repeats."""
    parser = _Parser(list(words), WATCH)
    for position, word in enumerate(words):
        if not _NUMBER.fullmatch(word):
            raise wrong(
                words,
                position,
                f"“{word}” is not a grade",
                "Lines are numbers from 0 to 100.",
            )
        parser.take_line(position, word)
    return parser.lines()


def suggest(word: str, known: Sequence[str]) -> str:
    """Return the known word that was most likely meant, or an empty string."""
    upper = word.upper()
    near = difflib.get_close_matches(upper, known, n=1, cutoff=0.7)
    if near:
        return near[0]
    keyword = difflib.get_close_matches(word.lower(), _WORDS, n=1, cutoff=0.7)
    return keyword[0] if keyword else ""


def _is_reserved(word: str) -> bool:
    """Whether a symbol would be read as something else, were there no $ before it."""
    lower = word.lower()
    return (
        lower in _DIRECTIONS
        or lower in {"all", _URGENT}
        or _TOP.fullmatch(lower) is not None
        or _PAGE.fullmatch(lower) is not None
        or _NUMBER.fullmatch(word) is not None
        or read_age(lower) is not None
    )


class _Parser:
    """Goes through the words once, from the left."""

    def __init__(self, words: list[str], grammar: Grammar) -> None:
        self.words = words
        self.parts = grammar.parts
        self.grammar = grammar
        self.named: list[Named] = []
        self.direction: Signal | None = None
        self.bounds: dict[str, float] = {}
        self.ages: dict[str, timedelta] = {}
        self.window: timedelta | None = None
        self.count: int | None = None
        self.page = 1
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
            younger=self.ages.get("younger"),
            older=self.ages.get("older"),
            window=self.window,
            count=self.count,
            page=self.page,
        )

    def lines(self) -> tuple[float, ...]:
        return tuple(sorted(self._lines))

    def wrong(
        self, position: int, title: str, hint: str = "", suggestion: str = ""
    ) -> UserError:
        return wrong(self.words, position, title, hint, suggestion)

    def _take(self, position: int, word: str) -> None:
        # Upper case first: ı and ſ are another I and S, as symbols are upper case.
        lower = word.upper().lower()
        if is_comparison(word):
            self._compare(position)
        elif word.startswith("#"):
            self._category(position, word.lower()[1:])
        elif lower in _DIRECTIONS:
            self._turn(position, lower)
        elif lower == _URGENT:
            self._urge(position)
        elif lower == "all":
            self.named.append(Named(Scope.ALL))
        elif match := _TOP.fullmatch(lower):
            self._top(position, int(match[1]))
        elif Part.PAGE in self.parts and (match := _PAGE.fullmatch(lower)):
            self.page = max(1, int(match[1]))
        elif _NUMBER.fullmatch(word):
            self._number(position, word)
        elif _BACK & self.parts and (age := read_age(lower)) is not None:
            self._look_back(position, lower, age)
        else:
            self._asset(position, word)

    # ---------------------------------------------------------------- what is named

    def _asset(self, position: int, word: str) -> None:
        symbol = word.lstrip("$").upper()
        is_sound = _SYMBOL.fullmatch(symbol) and symbol.isprintable()
        if not symbol or not is_sound:
            raise self.wrong(
                position,
                f"I don't know the word “{word}”",
                "Name assets by their symbols: BTC ETH."
                if Part.ASSET in self.parts
                else "Known are #ai, bullish, grade>=80, mcap<1b, flipped<3d.",
            )
        if Part.ASSET not in self.parts:
            self._refuse_asset(position, word, symbol)
        self.named.append(Named(Scope.ASSET, symbol))

    def _refuse_asset(self, position: int, word: str, symbol: str) -> None:
        near = difflib.get_close_matches(word.lower(), _WORDS[:3], n=1, cutoff=0.7)
        if near:
            raise self.wrong(
                position, f"I don't know the word “{word}”", suggestion=near[0]
            )
        raise self.wrong(
            position,
            f"/{self.grammar.command} lists many assets, not one",
            f"A category is #{symbol.lower()}; one asset is /signal {symbol}.",
        )

    def _category(self, position: int, name: str) -> None:
        if not name or not _CATEGORY.fullmatch(name):
            raise self.wrong(
                position, "A category is missing after #", "For example: #ai."
            )
        self.named.append(Named(Scope.CATEGORY, name))

    def _top(self, position: int, number: int) -> None:
        if not 1 <= number <= TOP_MAX:
            raise self.wrong(
                position, f"top goes from 1 to {TOP_MAX:,}", suggestion="top100"
            )
        self.named.append(Named(Scope.TOP, top=number))

    # ------------------------------------------------------------ under what conditions

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

    def _urge(self, position: int) -> None:
        if Part.URGENT not in self.parts:
            raise self.wrong(
                position,
                "“urgent” is for watches",
                "It lets an alert through quiet hours. Leave it out here.",
            )
        if not self.is_urgent:
            self.is_urgent = True
            self.typed.append(_URGENT)

    def _look_back(self, position: int, text: str, age: timedelta) -> None:
        if Part.WINDOW not in self.parts:
            raise self.wrong(
                position, f"What about {text}?", suggestion=f"flipped<{text}"
            )
        if self.window not in {None, age}:
            raise self.wrong(position, "Two times at once", "Leave one of them out.")
        if self.window is None:
            self.window = age
            self.typed.append(text)

    def _number(self, position: int, word: str) -> None:
        if Part.LINE in self.parts:
            self.take_line(position, word)
        elif Part.COUNT in self.parts:
            self._take_count(position, word)
        else:
            value = float(word.rstrip("%").replace(",", "."))
            is_days = Part.WINDOW in self.parts and word.isdecimal() and value <= _MONTH
            meant = f"{int(value)}d" if is_days and value else f"grade>={value:g}"
            raise self.wrong(
                position,
                f"A bare {word} says too little here",
                suggestion=meant if 0 <= value <= GRADE_MAX else "grade>=80",
            )

    def _take_count(self, position: int, word: str) -> None:
        number = int(word) if word.isdecimal() and len(word) < 9 else 0  # noqa: PLR2004 - longer ones are out of range anyway
        if not 1 <= number <= COUNT_MAX:
            suggestion = str(COUNT_MAX) if number > COUNT_MAX else "10"
            raise self.wrong(
                position, f"A list has 1 to {COUNT_MAX} rows", suggestion=suggestion
            )
        if self.count not in {None, number}:
            raise self.wrong(
                position,
                "Two numbers at once",
                f"The first is how many rows; a grade is grade>={number}.",
            )
        if self.count is None:
            self.count = number
            self.typed.append(str(number))

    def take_line(self, position: int, word: str) -> None:
        """Take one line; it must be a grade."""
        value = float(word.rstrip("%").replace(",", "."))
        if not 0 <= value <= GRADE_MAX:
            suggestion = "80" if value > GRADE_MAX else "20"
            raise self.wrong(
                position, "A grade goes from 0 to 100", suggestion=suggestion
            )
        self._lines.add(round(value, LINE_DECIMALS))
        if len(self._lines) > LINES_MAX:
            raise self.wrong(
                position, f"At most {LINES_MAX} lines", "Fewer lines, less noise."
            )

    def _compare(self, position: int) -> None:
        found = read_comparison(self.words, position, self.parts)
        name = re.split("[<>=]", self.words[position])[0].lower()
        ages = {"younger": found.younger, "older": found.older}
        new = {k: v for k, v in ages.items() if v is not None}
        if found.bounds.keys() & self.bounds.keys() or new.keys() & self.ages.keys():
            raise self.wrong(
                position, f"“{name}” has this condition already", "Leave one out."
            )
        self.bounds |= found.bounds
        self.ages |= new
        if self._leaves_nothing(found.part):
            raise self.wrong(
                position,
                f"No {name} is both",
                "The lower bound must be below the upper one.",
            )
        self.typed.append(found.text)

    def _leaves_nothing(self, part: Part) -> bool:
        low: float | timedelta | None
        high: float | timedelta | None
        if part is Part.FLIPPED:
            low, high = self.ages.get("older"), self.ages.get("younger")
            return low is not None and high is not None and low >= high
        name = {Part.MARKET_CAP: "market_cap", Part.VOLUME: "volume"}.get(part, "grade")
        least, most = self.bounds.get(f"min_{name}"), self.bounds.get(f"max_{name}")
        return least is not None and most is not None and least >= most
