"""What the fake Bot API server accepts: parameters, texts, keyboards and how many.

The parameters' names, types and limits come from `telegram_facts.json`; the rest are
rules of the server that no machine-readable description states.
"""

import json
import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fake_telegram_html import MarkupError, parse_html, utf16

FACTS = json.loads(
    Path(__file__).with_name("telegram_facts.json").read_text(encoding="utf-8")
)

#: telegram.constants.MessageLimit.MESSAGE_ENTITIES: further ones lose their look.
ENTITIES_MAX = 100
#: telegram.constants.InlineKeyboardMarkupLimit
BUTTONS_MAX = 100
BUTTONS_PER_ROW_MAX = 8

#: core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: about 30
#: messages per second overall, 20 per minute to one group; a channel is counted as a
#: group because no other figure is published.
OVERALL_PER_SECOND = 30
PLACE_PER_MINUTE = 20
#: The same page: one message per second to one chat, "short bursts" are let pass. How
#: short is not published; three is what a reply of some parts needs.
PRIVATE_BURST = 3

#: How the server words the absence of these.
_ABSENT = {
    "chat_id": "chat_id is empty",
    "text": "message text is empty",
    "message_id": "message identifier is not specified",
    "user_id": "invalid user_id specified",
}
_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0", ""}


class RefusedError(Exception):
    """The server says no.

    Attributes:
        is_violation: a request that could never be right, whatever the world is like.
    """

    def __init__(
        self,
        status: int,
        description: str,
        parameters: Mapping[str, int] | None = None,
        *,
        is_violation: bool = False,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = dict(parameters or {})
        self.is_violation = is_violation


def bad_request(text: str) -> RefusedError:
    """Refuse for what the world is like."""
    return RefusedError(400, f"Bad Request: {text}")


def broken_rule(text: str) -> RefusedError:
    """Refuse a request that breaks a rule."""
    return RefusedError(400, f"Bad Request: {text}", is_violation=True)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request."""

    name: str
    size: int
    content: bytes = b""


class Checker:
    """Reads requests by the facts file and collects what is wrong with them."""

    def __init__(self, facts: Mapping[str, Any] = FACTS) -> None:
        self._methods = facts["methods"]
        self._types = facts["types"]
        self._names = {name.lower(): name for name in self._methods}
        self._updates = set(facts["updates"])

    def name_of(self, method: str) -> str | None:
        """Return the method's proper name: the server ignores its case."""
        return self._names.get(method.lower())

    def read(
        self, method: str, raw: Mapping[str, Any], *, is_form: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the parameters with their types and the list of broken rules."""
        problems: list[str] = []
        params = self._fields(self._methods[method], raw, "", problems, is_text=is_form)
        wanted = params.get("allowed_updates", [])
        problems += [f"unknown update {k}" for k in wanted if k not in self._updates]
        return params, problems

    def _fields(
        self,
        fields: Mapping[str, Any],
        raw: Mapping[str, Any],
        prefix: str,
        problems: list[str],
        *,
        is_text: bool = False,
    ) -> dict[str, Any]:
        problems += [f"unknown parameter {prefix}{n}" for n in raw if n not in fields]
        values = {}
        for name, field in fields.items():
            where = prefix + name
            if name not in raw or raw[name] is None:
                if field.get("required"):
                    problems.append(
                        _ABSENT.get(name, f"parameter {where} is required")
                        if not prefix
                        else f"field {where} is required"
                    )
                continue
            values[name] = self._value(
                field["types"], raw[name], where, problems, is_text=is_text
            )
            problems += _limits_broken(field, values[name], where)
        return values

    def _value(
        self,
        types: list[str],
        raw: object,
        where: str,
        problems: list[str],
        *,
        is_text: bool,
    ) -> Any:
        attempts = []
        for kind in types:
            found: list[str] = []
            value = self._as(kind, raw, where, found, is_text=is_text)
            if not found:
                return value
            attempts.append((len(found), found, value))
        _, found, value = min(attempts, key=lambda a: a[0])
        problems += found
        return value

    def _as(
        self, kind: str, raw: Any, where: str, problems: list[str], *, is_text: bool
    ) -> Any:
        if kind in _READERS:
            try:
                return _READERS[kind](raw, is_text)
            except (ValueError, TypeError):
                problems.append(f"{where} must be {kind}, not {raw!r:.60}")
                return raw
        if isinstance(raw, str):
            try:
                raw = json.loads(raw)
            except ValueError:
                problems.append(f"can't parse {where}: {kind} as JSON expected")
                return raw
        if kind.startswith("Array of "):
            if not isinstance(raw, list):
                problems.append(f"{where} must be {kind}")
                return raw
            inner = kind.removeprefix("Array of ")
            return [
                self._as(inner, item, f"{where}[{n}]", problems, is_text=False)
                for n, item in enumerate(raw)
            ]
        if not isinstance(raw, dict):
            problems.append(f"{where} must be {kind}, an object")
            return raw
        facts = self._types[kind]
        if "one_of" in facts:
            return self._value(facts["one_of"], raw, where, problems, is_text=False)
        if "fields" not in facts:
            return raw
        return self._fields(facts["fields"], raw, f"{where}.", problems)


def _integer(raw: object, _is_text: bool) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise TypeError
    if isinstance(raw, str) and not re.fullmatch(r"-?\d+", raw):
        raise ValueError
    return int(raw)


def _float(raw: Any, _is_text: bool) -> float:
    if isinstance(raw, bool):
        raise TypeError
    return float(raw)


def _string(raw: object, _is_text: bool) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw


def _boolean(raw: object, is_text: bool) -> bool:
    if isinstance(raw, bool):
        return raw
    if is_text and isinstance(raw, str) and raw.lower() in _TRUE | _FALSE:
        return raw.lower() in _TRUE
    raise TypeError


def _file(raw: object, _is_text: bool) -> Upload:
    if not isinstance(raw, Upload):
        raise TypeError
    return raw


_READERS: dict[str, Callable[[Any, bool], Any]] = {
    "Integer": _integer,
    "Float": _float,
    "String": _string,
    "Boolean": _boolean,
    "True": _boolean,
    "InputFile": _file,
}


def _limits_broken(field: Mapping[str, Any], value: object, where: str) -> list[str]:
    problems = []
    if "enum" in field and value not in field["enum"]:
        problems.append(f"{where} must be one of {', '.join(field['enum'])}")
    if "pattern" in field and not re.fullmatch(field["pattern"], str(value)):
        problems.append(f"{where} must match {field['pattern']}")
    if "max" in field and not field.get("after_entities"):
        size = _SIZES[field["unit"]](value)
        if not field["min"] <= size <= field["max"]:
            problems.append(
                f"{where} must have {field['min']}-{field['max']} {field['unit']}, "
                f"not {size}"
            )
    return problems


_SIZES: dict[str, Callable[[Any], int]] = {
    "characters": lambda v: utf16(str(v)),
    "bytes": lambda v: len(str(v).encode()),
    "value": lambda v: v if isinstance(v, int) else -1,
    "items": lambda v: len(v) if isinstance(v, list) else -1,
}


def read_text(
    source: str, parse_mode: str | None, *, max_length: int, knows_time: bool
) -> tuple[str, list[dict[str, Any]]]:
    """Return the text as shown with its entities, or refuse it."""
    if (parse_mode or "").lower() not in {"", "html"}:
        raise broken_rule(f"unsupported parse_mode (the fake reads HTML): {parse_mode}")
    text = source.strip()
    entities: list[dict[str, Any]] = []
    if parse_mode:
        try:
            text, entities = parse_html(source, knows_time=knows_time)
        except MarkupError as error:
            is_old_server = not knows_time and '"tg-time"' in str(error)
            raise RefusedError(
                400,
                f"Bad Request: can't parse entities: {error}",
                is_violation=not is_old_server,
            ) from error
    if utf16(text) > max_length:
        raise broken_rule(
            "message is too long"
            if max_length > 1024
            else "message caption is too long"
        )
    if len(entities) > ENTITIES_MAX:
        raise broken_rule(f"more than {ENTITIES_MAX} entities: {len(entities)}")
    return text, entities


def check_keyboard(markup: Mapping[str, Any] | None) -> None:
    """Refuse an inline keyboard that the server would not take."""
    rows = (markup or {}).get("inline_keyboard", [])
    if sum(map(len, rows)) > BUTTONS_MAX:
        raise broken_rule(f"reply markup has more than {BUTTONS_MAX} buttons")
    for row in rows:
        if len(row) > BUTTONS_PER_ROW_MAX:
            raise broken_rule(f"more than {BUTTONS_PER_ROW_MAX} buttons in a row")
        for button in row:
            _check_button(button)


def _check_button(button: Mapping[str, Any]) -> None:
    actions = set(button) - {"text", "style", "icon_custom_emoji_id"}
    if not button["text"].strip():
        raise broken_rule("can't parse inline keyboard button: button text is empty")
    if not actions:
        raise broken_rule(
            "can't parse inline keyboard button: Text buttons are unallowed in the "
            "inline keyboard"
        )
    if len(actions) > 1:
        raise broken_rule(f"a button does one thing only, not {sorted(actions)}")
    url = button.get("url")
    # a host without a dot (localhost) is refused by the real server, too
    if url is not None and not re.match(r"tg://\w|https?://[^/\s.]+\.[^\s]+$", url):
        raise broken_rule(
            f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"
        )


class Limits:
    """Counts what is sent; a wait that was ordered holds until it is over."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: dict[int | None, deque[float]] = {}
        self._closed_until: dict[int | None, float] = {}

    def wait_for(self, chat_id: int, *, is_private: bool) -> int:
        """Return 0 and count a message, or the seconds its sender must wait."""
        now = self._clock()
        overall = self._history(None, 1.0)
        chat = self._history(chat_id, 60.0)
        free_at = {
            None: overall[-OVERALL_PER_SECOND] + 1.0
            if len(overall) >= OVERALL_PER_SECOND
            else now,
            chat_id: self._private_free_at(chat, now)
            if is_private
            else chat[-PLACE_PER_MINUTE] + 60.0
            if len(chat) >= PLACE_PER_MINUTE
            else now,
        }
        for scope, at in free_at.items():
            until = self._closed_until.get(scope, 0.0)
            if until <= now:
                if at <= now:
                    continue
                until = now + math.ceil(at - now)
                self._closed_until[scope] = until
            return math.ceil(until - now)
        overall.append(now)
        chat.append(now)
        return 0

    def forget(self) -> None:
        """Begin anew."""
        self._sent.clear()
        self._closed_until.clear()

    def _history(self, scope: int | None, window: float) -> deque[float]:
        history = self._sent.setdefault(scope, deque())
        while history and history[0] <= self._clock() - window:
            history.popleft()
        return history

    @staticmethod
    def _private_free_at(history: deque[float], now: float) -> float:
        """Find when a bucket of `PRIVATE_BURST`, refilled once a second, has a drop."""
        level, at = float(PRIVATE_BURST), -math.inf
        for moment in history:
            level = min(PRIVATE_BURST, level + moment - at) - 1
            at = moment
        level = min(PRIVATE_BURST, level + now - at)
        # what floats lose must not cost a second
        return now if level > 1 - 1e-6 else now + 1 - level
