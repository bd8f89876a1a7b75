"""Derive `discord_facts.json` from Discord's OpenAPI description of API v10.

    python tests/derive_discord_facts.py PATH/TO/openapi.json

The description is published by Discord under the MIT licence. Of it we keep what a
request of ours can get wrong: which operations exist and what their JSON body looks
like. Answers, prose and everything our bot never sends are left out, so whatever is
not in the facts counts as a mistake: add it here first.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Node = dict[str, Any]

TARGET = Path(__file__).with_name("discord_facts.json")

COMMANDS = "/applications/{application_id}/commands"
SERVER_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"
MESSAGES = "/channels/{channel_id}/messages"
WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"

OPERATIONS: Mapping[str, str] = {
    "/gateway": "get",
    "/gateway/bot": "get",
    "/users/@me": "get",
    "/users/{user_id}": "get",
    "/users/@me/channels": "post",
    "/oauth2/applications/@me": "get",
    "/applications/@me": "get",
    "/applications/{application_id}": "get",
    COMMANDS: "get put post",
    COMMANDS + "/{command_id}": "get patch delete",
    SERVER_COMMANDS: "get put post",
    SERVER_COMMANDS + "/{command_id}": "get patch delete",
    "/guilds/{guild_id}": "get",
    "/guilds/{guild_id}/channels": "get",
    "/guilds/{guild_id}/members/{user_id}": "get",
    "/channels/{channel_id}": "get",
    "/channels/{channel_id}/typing": "post",
    MESSAGES: "get post",
    MESSAGES + "/{message_id}": "get patch delete",
    MESSAGES + "/{message_id}/crosspost": "post",
    "/interactions/{interaction_id}/{interaction_token}/callback": "post",
    WEBHOOK: "post",
    WEBHOOK + "/messages/@original": "get patch delete",
    WEBHOOK + "/messages/{message_id}": "get patch delete",
}

#: parts of Discord that Flipwatch does not use
UNUSED = (
    "Poll",
    "CustomClientTheme",
    "Modal",
    "LaunchActivity",
    "SocialLayer",
    "SelectComponent",
    "ContainerComponent",
    "FileComponent",
    "MediaGallery",
    "SectionComponent",
    "SeparatorComponent",
    "TextDisplay",
    "ApplicationCommandHandler",
)

#: JSON Schema's words that a check can use, taken over as they are
KEPT_WORDS = (
    "type",
    "enum",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "uniqueItems",
    "required",
)

#: a length from here on is a technical bound, no limit that anybody documents
ENDLESS = 150_000

#: what discord.py sends and Discord takes or ignores without describing it
SENT_ANYWAY: Mapping[str, Mapping[str, str]] = {
    "ApplicationCommandCreateRequest": {"nsfw": "boolean"},
    "ApplicationCommandUpdateRequest": {"nsfw": "boolean"},
    "ApplicationCommandPatchRequestPartial": {"nsfw": "boolean"},
    "IncomingWebhookUpdateRequestPartial": {"tts": "boolean"},
    "IncomingWebhookUpdateForInteractionCallbackRequestPartial": {"tts": "boolean"},
    "MessageEditRequestPartial": {"tts": "boolean"},
    "RichEmbed": {"flags": "integer"},
}


def derive(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"operations": {"POST /path": schema | null}, "schemas": {...}}`.

    Raises `KeyError` if the description lacks an operation that we use.
    """
    operations: dict[str, Node | None] = {}
    for path, methods in OPERATIONS.items():
        for method in methods.split():
            operation = spec["paths"][path][method]
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            key = f"{method.upper()} {path}"
            operations[key] = None if schema is None else _shrink(schema)
    schemas: dict[str, Node] = {}
    wanted = [name for node in operations.values() for name in _names(node)]
    while wanted:
        name = wanted.pop()
        if name in schemas:
            continue
        schema = _shrink(spec["components"]["schemas"][name]) or {}
        for extra, kind in SENT_ANYWAY.get(name, {}).items():
            schema["properties"].setdefault(extra, {"type": kind})
        schemas[name] = schema
        wanted += _names(schema)
    return {"operations": operations, "schemas": schemas}


def _shrink(schema: Mapping[str, Any]) -> Node | None:
    """Keep what a check can use; None if nothing of ours is left."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return None if any(part in name for part in UNUSED) else {"ref": name}
    node = {word: schema[word] for word in KEPT_WORDS if word in schema}
    if node.get("maxLength", 0) >= ENDLESS:
        del node["maxLength"]
    alternatives = schema.get("oneOf") or schema.get("anyOf")
    if alternatives and all("const" in each for each in alternatives):
        return node | {"enum": [each["const"] for each in alternatives]}
    if alternatives:
        kept = [each for each in map(_shrink, alternatives) if each is not None]
        if all(each == {"type": "null"} for each in kept):
            return None
        return kept[0] if len(kept) == 1 else {"anyOf": kept}
    if "properties" in schema:
        shrunk = {name: _shrink(each) for name, each in schema["properties"].items()}
        node["properties"] = {k: v for k, v in shrunk.items() if v is not None}
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            inner = _shrink(schema[word])
            if inner is None:
                return None
            node[word] = inner
    return node


def _names(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for each in node for name in _names(each)]
    if not isinstance(node, dict):
        return []
    found = [node["ref"]] if isinstance(node.get("ref"), str) else []
    return found + [name for each in node.values() for name in _names(each)]


def main(path: str) -> None:
    facts = derive(json.loads(Path(path).read_text(encoding="utf-8")))
    lines = ["{"]
    for part, comma in (("operations", ","), ("schemas", "")):
        entries = [
            f"    {json.dumps(name)}: {json.dumps(node, sort_keys=True)}"
            for name, node in sorted(facts[part].items())
        ]
        lines += [f'  "{part}": {{', ",\n".join(entries), f"  }}{comma}"]
    TARGET.write_text("\n".join([*lines, "}", ""]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
