"""What sections of the configuration are made of: options, and values with a check.

A check raises `ValueError` that says what is wrong and never quotes what may hold a
password; `bot.settings_file` adds which option it is and what is allowed.
"""

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
)
from pydantic.config import JsonDict

from bot.model import Address


def option(
    default: object,
    meaning: str,
    *,
    allowed: str,
    is_secret: bool = False,
    example: str = "",
) -> Any:
    """Describe one option: default, meaning, what is allowed.

    `is_secret` options may also be given as `<key>_file` and are never shown;
    `example` is what the example file shows of an option without a default.
    """
    extra: JsonDict = {"allowed": allowed, "is_secret": is_secret, "example": example}
    return Field(
        default, description=meaning, json_schema_extra=extra, repr=not is_secret
    )


def _split_url(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """Take a URL apart; `ValueError` if it is none of these schemes."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        # Its own words repeat parts of the address, which may hold a password.
        msg = "its host or port cannot be read"
        raise ValueError(msg) from None
    if parts.scheme not in schemes or not parts.hostname:
        msg = f"it must start with {' or '.join(s + '://' for s in schemes)} and a host"
        raise ValueError(msg)
    return parts


def http_url(*endings: str) -> AfterValidator:
    """Check an HTTP address with a given ending; a last slash is taken away."""

    def check(text: str) -> str:
        text = text.rstrip("/")
        parts = _split_url(text, ("http", "https"))
        if not parts.path.endswith(endings):
            msg = "this one does not"
            raise ValueError(msg)
        return text

    return AfterValidator(check)


def optional_url(*schemes: str) -> AfterValidator:
    """Check an address that may be empty."""

    def check(text: str) -> str:
        if text:
            _split_url(text, schemes)
        return text

    return AfterValidator(check)


def check_storage_url(text: str) -> str:
    """Check the address of a database."""
    sqlite, postgresql = "sqlite+aiosqlite", "postgresql+asyncpg"
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {sqlite, postgresql}:
        family = scheme.partition("+")[0]
        meant = {
            "sqlite": sqlite,
            "postgres": postgresql,
            "postgresql": postgresql,
        }.get(family)
        msg = f"write {meant}:// at its start" if meant else "this is neither"
        raise ValueError(msg)
    if scheme == sqlite and not rest.startswith("/"):
        msg = "a SQLite address has three slashes before a relative path, four before /"
        raise ValueError(msg)
    return text


def check_webhook_url(text: str) -> str:
    """Check an address Telegram can post to; a last slash is taken away."""
    if text:
        parts = _split_url(text, ("https",))
        if parts.query or parts.fragment:
            msg = "nothing may follow its path"
            raise ValueError(msg)
    return text.rstrip("/")


def check_webhook_secret(secret: SecretStr | None) -> SecretStr | None:
    """Check what Telegram takes as `secret_token`."""
    if secret and not re.fullmatch(
        r"[\w-]{1,256}", secret.get_secret_value(), re.ASCII
    ):
        msg = "this one has others, or too many"
        raise ValueError(msg)
    return secret


def is_loopback_host(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_access_key(secret: SecretStr | None) -> SecretStr | None:
    """Check that a key cannot be guessed within the guesses that are allowed."""
    if secret and not re.fullmatch(r"[!-~]{16,256}", secret.get_secret_value()):
        msg = "this one is shorter or longer, or has other characters"
        raise ValueError(msg)
    return secret


def check_heartbeat_url(secret: SecretStr | None) -> SecretStr | None:
    """Check the address of a monitor; it is a secret, since it alone lets one in."""
    if secret is not None:
        _split_url(secret.get_secret_value(), ("http", "https"))
    return secret


def check_universe(text: str) -> str:
    """Check which assets are to be polled."""
    if not re.fullmatch(r"watched|all|top[1-9][0-9]{0,4}", text):
        msg = "this is none of them"
        raise ValueError(msg)
    return text


def check_exchange(text: str) -> str:
    """Check the name of an exchange as ccxt writes names."""
    if not re.fullmatch(r"[a-z0-9]{2,30}", text):
        msg = "names have small letters and digits only"
        raise ValueError(msg)
    return text


def check_exchange_url(text: str) -> str:
    """Check an exchange's name with an address of its own."""
    name, equals, url = text.partition("=")
    if not equals:
        msg = "write NAME=ADDRESS"
        raise ValueError(msg)
    check_exchange(name)
    parts = _split_url(url, ("http", "https"))
    if parts.path.strip("/") or parts.query or parts.fragment:
        msg = "the address has no path, for the exchange's own stay"
        raise ValueError(msg)
    return f"{name}={url.rstrip('/')}"


def check_operator(text: str) -> str:
    """Check the address of a person."""
    address = Address.parse(text)
    if address.topic:
        msg = f"“{text}”: a person has no topic"
        raise ValueError(msg)
    return str(address)


def _blank_is_unset(secret: SecretStr | None) -> SecretStr | None:
    """Take a blank secret for one that is not set."""
    if secret is None or not secret.get_secret_value().strip():
        return None
    return SecretStr(secret.get_secret_value().strip())


Secret = Annotated[
    SecretStr | None, Strict(strict=False), AfterValidator(_blank_is_unset)
]


class Section(BaseModel):
    """Frozen; unknown keys and values of another type are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )
