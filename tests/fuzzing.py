"""What is fed with broken input, and what must never come of it.

Each function here builds the real thing, feeds it `count` broken inputs and returns
what it saw as words; it raises `AssertionError` for a crash or for what was invented.
"""

import asyncio
import json
import logging
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from unittest import mock

import discord
import planted
import psutil
from mutating import Mutator, deep
from pydantic import SecretStr
from world import World, open_copy

from bot import own_data
from bot.config import Config, DiscordConfig, EngineConfig, TelegramConfig
from bot.errors import ConfigError, UserError
from bot.limits import Limits
from bot.message import Attachment
from bot.settings_file import load_config
from engine.remote import RemoteSource
from handlers.discord.face import DiscordFace
from handlers.discord.gateway import GatewayClient
from handlers.telegram.face import TelegramFace
from handlers.telegram.sender import telegram_rules
from handlers.telegram.transport import AiohttpRequest
from handlers.web.access import Access
from handlers.web.inbox import Inboxes, InboxHub
from handlers.web.probes import Probes
from handlers.web.routes import Routes

ROOT = Path(__file__).parent.parent
KEY = "open-sesame-and-do-not-guess"
ENGINE_KEY = "tm-01234567-89ab-cdef-0123-456789abcdef"
#: libraries that log what they think of odd input; ours below are read
QUIET = ("telegram", "discord", "asyncio")


class Memory:
    """How much the process has grown since it was warm, in MB."""

    def __init__(self, count: int) -> None:
        self._process = psutil.Process()
        self._warm_at = max(1, count // 4)
        self._fed = 0
        self._before = 0

    def look(self) -> None:
        self._fed += 1
        if self._fed == self._warm_at:
            self._before = self._process.memory_info().rss

    @property
    def grown(self) -> float:
        return (self._process.memory_info().rss - self._before) / 1e6


class Complaints(logging.Handler):
    """What our own code logged as an error, by its constant message."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(QUIET):
            where = getattr(record, "where", "") or record.exc_text or ""
            kind = getattr(record, "error", "") or (record.exc_info or ("",))[0]
            self.found[f"{record.name}: {record.getMessage()} {kind} {where}"] += 1

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)


def shows_nothing(text: str) -> None:
    for secret in planted.PLANTED:
        assert secret not in text, f"{secret} in {text[:300]}"


def flips_in(world: World) -> list[str]:
    """List the events of assets, as the database has them."""
    with sqlite3.connect(world.url.partition("///")[2]) as connection:
        rows = connection.execute(
            "SELECT e.key FROM events e JOIN assets a ON a.id = e.asset_id"
            # an id the engine never had may stand for two rows: it is no asset of ours
            " WHERE e.kind IN ('flip', 'crossing') AND a.key LIKE '300_'"
        ).fetchall()
    connection.close()
    return [key for (key,) in rows]


# --------------------------------------------------------------------------- engine


def engine_rows(day: datetime, turned: bool = False) -> list[dict[str, Any]]:
    rows = []
    for number in range(1, 9):
        signal = 1 if number % 2 else -1
        if turned and number == 1:
            signal = -1
        rows.append(
            {
                "TOKEN_ID": 3000 + number,
                "TOKEN_NAME": f"Coin {number}",
                "TOKEN_SYMBOL": f"C{number}",
                "DATE": day.strftime("%Y-%m-%d"),
                "TRADING_SIGNAL": signal,
                "TOKEN_TREND": signal,
                "TM_TRADER_GRADE": 40.5 + 5 * number,
            }
        )
    return rows


def envelope(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"success": True, "message": "", "length": len(rows), "data": rows}


async def feed_engine(seed: int, count: int, template: Path) -> str:
    mutator, memory = Mutator(seed), Memory(count)
    config = EngineConfig(
        kind="remote",
        base_url="http://127.0.0.1:9/v2",
        poll_interval=1.0,
        api_key=SecretStr(ENGINE_KEY),
    )
    fed = 0
    is_sound, is_turned = True, False

    async with open_copy(template) as world:
        source = RemoteSource(config, now=world.clock, chance=lambda: 0.0)

        async def get(path: str, params: Any, *, meter: Callable[[], None]) -> bytes:
            nonlocal fed
            meter()
            if "trading-signals" not in path:
                rows = [{"TOKEN_ID": 3001, "TOKEN_SYMBOL": "C1", "MARKET_CAP": 1e9}]
                return mutator.json(envelope(rows))
            document = envelope(engine_rows(world.clock.at, turned=is_turned))
            if is_sound:
                return json.dumps(document).encode()
            fed += 1
            memory.look()
            return mutator.json(document)

        source._transport.get = get
        world.source = source
        await world.restart()
        for symbol in ("C1", "C2", "C3"):
            await world.poll()
            await world.say(f"/watch {symbol} 80 50")
        is_sound = False
        while fed < count:
            world.clock.advance(minutes=20)
            await world.poller.poll()
            # failures must not add up to a pause: each answer is to be read
            source._backoff.succeeded()
            if fed % 100 == 0:
                await world.fanout.fan_out_open()
                await world.deliver()
        is_sound = True
        await world.poll()
        assert flips_in(world) == [], flips_in(world)[:5]
        texts = world.sender.texts()
        assert not any("turned" in text for text in texts), texts[-3:]
        # and it still works: a true flip is told
        world.clock.advance(days=1)
        await world.poller.poll()
        is_turned = True
        for _ in range(4):
            await world.poll(minutes=240)
        assert len(flips_in(world)) == 1, flips_in(world)
        shows_nothing("\n".join(world.sender.texts()))
    return f"{fed} answers, 0 flips invented, {memory.grown:+.1f} MB"


# ------------------------------------------------------------------------- Telegram


class StubRequest(AiohttpRequest):
    """A Bot API server without sockets: yes to everything."""

    number = 0

    async def do_request(
        self, url: str, method: str, request_data: Any = None, **_: object
    ) -> tuple[int, bytes]:
        parameters = None if request_data is None else request_data.parameters
        said = json.dumps({"ok": True, "result": self._yes(url, parameters)})
        return 200, said.encode()

    async def call(self, url: str, parameters: Any, **_: object) -> Any:
        return self._yes(url, parameters)

    def _yes(self, url: str, parameters: Any) -> Any:
        name = url.rpartition("/")[2]
        StubRequest.number += 1
        shows_nothing(str(parameters))
        user = {"id": 42, "is_bot": True, "first_name": "F", "username": "FlipwatchBot"}
        result: Any = True
        if name == "getMe":
            result = user
        elif name == "getChatMember":
            result = {"status": "member", "user": user}
        elif name == "getFile":
            result = {"file_id": "x", "file_unique_id": "y", "file_path": "a/b.txt"}
        elif name == "getWebhookInfo":
            result = {"url": "", "has_custom_certificate": False}
            result["pending_update_count"] = 0
        elif name.startswith(("send", "edit")):
            result = {
                "message_id": StubRequest.number,
                "date": 1_767_600_000,
                "chat": {"id": 1, "type": "private", "first_name": "A"},
                "text": "x",
            }
        return result


def updates(number: int) -> list[dict[str, Any]]:
    """Return one sound update of each kind, of a person of its own."""
    person = {"id": 10_000 + number, "is_bot": False, "first_name": "Al <b>"}
    private = {"id": 10_000 + number, "type": "private", "first_name": "Al <b>"}
    group = {
        "id": -1_000_000 - number,
        "type": "supergroup",
        "title": "G",
        "is_forum": True,
    }
    message = {
        "message_id": 5,
        "date": 1_767_600_000,
        "chat": private,
        "from": person,
        "text": "/watch BTC grade>=80",
        "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    }
    told = message | {"from": {"id": 42, "is_bot": True, "first_name": "F"}}
    bot = {"user": {"id": 42, "is_bot": True, "first_name": "F"}}
    return [
        {"message": message},
        {"message": message | {"text": "/import", "document": {
            "file_id": "x", "file_unique_id": "y", "file_size": 10,
            "file_name": "a.json"}}},
        {"message": message | {"chat": group, "message_thread_id": 3,
                               "is_topic_message": True, "text": "/broadcast all"}},
        {"channel_post": message | {"chat": {
            "id": -1_000_001, "type": "channel", "title": "C"}}},
        {"callback_query": {"id": "7", "from": person, "chat_instance": "1",
                            "data": "v1:mute24:1", "message": told}},
        {"my_chat_member": {
            "chat": group, "from": person, "date": 1_767_600_000,
            "old_chat_member": bot | {"status": "left"},
            "new_chat_member": bot | {"status": "member"}}},
    ]  # fmt: skip


async def feed_telegram(seed: int, count: int, template: Path) -> str:
    mutator, memory = Mutator(seed), Memory(count)
    config = TelegramConfig(
        token=SecretStr("42:TESTTOKEN"),
        mode="webhook",
        webhook_url="https://bot.example.org",
        webhook_secret=SecretStr("planted-webhook-secret"),
    )
    answers: Counter[int] = Counter()
    with (
        mock.patch("handlers.telegram.face.AiohttpRequest", StubRequest),
        mock.patch.object(Limits, "turn", return_value=nullcontext()),
        Complaints() as complaints,
    ):
        async with open_copy(template) as world:
            face = TelegramFace(
                config, world.desk, now=world.clock, limits=Limits(telegram_rules())
            )
            (hook,) = face.hooks
            await face.start()
            app = face._app
            while not app.running:
                await _turns(1)
            for number in range(count):
                memory.look()
                sound = mutator.chance.choice(updates(number))
                has_words = number % 2 == 0
                before = complaints.found.total()
                if has_words:
                    body = json.dumps(mutator.words(sound)).encode()
                else:
                    body = mutator.json(sound)
                # outside the part that is broken, so that each is new
                if body[:1] == b"{" and len(body) > 2:
                    body = b'{"update_id": %d, ' % (number + 1) + body[1:]
                answers[await hook.take(body)] += 1
                await app.update_queue.join()
                while app.update_processor.current_concurrent_updates:
                    await _turns(1)
                contained = complaints.found.total() - before
                assert not (has_words and contained), (body, complaints.found)
            seen = StubRequest.number
            (whole, *_) = updates(count + 1)
            body = json.dumps({"update_id": count + 1} | whole).encode()
            assert await hook.take(body) == 200
            while seen == StubRequest.number:
                await _turns(1)
            assert flips_in(world) == []
            await face.stop()
    assert set(answers) <= {200, 400}, answers
    return (
        f"{count} updates, {answers[400]} refused, {complaints.found.total()}"
        f" contained, {memory.grown:+.1f} MB"
    )


async def _turns(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


# -------------------------------------------------------------------------- Discord


OURSELVES = {"id": "42", "username": "f", "discriminator": "0", "avatar": None}


class StubRest:
    """Discord's REST API without sockets: yes to everything."""

    origin = "https://discord.com"

    def __init__(self) -> None:
        self.count = 0

    async def request(self, _method: str, _path: str, body: object = None, **_: Any):
        self.count += 1
        shows_nothing(str(body))
        return {"id": str(self.count), "channel_id": "1"}

    async def close(self) -> None: ...


def interactions(number: int) -> list[dict[str, Any]]:
    """Return one sound interaction of each kind."""
    person = {"id": str(10_000 + number), "username": "al", "discriminator": "0",
              "global_name": "Al", "avatar": None}  # fmt: skip
    payload = {
        "id": str(1 << 60),
        "application_id": "42",
        "token": "interaction-token",
        "version": 1,
        "channel_id": "77",
        "channel": {"id": "77", "type": 1, "permissions": "0"},
        "app_permissions": "8",
        "locale": "en-US",
        "entitlements": [],
        "authorizing_integration_owners": {"0": "0"},
        "context": 1,
        "attachment_size_limit": 1 << 20,
        "user": person,
    }
    member = {
        "guild_id": "5",
        "guild": {"id": "5", "locale": "en-US", "features": []},
        "channel": {"id": "77", "type": 0, "name": "c", "guild_id": "5", "position": 0,
                    "permissions": "8"},
        "context": 0,
        "member": {"user": person, "permissions": "32", "roles": [], "flags": 0,
                   "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False,
                   "mute": False},
    }  # fmt: skip
    word = [{"name": "what", "type": 3, "value": "BTC grade>=80"}]
    named = {"id": "9", "name": "watch", "type": 1, "options": word}
    file = {"id": "9", "name": "import", "type": 1,
            "options": [{"name": "file", "type": 11, "value": "3"}],
            "resolved": {"attachments": {"3": {
                "id": "3", "filename": "a.txt", "size": 3, "proxy_url": "x",
                "url": "http://169.254.169.254/latest"}}}}  # fmt: skip
    message = {"id": "8", "channel_id": "77", "content": "x", "embeds": [],
               "attachments": [], "mentions": [], "mention_roles": [], "pinned": False,
               "mention_everyone": False, "tts": False, "type": 0, "components": [],
               "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None,
               "author": person}  # fmt: skip
    in_server = {k: v for k, v in payload.items() if k != "user"} | member
    typing = {"options": [{"name": "what", "type": 3, "value": "B", "focused": True}]}
    press = {"custom_id": "v1:mute24:1", "component_type": 2}
    return [
        payload | {"type": 2, "data": named},
        in_server | {"type": 2, "data": named | {"name": "broadcast"}},
        payload | {"type": 2, "data": file},
        payload | {"type": 4, "data": named | typing},
        payload | {"type": 3, "data": press, "message": message},
        in_server | {"type": 3, "data": press, "message": message},
    ]


async def feed_discord(seed: int, count: int, template: Path) -> str:
    mutator, memory = Mutator(seed), Memory(count)
    config = DiscordConfig(token=SecretStr("TESTTOKEN"))
    refused = 0
    with (
        mock.patch.object(Limits, "turn", return_value=nullcontext()),
        Complaints() as complaints,
    ):
        async with open_copy(template) as world:
            face = DiscordFace(config, world.desk)
            await face._sender.rest.close()
            face._sender.rest = face._interactions._sender.rest = rest = StubRest()
            client = GatewayClient(face, config)
            state = client._connection
            state.user = discord.ClientUser(state=state, data=OURSELVES)
            for number in range(count):
                memory.look()
                sound = mutator.chance.choice(interactions(number))
                has_words = number % 2 == 0
                before = complaints.found.total()
                broken = mutator.words(sound) if has_words else mutator.value(sound)
                try:
                    interaction = discord.Interaction(data=broken, state=state)
                except Exception:  # noqa: BLE001 - the library's own reading
                    refused += 1
                    continue
                try:
                    await face.on_interaction(interaction)
                except Exception as error:  # noqa: BLE001 - as discord.py hands it on
                    await face.on_failed(interaction, error)
                contained = complaints.found.total() - before
                assert not (has_words and contained), (broken, complaints.found)
            before = rest.count
            (whole, *_) = interactions(count + 1)
            await face.on_interaction(discord.Interaction(data=whole, state=state))
            assert rest.count > before
            assert flips_in(world) == []
            await face.stop()
    return (
        f"{count} interactions, {refused} refused by discord.py,"
        f" {complaints.found.total()} contained, {memory.grown:+.1f} MB"
    )


# ------------------------------------------------------------------------------ web


@asynccontextmanager
async def web_app(template: Path, access: Access | None) -> AsyncIterator[Any]:
    async with open_copy(template) as world:
        inboxes = Inboxes(world.store, InboxHub(), now=world.clock)
        routes = Routes(world.desk, inboxes, probes=Probes(), default_inbox="")
        yield world, routes.build(access)


def web_request(mutator: Mutator) -> tuple[dict[str, Any], bytes]:
    chance = mutator.chance
    method, path, document = chance.choice(
        [
            ("POST", "/api/chat", {"text": "/watch BTC", "ref": "1", "file": {
                "name": "a.txt", "text": "BTC ETH"}}),
            ("POST", "/api/chat", {"text": "/import BTC 80 #ai grade>=80"}),
            ("POST", "/api/press", {"entry": 1, "action": "v1:mute24:1"}),
            ("POST", "/api/login", {"key": "guess"}),
            ("GET", "/api/complete?q=b", None),
            ("GET", "/api/picture/1?look=dark", None),
            ("GET", "/readyz", None),
            ("GET", "/metrics", None),
            ("GET", "/chat.js", None),
            ("GET", "/", None),
        ]
    )  # fmt: skip
    if chance.random() < 0.2:
        path = mutator.word(path)
    if chance.random() < 0.1:
        method = chance.choice(["PUT", "DELETE", "OPTIONS", "TRACE", "x", "HEAD"])
    headers = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "cookie": "flipwatch_inbox=abcdefghijklmnopqrstuv; flipwatch_access=1.2",
        "accept-language": "en",
        "accept": "text/html",
        "authorization": "Bearer guess",
        "if-none-match": '"x"',
        "content-length": "5",
    }
    for name in list(headers):
        match chance.randrange(6):
            case 0:
                headers[name] = mutator.word(headers[name])
            case 1:
                del headers[name]
    body = b"" if document is None else mutator.json(document)
    where, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        # uvicorn decodes what is percent-encoded, and forgives what is no UTF-8
        "path": where.encode(errors="replace").decode() or "/",
        "raw_path": where.encode(errors="replace"),
        "query_string": query.encode(errors="replace"),
        "root_path": "",
        "headers": [
            (k.encode(), v.encode("latin-1", errors="replace"))
            for k, v in headers.items()
        ],
        "client": ("127.0.0.1", chance.randint(1, 60_000)),
        "server": ("127.0.0.1", 80),
    }, body


async def feed_web(seed: int, count: int, template: Path) -> str:
    mutator, memory = Mutator(seed), Memory(count)
    statuses: Counter[int] = Counter()
    with Complaints() as complaints:
        for access in (None, Access(KEY)):
            async with web_app(template, access) as (world, app):
                for number in range(count // 2):
                    memory.look()
                    scope, body = web_request(mutator)
                    if access is not None:
                        scope["client"] = (f"10.0.{number % 250}.1", 1)
                    status, answer = await _ask(app, scope, body)
                    statuses[status] += 1
                    shows_nothing(answer)
                if access is not None:
                    assert world.sender.sent == []
                assert flips_in(world) == []
    assert complaints.found == {}, complaints.found.most_common(5)
    assert max(statuses) < 500, statuses
    told = ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items()))
    return f"{count} requests ({told}), {memory.grown:+.1f} MB"


async def _ask(app: Any, scope: dict[str, Any], body: bytes) -> tuple[int, str]:
    came: list[dict[str, Any]] = []
    given = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(given, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        came.append(message)

    await app(scope, receive, send)
    text = b"".join(m.get("body", b"") for m in came).decode(errors="replace")
    return came[0]["status"], f"{came[0].get('headers')} {text}"


# ---------------------------------------------------------------- files of a person


async def feed_toml(seed: int, count: int, folder: Path) -> str:
    mutator, memory = Mutator(seed), Memory(count)
    sound = _every_option()
    path = folder / "config.toml"
    refused = 0
    for _ in range(count):
        memory.look()
        path.write_bytes(_broken_toml(mutator, sound))
        try:
            config = load_config(path, {})
        except ConfigError as error:
            refused += 1
            shows_nothing(str(error))
        else:
            assert isinstance(config, Config)
            shows_nothing(f"{config!r} {config.dump()}")
    assert refused
    return f"{count} files, {refused} refused, {memory.grown:+.1f} MB"


def _every_option() -> list[str]:
    """Return the example with every option on, and planted secrets in it."""
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    text = re.sub(r"^#([a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
    for name, secret in {
        "token": "4242424242:AA-that-is-not-a-secret",
        "api_key": ENGINE_KEY,
        "access_key": KEY,
        "webhook_secret": "planted-webhook-secret",
    }.items():
        line = f'{name} = "{secret}"'
        text = re.sub(rf"^{name} = .*$", line, text, flags=re.MULTILINE)
    lines = [x for x in text.splitlines() if x and not x.startswith("#")]
    assert sum(KEY in line for line in lines) == 1
    return lines


def _broken_toml(mutator: Mutator, sound: list[str]) -> bytes:
    chance, lines = mutator.chance, list(sound)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(lines))
        name, equals, value = lines[at].partition(" = ")
        match chance.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines[at] = f"{mutator.word(name)} = {value}"
            case 2 | 3 if equals:
                nasty = json.dumps(mutator.value(value, 1))
                lines[at] = f"{name} = {nasty}"
            case 4:
                lines[at] = f"{name} = {value[: chance.randint(0, len(value))]}"
            case 5 if equals:
                lines[at] = f"{name} = {deep(200)}"
            case 6:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case _:
                lines[at] = mutator.word(lines[at])
    content = "\n".join(lines).encode(errors="surrogatepass")
    return mutator.raw(content) if chance.random() < 0.1 else content


IMPORTS: list[Any] = [
    {
        "flipwatch": 1,
        "watches": [
            {"watch": "BTC", "lines": [80, 50], "key": "3375", "source": "fake"},
            {"watch": "#ai bullish grade>=80"},
            {"watch": "ETH", "except": True},
            "SOL",
        ],
        "lines": [80],
        "settings": {"zone": "Europe/Berlin", "pace": "calm"},
        "language": "en",
        "mutes": [{"symbol": "BTC", "key": "", "until": "2027-01-01T00:00:00+00:00"}],
    },
    "watch,lines,key,source,except\nBTC,80 50,3375,fake,\n#ai bullish,,,,\nETH,,,,yes",
    "BTC ETH SOL\n#ai bullish grade>=80\nBTC 80 50\n",
]


async def feed_imports(seed: int, count: int, template: Path) -> str:
    mutator, memory = Mutator(seed), Memory(count)
    refused = 0
    complaints = Complaints()
    async with open_copy(template) as world:
        world.source.set("BTC", market_cap=1e12)
        await world.poll()
        for number in range(count):
            memory.look()
            text = _broken_import(mutator)
            try:
                data = own_data.read(text)
                assert len(data.watches) <= 100 * own_data.ENTRIES_MAX
            except UserError as error:
                refused += 1
                shows_nothing(str(error))
            if number % 10 == 0:
                place = f"web:p{number}"
                call = world.call("/import", place)
                call = _with_file(call, Attachment("a.json", text))
                with complaints:
                    assert await world.desk.say(call) is not None
                assert complaints.found == {}, (text, complaints.found)
        assert flips_in(world) == []
    return f"{count} files, {refused} refused, {memory.grown:+.1f} MB"


def _with_file(call: Any, file: Attachment) -> Any:
    return replace(call, attachment=file)


def _broken_import(mutator: Mutator) -> str:
    sound = mutator.chance.choice(IMPORTS)
    if isinstance(sound, str):
        text = mutator.word(sound) if mutator.chance.random() < 0.7 else sound
        return mutator.raw(text.encode(errors="replace")).decode(errors="replace")
    return mutator.json(sound).decode(errors="replace")
