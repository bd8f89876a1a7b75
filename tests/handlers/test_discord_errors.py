"""Every refusal and failure of Discord has its one meaning."""

import ssl
from datetime import timedelta
from types import SimpleNamespace

import aiohttp
import discord
import discord.errors
import pytest

from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from handlers.discord.errors import _KINDS, classify, classify_error


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (404, 10003, "channel_gone"),
        (404, 10004, "server_gone"),
        (404, 10013, "user_gone"),
        (404, 10015, "interaction_gone"),
        (404, 10062, "interaction_gone"),
        (403, 50001, "no_access"),
        (403, 50007, "dm_closed"),
        (400, 50008, "not_a_text_channel"),
        (403, 50013, "no_rights"),
        (400, 50024, "not_a_text_channel"),
        (400, 50083, "thread_archived"),
        (403, 50278, "no_mutual_server"),
        (403, 40007, "banned"),
        (400, 40058, "not_a_text_channel"),
        (400, 50003, "not_a_text_channel"),
        (403, 50009, "no_rights"),
        (401, 50027, "interaction_gone"),
        (400, 50033, "user_gone"),
        (400, 160005, "thread_locked"),
        (403, 0, "forbidden"),
        (403, 31337, "forbidden"),
    ],
)
def test_who_cannot_be_reached_is_gone(status, code, reason):
    error = classify(status, code)

    assert isinstance(error, RecipientGoneError)
    assert error.reason == reason
    assert not error.is_unknown


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, 50035, "invalid_form"),
        (400, 50006, "empty"),
        (400, 20009, "explicit_content"),
        (400, 50109, "invalid_json"),
        (413, 40005, "too_large"),
        (400, 40060, "already_answered"),
        (403, 200000, "blocked_by_automod"),
        (403, 200001, "blocked_by_automod"),
        (400, 50045, "too_large"),
        (403, 160002, "no_reply_right"),
        (403, 240000, "harmful_link"),
        (404, 10008, "sent_and_deleted"),
        (400, 0, "http_400"),
        (405, 0, "http_405"),
    ],
)
def test_what_discord_refuses_to_show_is_rejected(status, code, reason):
    error = classify(status, code)

    assert isinstance(error, MessageRejectedError)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, 0, "unauthorized"),
        (401, 40001, "unauthorized"),
        (403, 40002, "account_unverified"),
        (403, 20001, "not_for_bots"),
        (403, 20026, "bot_flagged"),
        (403, 40333, "blocked_by_cloudflare"),
        (404, 10002, "unknown_application"),
        (400, 50010, "no_bot"),
        (401, 50014, "bad_token"),
        (401, 50025, "bad_token"),
        (400, 50041, "old_api"),
        (404, 0, "unknown_path"),
        (302, 0, "http_302"),
    ],
)
def test_what_the_operator_must_mend_pauses_the_platform(status, code, reason):
    error = classify(status, code)

    assert isinstance(error, SenderMisconfiguredError)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("status", "code", "reason", "is_unknown"),
    [
        (500, 0, "http_500", True),
        (502, 0, "http_502", True),
        (503, 130000, "http_503", True),
        (408, 0, "http_408", True),
        (400, 20016, "slow_mode", False),
        (400, 20028, "rate_limited", False),
        (400, 20029, "rate_limited", False),
        (403, 40004, "sending_disabled", False),
        (403, 40006, "feature_disabled", False),
        (400, 40062, "rate_limited", False),
        (400, 130000, "overloaded", False),
        (403, 40003, "opening_dms_too_fast", False),
        (429, 0, "rate_limited", False),
        (429, 40003, "rate_limited", False),
    ],
)
def test_what_passes_is_tried_again(status, code, reason, is_unknown):
    error = classify(status, code)

    assert isinstance(error, TemporaryDeliveryError)
    assert (error.reason, error.is_unknown) == (reason, is_unknown)


def test_a_429_says_how_long_and_for_whom():
    wait = timedelta(seconds=2.5)

    error = classify(429, retry_after=wait, is_global=True)

    assert isinstance(error, TemporaryDeliveryError)
    assert (error.retry_after, error.is_global) == (wait, True)


# -------------------------------------------------------------------- exceptions

KEY = SimpleNamespace(host="discord.test", port=443, ssl=True, is_ssl=True)


def response(status: int) -> SimpleNamespace:
    return SimpleNamespace(status=status, reason="")


def said(code: int) -> dict[str, object]:
    return {"code": code, "message": "no"}


@pytest.mark.parametrize(
    ("error", "kind", "reason", "is_unknown"),
    [
        (TimeoutError(), TemporaryDeliveryError, "timeout", True),
        (aiohttp.SocketTimeoutError(), TemporaryDeliveryError, "timeout", True),
        (
            aiohttp.ConnectionTimeoutError(),
            TemporaryDeliveryError,
            "unreachable",
            False,
        ),
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "no")),
            TemporaryDeliveryError,
            "unreachable",
            False,
        ),
        (
            aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "no name")),
            TemporaryDeliveryError,
            "unreachable",
            False,
        ),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("old")),
            TemporaryDeliveryError,
            "unreachable",
            False,
        ),
        (
            aiohttp.ServerDisconnectedError(),
            TemporaryDeliveryError,
            "connection_lost",
            True,
        ),
        (
            aiohttp.ClientOSError(104, "reset"),
            TemporaryDeliveryError,
            "connection_lost",
            True,
        ),
        (
            aiohttp.ClientPayloadError(),
            TemporaryDeliveryError,
            "connection_lost",
            True,
        ),
        (
            ConnectionResetError(104, "reset"),
            TemporaryDeliveryError,
            "connection_lost",
            True,
        ),
        (
            aiohttp.InvalidURL("nowhere"),
            SenderMisconfiguredError,
            "bad_address",
            False,
        ),
        (discord.LoginFailure(), SenderMisconfiguredError, "unauthorized", False),
        (
            discord.PrivilegedIntentsRequired(0),
            SenderMisconfiguredError,
            "intents_refused",
            False,
        ),
        (discord.RateLimited(40), TemporaryDeliveryError, "rate_limited", False),
        (
            discord.Forbidden(response(403), said(50007)),
            RecipientGoneError,
            "dm_closed",
            False,
        ),
        (
            discord.NotFound(response(404), said(10003)),
            RecipientGoneError,
            "channel_gone",
            False,
        ),
        (
            discord.DiscordServerError(response(503), ""),
            TemporaryDeliveryError,
            "http_503",
            True,
        ),
        (
            discord.GatewayNotFound(),
            TemporaryDeliveryError,
            "gateway_trouble",
            False,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_failure_has_its_kind(error, kind, reason, is_unknown):
    found = classify_error(error)

    assert isinstance(found, kind)
    assert (found.reason, found.is_unknown) == (reason, is_unknown)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (4004, SenderMisconfiguredError, "unauthorized"),
        (4013, SenderMisconfiguredError, "gateway_4013"),
        (1000, TemporaryDeliveryError, "gateway_1000"),
    ],
)
async def test_a_closed_gateway_says_why(code, kind, reason):
    socket = SimpleNamespace(close_code=code)
    error = discord.ConnectionClosed(socket, shard_id=0, code=code)

    found = classify_error(error)

    assert isinstance(found, kind)
    assert found.reason == reason


def test_our_own_errors_stay_what_they_are():
    error = RecipientGoneError("closed", reason="dm_closed")

    assert classify_error(error) is error


def test_no_address_is_told_since_it_may_hold_a_token():
    error = aiohttp.ClientConnectorError(KEY, OSError(111, "no"))

    assert "discord.test" not in str(classify_error(error))


# ------------------------------------------------------------------ nothing left out


def test_every_code_has_one_meaning_and_a_reason():
    codes = [code for table, _ in _KINDS for code in table]

    assert len(codes) == len(set(codes))
    assert all(reason for table, _ in _KINDS for reason in table.values())


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [(code, kind, table[code]) for table, kind in _KINDS for code in table],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_the_code_decides_whatever_the_status(status, code, kind, reason):
    error = classify(status, code)

    assert type(error) is kind
    assert error.reason == reason
    assert not error.is_unknown


@pytest.mark.parametrize("status", [*range(300, 309), *range(400, 452), 499])
def test_every_status_without_a_code_ends_in_a_kind(status):
    error = classify(status)

    assert type(error) is not DeliveryError
    assert isinstance(error, DeliveryError)
    assert error.reason


class _Socket:
    close_code = 4000


#: one example of each class of the library, and what it means
EVERY_CLASS = {
    discord.DiscordException: (
        lambda: discord.DiscordException("new"),
        TemporaryDeliveryError,
    ),
    discord.ClientException: (
        lambda: discord.ClientException("new"),
        TemporaryDeliveryError,
    ),
    discord.GatewayNotFound: (discord.GatewayNotFound, TemporaryDeliveryError),
    discord.HTTPException: (
        lambda: discord.HTTPException(response(400), said(0)),
        MessageRejectedError,
    ),
    discord.RateLimited: (lambda: discord.RateLimited(5), TemporaryDeliveryError),
    discord.Forbidden: (
        lambda: discord.Forbidden(response(403), said(0)),
        RecipientGoneError,
    ),
    discord.NotFound: (
        lambda: discord.NotFound(response(404), said(0)),
        SenderMisconfiguredError,
    ),
    discord.DiscordServerError: (
        lambda: discord.DiscordServerError(response(500), ""),
        TemporaryDeliveryError,
    ),
    discord.InvalidData: (lambda: discord.InvalidData("x"), TemporaryDeliveryError),
    discord.LoginFailure: (
        lambda: discord.LoginFailure("x"),
        SenderMisconfiguredError,
    ),
    discord.ConnectionClosed: (
        lambda: discord.ConnectionClosed(_Socket(), shard_id=0),
        TemporaryDeliveryError,
    ),
    discord.PrivilegedIntentsRequired: (
        lambda: discord.PrivilegedIntentsRequired(0),
        SenderMisconfiguredError,
    ),
    # of parts of the library that Flipwatch does not use
    discord.InteractionResponded: (
        lambda: discord.InteractionResponded(None),
        TemporaryDeliveryError,
    ),
    discord.MissingApplicationID: (
        lambda: discord.MissingApplicationID("x"),
        TemporaryDeliveryError,
    ),
    discord.errors.FFmpegProcessError: (
        lambda: discord.errors.FFmpegProcessError("x"),
        TemporaryDeliveryError,
    ),
}


def test_every_class_of_the_library_is_thought_of():
    classes = {
        found
        for module in (discord, discord.errors)
        for found in vars(module).values()
        if isinstance(found, type)
        and issubclass(found, BaseException)
        and found.__module__.startswith("discord")
    }
    # the application commands' and voice's errors are of parts that are not used
    others = {
        c for c in classes if c.__module__ in {"discord.opus", "discord.oggparse"}
    }

    assert classes - others == EVERY_CLASS.keys()


@pytest.mark.parametrize("known", EVERY_CLASS, ids=lambda known: known.__name__)
async def test_every_class_has_its_kind(known):
    make, kind = EVERY_CLASS[known]
    error = make()

    assert type(error) is known
    assert type(classify_error(error)) is kind
