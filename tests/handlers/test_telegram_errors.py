"""Every refusal of Telegram has one meaning for a delivery."""

from datetime import timedelta

import pytest
import telegram.error
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    PassportDecryptionError,
    RetryAfter,
    TelegramError,
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
from handlers.telegram.errors import _GONE, _REJECTED, classify
from handlers.telegram.transport import NotSentError


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Forbidden: bot was blocked by the user", "blocked"),
        ("Forbidden: user is deactivated", "deactivated"),
        ("Forbidden: bot was kicked from the group chat", "kicked"),
        ("Forbidden: bot was kicked from the supergroup chat", "kicked"),
        ("Forbidden: bot was kicked from the channel chat", "kicked"),
        ("Forbidden: bot is not a member of the group chat", "not_member"),
        ("Forbidden: bot is not a member of the supergroup chat", "not_member"),
        ("Forbidden: bot is not a member of the channel chat", "not_member"),
        ("Forbidden: the group chat was deleted", "chat_deleted"),
        (
            "Forbidden: bot can't initiate conversation with a user",
            "never_started",
        ),
        ("Forbidden: bot can't send messages to bots", "never_started"),
        ("Forbidden: something new", "forbidden"),
    ],
)
def test_a_forbidden_means_the_recipient_is_gone(words: str, reason: str):
    failure = classify(Forbidden(words))

    assert type(failure) is RecipientGoneError
    assert failure.reason == reason
    assert failure.is_unknown is False


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Bad Request: chat not found", "chat_not_found"),
        ("Bad Request: private chat not found", "chat_not_found"),
        ("Bad Request: chat_id is empty", "chat_not_found"),
        ("Bad Request: PEER_ID_INVALID", "chat_not_found"),
        ("Bad Request: CHAT_WRITE_FORBIDDEN", "no_rights"),
        ("Bad Request: CHAT_RESTRICTED", "no_rights"),
        (
            "Bad Request: not enough rights to send text messages to the chat",
            "no_rights",
        ),
        (
            "Bad Request: need administrator rights in the channel chat",
            "no_rights",
        ),
        ("Bad Request: have no rights to send a message", "no_rights"),
        ("Bad Request: message thread not found", "topic_gone"),
        ("Bad Request: TOPIC_CLOSED", "topic_closed"),
        ("Bad Request: TOPIC_DELETED", "topic_gone"),
        ("Bad Request: USER_IS_BLOCKED", "blocked"),
        ("Bad Request: INPUT_USER_DEACTIVATED", "deactivated"),
        ("Bad Request: CHANNEL_PRIVATE", "not_member"),
        (
            "Bad Request: group chat was upgraded to a supergroup chat",
            "chat_migrated",
        ),
    ],
)
def test_a_bad_request_about_the_chat_means_the_recipient_is_gone(
    words: str, reason: str
):
    failure = classify(BadRequest(words))

    assert type(failure) is RecipientGoneError
    assert failure.reason == reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "Bad Request: can't parse entities: Unexpected end tag at byte offset 3",
            "bad_markup",
        ),
        (
            'Bad Request: can\'t parse entities: Unsupported start tag "x"',
            "bad_markup",
        ),
        ("Bad Request: message is too long", "too_long"),
        ("Bad Request: MESSAGE_TOO_LONG", "too_long"),
        ("Bad Request: message text is empty", "empty"),
        ("Bad Request: BUTTON_DATA_INVALID", "bad_button"),
        ("Bad Request: REPLY_MARKUP_TOO_LONG", "bad_button"),
        ("Bad Request: something new", "rejected"),
    ],
)
def test_any_other_bad_request_means_this_message_is_refused(words: str, reason: str):
    failure = classify(BadRequest(words))

    assert type(failure) is MessageRejectedError
    assert failure.reason == reason
    assert failure.is_unknown is False


@pytest.mark.parametrize(
    ("error", "reason", "is_unknown"),
    [
        (TimedOut(), "timeout", True),
        (TimedOut("Timed out (SocketTimeoutError)"), "timeout", True),
        (
            TimedOut("Pool timeout: ... Request was *not* sent to Telegram."),
            "not_connected",
            False,
        ),
        (NotSentError("No connection"), "not_connected", False),
        (NetworkError("The connection broke (X)"), "connection_lost", True),
        (NetworkError("Bad Gateway (502)"), "server_error", True),
        (NetworkError("Internal Server Error"), "server_error", True),
        (TimeoutError(), "timeout", True),
        (TelegramError("Invalid server response"), "bad_answer", True),
        (PassportDecryptionError("x"), "bad_answer", True),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_failure_in_between_is_temporary_and_says_whether_it_may_have_arrived(
    error: Exception, reason: str, is_unknown: bool
):
    failure = classify(error)

    assert type(failure) is TemporaryDeliveryError
    assert (failure.reason, failure.is_unknown) == (reason, is_unknown)
    assert failure.retry_after is None


def test_a_rate_limit_is_a_clear_no_with_the_wait_that_was_ordered():
    failure = classify(RetryAfter(43_838))

    assert type(failure) is TemporaryDeliveryError
    assert failure.retry_after == timedelta(seconds=43_838)
    assert failure.is_unknown is False
    assert failure.is_global is False


def test_a_rate_limit_is_understood_without_the_libraries_opt_in_too(
    monkeypatch: pytest.MonkeyPatch,
):
    error = RetryAfter(7)
    monkeypatch.setattr(RetryAfter, "retry_after", 7)

    failure = classify(error)

    assert isinstance(failure, TemporaryDeliveryError)
    assert failure.retry_after == timedelta(seconds=7)


def test_a_migrated_group_is_followed():
    failure = classify(ChatMigrated(-1001234))

    assert type(failure) is RecipientMovedError
    assert failure.new_chat == "-1001234"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidToken("The token `42:SECRET` was rejected"), "bad_token"),
        (EndPointNotFound("42:SECRET"), "bad_token"),
        (Forbidden("Forbidden: Unauthorized 42:SECRET"), "bad_token"),
        (Conflict("terminated by other getUpdates request"), "conflict"),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_a_refused_token_is_the_operators_and_is_never_shown(
    error: Exception, reason: str
):
    failure = classify(error)

    assert type(failure) is SenderMisconfiguredError
    assert failure.reason == reason
    assert "SECRET" not in str(failure)


def test_a_gateways_page_is_not_kept_as_the_reason():
    page = "Bad Gateway (502). Parsing the server response b'<html>...' failed"

    assert str(classify(NetworkError(page))) == "The server failed"


def test_a_request_that_is_too_large_is_refused_for_good():
    failure = classify(NetworkError("Request Entity Too Large"))

    assert type(failure) is MessageRejectedError


# ------------------------------------------------------------------ nothing left out

#: one example of each class of the library, and what it means
EVERY_CLASS: dict[type[Exception], tuple[Exception, type[DeliveryError]]] = {
    TelegramError: (TelegramError("new"), TemporaryDeliveryError),
    Forbidden: (Forbidden("new"), RecipientGoneError),
    InvalidToken: (InvalidToken(), SenderMisconfiguredError),
    EndPointNotFound: (EndPointNotFound(""), SenderMisconfiguredError),
    NetworkError: (NetworkError("new"), TemporaryDeliveryError),
    BadRequest: (BadRequest("new"), MessageRejectedError),
    TimedOut: (TimedOut(), TemporaryDeliveryError),
    ChatMigrated: (ChatMigrated(-5), RecipientMovedError),
    RetryAfter: (RetryAfter(5), TemporaryDeliveryError),
    Conflict: (Conflict("new"), SenderMisconfiguredError),
    PassportDecryptionError: (PassportDecryptionError("x"), TemporaryDeliveryError),
    NotSentError: (NotSentError("x"), TemporaryDeliveryError),
}


def test_every_class_of_the_library_is_thought_of():
    classes = {
        found
        for found in vars(telegram.error).values()
        if isinstance(found, type) and issubclass(found, Exception)
    }

    assert classes == EVERY_CLASS.keys() - {NotSentError}


@pytest.mark.parametrize("known", EVERY_CLASS, ids=lambda known: known.__name__)
def test_every_class_has_its_kind(known: type[Exception]):
    error, kind = EVERY_CLASS[known]

    assert type(error) is known
    assert type(classify(error)) is kind


@pytest.mark.parametrize(("words", "reason"), _GONE)
def test_every_word_of_the_table_of_the_gone_decides(words: str, reason: str):
    for library in (Forbidden, BadRequest):
        failure = classify(library(words.upper()))

        assert type(failure) is RecipientGoneError
        assert failure.reason == reason


@pytest.mark.parametrize(("words", "reason"), _REJECTED)
def test_every_word_of_the_table_of_the_rejected_decides(words: str, reason: str):
    failure = classify(BadRequest(f"Bad Request: {words.upper()}"))

    assert type(failure) is MessageRejectedError
    assert failure.reason == reason
