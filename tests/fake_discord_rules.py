"""What Discord refuses in a request body: the derived facts and the documented limits.

`discord_facts.json` (see `derive_discord_facts.py`) gives the shapes. The limits that
Discord's description does not contain stand here as constants with the page of
docs.discord.com/developers they are from.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

#: where in a body, step by step
At = tuple[str, ...]

FACTS = Path(__file__).with_name("discord_facts.json")

#: resources/message, "Create Message" and "Embed Limits"
CONTENT_MAX = 2000
#: resources/message: an attachment's description, and files of one request
ALT_MAX = 1024
FILES_MAX = 10 * 2**20
EMBEDS_TOTAL_MAX = 6000
#: components/reference, "Action Row"
ROWS_MAX = 5
#: interactions/application-commands
COMMANDS_MAX = 100
COMMAND_CHARACTERS_MAX = 8000
#: resources/message, "Message Flags": SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, and
#: in interactions EPHEMERAL; voice messages and components v2 are not played here
FLAGS_SETTABLE = (1 << 2) | (1 << 12)
FLAG_EPHEMERAL = 1 << 6

COMMAND_NAME = re.compile(r"[-_'\w]{1,32}")
LINK = re.compile(r"(https?|discord)://\S+|attachment://\S+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a body, and where."""

    path: At
    code: str
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path) or 'body'}: {self.message}"


def nested(faults: Iterable[Fault]) -> dict[str, Any]:
    """Return the `errors` object of Discord's 50035 answer."""
    root: dict[str, Any] = {}
    for fault in faults:
        node = root
        for step in fault.path:
            node = node.setdefault(step, {})
        error = {"code": fault.code, "message": fault.message}
        node.setdefault("_errors", []).append(error)
    return root


# ------------------------------------------------------------------------------ facts


class Facts:
    """The shapes of Discord's request bodies."""

    def __init__(self, raw: Mapping[str, Any] | None = None) -> None:
        known = json.loads(FACTS.read_text(encoding="utf-8")) if raw is None else raw
        self.operations: Mapping[str, Any] = known["operations"]
        self.schemas: Mapping[str, Any] = known["schemas"]

    def check(self, route: str, body: Any) -> list[Fault]:
        """List what is wrong with the body of `POST /some/{path}`.

        Raises `KeyError` for a route that is not in the facts. Of several possible
        shapes the faults of the nearest one are given.
        """
        node = self.operations[route]
        if node is None:
            return []
        return list(self._faults(node, body, ()))

    def _faults(self, node: Mapping[str, Any], value: Any, at: At) -> Iterator[Fault]:
        if "ref" in node:
            node = self.schemas[node["ref"]]
        if "anyOf" in node:
            tried = [list(self._faults(each, value, at)) for each in node["anyOf"]]
            yield from min(tried, key=lambda f: (self._is_other_kind(f, at), len(f)))
            return
        kinds = node.get("type")
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(_is_kind(value, kind, node) for kind in kinds):
            yield Fault(at, "BASE_TYPE_BAD_TYPE", f"Must be of type {'/'.join(kinds)}.")
            return
        if value is None:
            return
        yield from _value_faults(node, value, at)
        if isinstance(value, dict):
            yield from self._object_faults(node, value, at)
        elif isinstance(value, list) and "items" in node:
            for index, each in enumerate(value):
                yield from self._faults(node["items"], each, (*at, str(index)))

    def _object_faults(
        self, node: Mapping[str, Any], value: Mapping[str, Any], at: At
    ) -> Iterator[Fault]:
        known = node.get("properties")
        rest = node.get("additionalProperties")
        for name in node.get("required", ()):
            if name not in value:
                yield Fault((*at, name), "BASE_TYPE_REQUIRED", "This field is required")
        for name, each in value.items():
            if known is not None and name in known:
                yield from self._faults(known[name], each, (*at, name))
            elif rest is not None:
                yield from self._faults(rest, each, (*at, name))
            elif known is not None:
                yield Fault((*at, name), "UNKNOWN_FIELD", "Not in Discord's facts.")

    @staticmethod
    def _is_other_kind(faults: Sequence[Fault], at: At) -> bool:
        """Whether it is another alternative: another type, or another `type` field."""
        return any(f.path in {at, (*at, "type")} for f in faults)


def _is_kind(value: Any, kind: str, node: Mapping[str, Any]) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            # Discord also takes ids as numbers, and discord.py sends some so
            is_id = node.get("format") == "snowflake" and type(value) is int
            return is_id or isinstance(value, str)
        case "array":
            return isinstance(value, list)
    return isinstance(value, dict)


def _value_faults(node: Mapping[str, Any], value: Any, at: At) -> Iterator[Fault]:
    if "enum" in node and value not in node["enum"]:
        yield Fault(at, "BASE_TYPE_CHOICES", f"Must be one of {node['enum']}.")
    if isinstance(value, str | list):
        is_text = isinstance(value, str)
        unit, word = ("Length", "in length") if is_text else ("Items", "")
        if len(value) > node.get(f"max{unit}", len(value)):
            most = node[f"max{unit}"]
            text = f"Must be {most} or fewer {word}".strip() + "."
            yield Fault(at, "BASE_TYPE_MAX_LENGTH", text)
        if len(value) < node.get(f"min{unit}", 0):
            least = node[f"min{unit}"]
            text = f"Must be {least} or more {word}".strip() + "."
            yield Fault(at, "BASE_TYPE_MIN_LENGTH", text)
    if isinstance(value, list) and node.get("uniqueItems"):
        seen = [json.dumps(each, sort_keys=True) for each in value]
        if len(set(seen)) < len(seen):
            yield Fault(at, "SET_TYPE_ALREADY_CONTAINS_VALUE", "Has a value twice.")
    if isinstance(value, int | float):
        if value > node.get("maximum", value):
            text = f"Must be at most {node['maximum']}."
            yield Fault(at, "NUMBER_TYPE_MAX", text)
        if value < node.get("minimum", value):
            text = f"Must be at least {node['minimum']}."
            yield Fault(at, "NUMBER_TYPE_MIN", text)
    match node.get("format"):
        case "snowflake" if not str(value).isdecimal():
            yield Fault(at, "NUMBER_TYPE_COERCE", f"Value {value!r} is no snowflake.")
        case "uri" if not LINK.fullmatch(value):
            yield Fault(at, "URL_TYPE_INVALID_URL", "Not a well formed URL.")
        case "date-time" if not _is_time(value):
            yield Fault(at, "DATETIME_TYPE_INVALID", "Not an ISO 8601 time.")


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


# --------------------------------------------------------------------------- messages


def message_faults(body: Mapping[str, Any], *, is_private_ok: bool) -> Iterator[Fault]:
    """Yield what breaks the documented limits of a message that has the right shape.

    `is_private_ok` allows the ephemeral flag: in answers to interactions only.
    """
    if len(body.get("content") or "") > CONTENT_MAX:
        text = f"Must be {CONTENT_MAX} or fewer in length."
        yield Fault(("content",), "BASE_TYPE_MAX_LENGTH", text)
    flags = (body.get("flags") or 0) & ~FLAGS_SETTABLE
    if flags & ~(FLAG_EPHEMERAL if is_private_ok else 0):
        yield Fault(("flags",), "BASE_TYPE_CHOICES", f"Flags {flags} can't be set.")
    yield from _embed_faults(body.get("embeds") or [])
    yield from _component_faults(body.get("components") or [])
    mentions = body.get("allowed_mentions") or {}
    for kind in ("users", "roles"):
        if mentions.get(kind) and kind in (mentions.get("parse") or ()):
            yield Fault(
                ("allowed_mentions",),
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )


def file_faults(
    body: Mapping[str, Any],
    files: Sequence[str],
    sizes: Sequence[int],
    files_there: Sequence[str] = (),
) -> Iterator[Fault]:
    """Yield what is wrong with files (reference, "Uploading Files").

    An embed's `attachment://` address names a file that came along, or one that the
    message has, and the `attachments` number those that came from 0 on.
    """
    for index, embed in enumerate(body.get("embeds") or []):
        address = (embed.get("image") or {}).get("url", "")
        name = address.removeprefix("attachment://")
        if name != address and name not in {*files, *files_there}:
            at = ("embeds", str(index), "image", "url")
            yield Fault(at, "EMBED_ATTACHMENT_NOT_FOUND", f"No file {name} came.")
    for index, attachment in enumerate(body.get("attachments") or []):
        number = int(attachment["id"])
        if number >= len(files) and number < 10:
            at = ("attachments", str(index), "id")
            yield Fault(at, "ATTACHMENT_NOT_FOUND", f"There is no file {number}.")
        if len(attachment.get("description") or "") > ALT_MAX:
            at = ("attachments", str(index), "description")
            yield Fault(at, "BASE_TYPE_MAX_LENGTH", f"At most {ALT_MAX}.")
    if sum(sizes) > FILES_MAX:
        yield Fault(("files",), "FILES_TOO_LARGE", f"Over {FILES_MAX} bytes.")


def _embed_faults(embeds: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    total = 0
    for index, embed in enumerate(embeds):
        fields = embed.get("fields") or []
        texts = [embed.get("title"), embed.get("description")]
        texts += [(embed.get("footer") or {}).get("text")]
        texts += [(embed.get("author") or {}).get("name")]
        texts += [text for field in fields for text in (field["name"], field["value"])]
        total += sum(len(text or "") for text in texts)
        for number, field in enumerate(fields):
            for name in ("name", "value"):
                if not field[name].strip():
                    at = ("embeds", str(index), "fields", str(number), name)
                    yield Fault(at, "BASE_TYPE_REQUIRED", "This field is required")
    if total > EMBEDS_TOTAL_MAX:
        text = f"Embed size exceeds maximum size of {EMBEDS_TOTAL_MAX}"
        yield Fault(("embeds",), "MAX_EMBED_SIZE_EXCEEDED", text)


def _component_faults(rows: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    if len(rows) > ROWS_MAX:
        text = f"Must be between 1 and {ROWS_MAX} in length."
        yield Fault(("components",), "BASE_TYPE_BAD_LENGTH", text)
    custom_ids: set[str] = set()
    for row, column, button in (
        (str(row), str(column), button)
        for row, each in enumerate(rows)
        for column, button in enumerate(each["components"])
    ):
        at = ("components", row, "components", column)
        custom_id, url = button.get("custom_id"), button.get("url")
        if not button.get("label") and not button.get("emoji"):
            text = "A button needs a label or an emoji"
            yield Fault(at, "BUTTON_COMPONENT_INVALID_LABEL", text)
        is_link = button["style"] == 5
        if is_link and (custom_id or not url):
            text = "A link button has a url and no custom id"
            yield Fault(at, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", text)
        elif not is_link and (url or not custom_id):
            text = "A custom id and no url is required"
            yield Fault(at, "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", text)
        elif not is_link and custom_id in custom_ids:
            text = "Component custom id cannot be duplicated"
            yield Fault(at, "COMPONENT_CUSTOM_ID_DUPLICATED", text)
        custom_ids.add(custom_id)


def is_empty(body: Mapping[str, Any]) -> bool:
    """Whether nothing would be shown (Discord's code 50006)."""
    shown = ("title", "description", "fields", "image", "thumbnail", "author", "footer")
    embeds = [e for e in body.get("embeds") or [] if any(e.get(word) for word in shown)]
    has_text = bool((body.get("content") or "").strip())
    return not (has_text or embeds or body.get("components") or body.get("attachments"))


# --------------------------------------------------------------------------- commands


def command_set_faults(
    commands: Sequence[Mapping[str, Any]], *, is_set: bool = True
) -> Iterator[Fault]:
    """Yield what breaks the limits of commands that have the right shape.

    `is_set` is a whole set, whose faults are told by number; otherwise it is one.
    """
    for fault in _set_faults(commands):
        yield fault if is_set else Fault(fault.path[1:], fault.code, fault.message)


def _set_faults(commands: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    if sum(each.get("type", 1) == 1 for each in commands) > COMMANDS_MAX:
        text = f"At most {COMMANDS_MAX} slash commands."
        yield Fault((), "APPLICATION_COMMANDS_MAX", text)
    yield from _twice(commands, ())
    for index, command in enumerate(commands):
        at = (str(index),)
        if command.get("type", 1) == 1:
            yield from _one_faults(command, at)
        if _characters(command) > COMMAND_CHARACTERS_MAX:
            text = f"More than {COMMAND_CHARACTERS_MAX} characters."
            yield Fault(at, "APPLICATION_COMMAND_TOO_LARGE", text)


def _one_faults(command: Mapping[str, Any], at: At) -> Iterator[Fault]:
    name = command["name"]
    if not COMMAND_NAME.fullmatch(name) or name != name.lower():
        yield Fault((*at, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Invalid name.")
    if not command.get("description"):
        text = "This field is required"
        yield Fault((*at, "description"), "BASE_TYPE_REQUIRED", text)
    options = command.get("options") or []
    yield from _twice(options, (*at, "options"))
    may_be_required = True
    for index, option in enumerate(options):
        here = (*at, "options", str(index))
        yield from _one_faults(option, here)
        if option["type"] <= 2:
            continue
        if option.get("required") and not may_be_required:
            text = "Required options must be placed before non-required options"
            yield Fault(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
        may_be_required = bool(option.get("required"))
        if option.get("autocomplete") and option.get("choices"):
            text = "Autocomplete and choices exclude each other."
            yield Fault(here, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE", text)


def _twice(named: Sequence[Mapping[str, Any]], at: At) -> Iterator[Fault]:
    names: set[tuple[Any, str]] = set()
    for index, each in enumerate(named):
        # commands of different types may share a name, options may not
        key = (each.get("type", 1) if not at else None, each["name"])
        if key in names:
            text = "Names must be unique"
            yield Fault((*at, str(index)), "APPLICATION_COMMANDS_DUPLICATE_NAME", text)
        names.add(key)


def _characters(command: Mapping[str, Any]) -> int:
    own = len(command["name"]) + len(command.get("description") or "")
    choices = command.get("choices") or []
    own += sum(len(c["name"]) + len(str(c["value"])) for c in choices)
    return own + sum(_characters(each) for each in command.get("options") or [])
