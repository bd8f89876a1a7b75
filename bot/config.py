"""The typed configuration: one frozen section per part, every option with its meaning.

The meaning and what is allowed stand beside each option: error messages,
`config.example.toml` and `docs/configuration.md` are made from them (`bot.options`).
`bot.settings_file` reads files and the environment. Intervals are seconds.
"""

import re
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, Strict, model_validator

from bot.operating_config import HealthConfig, KeepConfig
from bot.option_values import (
    Secret,
    Section,
    check_access_key,
    check_exchange,
    check_exchange_url,
    check_operator,
    check_storage_url,
    check_universe,
    check_webhook_secret,
    check_webhook_url,
    http_url,
    is_loopback_host,
    option,
    optional_url,
)

#: shown in place of a secret
HIDDEN = "***"
#: what processes can be for; see `docs/architecture.md`, "Growing"
Role = Literal["poll", "deliver", "chat", "web"]
ROLES: tuple[Role, ...] = get_args(Role)
#: core.telegram.org/bots/api#setwebhook; a self-hosted server takes any
WEBHOOK_PORTS = (443, 80, 88, 8443)


class StorageConfig(Section):
    """Where Flipwatch remembers."""

    url: Annotated[str, AfterValidator(check_storage_url)] = option(
        "sqlite+aiosqlite:///flipwatch.db",
        "The database: a SQLite file (relative to where Flipwatch is started) or"
        " PostgreSQL.",
        allowed="sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER:PASSWORD@HOST/NAME",
        is_secret=True,
    )
    migrations: Literal["automatic", "refuse"] = option(
        "automatic",
        "What a start does with a database of an older Flipwatch: bring it up to date"
        " (a SQLite file is copied before), or refuse until flipwatch db migrate.",
        allowed='"automatic" or "refuse"',
    )

    @property
    def is_shared(self) -> bool:
        """Whether several processes may work on it at once."""
        return self.url.startswith("postgresql")

    @property
    def may_migrate(self) -> bool:
        """Whether a start may bring the schema up to date."""
        return self.migrations == "automatic"


class EngineConfig(Section):
    """The grading engine that is polled."""

    kind: Literal["auto", "embedded", "remote", "replay"] = option(
        "auto",
        "Which grading engine: our own on public candles (embedded), one over HTTP"
        " (remote), a recording (replay). auto is remote where api_key or a base_url of"
        " your own is set, else embedded.",
        allowed='"auto", "embedded", "remote" or "replay"',
    )
    exchange: Annotated[str, AfterValidator(check_exchange)] = option(
        "binance",
        "The exchange whose candles the embedded engine grades, by its name in ccxt;"
        " no account is needed.",
        allowed="binance, okx, kucoin, gate, bybit, kraken or another ccxt knows",
    )
    fallback_exchanges: Annotated[
        tuple[Annotated[str, AfterValidator(check_exchange)], ...], Strict(strict=False)
    ] = option(
        ("okx", "kucoin"),
        "Exchanges that stand in, in this order, while that one does not answer, or"
        " instead of it where it never has.",
        allowed='a list such as ["okx", "kucoin"], or []',
    )
    exchange_urls: Annotated[
        tuple[Annotated[str, AfterValidator(check_exchange_url)], ...],
        Strict(strict=False),
    ] = option(
        (),
        "Other addresses for exchanges, such as a mirror or a proxy; paths stay.",
        allowed='a list such as ["binance=https://data-api.binance.vision"]',
    )
    base_url: Annotated[str, http_url("/v2", "/v3")] = option(
        "https://api.tokenmetrics.com/v2",
        "Address of the remote engine, with its version.",
        allowed="an http(s) address that ends in /v2 or /v3",
    )
    api_key: Secret = option(
        None,
        "Key of the remote engine.",
        allowed="text",
        is_secret=True,
        example="tm-...",
    )
    auth_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = option(
        "x-api-key",
        "Name of the HTTP header that carries the key.",
        allowed="the name of an HTTP header",
    )
    poll_interval: Annotated[float, Field(ge=1)] = option(
        300.0,
        "Seconds between two polls.",
        allowed="a number of seconds from 1",
    )
    credits_per_month: Annotated[int | None, Field(ge=1)] = option(
        None,
        "How many calls the engine's plan allows per month; unset means unlimited.",
        allowed="a whole number from 1",
        example="20000",
    )
    universe: Annotated[str, AfterValidator(check_universe)] = option(
        "top100",
        "Which assets are polled: only watched ones, the N largest as well, or all.",
        allowed='"watched", "topN" (such as "top100") or "all"',
    )
    public_note: Annotated[str, Field(max_length=300)] = option(
        "",
        "What the engine's terms ask admins to know who post its grades in public.",
        allowed="text of up to 300 characters",
        example="Free for groups of up to 50 members.",
    )
    replay_file: str = option(
        "",
        "CSV or JSONL file the replay engine plays; empty plays replay_scenario.",
        allowed="the path of a file",
    )
    replay_scenario: Literal["record", "candles"] = option(
        "record",
        "What the replay engine plays without a file: the documented record of a real"
        " engine, or our own engine over made-up candles.",
        allowed='"record" or "candles"',
    )
    replay_speed: Annotated[float, Field(gt=0)] = option(
        1.0,
        "How many seconds of the recording pass in one second.",
        allowed="a number above 0",
    )

    @property
    def chosen(self) -> Literal["embedded", "remote", "replay"]:
        """Which engine it is, where `kind` leaves it to us."""
        if self.kind != "auto":
            return self.kind
        is_elsewhere = self.base_url != type(self).model_fields["base_url"].default
        return "remote" if self.api_key or is_elsewhere else "embedded"


class TelegramConfig(Section):
    """The Telegram bot; off without a token."""

    token: Secret = option(
        None,
        "Token of your Telegram bot, from @BotFather; without it Telegram is off.",
        allowed="text",
        is_secret=True,
        example="123456789:AA...",
    )
    base_url: Annotated[str, http_url("/bot")] = option(
        "https://api.telegram.org/bot",
        "Address of the Bot API server; change it for a self-hosted one.",
        allowed="an http(s) address that ends in /bot",
    )
    proxy: Annotated[str, optional_url("http", "https")] = option(
        "",
        "HTTP proxy on the way to Telegram; empty for none.",
        allowed="an http(s) address, or empty",
        is_secret=True,
    )

    messages_per_second: Annotated[float, Field(ge=1, le=1000)] = option(
        30.0,
        "Messages a second over all chats; Telegram allows 30, paid broadcasts more.",
        allowed="a number from 1 to 1000",
    )
    mode: Literal["polling", "webhook"] = option(
        "polling",
        "How messages come from Telegram: asked for, or posted to webhook_url.",
        allowed='"polling" or "webhook"',
    )
    webhook_url: Annotated[str, AfterValidator(check_webhook_url)] = option(
        "",
        "Public address that leads to the web chat's port, for webhooks; Telegram posts"
        " to /telegram/webhook below it, and nothing else there need be public.",
        allowed="an https address, or empty",
    )
    webhook_secret: Annotated[Secret, AfterValidator(check_webhook_secret)] = option(
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


class DiscordConfig(Section):
    """The Discord bot; off without a token."""

    token: Secret = option(
        None,
        "Token of your Discord bot, from the developer portal; without it Discord is"
        " off.",
        allowed="text",
        is_secret=True,
        example="MTIz...",
    )
    api_url: Annotated[str, http_url("/api/v10")] = option(
        "https://discord.com/api/v10",
        "Address of Discord's REST API; change it for a proxy.",
        allowed="an http(s) address that ends in /api/v10",
    )
    gateway_url: Annotated[str, optional_url("ws", "wss")] = option(
        "",
        "Address of Discord's gateway; empty asks the REST API for it.",
        allowed="a ws(s) address, or empty",
    )
    shard_count: Annotated[int | None, Field(ge=1)] = option(
        None,
        "Into how many shards the servers are divided; unset takes what Discord"
        " recommends.",
        allowed="a whole number from 1",
        example="2",
    )
    shard_ids: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], Strict(strict=False)
    ] = option(
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


class WebConfig(Section):
    """The web chat, health and metrics."""

    host: Annotated[str, Field(min_length=1)] = option(
        "127.0.0.1",
        "Address the web chat listens on; 127.0.0.1 is this machine only.",
        allowed="a host name or IP address",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = option(
        8080,
        "Port of the web chat, /livez, /readyz and /metrics; 0 takes a free one.",
        allowed="a whole number from 0 to 65535",
    )
    access_key: Annotated[Secret, AfterValidator(check_access_key)] = option(
        None,
        "What opens the web chat and /metrics; needed where host is not this machine"
        " only.",
        allowed="16 to 256 letters, digits and signs without a space",
        is_secret=True,
        example="a-long-random-text",
    )

    @model_validator(mode="after")
    def _others_need_the_key(self) -> Self:
        if self.access_key is None and not is_loopback_host(self.host):
            msg = (
                "host: other machines can reach this address, so web.access_key must"
                " be set; or leave host at 127.0.0.1"
            )
            raise ValueError(msg)
        return self


class DeliveryConfig(Section):
    """How messages are brought to people."""

    lease: Annotated[float, Field(gt=0)] = option(
        10.0,
        "Seconds after which another process takes over what one had begun to send.",
        allowed="a number of seconds above delivery.send_timeout",
    )
    send_timeout: Annotated[float, Field(gt=0)] = option(
        8.0,
        "Seconds a platform has to take a message.",
        allowed="a number of seconds above 0 and below delivery.lease",
    )
    max_age: Annotated[float, Field(ge=60)] = option(
        172800.0,
        "Seconds after which a message that could not be sent is given up (48 hours).",
        allowed="a number of seconds from 60",
    )
    concurrency: Annotated[int, Field(ge=1, le=1000)] = option(
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


class AlertsConfig(Section):
    """What counts as an event."""

    rearm_band: Annotated[float, Field(ge=0, le=50)] = option(
        3.0,
        "Grade points a grade must move beyond a line before the line can fire again.",
        allowed="a number from 0 to 50",
    )


class ApiConfig(Section):
    """Our own engine's API, for other programs and other bots."""

    serve: bool = option(
        False,
        "Whether `flipwatch run` serves the API as well; needs the embedded engine."
        " `flipwatch engine serve` serves it alone.",
        allowed="true or false",
    )
    host: Annotated[str, Field(min_length=1)] = option(
        "127.0.0.1",
        "Address the API listens on; 127.0.0.1 is this machine only.",
        allowed="a host name or IP address",
    )
    port: Annotated[int, Field(ge=0, le=65535)] = option(
        8090,
        "Port of the API; 0 takes a free one.",
        allowed="a whole number from 0 to 65535",
    )
    access: Literal["keys", "open"] = option(
        "keys",
        "Who may ask: those with a key (`flipwatch engine keys add NAME`), or anybody.",
        allowed='"keys" or "open"',
    )
    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = option(
        600,
        "Requests a minute for each key, and for each address where no key is needed.",
        allowed="a whole number from 1 to 1000000",
    )


class AppConfig(Section):
    """Who may do what, and how the process shows itself."""

    operators: Annotated[
        tuple[Annotated[str, AfterValidator(check_operator)], ...],
        Strict(strict=False),
    ] = option(
        (),
        "Who runs this bot, written platform:id; the first start also prints a /claim"
        " code.",
        allowed='a list such as ["telegram:123456789", "discord:987654321"]',
    )
    watches_max: Annotated[int, Field(ge=1, le=10_000)] = option(
        500,
        "How many watches one list may have.",
        allowed="a whole number from 1 to 10000",
    )
    access: Literal["open", "invite", "list"] = option(
        "open",
        "Who may use the bot: anybody, those with an invite, or those listed by its"
        " operators.",
        allowed='"open", "invite" or "list"',
    )
    users: Annotated[
        tuple[Annotated[str, AfterValidator(check_operator)], ...],
        Strict(strict=False),
    ] = option(
        (),
        "Users and chats that may use the bot when access is not open, written"
        " platform:id; operators let in more by /admin allow.",
        allowed='a list such as ["telegram:123456789", "telegram:-1001234567890"]',
    )
    lines_per_minute: Annotated[float, Field(ge=1, le=100000)] = option(
        30.0,
        "How many lines a minute one user may type; whoever types more is told once,"
        " then not answered for a while. Alerts are not counted.",
        allowed="a number from 1 to 100000",
    )
    roles: Annotated[tuple[Role, ...], Field(min_length=1), Strict(strict=False)] = (
        option(
            ROLES,
            "What this process does: poll the engine, deliver alerts, listen in chats,"
            " serve the web chat. Fewer than all need PostgreSQL and other processes.",
            allowed='a list out of "poll", "deliver", "chat" and "web"',
        )
    )
    worker: Annotated[str, Field(max_length=100)] = option(
        "",
        "Name of this process among several; empty takes host name and process id.",
        allowed="up to 100 characters",
    )
    log_level: Literal["debug", "info", "warning", "error"] = option(
        "info",
        "How much is logged.",
        allowed='"debug", "info", "warning" or "error"',
    )
    log_format: Literal["console", "json"] = option(
        "console",
        "How it is logged: for eyes, or one JSON object per line.",
        allowed='"console" or "json"',
    )


class Config(Section):
    """The whole configuration, one section per part."""

    telegram: TelegramConfig = TelegramConfig()
    discord: DiscordConfig = DiscordConfig()
    app: AppConfig = AppConfig()
    engine: EngineConfig = EngineConfig()
    storage: StorageConfig = StorageConfig()
    web: WebConfig = WebConfig()
    delivery: DeliveryConfig = DeliveryConfig()
    alerts: AlertsConfig = AlertsConfig()
    api: ApiConfig = ApiConfig()

    @model_validator(mode="after")
    def _api_has_an_engine(self) -> Self:
        if self.api.serve and self.engine.chosen != "embedded":
            msg = (
                "api.serve: what is served is our own engine, but engine.kind is"
                f" {self.engine.chosen}"
            )
            raise ValueError(msg)
        return self

    keep: KeepConfig = KeepConfig()
    health: HealthConfig = HealthConfig()

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
