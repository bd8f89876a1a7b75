"""The REST endpoints of the fake Discord; each takes a call and gives status and body.

Source: docs.discord.com/developers/resources.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from fake_discord_answers import (
    acknowledge,
    delete_answer,
    edit_answer,
    follow_up,
    get_answer,
)
from fake_discord_call import Answer, ApiError, Call, Invalid, edit, refuse_empty
from fake_discord_messages import FLAG_CROSSPOSTED, Message
from fake_discord_places import Channel
from fake_discord_rules import Fault

ANNOUNCEMENTS = 5


# ------------------------------------------------------------------- bot and gateway


def get_gateway(call: Call) -> Answer:
    return 200, {"url": call.gateway.url}


def get_gateway_bot(call: Call) -> Answer:
    starts = {
        "total": 1000,
        "remaining": max(0, 1000 - call.gateway.identifies),
        "reset_after": int(timedelta(days=1).total_seconds() * 1000),
        "max_concurrency": 1,
    }
    shards = call.gateway.shards
    return 200, {
        "url": call.gateway.url,
        "shards": shards,
        "session_start_limit": starts,
    }


def get_me(call: Call) -> Answer:
    return 200, call.world.bot.payload | {"verified": True, "mfa_enabled": True}


def get_user(call: Call) -> Answer:
    user = call.world.users.get(call.params["user_id"])
    if user is None:
        raise ApiError(404, 10013, "Unknown User")
    return 200, user.payload


def get_application(call: Call) -> Answer:
    bot = call.world.bot
    if call.params.get("application_id", bot.id) != bot.id:
        raise ApiError(404, 10002, "Unknown Application")
    return 200, {
        "id": bot.id,
        "name": bot.name,
        "icon": None,
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "owner": call.world.operator.payload,
        "team": None,
        "verify_key": "0" * 64,
        "flags": 0,
        "integration_types_config": {"0": {}, "1": {}},
        "approximate_guild_count": len(call.world.servers),
    }


# ----------------------------------------------------------------------------- commands


def _commands(call: Call) -> list[dict[str, Any]]:
    if call.params["application_id"] != call.world.bot.id:
        raise ApiError(404, 10002, "Unknown Application")
    server_id = call.params.get("guild_id")
    if server_id is not None:
        call.server()
    return call.world.commands.setdefault(server_id, [])


def _kept(call: Call, given: dict[str, Any], command_id: str) -> dict[str, Any]:
    kept = {
        "id": command_id,
        "application_id": call.world.bot.id,
        "version": call.world.new_id(),
        "type": 1,
        "description": "",
        "default_member_permissions": None,
        "nsfw": False,
        "options": [],
    } | given
    rights = kept["default_member_permissions"]
    kept["default_member_permissions"] = None if rights is None else str(rights)
    if "guild_id" in call.params:
        kept["guild_id"] = call.params["guild_id"]
    return kept


def _command(call: Call) -> dict[str, Any]:
    wanted = call.params["command_id"]
    for each in _commands(call):
        if each["id"] == wanted:
            return each
    raise ApiError(404, 10063, "Unknown application command")


def _key(command: Mapping[str, Any]) -> tuple[int, str]:
    return command.get("type") or 1, command["name"]


def list_commands(call: Call) -> Answer:
    return 200, _commands(call)


def overwrite_commands(call: Call) -> Answer:
    known = {_key(each): each["id"] for each in _commands(call)}
    new = [
        _kept(call, each, known.get(_key(each)) or call.world.new_id())
        for each in call.body or []
    ]
    call.world.commands[call.params.get("guild_id")] = new
    call.world.touch()
    return 200, new


def create_command(call: Call) -> Answer:
    commands = _commands(call)
    old = next((each for each in commands if _key(each) == _key(call.body)), None)
    kept = _kept(call, call.body, old["id"] if old else call.world.new_id())
    if old:
        commands.remove(old)
    commands.append(kept)
    call.world.touch()
    return (200 if old else 201), kept


def get_command(call: Call) -> Answer:
    return 200, _command(call)


def edit_command(call: Call) -> Answer:
    command = _command(call)
    command.update(call.body)
    return 200, command


def delete_command(call: Call) -> Answer:
    _commands(call).remove(_command(call))
    return 204, None


# ----------------------------------------------------------------- servers and channels


def get_server(call: Call) -> Answer:
    return 200, call.server().rest_payload


def list_channels(call: Call) -> Answer:
    return 200, [c.payload for c in call.server().channels.values()]


def get_member(call: Call) -> Answer:
    server = call.server()
    user = call.world.users.get(call.params["user_id"])
    if user is None:
        raise ApiError(404, 10013, "Unknown User")
    if user.id not in server.members:
        raise ApiError(404, 10007, "Unknown Member")
    return 200, server.member(user)


def open_dm(call: Call) -> Answer:
    user = call.world.users.get(str(call.body.get("recipient_id")))
    if user is None or user is call.world.bot:
        raise ApiError(400, 50033, "Invalid Recipient(s)")
    if not call.limits.take_dm():
        raise ApiError(400, 40003, "You are opening direct messages too fast")
    return 200, user.dm.payload


def get_channel(call: Call) -> Answer:
    return 200, call.channel().payload


def start_typing(call: Call) -> Answer:
    call.writable_channel()
    return 204, None


# ----------------------------------------------------------------------------- messages


def list_messages(call: Call) -> Answer:
    limit = int(call.query.get("limit", 50))
    before, after = call.query.get("before"), call.query.get("after")
    shown = [m for m in call.channel().history if not m.is_deleted]
    if before:
        shown = [m for m in shown if int(m.id) < int(before)]
    if after:
        shown = [m for m in shown if int(m.id) > int(after)][:limit]
    return 200, [call.world.show(m) for m in shown[::-1][:limit]]


def get_message(call: Call) -> Answer:
    return call.show(call.message())


def create_message(call: Call) -> Answer:
    channel = call.writable_channel()
    again = _same_nonce(call, channel)
    if again is not None:
        call.world.swallowed += 1
        if again.is_deleted:
            raise ApiError(404, 10008, "Unknown Message")
        return call.show(again)
    refuse_empty(call.body, call.files)
    _check_reference(call, channel)
    bot = call.world.bot
    return call.show(call.world.post(channel, bot, call.body, files=call.files))


def _same_nonce(call: Call, channel: Channel) -> Message | None:
    nonce = call.body.get("nonce")
    if nonce is None or not call.body.get("enforce_nonce"):
        return None
    oldest = call.world.now() - call.world.nonce_window
    for message in reversed(channel.history):
        if message.created_at < oldest:
            return None
        is_own = message.author is call.world.bot and message.nonce is not None
        if is_own and str(message.nonce) == str(nonce):
            return message
    return None


def _check_reference(call: Call, channel: Channel) -> None:
    reference = call.body.get("message_reference")
    if not reference:
        return
    answered = call.world.messages.get(str(reference["message_id"]))
    is_here = answered is not None and answered.channel is channel
    if is_here and not answered.is_deleted:
        return
    if reference.get("fail_if_not_exists") is False:
        call.body["message_reference"] = None
        return
    at = ("message_reference",)
    raise Invalid(Fault(at, "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message"))


def edit_message(call: Call) -> Answer:
    message = call.own_message()
    edit(message, call.body, call.files)
    return call.show(message)


def delete_message(call: Call) -> Answer:
    message = call.message()
    if message.author is not call.world.bot:
        raise ApiError(403, 50013, "Missing Permissions")
    message.delete()
    return 204, None


def crosspost(call: Call) -> Answer:
    channel = call.writable_channel()
    message = call.message(channel)
    if channel.kind != ANNOUNCEMENTS:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    if message.flags & FLAG_CROSSPOSTED:
        text = "This message has already been crossposted."
        raise ApiError(400, 40033, text)
    message.flags |= FLAG_CROSSPOSTED
    call.world.touch()
    return call.show(message)


# ------------------------------------------------------------------------------- routes

_COMMANDS = "/applications/{application_id}/commands"
_SERVER_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"
_MESSAGES = "/channels/{channel_id}/messages"
_WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"

#: in this order they are tried: words before placeholders
ROUTES: Mapping[str, Callable[[Call], Answer]] = {
    "GET /gateway": get_gateway,
    "GET /gateway/bot": get_gateway_bot,
    "GET /users/@me": get_me,
    "GET /users/{user_id}": get_user,
    "POST /users/@me/channels": open_dm,
    "GET /oauth2/applications/@me": get_application,
    "GET /applications/@me": get_application,
    "GET /applications/{application_id}": get_application,
    **{
        f"{method} {path}{tail}": endpoint
        for path in (_COMMANDS, _SERVER_COMMANDS)
        for method, tail, endpoint in (
            ("GET", "", list_commands),
            ("PUT", "", overwrite_commands),
            ("POST", "", create_command),
            ("GET", "/{command_id}", get_command),
            ("PATCH", "/{command_id}", edit_command),
            ("DELETE", "/{command_id}", delete_command),
        )
    },
    "GET /guilds/{guild_id}": get_server,
    "GET /guilds/{guild_id}/channels": list_channels,
    "GET /guilds/{guild_id}/members/{user_id}": get_member,
    "GET /channels/{channel_id}": get_channel,
    "POST /channels/{channel_id}/typing": start_typing,
    f"GET {_MESSAGES}": list_messages,
    f"POST {_MESSAGES}": create_message,
    f"GET {_MESSAGES}/{{message_id}}": get_message,
    f"PATCH {_MESSAGES}/{{message_id}}": edit_message,
    f"DELETE {_MESSAGES}/{{message_id}}": delete_message,
    f"POST {_MESSAGES}/{{message_id}}/crosspost": crosspost,
    "POST /interactions/{interaction_id}/{interaction_token}/callback": acknowledge,
    f"POST {_WEBHOOK}": follow_up,
    **{
        f"{method} {_WEBHOOK}/messages/{which}": endpoint
        for which in ("@original", "{message_id}")
        for method, endpoint in (
            ("GET", get_answer),
            ("PATCH", edit_answer),
            ("DELETE", delete_answer),
        )
    },
}

#: asked without the bot's token: the interaction's own is in the path
UNAUTHORIZED = tuple(r for r in ROUTES if "/interactions/" in r or "/webhooks/" in r)
