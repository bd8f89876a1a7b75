"""The typed configuration: one frozen section per part, every option with its meaning.

The meaning and what is allowed stand beside each option: error messages,
`config.example.toml` and `docs/configuration.md` are made from them (`bot.options`).
`bot.settings_file` reads files and the environment. Intervals are seconds.
"""

import re
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
    model_validator,
)
from pydantic.config import JsonDict

from bot.model import Address

#: shown in place of a secret
HIDDEN = "***"


def _option(
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


def _base_url(*endings: str) -> AfterValidator:
    """Check an HTTP address with a given ending; a last slash is taken away."""

    def check(text: str) -> str:
        text = text.rstrip("/")
        parts = _split_url(text, ("http", "https"))
        if not parts.path.endswith(endings):
            msg = "this one does not"
            raise ValueError(msg)
        return text

    return AfterValidator(check)


def _optional_url(*schemes: str) -> AfterValidator:
    """Check an address that may be empty."""

    def check(text: str) -> str:
        if text:
            _split_url(text, schemes)
        return text

    return AfterValidator(check)


def _check_storage_url(text: str) -> str:
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


def _check_webhook_url(text: str) -> str:
    """Check an address Telegram can post to; a last slash is taken away."""
    if text:
        parts = _split_url(text, ("https",))
        if parts.query or parts.fragment:
            msg = "nothing may follow its path"
            raise ValueError(msg)
    return text.rstrip("/")


def _check_webhook_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret and not re.fullmatch(r"[\w-]{1,256}", secret.get_secret_value(), re.A):
        msg = "this one has others, or too many"
        raise ValueError(msg)
    return secret


def _check_universe(text: str) -> str:
    if not re.fullmatch(r"watched|all|top[1-9][0-9]{0,4}", text):
        msg = "this is none of them"
        raise ValueError(msg)
    return text


def _check_operator(text: str) -> str:
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


_Secret = Annotated[
    SecretStr | None, Strict(strict=False), AfterValidator(_blank_is_unset)
]


#: what processes can be for; see `docs/architecture.md`, "Growing"
Role = Literal["poll", "deliver", "chat", "web"]
ROLES: tuple[Role, ...] = get_args(Role)
#: core.telegram.org/bots/api#setwebhook; a self-hosted server takes any
WEBHOOK_PORTS = (443, 80, 88, 8443)


class _Section(BaseModel):
    """Frozen; unknown keys and values of another type are refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class StorageConfig(_Section):
    """Where Flipwatch remembers."""

    url: Annotated[str, AfterValidator(_check_storage_url)] = _option(
        "sqlite+aiosqlite:///flipwatch.db",
        "The database: a SQLite file (relative to where Flipwatch is started) or"
        " PostgreSQL.",
        allowed="sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER:PASSWORD@HOST/NAME",
        is_secret=True,
    )

    @property
    def is_shared(self) -> bool:
        """Whether several processes may work on it at once."""
        return self.url.startswith("postgresql")


class EngineConfig(_Section):
    """The grading engine that is polled."""

    kind: Literal["replay", "remote", "embedded"] = _option(
        "replay",
        "Which grading engine: a recorded scenario, a remote engine, or our own.",
        allowed='"replay", "remote" or "embedded"',
    )
    base_url: Annotated[str, _base_url("/v2", "/v3")] = _option(
        "https://api.tokenmetrics.com/v2",
        "Address of the remote engine, with its version.",
        allowed="an http(s) address that ends in /v2 or /v3",
    )
    api_key: _Secret = _option(
        None,
        "Key of the remote engine.",
        allowed="text",
        is_secret=True,
        example="tm-...",
    )
    auth_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = _option(
        "x-api-key",
        "Name of the HTTP header that carries the key.",
        allowed="the name of an HTTP header",
    )
    poll_interval: Annotated[float, Field(ge=1)] = _option(
        300.0,
        "Seconds between two polls.",
        allowed="a number of seconds from 1",
    )
    credits_per_month: Annotated[int | None, Field(ge=1)] = _option(
        None,
        "How many calls the engine's plan allows per month; unset means unlimited.",
        allowed="a whole number from 1",
        example="20000",
    )
    universe: Annotated[str, AfterValidator(_check_universe)] = _option(
        "top100",
        "Which assets are polled: only watched ones, the N largest as well, or all.",
        allowed='"watched", "topN" (such as "top100") or "all"',
    )
    replay_file: str = _option(
        "",
        "CSV or JSONL file the replay engine plays; empty plays the built-in scenario.",
        allowed="the path of a file",
    )
    replay_speed: Annotated[float, Field(gt=0)] = _option(
        1.0,
        "How many seconds of the recording pass in one second.",
        allowed="a number above 0",
    )


class TelegramConfig(_Section):
    """The Telegram bot; off without a token."""

    token: _Secret = _option(
        None,
        "Token of your Telegram bot, from @BotFather; without it Telegram is off.",
        allowed="text",
        is_secret=True,
        example="123456789:AA...",
    )
    base_url: Annotated[str, _base_url("/bot")] = _option(
        "https://api.telegram.org/bot",
        "Address of the Bot API server; change it for a self-hosted one.",
        allowed="an http(s) address that ends in /bot",
    )
    proxy: Annotated[str, _optional_url("http", "https")] = _option(
        "",
        "HTTP proxy on the way to Telegram; empty for none.",
        allowed="an http(s) address, or empty",
        is_secret=True,
    )

    messages_per_second: Annotated[float, Field(ge=1, le=1000)] = _option(
        30.0,
        "Messages a second over all chats; Telegram allows 30, paid broadcasts more.",
        allowed="a number from 1 to 1000",
    )
    mode: Literal["polling", "webhook"] = _option(
        "polling",
        "How messages come from Telegram: asked for, or posted to webhook_url.",
        allowed='"polling" or "webhook"',
    )
    webhook_url: Annotated[str, AfterValidator(_check_webhook_url)] = _option(
        "",
        "Public address that leads to the web chat's port, for webhooks; Telegram posts"
        " to /telegram/webhook below it, and nothing else there need be public.",
        allowed="an https address, or empty",
    )
    webhook_secret: Annotated[_Secret, AfterValidator(_check_webhook_secret)] = _option(
        None,
        "What Telegram must show with every post to the webhook; unset makes one from"
        " the token.",
        allowed="1 to 256 letters, digits, _ and -",
        is_secret=True,
        example="a-long-random-text",
    )

    @property
    def is_on(self) -> bool:
        """Whether there is a token."""
        return self.token is not None

    @model_validator(mode="after")
    def _webhook_can_be_reached(self) -> Self:
        if self.mode == "polling":
            return self
        if not self.webhook_url:
            msg = 'mode = "webhook" needs webhook_url'
            raise ValueError(msg)
        port = urlsplit(self.webhook_url).port or 443
        is_official = urlsplit(self.base_url).hostname == "api.telegram.org"
        if is_official and port not in WEBHOOK_PORTS:
            listed = ", ".join(map(str, WEBHOOK_PORTS))
            msg = f"webhook_url: Telegram posts to the ports {listed} only, not {port}"
            raise ValueError(msg)
        return self


class DiscordConfig(_Section):
    """The Discord bot; off without a token."""

    token: _Secret = _option(
        None,
        "Token of your Discord bot, from the developer portal; without it Discord is"
        " off.",
        allowed="text",
        is_secret=True,
        example="MTIz...",
    )
    api_url: Annotated[str, _base_url("/api/v10")] = _option(
        "https://discord.com/api/v10",
        "Address of Discord's REST API; change it for a proxy.",
        allowed="an http(s) address that ends in /api/v10",
    )
    gateway_url: Annotated[str, _optional_url("ws", "wss")] = _option(
        "",
        "Address of Discord's gateway; empty asks the REST API for it.",
        allowed="a ws(s) address, or empty",
    )
    shard_count: Annotated[int | None, Field(ge=1)] = _option(
        None,
        "Into how many shards the servers are divided; unset takes what Discord"
        " recommends.",
        allowed="a whole number from 1",
        example="2",
    )
    shard_ids: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], Strict(strict=False)
    ] = _option(
        (),
        "Which of the shards this process listens to; empty means all.",
        allowed="a list such as [0, 1], each below shard_count",
    )

    @property
    def is_on(self) -> bool:
        """Whether there is a token."""
        return self.token is not None

    @model_validator(mode="after")
    def _shards_exist(self) -> Self:
        if not self.shard_ids:
            return self
        if self.shard_count is None:
            msg = "shard_ids needs shard_count"
            raise ValueError(msg)
        if max(self.shard_ids) >= self.shard_count:
            msg = (
                f"shard_ids has {max(self.shard_ids)}, but of {self.shard_count}"
                f" shards the last is {self.shard_count - 1}"
            )
            raise ValueError(msg)
        if len(set(self.shard_ids)) < len(self.shard_ids):
            msg = "shard_ids names a shard twice"
            raise ValueError(msg)
        return self


class WebConfig(_Section):
    """The web chat, health and metrics."""

    host: Annotated[str, Field(min_length=1)] = _option(
        "127.0.0.1",
        "Address the web chat listens on; 127.0.0.1 is this machine only.",
        allowed="a host name or IP address",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = _option(
        8080,
        "Port of the web chat, /livez, /readyz and /metrics; 0 takes a free one.",
        allowed="a whole number from 0 to 65535",
    )


class DeliveryConfig(_Section):
    """How messages are brought to people."""

    lease: Annotated[float, Field(gt=0)] = _option(
        10.0,
        "Seconds after which another process takes over what one had begun to send.",
        allowed="a number of seconds above delivery.send_timeout",
    )
    send_timeout: Annotated[float, Field(gt=0)] = _option(
        8.0,
        "Seconds a platform has to take a message.",
        allowed="a number of seconds above 0 and below delivery.lease",
    )
    max_age: Annotated[float, Field(ge=60)] = _option(
        172800.0,
        "Seconds after which a message that could not be sent is given up (48 hours).",
        allowed="a number of seconds from 60",
    )
    concurrency: Annotated[int, Field(ge=1, le=1000)] = _option(
        20,
        "How many messages are in flight at once, per platform.",
        allowed="a whole number from 1 to 1000",
    )

    @model_validator(mode="after")
    def _lease_outlives_the_send(self) -> Self:
        # Otherwise another worker would send again what is still being sent.
        if self.lease <= self.send_timeout:
            msg = (
                f"lease ({self.lease:g} s) must be longer than"
                f" send_timeout ({self.send_timeout:g} s)"
            )
            raise ValueError(msg)
        return self


class AlertsConfig(_Section):
    """What counts as an event."""

    rearm_band: Annotated[float, Field(ge=0, le=50)] = _option(
        3.0,
        "Grade points a grade must move beyond a line before the line can fire again.",
        allowed="a number from 0 to 50",
    )


class AppConfig(_Section):
    """Who may do what, and how the process shows itself."""

    operators: Annotated[
        tuple[Annotated[str, AfterValidator(_check_operator)], ...],
        Strict(strict=False),
    ] = _option(
        (),
        "Who runs this bot, written platform:id; the first start also prints a /claim"
        " code.",
        allowed='a list such as ["telegram:123456789", "discord:987654321"]',
    )
    access: Literal["open", "invite", "list"] = _option(
        "open",
        "Who may use the bot: anybody, those invited, or those an operator listed.",
        allowed='"open", "invite" or "list"',
    )
    roles: Annotated[tuple[Role, ...], Field(min_length=1), Strict(strict=False)] = (
        _option(
            ROLES,
            "What this process does: poll the engine, deliver alerts, listen in chats,"
            " serve the web chat. Fewer than all need PostgreSQL and other processes.",
            allowed='a list out of "poll", "deliver", "chat" and "web"',
        )
    )
    worker: Annotated[str, Field(max_length=100)] = _option(
        "",
        "Name of this process among several; empty takes host name and process id.",
        allowed="up to 100 characters",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _option(
        "info",
        "How much is logged.",
        allowed='"debug", "info", "warning" or "error"',
    )
    log_format: Literal["console", "json"] = _option(
        "console",
        "How it is logged: for eyes, or one JSON object per line.",
        allowed='"console" or "json"',
    )


class Config(_Section):
    """The whole configuration, one section per part."""

    telegram: TelegramConfig = TelegramConfig()
    discord: DiscordConfig = DiscordConfig()
    app: AppConfig = AppConfig()
    engine: EngineConfig = EngineConfig()
    storage: StorageConfig = StorageConfig()
    web: WebConfig = WebConfig()
    delivery: DeliveryConfig = DeliveryConfig()
    alerts: AlertsConfig = AlertsConfig()

    @model_validator(mode="after")
    def _roles_work_together(self) -> Self:
        roles = self.app.roles
        missing = [role for role in ROLES if role not in roles]
        if missing and not self.storage.is_shared:
            msg = (
                f"app.roles leaves out {', '.join(missing)}, which no other process"
                " can do: a SQLite file is for one process alone. Give it all roles,"
                " or set storage.url to a PostgreSQL database"
            )
            raise ValueError(msg)
        is_posted = self.telegram.is_on and self.telegram.mode == "webhook"
        if is_posted and "chat" in roles and "web" not in roles:
            msg = (
                'telegram.mode = "webhook": app.roles has chat without web, but'
                " Telegram posts to the web chat's port"
            )
            raise ValueError(msg)
        return self

    def dump(self) -> dict[str, dict[str, object]]:
        """Give every option that is set as plain values TOML can write.

        Options that are unset are left out, secrets are shown as `***`. What holds
        no secret loads back to an equal configuration.
        """
        return {
            name: {
                key: _shown(value)
                for key, value in getattr(self, name)
                if value is not None
            }
            for name in type(self).model_fields
        }


def _shown(value: object) -> object:
    """Return a value as `Config.dump` shows it."""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str):
        return re.sub(r"(?<=//)[^/@]*:[^@]*(?=@)", _hide_password, value)
    return value


def _hide_password(credentials: re.Match[str]) -> str:
    user = credentials[0].partition(":")[0]
    return f"{user}:{HIDDEN}"
