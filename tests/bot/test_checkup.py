"""`flipwatch check` against broken set-ups: one line each, with cause and cure."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_discord import FakeDiscord
from fake_engine import FakeEngine
from fake_exchange import FakeExchange
from fake_telegram import FakeTelegram

from bot import machine
from bot.checkup import CheckPlan, check
from bot.errors import ConfigError
from bot.model import Address, Conditions, PlaceKind, Scope, Target
from bot.settings_file import load_config, secret_files
from engine import checkup as _engine_checkup  # noqa: F401 - see PATIENCE
from engine.embedded import exchange as _exchange  # noqa: F401
from handlers.discord import checkup as _discord_checkup  # noqa: F401
from handlers.telegram import checkup as _telegram_checkup  # noqa: F401
from storage import checkup as _storage_checkup  # noqa: F401
from storage import open_store

TOKEN = "123456789:AAexampleexampleexampleexampleexamp"
#: short, since some cases wait for it; so nothing may be imported meanwhile
PATIENCE = timedelta(seconds=0.7)


def utc_now() -> datetime:
    return datetime.now(UTC)


def graded(engine):
    return [token for token in engine.tokens if token.days]


@dataclass(kw_only=True)
class Scene:
    """A set-up in which everything works, until a case breaks something."""

    folder: Path
    telegram: FakeTelegram
    discord: FakeDiscord
    engine: FakeEngine
    monkeypatch: pytest.MonkeyPatch
    stack: AsyncExitStack
    env: dict[str, str] = field(default_factory=dict)
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    extra: str = ""
    whole: str | None = None

    @property
    def database(self) -> Path:
        return self.folder / "flipwatch.db"

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.database}"

    @property
    def file(self) -> Path:
        return self.folder / "config.toml"

    def set(self, name: str, value: str) -> None:
        """Set an option, written as TOML; an empty value leaves it out."""
        section, _, key = name.partition(".")
        self.settings.setdefault(section, {})[key] = value

    def write(self) -> None:
        text = "".join(
            f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in table.items() if v)
            for section, table in self.settings.items()
        )
        self.file.write_text(
            self.whole if self.whole is not None else text + self.extra
        )
        if self.file.stat().st_mode & 0o77 and not self.extra.startswith("# open"):
            self.file.chmod(0o600)

    async def lines(self) -> list[str]:
        """What `flipwatch check` prints."""
        env = {"FLIPWATCH_CONFIG": str(self.file), **self.env}
        try:
            config = load_config(None, env)
        except ConfigError as error:
            return str(error).splitlines()
        plan = CheckPlan(secret_files=secret_files(None, env), patience=PATIENCE)
        return [str(finding) for finding in await check(config, plan, now=utc_now)]

    async def place(self, address: str, kind: PlaceKind) -> None:
        """Let a place get all flips."""
        store = await open_store(self.url, now=utc_now)
        recipient = await store.ensure_recipient(
            Address.parse(address), kind, now=utc_now()
        )
        await store.put_watch(
            recipient.id,
            Target(scope=Scope.ALL),
            Conditions(),
            text="/broadcast",
            created_by="telegram:1",
            told=None,
            now=utc_now(),
        )
        await store.close()
        self.database.chmod(0o600)


@pytest.fixture
async def scene(tmp_path, monkeypatch):
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(FakeTelegram(TOKEN))
        discord = await stack.enter_async_context(FakeDiscord())
        engine = await stack.enter_async_context(FakeEngine(size=5))
        for token in graded(engine):
            token.days = [replace(token.days[-1], as_of=utc_now())]
        engine.require_key("tm-right")
        made = Scene(
            folder=tmp_path,
            telegram=telegram,
            discord=discord,
            engine=engine,
            monkeypatch=monkeypatch,
            stack=stack,
        )
        made.set("telegram.token", f'"{TOKEN}"')
        made.set("telegram.base_url", f'"{telegram.base_url}"')
        made.set("discord.token", f'"{discord.token}"')
        made.set("discord.api_url", f'"{discord.api_url}"')
        made.set("engine.kind", '"remote"')
        made.set("engine.base_url", f'"{engine.base_url}"')
        made.set("engine.api_key", '"tm-right"')
        made.set("storage.url", f'"{made.url}"')
        made.set("web.port", "0")
        made.set("app.operators", '["telegram:1"]')
        yield made


async def test_a_set_up_in_which_all_works_has_nothing_to_say(scene):
    group = scene.telegram.group("Traders", admins=[scene.telegram.user("Al")])
    await scene.place(f"telegram:{group.id}", PlaceKind.GROUP)
    scene.write()

    lines = await scene.lines()

    assert [line for line in lines if "->" in line] == []
    said = "\n".join(lines)
    assert "telegram: ok: the token is that of @FlipwatchBot" in said
    assert "discord: ok" in said
    assert "engine: ok" in said
    assert "places: ok: the bot may write in all 1" in said
    assert scene.telegram.violations == []
    assert group.messages == ()


async def test_our_own_engine_is_checked_by_its_exchange(scene):
    _own_engine(scene)
    exchange = await scene.stack.enter_async_context(FakeExchange(utc_now))
    exchange.trade("BTC")
    scene.set("engine.exchange_urls", f'["binance={exchange.url}"]')
    scene.write()

    (line,) = [line for line in await scene.lines() if line.startswith("engine:")]

    assert line == "engine: ok: our own, from 1 pairs of binance"


# --------------------------------------------------------------- one thing is broken

Break = Callable[[Scene], Awaitable[None] | None]


def option(name: str, value: str) -> Break:
    return lambda scene: scene.set(name, value)


def _no_file(scene):
    scene.monkeypatch.setattr(scene, "write", lambda: None)


def _half_a_line(scene):
    scene.whole = '[telegram]\ntoken = "123'


def _unknown_key(scene):
    scene.set("telegram.tokn", '"x"')


def _unknown_section(scene):
    scene.extra = '[telegramm]\ntoken = "x"\n'


def _unknown_variable(scene):
    scene.env["FLIPWATCH_TELEGRAM__TOKNE"] = "x"


def _no_secret_file(scene):
    scene.set("telegram.token", "")
    scene.set("telegram.token_file", '"telegram.token"')


def _empty_secret_file(scene):
    _no_secret_file(scene)
    (scene.folder / "telegram.token").write_text("\n")


def _secret_twice(scene):
    scene.set("telegram.token_file", '"telegram.token"')


def _readable_config(scene):
    write = scene.write

    def readable():
        write()
        scene.file.chmod(0o644)

    scene.monkeypatch.setattr(scene, "write", readable)


def _readable_secret_file(scene):
    _no_secret_file(scene)
    path = scene.folder / "telegram.token"
    path.write_text(TOKEN)
    path.chmod(0o640)


def _broken_recording(scene):
    (scene.folder / "history.csv").write_text("as_of;asset\n1;2\n")
    scene.set("engine.kind", '"replay"')
    scene.set("engine.replay_file", f'"{scene.folder / "history.csv"}"')


def _engine_without_rows(scene):
    for token in scene.engine.tokens:
        token.days.clear()


def _old_grades(scene):
    for token in graded(scene.engine):
        token.days = [replace(token.days[-1], as_of=utc_now() - timedelta(days=20))]


def _hanging_engine(scene):
    scene.engine.hang_next(path=None, times=9)


async def _dead_engine(scene):
    await scene.engine.__aexit__(None, None, None)


def _own_engine(scene):
    """Our own engine in place of the remote one; nobody answers for the exchange."""
    scene.set("engine.base_url", "")
    scene.set("engine.api_key", "")
    scene.set("engine.kind", '"embedded"')
    scene.set("engine.exchange", '"binance"')
    scene.set("engine.fallback_exchanges", "[]")
    scene.set("engine.exchange_urls", '["binance=http://127.0.0.1:9"]')


async def _dead_telegram(scene):
    await scene.telegram.__aexit__(None, None, None)


async def _dead_discord(scene):
    await scene.discord.stop()


def _foreign_webhook(scene):
    scene.telegram._methods.webhook = {"url": "https://other.example/hook"}


def _unreachable_webhook(scene):
    scene.set("telegram.mode", '"webhook"')
    scene.set("telegram.webhook_url", '"https://me.example"')
    scene.telegram._methods.webhook = {"url": "https://me.example/telegram/webhook"}
    scene.telegram._methods.webhook_error = (1, "Connection refused")


async def _lost_group(scene):
    group = scene.telegram.group("Traders", admins=[scene.telegram.user("Al")])
    await scene.place(f"telegram:{group.id}", PlaceKind.GROUP)
    group.loses_bot()


async def _channel_without_rights(scene):
    channel = scene.telegram.channel("News", admins=[scene.telegram.user("Al")])
    channel.bot_status = "member"
    await scene.place(f"telegram:{channel.id}", PlaceKind.CHANNEL)


async def _discord_channel_without_rights(scene):
    channel = scene.discord.server("Traders").channel("alerts")
    await scene.place(f"discord:{channel.id}", PlaceKind.CHANNEL)
    scene.discord.fail_next(
        "POST /channels/{id}/typing",
        status=403,
        body={"code": 50013, "message": "Missing Permissions"},
    )


def _used_up_connections(scene):
    scene.discord.gateway.identifies = 1000


def _text_for_a_database(scene):
    scene.database.write_text("these are my notes " * 40)


def _damaged_database(scene):
    connection = sqlite3.connect(scene.database)
    connection.execute("CREATE TABLE a (b)")
    connection.executemany("INSERT INTO a VALUES (?)", [("x" * 500,)] * 200)
    connection.commit()
    connection.close()
    content = bytearray(scene.database.read_bytes())
    content[8192:20000] = b"\xff" * (20000 - 8192)
    scene.database.write_bytes(content)


async def _newer_database(scene):
    store = await open_store(scene.url, now=utc_now)
    await store.close()
    connection = sqlite3.connect(scene.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


def _foreign_database(scene):
    connection = sqlite3.connect(scene.database)
    connection.execute("CREATE TABLE customers (id)")
    connection.commit()
    connection.close()


async def _readable_database(scene):
    store = await open_store(scene.url, now=utc_now)
    await store.close()
    scene.database.chmod(0o644)


def _clock_behind(scene):
    async def behind(*_urls, **_more):
        return -timedelta(minutes=7)

    scene.monkeypatch.setattr(machine, "clock_error", behind)


def _full_disk(scene):
    scene.monkeypatch.setattr(machine, "free_space", lambda _path: 10 * 2**20)


def _port_in_use(scene):
    port = scene.telegram.base_url.split(":")[2].partition("/")[0]
    scene.set("web.port", port)


CASES: dict[str, tuple[Break, str, str]] = {
    # what is broken: how, what names the cause, what names the cure
    "the file is missing": (_no_file, "config.toml", "cannot be read: No such file"),
    "the file is cut off": (_half_a_line, "not valid TOML", "line 2"),
    "a key is mistyped": (_unknown_key, "telegram.tokn: unknown", "telegram.token?"),
    "a section is mistyped": (_unknown_section, "[telegramm]", "mean [telegram]?"),
    "a variable is mistyped": (
        _unknown_variable,
        "FLIPWATCH_TELEGRAM__TOKNE: unknown",
        "mean FLIPWATCH_TELEGRAM__TOKEN?",
    ),
    "a number is text": (
        option("engine.poll_interval", '"often"'),
        'engine.poll_interval = "often"',
        "must be a number of seconds",
    ),
    "a secret file is missing": (
        _no_secret_file,
        "telegram.token_file",
        "cannot be read: No such file",
    ),
    "a secret file is empty": (_empty_secret_file, "telegram.token_file", "is empty"),
    "a secret is given twice": (_secret_twice, "telegram.token", "not both"),
    "others can read the file": (_readable_config, "other users", "chmod 600"),
    "others can read a secret file": (
        _readable_secret_file,
        "other users",
        "telegram.token",
    ),
    "a webhook has no address": (
        option("telegram.mode", '"webhook"'),
        'mode = "webhook"',
        "needs webhook_url",
    ),
    "a role is left to nobody": (
        option("app.roles", '["poll"]'),
        "app.roles leaves out",
        "or set storage.url",
    ),
    "a lease ends before a send": (
        option("delivery.lease", "5.0"),
        "lease (5 s)",
        "must be longer than",
    ),
    "the engine's key is wrong": (
        option("engine.api_key", '"tm-wrong"'),
        "401",
        "-> copy the key anew into engine.api_key",
    ),
    "the engine's plan is over": (
        lambda scene: scene.engine.fail_next(status=402, path=None, times=9),
        "402",
        "-> renew the plan",
    ),
    "the engine is asked too often": (
        lambda scene: scene.engine.fail_next(status=429, path=None, times=9),
        "429",
        "raise engine.poll_interval",
    ),
    "the engine fails": (
        lambda scene: scene.engine.fail_next(status=503, path=None, times=9),
        "503",
        "see its status page",
    ),
    "the engine hangs": (_hanging_engine, "did not answer within", "engine.base_url"),
    "the engine is down": (_dead_engine, "cannot be reached", "engine.base_url"),
    "the engine is a web page": (
        lambda scene: scene.engine.answer_next(b"<html>", path=None, times=9),
        "engine: WRONG",
        "-> check engine.base_url",
    ),
    "the engine grades nothing": (
        _engine_without_rows,
        "grades nothing",
        "engine.base_url",
    ),
    "the engine stands still": (_old_grades, "newest grade", "stand still"),
    "no exchange answers": (_own_engine, "no exchange answers", "engine.exchange"),
    "a recording is broken": (_broken_recording, "history.csv", "->"),
    "Telegram's token is wrong": (
        option("telegram.token", '"123456789:AAwrong"'),
        "telegram: WRONG: Telegram refuses the bot's token",
        "@BotFather",
    ),
    "Telegram is down": (_dead_telegram, "No connection", "telegram.base_url"),
    "Telegram hangs": (
        lambda scene: scene.telegram.hang_next("getMe"),
        "telegram: WRONG",
        "-> check the network",
    ),
    "another program has Telegram's webhook": (
        _foreign_webhook,
        "another program has set a webhook",
        "stop the other program",
    ),
    "Telegram can't reach the webhook": (
        _unreachable_webhook,
        "Connection refused",
        "telegram.webhook_url",
    ),
    "the bot is out of a group": (
        _lost_group,
        "place telegram:-",
        "-> add the bot to it",
    ),
    "the bot may not post in a channel": (
        _channel_without_rights,
        "place telegram:-",
        "let the bot post",
    ),
    "Discord's token is wrong": (
        option("discord.token", '"wrong"'),
        "discord: WRONG: Discord said 401",
        "developer portal",
    ),
    "Discord is down": (_dead_discord, "unreachable", "discord.api_url"),
    "Discord's address is wrong": (
        lambda scene: scene.set(
            "discord.api_url", f'"{scene.discord.api_url[:-8]}/nowhere/api/v10"'
        ),
        "discord: WRONG",
        "discord.api_url",
    ),
    "Discord's connections are used up": (
        _used_up_connections,
        "connections are used up",
        "restarts the bot",
    ),
    "the bot may not write in a channel": (
        _discord_channel_without_rights,
        "place discord:",
        "let the bot post",
    ),
    "the database's folder is missing": (
        lambda scene: scene.set(
            "storage.url", f'"sqlite+aiosqlite:///{scene.folder}/no/flipwatch.db"'
        ),
        "does not exist",
        "-> create it, or set storage.url",
    ),
    "the database is a text": (_text_for_a_database, "is not a SQLite", "move it away"),
    "the database is damaged": (_damaged_database, "is damaged", "db restore"),
    "the database is newer": (_newer_database, "newer Flipwatch", "update this one"),
    "the database is another's": (
        _foreign_database,
        "another program's tables",
        "give Flipwatch one of its own",
    ),
    "others can read the database": (_readable_database, "other users", "chmod 600"),
    "PostgreSQL is down": (
        option("storage.url", '"postgresql+asyncpg://me:pw@127.0.0.1:9/flips"'),
        "PostgreSQL does not answer at 127.0.0.1:9",
        "storage.url",
    ),
    "the clock is wrong": (_clock_behind, "clock: WRONG: 420 s behind", "timedatectl"),
    "the disk is full": (_full_disk, "disk: WRONG: 10 MB free", "flipwatch db prune"),
    "the port is taken": (_port_in_use, "is in use", "set web.port"),
    "nobody is told of trouble": (
        option("app.operators", ""),
        "nobody is told",
        "/claim",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_broken_set_up_is_told_in_one_line_with_its_cure(scene, case):
    break_it, cause, cure = CASES[case]
    done = break_it(scene)
    if asyncio.iscoroutine(done):
        await done
    scene.write()

    lines = await scene.lines()

    told = [line for line in lines if cause in line]
    assert len(told) == 1, lines
    assert cure in told[0]
    others = [line for line in lines if line != told[0] and "WRONG" in line]
    assert others == []
    said = "\n".join(lines)
    assert TOKEN not in said
    assert "tm-right" not in said
    assert ":pw@" not in said


def test_at_least_25_set_ups_are_tried():
    assert len(CASES) >= 25


async def test_a_check_changes_nothing(scene):
    scene.write()

    await scene.lines()

    assert sorted(p.name for p in scene.folder.iterdir()) == ["config.toml"]
    assert scene.telegram.pending_updates == 0
    assert {r.method for r in scene.telegram.requests} == {"getMe", "getWebhookInfo"}
    assert scene.file.stat().st_mode & 0o777 == 0o600
