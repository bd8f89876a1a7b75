"""The threat model: each line has its tests, and those that fit nowhere else."""

import ast
import re
from pathlib import Path

import pytest
from aiohttp import web
from fake_discord import FakeDiscord
from fakes import FakeClock
from pydantic import SecretStr
from world import open_world

from bot.config import DiscordConfig, EngineConfig
from bot.errors import SourceError
from bot.model import Wanted
from engine import open_source
from handlers.discord.face import DiscordFace

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", DOCUMENT)
INJECTIONS = [
    "'; DROP TABLE watches; --",
    '" OR 1=1 --',
    "BTC') UNION SELECT chat FROM recipients --",
    "%' OR '1'='1",
    "\\'; DELETE FROM recipients; --",
    ":now",
    "{0}",
    "%(name)s",
]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_named_test_exists(path, name):
    text = (ROOT / path).read_text(encoding="utf-8")

    assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE)


def test_every_line_of_the_threat_model_names_a_test():
    lines, told = DOCUMENT.partition("## To the operator")[::2]
    threats = re.findall(r"^- (?:.+\n?(?:  .*\n)*)", lines, re.MULTILINE)

    assert told
    assert len(threats) > 30
    assert [t for t in threats if not re.search(r"`tests/\S+::\w+`", t)] == []


@pytest.mark.parametrize(
    "path", ["handlers/web/access.py", "handlers/telegram/webhook.py"]
)
def test_secrets_are_compared_in_constant_time(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    compared = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
    ]
    secretive = re.compile(r"key|secret|signature|signed|given|shown(?!\.)")

    assert "compare_digest(" in ast.unparse(tree)
    assert [c for c in compared if secretive.search(c)] == []


async def test_what_people_type_never_becomes_sql(tmp_path):
    async with open_world(tmp_path) as world:
        for number, name in enumerate(INJECTIONS):
            world.source.set(name, key=f"k{number}", categories=(name,))
        world.source.set("BTC", market_cap=1e12)
        await world.poll()
        await world.say("/watch BTC")
        for name in INJECTIONS:
            for command in ("/watch", "/signal", "/why", "/flips", "/top", "/unwatch"):
                await world.say(f"{command} {name}", place="web:mallory")
            await world.say(f"/watch #{name}", place="web:mallory")
            await world.say(f"/timezone {name}", place="web:mallory")
            await world.desk.complete(name)
            await world.press(name[:60], place="web:mallory")
        world.source.flip("BTC")
        await world.poll()

        told = world.sender.texts("web:alice")

    assert any("BTC turned" in text for text in told)
    assert not any("web:alice" in t for t in world.sender.texts("web:mallory"))


def test_sql_is_put_together_of_our_own_words_only():
    """Ruff's S608 finds SQL put together from pieces; one file of ours may do it."""
    configured = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = []
    for path in sorted(ROOT.glob("storage/**/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            is_text = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "text"
            )
            if is_text and any(isinstance(a, ast.JoinedStr) for a in node.args):
                found.append(path.relative_to(ROOT).as_posix())

    assert re.findall(r'^"(.+)" = \["S608"\]', configured, re.MULTILINE) == [
        "storage/fanout_sql.py"
    ]
    assert set(found) <= {"storage/fanout_sql.py"}


async def test_an_engine_can_not_send_us_elsewhere():
    asked = []

    async def elsewhere(request):
        asked.append(request.path)
        raise web.HTTPFound("/stolen")

    app = web.Application()
    app.router.add_get("/{path:.*}", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    source = open_source(
        EngineConfig(
            kind="remote",
            base_url=f"http://127.0.0.1:{port}/v2",
            api_key=SecretStr("tm-of-a-test"),
        ),
        now=FakeClock(),
    )
    try:
        with pytest.raises(SourceError):
            await source.fetch(Wanted(keys=frozenset({"1"})))
    finally:
        await source.close()
        await runner.cleanup()

    assert asked
    assert "/stolen" not in asked


async def test_discord_is_asked_for_no_privileged_intent():
    guilds = 1
    async with FakeDiscord() as dc:
        face = DiscordFace(
            DiscordConfig(
                token=SecretStr("TESTTOKEN"),
                api_url=dc.api_url,
                gateway_url=dc.gateway_url,
            ),
            None,
        )
        await face.start()
        await dc.ready()
        intents = {session.intents for session in dc.gateway.sessions.values()}
        await face.stop()

    assert intents == {guilds}
