"""How logs look and what never gets into them.

Logs go to stderr; results go to stdout. Modules log a constant message with fields in
`extra`; here they become `key=value` or JSON. Secrets are replaced wherever they turn
up, also inside tracebacks of libraries.
"""

import json
import logging
import math
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC, datetime
from traceback import format_exception
from types import TracebackType
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from bot.config import HIDDEN, Config

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
#: fields for machines, which only make a line longer for eyes
_JSON_ONLY = frozenset({"action", "event_key"})
#: a Telegram bot token as it stands in the Bot API's URLs, a Token Metrics key, and a
#: key to our own API
_TOKENS = re.compile(
    r"\d{6,}(?::|%3[Aa])[A-Za-z0-9_-]{30,}|tm-[0-9A-Fa-f-]{36}|fw-[A-Za-z0-9_-]{43}"
)
#: SQLAlchemy takes everything between the first colon and the @ as the password
_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^@\s]*(?=@)")
#: libraries whose chatter is nobody's business below a warning; httpx logs URLs,
#: aiosqlite every statement with its values
_QUIET = (
    *("httpx", "httpcore", "apscheduler", "alembic", "discord", "telegram"),
    *("uvicorn", "aiohttp", "aiosqlite", "sqlalchemy"),
)


def secrets_of(section: BaseModel) -> set[str]:
    """Collect every secret value of a configuration."""
    found: set[str] = set()
    for _, value in section:
        if isinstance(value, SecretStr):
            found.add(value.get_secret_value())
        elif isinstance(value, BaseModel):
            found |= secrets_of(value)
    return {s for s in found if s}


class Redactor:
    """Replaces secrets in text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, so that one inside another leaves nothing of it.
        written = {form for secret in secrets for form in _forms(secret)}
        self._secrets = sorted(written, key=len, reverse=True)

    def value(self, value: object) -> object:
        """Return a value fit for JSON without any secret in it, also in its keys."""
        if isinstance(value, Mapping):
            return {self(str(k)): self.value(v) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(v) for v in value]
        text = self(str(value))
        is_plain = value is None or isinstance(value, bool | int)
        # NaN and infinity are no JSON.
        is_plain |= isinstance(value, float) and math.isfinite(value)
        return value if is_plain and text == str(value) else text

    def __call__(self, text: str) -> str:
        """Return the text without any secret in it."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _TOKENS.sub(HIDDEN, text)
        return _PASSWORD.sub(rf"\1:{HIDDEN}", text)


def _forms(secret: str) -> set[str]:
    """Return a secret as it is, and as URLs, JSON and Python's repr write it."""
    return {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {k: v for k, v in vars(record).items() if k not in _STANDARD}


class Repeats(logging.Filter):
    """Lets one line through per distinct warning or error while it lasts.

    The same one from the same place is counted instead, whomever it is about; after
    `within` seconds it is told again, with how often it came meanwhile.
    """

    def __init__(
        self, *, within: float = 600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._within = within
        self._clock = clock
        #: told at, and how often since
        self._known: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is to be written; may add how often it came."""
        if record.levelno < logging.WARNING:
            return True
        error = record.exc_info[1] if record.exc_info else None
        key = (record.name, record.getMessage(), type(error), str(error))
        now = self._clock()
        told_at, count = self._known.pop(key, (-math.inf, 0))
        if now - told_at < self._within:
            self._known[key] = (told_at, count + 1)
            return False
        if count:
            record.repeated = count
        self._known[key] = (now, 0)
        if len(self._known) > _REPEATS_KEPT:
            self._known.popitem(last=False)
        return True


#: so many distinct errors at once are told apart
_REPEATS_KEPT = 1000


class ConsoleFormatter(logging.Formatter):
    """One readable line per record: time, what happened, the fields."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact."""
        at = datetime.fromtimestamp(record.created, UTC)
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        fields = " ".join(
            f"{k}={self._redact.value(v)}"
            for k, v in _fields(record).items()
            if k not in _JSON_ONLY
        )
        text = f"{at:%H:%M:%S} {level}{record.getMessage():<12} {fields}".rstrip()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return self._redact(text)


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact."""
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        # Before it is JSON: a secret with a quote in it looks different afterwards, and
        # what replaces one there could break the line.
        return json.dumps(self._redact.value(entry), ensure_ascii=False)


def _reporter(redact: Redactor) -> Callable[..., None]:
    """Return what prints a traceback as Python does, without any secret in it."""

    def report(
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
    ) -> None:
        text = "".join(format_exception(kind, error, traceback))
        sys.stderr.write(redact(text))

    return report


def set_up(config: Config) -> None:
    """Send all logs to stderr in the configured form; may be called again."""
    redact = Redactor(secrets_of(config))
    is_json = config.app.log_format == "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    handler.setFormatter(JsonFormatter(redact) if is_json else ConsoleFormatter(redact))
    # What ends the program is printed by Python itself, with all that it says.
    sys.excepthook = _reporter(redact)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.app.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of every beat skipped while a poll still runs, which is as planned.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
