"""What each of Telegram's refusals means to us: one table, most specific first.

Apart from `sender` because the face's replies go through the same table. The words are
those of the server (tdlib/telegram-bot-api, `Client.cpp`); python-telegram-bot cuts
`Bad Request: ` off and changes the case of the rest, so they are compared in lower
case.
"""

from datetime import timedelta
from typing import Final

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from handlers.telegram.transport import NotSentError

#: words of a 400 or 403 -> reason code: nobody there, or no right to write there
_GONE: Final = (
    ("bot was blocked by the user", "blocked"),
    ("user_is_blocked", "blocked"),
    ("user is deactivated", "deactivated"),
    ("input_user_deactivated", "deactivated"),
    ("bot was kicked", "kicked"),
    ("bot is not a member", "not_member"),
    ("channel_private", "not_member"),
    ("group chat was deleted", "chat_deleted"),
    ("group chat was deactivated", "chat_deleted"),
    # the new id comes with the service message; without it there is nobody to write to
    ("upgraded to a supergroup", "chat_migrated"),
    ("chat not found", "chat_not_found"),
    ("chat_id is empty", "chat_not_found"),
    ("peer_id_invalid", "chat_not_found"),
    ("chat_id_invalid", "chat_not_found"),
    ("channel_invalid", "chat_not_found"),
    ("can't initiate conversation", "never_started"),
    ("can't send messages to bots", "never_started"),
    ("chat_write_forbidden", "no_rights"),
    ("chat_restricted", "no_rights"),
    ("chat_admin_required", "no_rights"),
    ("chat_send_plain_forbidden", "no_rights"),
    ("chat_guest_send_forbidden", "no_rights"),
    ("user_banned_in_channel", "no_rights"),
    ("not enough rights", "no_rights"),
    ("have no rights to send", "no_rights"),
    ("need administrator rights", "no_rights"),
    ("message thread not found", "topic_gone"),
    ("topic_deleted", "topic_gone"),
    ("topic_closed", "topic_closed"),
)

#: words of a 400 -> reason code: this very message is refused
_REJECTED: Final = (
    ("unsupported start tag", "bad_markup"),
    ("can't parse", "bad_markup"),
    ("message is too long", "too_long"),
    ("message_too_long", "too_long"),
    ("text is empty", "empty"),
    ("text must be non-empty", "empty"),
    ("button_", "bad_button"),
    ("reply_markup", "bad_button"),
)


def classify(error: Exception) -> DeliveryError:
    """Say what a failed call means for the delivery.

    The result's text never holds the token, and is to be raised `from None`: the
    library's own `InvalidToken` may quote the token.
    """
    match error:
        case RetryAfter():
            return _retry_after(error)
        case ChatMigrated():
            return RecipientMovedError(
                "The group became a supergroup",
                reason="chat_migrated",
                new_chat=str(error.new_chat_id),
            )
        case InvalidToken() | EndPointNotFound():
            return SenderMisconfiguredError(
                "Telegram refuses the bot's token", reason="bad_token"
            )
        case Conflict():
            return SenderMisconfiguredError(
                "Another program uses the same bot token", reason="conflict"
            )
        case Forbidden():
            return _forbidden(error)
        # BadRequest and TimedOut are NetworkErrors too, so they come first.
        case BadRequest():
            return _bad_request(error)
        case _:
            return _no_answer(error)


def _no_answer(error: Exception) -> DeliveryError:
    """Tell a request that never left from one that may have been heard."""
    match error:
        case NotSentError():
            return TemporaryDeliveryError(error.message, reason="not_connected")
        case TimedOut():
            return _timed_out(error)
        case NetworkError():
            return _network_error(error)
        case TimeoutError():
            return TemporaryDeliveryError(
                "No answer in time", reason="timeout", is_unknown=True
            )
        case _:
            # A 200 whose body is no answer of Telegram's, such as a portal's page.
            return TemporaryDeliveryError(
                f"No valid answer ({type(error).__name__})",
                reason="bad_answer",
                is_unknown=True,
            )


def _retry_after(error: RetryAfter) -> DeliveryError:
    wait = error.retry_after
    return TemporaryDeliveryError(
        "Too many requests",
        reason="rate_limited",
        # a number again if somebody switched PTB_TIMEDELTA off
        retry_after=wait if isinstance(wait, timedelta) else timedelta(seconds=wait),
    )


def _forbidden(error: Forbidden) -> DeliveryError:
    words = error.message.lower()
    if "unauthorized" in words:
        return SenderMisconfiguredError(
            "Telegram refuses the bot's token", reason="bad_token"
        )
    reason = _find(words, _GONE) or "forbidden"
    return RecipientGoneError(error.message, reason=reason)


def _bad_request(error: BadRequest) -> DeliveryError:
    words = error.message.lower()
    if reason := _find(words, _GONE):
        return RecipientGoneError(error.message, reason=reason)
    reason = _find(words, _REJECTED) or "rejected"
    return MessageRejectedError(error.message, reason=reason)


def _timed_out(error: TimedOut) -> DeliveryError:
    # HTTPX's wording, should a bot run on the library's own transport
    is_unknown = "not* sent" not in error.message.lower()
    reason = "timeout" if is_unknown else "not_connected"
    return TemporaryDeliveryError(error.message, reason=reason, is_unknown=is_unknown)


def _network_error(error: NetworkError) -> DeliveryError:
    words = error.message.lower()
    if "request entity too large" in words:
        return MessageRejectedError(error.message, reason="too_long")
    # The library keeps no status, and a proxy's page may be its whole text.
    is_broken = words.startswith("the connection broke")
    return TemporaryDeliveryError(
        error.message if is_broken else "The server failed",
        reason="connection_lost" if is_broken else "server_error",
        is_unknown=True,
    )


def _find(words: str, table: tuple[tuple[str, str], ...]) -> str:
    return next((reason for mark, reason in table if mark in words), "")
