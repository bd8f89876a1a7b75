"""Derives `telegram_facts.json` from a machine-readable Bot API description.

Usage: `python tests/derive_telegram_facts.py PATH/TO/telegram-api.json`, the JSON form
of https://core.telegram.org/bots/api published at
https://github.com/PaulSonOfLars/telegram-bot-api-spec (MIT). Only what our requests can
contain is kept: the parameters of the methods we call and the types they are made of.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

FACTS = Path(__file__).with_name("telegram_facts.json")
METHODS = (
    "getMe",
    "getUpdates",
    "setWebhook",
    "deleteWebhook",
    "getWebhookInfo",
    "setMyCommands",
    "getMyCommands",
    "deleteMyCommands",
    "setMyName",
    "getMyName",
    "setMyDescription",
    "getMyDescription",
    "setMyShortDescription",
    "getMyShortDescription",
    "sendMessage",
    "sendPhoto",
    "sendDocument",
    "getFile",
    "sendChatAction",
    "editMessageText",
    "editMessageCaption",
    "editMessageReplyMarkup",
    "deleteMessage",
    "answerCallbackQuery",
    "getChat",
    "getChatMember",
    "getChatAdministrators",
    "getChatMemberCount",
    "leaveChat",
    "logOut",
    "close",
)
#: We never send these; they would pull in half of the API.
LEFT_OUT = {
    "InputRichMessage",
    "SuggestedPostParameters",
    "KeyboardButtonRequestUsers",
    "KeyboardButtonRequestManagedBot",
}
SIMPLE = {"Integer", "Float", "String", "Boolean", "True", "InputFile"}


def limits_of(description: str) -> dict[str, Any]:
    """Read the limits that a field's description states."""
    facts: dict[str, Any] = {}
    if found := re.search(r"(\d+)-(\d+) (characters|bytes)", description):
        facts["min"], facts["max"] = int(found[1]), int(found[2])
        facts["unit"] = found[3]
        if re.search(r"after entit(y|ies) parsing", description):
            facts["after_entities"] = True
    elif found := re.search(
        r"(?:[Vv]alues between |, )(\d+)-(\d+)(?: are accepted|\. Defaults)",
        description,
    ):
        facts["min"], facts["max"], facts["unit"] = (
            int(found[1]),
            int(found[2]),
            "value",
        )
    elif found := re.search(r"[Aa]t most (\d+) \w+ can be specified", description):
        facts["min"], facts["max"], facts["unit"] = 0, int(found[1]), "items"
    if "only lowercase English letters, digits and underscores" in description:
        facts["pattern"] = "[a-z0-9_]*"
    if "Only characters A-Z, a-z, 0-9, _ and - are allowed" in description:
        facts["pattern"] = "[A-Za-z0-9_-]*"
    if allowed := enum_of(description):
        facts["enum"] = allowed
    return facts


def enum_of(description: str) -> list[str]:
    """Read the values that a field's description lists as the only ones."""
    if "must be one of" in description.lower():
        return re.findall(
            r'"(\w+)"', description.split("one of", 1)[1].split(". ", maxsplit=1)[0]
        )
    if found := re.search(r"(?:type, must be|always) \"?(\w+)\"?$", description):
        return [found[1]]
    if "Currently, can be" in description:
        return re.findall(r'"(\w+)" \(', description)
    if "Choose one, depending on" in description:
        choices = re.findall(r"(?:(\w+) or )?(\w+) for ", description.split(":", 1)[1])
        return [name for pair in choices for name in pair if name]
    return []


def field_of(field: dict[str, Any]) -> dict[str, Any]:
    """Reduce a field to what a checker needs."""
    facts: dict[str, Any] = {"types": field["types"]}
    if field["required"]:
        facts["required"] = True
    return facts | limits_of(field["description"])


def fields_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Reduce a method's or type's fields."""
    return {f["name"]: field_of(f) for f in entry.get("fields", [])}


def named_in(fields: dict[str, Any]) -> set[str]:
    """List the types a set of fields is made of."""
    names = {t.removeprefix("Array of ") for f in fields.values() for t in f["types"]}
    return {n.removeprefix("Array of ") for n in names} - SIMPLE


def derive(spec: dict[str, Any]) -> dict[str, Any]:
    """Keep our methods and every type that their parameters can contain."""
    methods = {name: fields_of(spec["methods"][name]) for name in METHODS}
    types: dict[str, Any] = {}
    waiting = sorted(set().union(*(named_in(f) for f in methods.values())))
    while waiting:
        name = waiting.pop()
        if name in types:
            continue
        entry = spec["types"][name]
        if name in LEFT_OUT:
            types[name] = {"unchecked": True}
        elif "subtypes" in entry:
            types[name] = {"one_of": entry["subtypes"]}
            waiting += entry["subtypes"]
        else:
            fields = fields_of(entry)
            types[name] = {"fields": fields}
            waiting += sorted(named_in(fields))
    updates = [n for n in fields_of(spec["types"]["Update"]) if n != "update_id"]
    return {
        "source": f"Telegram {spec['version']}, {spec['release_date']}",
        "methods": methods,
        "types": dict(sorted(types.items())),
        "updates": updates,
    }


def main(arguments: list[str]) -> int:
    """Write the facts beside this script."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    spec = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    FACTS.write_text(json.dumps(derive(spec), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
