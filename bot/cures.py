"""What to do about a reason code, in a line. Pure.

The reasons are those of `DeliveryError` and `SourceError`; `docs/operations.md` tells
the same at greater length.
"""

from collections.abc import Mapping

from bot.model import Platform

_TOKEN: Mapping[Platform, str] = {
    Platform.TELEGRAM: "copy it anew from @BotFather (/mybots, API Token) into"
    " telegram.token",
    Platform.DISCORD: "reset it in the developer portal (Bot, Reset Token) and put it"
    " into discord.token",
    Platform.WEB: "",
}
_ADDRESS: Mapping[Platform, str] = {
    Platform.TELEGRAM: "telegram.base_url",
    Platform.DISCORD: "discord.api_url",
    Platform.WEB: "",
}
_DELIVERY: Mapping[str, str] = {
    "conflict": "stop the other program that uses this token, or give this bot a token"
    " of its own",
    "unknown_application": "look at the application in the developer portal",
    "no_bot": "add a bot to the application in the developer portal",
    "not_for_bots": "use a bot's token, not a person's",
    "account_unverified": "verify the account that owns the bot",
    "bot_flagged": "see what Discord wrote about the bot in the developer portal",
    "blocked_by_cloudflare": "wait an hour, and look for another program on this"
    " address that is refused all the time",
    "rate_limited": "wait a little and check again",
    "server_error": "the platform itself is in trouble: wait and check again",
    "bad_answer": "something else answers there: check the address and the proxy",
    "blocked": "that person blocked the bot: they must unblock it and press Start",
    "never_started": "that person must open the bot's chat and press Start once",
    "deactivated": "that account is gone: use another address",
    "user_gone": "that account is gone: use another address",
    "kicked": "add the bot again",
    "not_member": "add the bot to it",
    "banned": "an admin must lift the bot's ban there",
    "chat_deleted": "it no longer exists: /broadcast in another place",
    "chat_not_found": "check the id, and add the bot to that place",
    "chat_migrated": "the group became a supergroup: add the bot again",
    "channel_gone": "it no longer exists or the bot can't see it; a person's id does"
    " not work here, a channel's does",
    "server_gone": "the bot is not in that server any more: invite it again",
    "no_rights": "an admin must let the bot post there",
    "no_access": "an admin must let the bot see that channel and write in it",
    "forbidden": "an admin must let the bot write there",
    "topic_gone": "that topic no longer exists: /broadcast in another one",
    "topic_closed": "an admin must open the topic again",
    "not_a_text_channel": "choose a text channel or a thread",
    "thread_archived": "somebody must write in the thread once",
    "thread_locked": "an admin must unlock the thread",
    "dm_closed": "that person does not take direct messages from the bot",
    "no_mutual_server": "that person must share a server with the bot",
}
_ENGINE: Mapping[str, str] = {
    "http_401": "copy the key anew into engine.api_key",
    "http_402": "renew the plan behind engine.api_key",
    "http_403": "copy the key anew into engine.api_key, or take a plan that allows it",
    "http_429": "the plan's calls are used up or come too fast: raise"
    " engine.poll_interval, set engine.credits_per_month",
    "timeout": "check the network and engine.base_url; else the engine is overloaded",
    "connection": "check engine.base_url, the network and its firewall",
    "budget": "this month's credits are used up: raise engine.credits_per_month or wait"
    " for the next month",
}


def delivery_cure(platform: Platform, reason: str) -> str:
    """Say what to do about a platform's refusal."""
    if reason in {"bad_token", "unauthorized"}:
        return _TOKEN[platform]
    if reason in {"unreachable", "not_connected", "connection_lost", "timeout"}:
        return f"check the network, the firewall and {_ADDRESS[platform]}"
    if reason in {"unknown_path", "bad_address", "old_api"} or reason[:6] == "http_3":
        return f"check {_ADDRESS[platform]}: that is no address of the platform's API"
    if reason.startswith("http_5"):
        return _DELIVERY["server_error"]
    return _DELIVERY.get(reason, f"see “{reason}” in docs/operations.md")


def engine_cure(reason: str) -> str:
    """Say what to do about an engine's refusal."""
    if reason.startswith("http_5"):
        return "the engine itself is in trouble: see its status page, then check again"
    return _ENGINE.get(
        reason, "check engine.base_url: what answers there is no engine we know"
    )
