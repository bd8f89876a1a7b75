"""Mistakes in the configuration: what is told, of all of them, without a secret."""

import pytest

from bot.errors import ConfigError
from bot.settings_file import load_config

SECRET = "123456:AAF-secret"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder):
    """Write ./config.toml and return its path."""

    def _write(text: str, name: str = "config.toml"):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def problems(env=None, path=None, **overrides) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        load_config(path, env or {}, overrides=overrides)
    return str(wrong.value).splitlines()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[telegrm]",
            "[telegrm]: unknown section; did you mean [telegram]?",
        ),
        (
            "[xyz]",
            (
                "[xyz]: unknown section; there are [telegram], [discord], [app],"
                " [engine], [storage], [web], [delivery], [alerts], [api],"
                " [keep], [health]"
            ),
        ),
        (
            "[telegram]\ntokn = 1",
            "telegram.tokn: unknown option; did you mean telegram.token?",
        ),
        (
            "[telegram]\nport = 1",
            "telegram.port: unknown option; did you mean web.port?",
        ),
        (
            "[alerts]\nzzzz = 1",
            "alerts.zzzz: unknown option; [alerts] has rearm_band",
        ),
        (
            '[telegram]\nproxi_file = ""',
            "telegram.proxi_file: unknown option; did you mean telegram.proxy?",
        ),
        (
            "port = 1",
            "port: belongs in a section: web.port or api.port",
        ),
        (
            'token = "1:a"',
            "token: belongs in a section: telegram.token or discord.token",
        ),
        ("web = 1", "web: must be a section, written [web]"),
        ("[[web]]\nport = 1", "web: must be a section, written [web]"),
        (
            "[web]\nport = 70000",
            "web.port = 70000: must be a whole number from 0 to 65535",
        ),
        (
            '[web]\nport = "80"',
            'web.port = "80": must be a whole number from 0 to 65535',
        ),
        (
            "[web]\nport = 1979-05-27",
            'web.port = "1979-05-27": must be a whole number from 0 to 65535',
        ),
        (
            '[engine]\nkind = "live"',
            'engine.kind = "live": must be "auto", "embedded", "remote" or "replay"',
        ),
        (
            '[engine]\nbase_url = "https://x/v1"',
            (
                'engine.base_url = "https://x/v1": must be an http(s) address that'
                " ends in /v2 or /v3 (this one does not)"
            ),
        ),
        (
            '[app]\noperators = ["telegram:me", "foo:1"]',
            (
                'app.operators = ["telegram:me", "foo:1"]: must be a list such as'
                ' ["telegram:123456789", "discord:987654321"]'
                " (“telegram:me”: after “telegram:” comes the id of the chat)"
            ),
        ),
        (
            '[storage]\nurl = "sqlite:///x.db"',
            (
                "storage.url: must be sqlite+aiosqlite:///PATH or"
                " postgresql+asyncpg://USER:PASSWORD@HOST/NAME"
                " (write sqlite+aiosqlite:// at its start)"
            ),
        ),
        (
            "[delivery]\nlease = 8",
            "[delivery]: lease (8 s) must be longer than send_timeout (8 s)",
        ),
        ("[telegram]\ntoken = 5", "telegram.token: must be text"),
    ],
    ids=lambda x: x.replace("\n", " "),
)
def test_a_mistake_in_the_file_is_told_with_what_is_meant_or_allowed(write, text, told):
    write(text)

    assert problems()[0] == f"config.toml: {told}"


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        (
            "FLIPWATCH_TELEGRAM_TOKEN",
            SECRET,
            "unknown variable; did you mean FLIPWATCH_TELEGRAM__TOKEN?",
        ),
        (
            "FLIPWATCH_CONFG",
            "x",
            "unknown variable; did you mean FLIPWATCH_CONFIG?",
        ),
        (
            "FLIPWATCH_WEB__PORT",
            "eighty",
            'web.port = "eighty": must be a whole number from 0 to 65535',
        ),
        (
            "FLIPWATCH_WEB__PORT",
            "",
            'web.port = "": must be a whole number from 0 to 65535',
        ),
        (
            "FLIPWATCH_ENGINE__POLL_INTERVAL",
            "NaN",
            "engine.poll_interval = NaN: must be a number of seconds from 1",
        ),
        (
            "FLIPWATCH_APP__OPERATORS",
            "telegram:1",
            (
                'app.operators = "telegram:1": must be a list such as'
                ' ["telegram:123456789", "discord:987654321"]'
            ),
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(folder, variable, text, told):
    assert problems({variable: text}) == [f"{variable}: {told}"]


def test_an_unknown_override_is_told_like_any_other(folder):
    assert problems(**{"web.prt": 1}) == [
        "command line: web.prt: unknown option; did you mean web.port?"
    ]


def test_all_problems_are_told_at_once_one_per_line(write):
    write(
        '[telegrm]\ntoken = "x"\n'
        '[web]\nport = 70000\nhots = "x"\n'
        "[engine]\npoll_interval = 0\n"
        '[discord]\ntoken_file = "none"\n'
    )

    told = problems({"FLIPWATCH_APP__ACCESS": "all"})

    assert sorted(line.split(": ")[1].split()[0] for line in told) == [
        "[telegrm]",
        "app.access",
        "discord.token_file",
        "engine.poll_interval",
        "web.hots",
        "web.port",
    ]


@pytest.mark.parametrize(
    "text",
    [
        f'[telegram]\ntoken = ["{SECRET}"]',
        f'[telegram]\nproxy = "socks5://user:{SECRET}@proxy"',
        f'[telegram]\nproxy = "http://user:{SECRET}@[proxy"',
        f'[storage]\nurl = "postgres://user:{SECRET}@db/x"',
        f'[engine]\nbase_url = "https://user:{SECRET}@engine/v1"',
        f'[engine]\napi_key = {{ value = "{SECRET}" }}',
        f'[telegram]\ntoken = "{SECRET}"\ntoken_file = "x"',
    ],
)
def test_no_message_holds_a_secret(write, text):
    write(text)

    assert SECRET not in "\n".join(problems())


# ------------------------------------------------------------- between sections


@pytest.mark.parametrize("roles", ['["poll"]', '["poll", "deliver", "chat"]'])
def test_a_sqlite_file_is_for_one_process_with_all_roles(write, roles):
    write(f"[app]\nroles = {roles}")

    (told,) = problems()

    assert told.startswith("app.roles leaves out ")
    assert "SQLite" in told
    assert "set storage.url to a PostgreSQL database" in told


def test_on_postgresql_a_process_may_have_any_role(write):
    write(
        '[app]\nroles = ["deliver"]\n'
        '[storage]\nurl = "postgresql+asyncpg://flip@db/flipwatch"'
    )

    assert load_config(None, {}).app.roles == ("deliver",)


def test_a_webhook_needs_the_web_chats_port_in_the_same_process(write):
    write(
        '[app]\nroles = ["chat", "deliver"]\n'
        '[storage]\nurl = "postgresql+asyncpg://flip@db/flipwatch"\n'
        f'[telegram]\ntoken = "{SECRET}"\nmode = "webhook"\n'
        'webhook_url = "https://bot.example.org"'
    )

    (told,) = problems()

    assert told.startswith('telegram.mode = "webhook": app.roles has chat without web')
    assert SECRET not in told


def test_a_webhook_without_its_address_is_told_with_the_section(write):
    write('[telegram]\nmode = "webhook"')

    assert problems() == ['config.toml: [telegram]: mode = "webhook" needs webhook_url']
