"""What each of Discord's refusals means to us: one table, most specific first.

Codes: discord.com/developers/docs/topics/opcodes-and-status-codes#json. The code
decides before the status, since Discord sends one code with different statuses.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

import aiohttp
import discord

from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from handlers.poster import AddressError, NotConnectedError

#: the answer to a repeated nonce whose message somebody has deleted meanwhile
SENT_AND_DELETED = "sent_and_deleted"
#: the answer to publishing a post that is published already
ALREADY_PUBLISHED = "already_published"

_GONE: Mapping[int, str] = {
    10003: "channel_gone",
    10004: "server_gone",
    10013: "user_gone",
    10015: "interaction_gone",  # its token is a webhook's; it has run out
    10062: "interaction_gone",
    40007: "banned",
    40058: "not_a_text_channel",  # a forum: only its threads take messages
    50001: "no_access",
    50003: "not_a_text_channel",
    50007: "dm_closed",
    50008: "not_a_text_channel",
    50009: "no_rights",  # the server asks for more verification than the bot has
    50013: "no_rights",
    50024: "not_a_text_channel",
    50027: "interaction_gone",
    50033: "user_gone",
    50083: "thread_archived",
    50278: "no_mutual_server",
    160005: "thread_locked",
}

_REJECTED: Mapping[int, str] = {
    10008: SENT_AND_DELETED,
    20009: "explicit_content",
    40005: "too_large",
    40033: ALREADY_PUBLISHED,
    40060: "already_answered",
    50006: "empty",
    50035: "invalid_form",
    50045: "too_large",
    50109: "invalid_json",
    160002: "no_reply_right",  # plain, it replies to nothing
    200000: "blocked_by_automod",
    200001: "blocked_by_automod",
    240000: "harmful_link",
}

_TEMPORARY: Mapping[int, str] = {
    20016: "slow_mode",
    20028: "rate_limited",
    20029: "rate_limited",
    40003: "opening_dms_too_fast",
    40004: "sending_disabled",  # for a time, by Discord itself
    40006: "feature_disabled",
    40062: "rate_limited",
    130000: "overloaded",
}

_MISCONFIGURED: Mapping[int, str] = {
    10002: "unknown_application",
    20001: "not_for_bots",
    20026: "bot_flagged",
    40001: "unauthorized",
    40002: "account_unverified",
    40333: "blocked_by_cloudflare",
    50010: "no_bot",
    50014: "bad_token",
    50025: "bad_token",
    50041: "old_api",
}

_KINDS: tuple[tuple[Mapping[int, str], Callable[..., DeliveryError]], ...] = (
    (_GONE, RecipientGoneError),
    (_REJECTED, MessageRejectedError),
    (_TEMPORARY, TemporaryDeliveryError),
    (_MISCONFIGURED, SenderMisconfiguredError),
)

_TOO_MANY = 429
_FIRST_REDIRECT = 300
_FIRST_CLIENT_ERROR = 400
_FIRST_SERVER_ERROR = 500

#: close code of the gateway for a wrong token (topics/opcodes-and-status-codes#gateway)
_GATEWAY_AUTHENTICATION_FAILED = 4004
#: from here on the gateway refuses our shards, intents or version for good
_GATEWAY_INVALID_SHARD = 4010


def classify(
    status: int,
    code: int = 0,
    *,
    detail: str = "",
    retry_after: timedelta | None = None,
    is_global: bool = False,
) -> DeliveryError:
    """Say what an answer that is not a yes means for the delivery.

    `code` is Discord's own, 0 where it gave none; `detail` is Discord's own text.
    """
    said = f"Discord answered {status} ({code})" if code else f"Discord said {status}"
    text = f"{said}: {detail}" if detail else said
    if status == _TOO_MANY:
        return TemporaryDeliveryError(
            text, reason="rate_limited", retry_after=retry_after, is_global=is_global
        )
    if status >= _FIRST_SERVER_ERROR:
        return TemporaryDeliveryError(
            text, reason=f"http_{status}", is_unknown=True, retry_after=retry_after
        )
    for table, kind in _KINDS:
        if code in table:
            return kind(text, reason=table[code])
    match status:
        case 401:
            return SenderMisconfiguredError(text, reason="unauthorized")
        case 403:
            return RecipientGoneError(text, reason="forbidden")
        case 404:
            # Without a code of Discord's nobody there knows the path: a wrong api_url.
            return SenderMisconfiguredError(text, reason="unknown_path")
        case 408:
            return TemporaryDeliveryError(text, reason="http_408", is_unknown=True)
        case _ if status < _FIRST_CLIENT_ERROR:
            return SenderMisconfiguredError(text, reason=f"http_{status}")
        case _:
            return MessageRejectedError(text, reason=f"http_{status}")


def classify_error(error: Exception) -> DeliveryError:
    """Say what a failure without an answer, or one of discord.py's errors, means.

    Unknown is only what may have reached Discord: not a refused connection, a name
    that does not resolve or a certificate that does not hold. The texts name no
    address, since an interaction's address holds its token.
    """
    kind = type(error).__name__
    match error:
        case DeliveryError():
            return error
        case discord.DiscordException():
            return _classify_discord(error)
        case aiohttp.InvalidURL() | AddressError():
            return SenderMisconfiguredError(
                "discord.api_url is no address", reason="bad_address"
            )
        case (
            NotConnectedError()
            | aiohttp.ClientConnectorError()
            | aiohttp.ConnectionTimeoutError()
        ):
            return TemporaryDeliveryError(
                f"Discord is unreachable ({kind})", reason="unreachable"
            )
        case TimeoutError():
            return TemporaryDeliveryError(
                "Discord did not answer in time", reason="timeout", is_unknown=True
            )
        case _:
            return TemporaryDeliveryError(
                f"the connection to Discord broke ({kind})",
                reason="connection_lost",
                is_unknown=True,
            )


def _classify_discord(error: discord.DiscordException) -> DeliveryError:
    match error:
        case discord.LoginFailure():
            return SenderMisconfiguredError(
                "Discord refuses the token", reason="unauthorized"
            )
        case discord.PrivilegedIntentsRequired():
            return SenderMisconfiguredError(
                "Discord refuses the bot's intents", reason="intents_refused"
            )
        case discord.RateLimited():
            return TemporaryDeliveryError(
                "Discord asks to wait",
                reason="rate_limited",
                retry_after=timedelta(seconds=error.retry_after),
            )
        case discord.HTTPException():
            return classify(error.status, error.code)
        case discord.ConnectionClosed():
            return _classify_close(error.code)
        case _:
            return TemporaryDeliveryError(
                f"Discord does not work now ({type(error).__name__})",
                reason="gateway_trouble",
            )


def _classify_close(code: int) -> DeliveryError:
    if code == _GATEWAY_AUTHENTICATION_FAILED:
        return SenderMisconfiguredError(
            "Discord refuses the token", reason="unauthorized"
        )
    text = f"Discord's gateway closed with {code}"
    if code >= _GATEWAY_INVALID_SHARD:
        return SenderMisconfiguredError(text, reason=f"gateway_{code}")
    return TemporaryDeliveryError(text, reason=f"gateway_{code}")
