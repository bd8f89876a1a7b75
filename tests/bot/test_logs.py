"""What logs look like, and what never comes out of them."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from bot import logs
from bot.config import Config
from bot.logs import ConsoleFormatter, JsonFormatter, Redactor, secrets_of

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
KEY = "tm-0a1b2c3d-4e5f-6789-abcd-ef0123456789"
SECRET = "pa\"ss\\wörd'7"
FORMATTERS = [ConsoleFormatter, JsonFormatter]

#: in each, the second must not be found
LEAKS = [
    pytest.param(f"the secret {SECRET} itself", SECRET, id="a secret"),
    pytest.param(
        f"POST https://api.telegram.org/bot{TOKEN}/getMe", TOKEN, id="a token in a URL"
    ),
    pytest.param(
        f"https://x/bot{TOKEN.replace(':', '%3A')}/getMe",
        TOKEN.partition(":")[2],
        id="a token in a quoted URL",
    ),
    pytest.param(
        "postgresql+asyncpg://me:hunter2@db:5432/flipwatch",
        "hunter2",
        id="a password in a database URL",
    ),
    pytest.param(
        "postgresql://me:hun/ter:2@db/flipwatch", "ter:2", id="a password with a slash"
    ),
    pytest.param("http://:hunter2@proxy:3128", "hunter2", id="a password alone"),
    pytest.param(f"x-api-key: {KEY}", KEY, id="an engine's key"),
    pytest.param(f"bad value {SECRET!r}", "wörd'7", id="a secret in a repr"),
    pytest.param(
        "url?key=pa%22ss%5Cw%C3%B6rd%277", "w%C3%B6rd", id="a secret in a query"
    ),
]


def record(
    text: str = "poll", *, error: BaseException | None = None, **extra: object
) -> logging.LogRecord:
    info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord(
        "bot.poller", logging.INFO, "poller.py", 1, text, None, info
    )
    vars(made).update(extra)
    return made


def raised(text: str) -> BaseException:
    with pytest.raises(ValueError, match=re.escape(text)) as caught:
        raise ValueError(text)
    return caught.value


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(("text", "leak"), LEAKS)
def test_no_secret_comes_out_of_any_part_of_a_line(
    formatter: type[logging.Formatter], text: str, leak: str
) -> None:
    show = formatter(Redactor({SECRET})).format

    for one in (
        record(text),
        record(url=text),
        record(list=[text], nested={"a": {"b": text}}),
        record(nested={text: 1}),
        record("failed", error=raised(text)),
        record("failed", error=ExceptionGroup("two", [ValueError(text)])),
    ):
        shown = show(one)
        assert leak not in shown
        assert json.dumps(leak)[1:-1] not in shown
        assert "***" in shown


def test_what_is_no_secret_stays() -> None:
    redact = Redactor({SECRET})

    assert (
        redact("postgresql://me:hunter2@db:5432/x") == "postgresql://me:***@db:5432/x"
    )
    for text in ("http://127.0.0.1:8080/x", "at 14:05, 3 assets", "me@example.org"):
        assert redact(text) == text


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    assert Redactor({"abc", "abcdef"})("abcdef abc") == "*** ***"


@pytest.mark.parametrize(
    "secret", ["level", "1", '": "', "info", ",", "2026"], ids=repr
)
def test_json_lines_are_json_whatever_the_secret_is(secret: str) -> None:
    line = JsonFormatter(Redactor({secret})).format(
        record("poll", tick=12345, ok=True, none=None, ratio=0.5)
    )

    assert isinstance(json.loads(line), dict)
    assert "\n" not in line


def test_a_number_that_is_a_secret_is_hidden_too() -> None:
    line = JsonFormatter(Redactor({"12345"})).format(record(pin=12345, tick=7))

    assert json.loads(line)["pin"] == "***"
    assert json.loads(line)["tick"] == 7


class Odd:
    def __str__(self) -> str:
        return f"odd {KEY}"


@given(
    st.text(),
    st.dictionaries(
        st.sampled_from(["tick", "reason", "to"]),
        st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.just(Odd())),
    ),
)
def test_every_json_line_parses(text: str, fields: dict[str, Any]) -> None:
    line = JsonFormatter(Redactor()).format(record(text.replace("%", "%%"), **fields))

    def no_constant(name: str) -> None:
        raise AssertionError(name)

    entry = json.loads(line, parse_constant=no_constant)
    assert entry.keys() >= {"at", "level", "logger", "message", *fields}
    assert "\n" not in line
    assert KEY not in line


def test_a_console_line_has_time_words_and_fields() -> None:
    one = record("sent", action="sent", to="web:alice", alerts=2)
    one.created = 1795183200.0

    assert ConsoleFormatter(Redactor()).format(one) == (
        "14:00:00 sent         to=web:alice alerts=2"
    )


def test_a_console_line_names_every_level_but_the_usual_one() -> None:
    one = record("poll failed")
    one.levelno, one.levelname = logging.WARNING, "WARNING"

    assert " WARNING poll failed" in ConsoleFormatter(Redactor()).format(one)


class Inner(BaseModel):
    token: SecretStr | None = None
    name: str = "n"


class Outer(BaseModel):
    first: Inner = Inner()
    second: Inner = Inner()
    key: SecretStr = SecretStr("k")


def test_secrets_are_found_in_every_section() -> None:
    config = Outer(first=Inner(token=SecretStr("t")), second=Inner(token=SecretStr("")))

    assert secrets_of(config) == {"t", "k"}


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    kept = logger.handlers[:], logger.level
    hook = sys.excepthook
    yield logger
    sys.excepthook = hook
    logger.handlers[:], level = kept
    logger.setLevel(level)


@pytest.mark.parametrize("is_json", [True, False], ids=["json", "console"])
def test_logs_go_to_stderr_once_and_without_the_configured_token(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], is_json: bool
) -> None:
    config = Config.model_validate(
        {
            "telegram": {"token": "a-token-of-my-own"},
            "app": {"log_format": "json" if is_json else "console"},
        }
    )

    logs.set_up(config)
    logs.set_up(config)
    root.warning("unauthorized", extra={"token": "a-token-of-my-own"})
    root.debug("not shown")

    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("unauthorized") == 1
    assert "a-token-of-my-own" not in err
    assert "not shown" not in err
    assert err.startswith("{") is is_json


def test_what_ends_the_program_is_printed_without_the_configured_token(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(Config.model_validate({"telegram": {"token": "a-token-of-my-own"}}))
    error = ExceptionGroup("ended", [raised("GET /bota-token-of-my-own/getMe")])

    sys.excepthook(type(error), error, None)

    err = capsys.readouterr().err
    assert "ValueError: GET /bot***/getMe" in err
    assert "a-token-of-my-own" not in err


@pytest.mark.parametrize("name", ["httpx", "httpcore.http11", "aiohttp.access"])
def test_what_libraries_log_of_requests_is_neither_shown_nor_leaks(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    logs.set_up(Config.model_validate({"telegram": {"token": "a-token-of-my-own"}}))
    library = logging.getLogger(name)

    library.info("POST %s", "https://x/bota-token-of-my-own/getMe")
    library.warning("POST %s", "https://x/bota-token-of-my-own/getMe")

    err = capsys.readouterr().err
    assert err.count("POST https://x/bot***/getMe") == 1
    assert "a-token-of-my-own" not in err


# ------------------------------------------------------------------------- repeats


class Lines:
    """A logger whose handler counts what comes through, on a clock moved by hand."""

    def __init__(self):
        self.now = 0.0
        self.records = []
        handler = logging.Handler()
        handler.emit = self.records.append
        handler.addFilter(logs.Repeats(within=600, clock=lambda: self.now))
        self.logger = logging.Logger("test")  # noqa: LOG001 - no other test sees it
        self.logger.addHandler(handler)


def test_the_same_error_has_one_line_while_it_lasts_and_then_a_count():
    lines = Lines()

    for _ in range(300):
        lines.logger.warning("claim failed: %s", "no database", extra={"to": lines.now})
        lines.now += 2
    lines.logger.warning("claim failed: %s", "no database")

    assert [getattr(r, "repeated", 0) for r in lines.records] == [0, 299]


def test_distinct_errors_have_a_line_each():
    lines = Lines()

    for text in ("a", "b", "a"):
        lines.logger.error("job failed", exc_info=ValueError(text))

    assert len(lines.records) == 2


def test_what_is_no_warning_is_never_held_back():
    lines = Lines()

    for _ in range(3):
        lines.logger.info("poll")

    assert len(lines.records) == 3


def test_memory_for_repeats_is_bounded():
    lines = Lines()

    for number in range(5000):
        lines.logger.warning("%s", number)

    (known,) = [f._known for f in lines.logger.handlers[0].filters]
    assert len(known) <= 1000
