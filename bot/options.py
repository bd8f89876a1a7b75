"""What is known of every option, and the documents that are made of it.

`python -m bot.options` (or `make docs`) writes `config.example.toml` and
`docs/configuration.md`; a test holds both equal to what is written here.
"""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr

from bot.config import Config

EXAMPLE_FILE = Path("config.example.toml")
MANUAL_FILE = Path("docs/configuration.md")

_EXAMPLE_HEAD = """\
# Flipwatch reads this file as ./config.toml, as $FLIPWATCH_CONFIG, or with --config.
# Copy it to config.toml. Two lines are yours to fill in: the token of your Telegram
# bot and the token of your Discord bot. One is enough, the other platform stays off.
# All else stands at its default: change a line, delete it, or leave it as it is.
#
# A secret may also be kept in a file of its own, relative to this one:
#   token_file = "telegram.token"
# and every option may be set by the environment, which wins over this file:
#   FLIPWATCH_TELEGRAM__TOKEN, FLIPWATCH_WEB__PORT, ...
"""

_MANUAL_HEAD = """\
<!-- Made from bot/config.py by `make docs`. Change it there. -->
# Configuration

Flipwatch reads one TOML file: the one after `--config`, else the one that
`FLIPWATCH_CONFIG` names, else `./config.toml` if it is there, else none.
A file that was named must exist.
[`config.example.toml`](../config.example.toml) shows every option with its default.

- **Environment.** Every option can be set as `FLIPWATCH_<SECTION>__<KEY>`, such as
  `FLIPWATCH_WEB__PORT=8081`; the environment wins over the file.
  Lists are JSON: `FLIPWATCH_APP__OPERATORS='["telegram:123456789"]'`.
  An empty value unsets an option that has no default.
- **Secrets.** An option marked *secret* is given either as it is or as `<key>_file`,
  the path of a file that holds it, relative to the configuration file
  (in the environment: to where Flipwatch is started).
- **Mistakes.** An unknown section, option or `FLIPWATCH_` variable is an error that
  names the nearest known one.
  All problems are listed at once, and no message shows a secret.
- **Intervals** are numbers of seconds.
- **Recipients** are written `telegram:<chat>[/<topic>]`, `discord:<channel>` or
  `web:<id>`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What is known of one option; read from the sections, never written twice.

    Attributes:
        allowed: what may be given, in words.
        is_secret: never shown; may also be given as `<key>_file`.
        is_text: taken from the environment as it stands, else read as JSON.
        example: shown in the example file where there is no default.
    """

    section: str
    key: str
    default: object
    meaning: str
    allowed: str
    is_secret: bool
    is_text: bool
    example: str

    @property
    def name(self) -> str:
        """The option as it is written in messages: `section.key`."""
        return f"{self.section}.{self.key}"


def sections() -> Mapping[str, type[BaseModel]]:
    """Return the class of each section by its name, in the order of the file."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type):
            found[name] = field.annotation
    return found


def options() -> Sequence[Option]:
    """List every option, section by section."""
    found: list[Option] = []
    for section, model in sections().items():
        for key, field in model.model_fields.items():
            extra = field.json_schema_extra
            told: Mapping[str, Any] = extra if isinstance(extra, dict) else {}
            option = Option(
                section=section,
                key=key,
                default=field.default,
                meaning=field.description or "",
                allowed=told["allowed"],
                is_secret=told["is_secret"],
                is_text=_is_text(field.annotation),
                example=told["example"],
            )
            found.append(option)
    return found


def _is_text(annotation: object) -> bool:
    """Whether every value of this type is written as a string."""
    if get_origin(annotation) is Literal:
        return True
    kinds = set(get_args(annotation) or (annotation,)) - {type(None)}
    return get_origin(annotation) is not tuple and kinds <= {str, SecretStr}


# ---------------------------------------------------------------------- documents


def write_toml(values: Mapping[str, Mapping[str, object]]) -> str:
    """Write what `Config.dump` gives as TOML."""
    return "\n".join(
        f"[{section}]\n"
        + "".join(f"{key} = {toml_value(value)}\n" for key, value in table.items())
        for section, table in values.items()
    )


def toml_value(value: object) -> str:
    """Write one text, number or list as TOML."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(toml_value(x) for x in value)}]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # JSON's strings and numbers are TOML's too, but for the delete character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def example(
    given: Mapping[str, object] = MappingProxyType({}), *, head: str = _EXAMPLE_HEAD
) -> str:
    """Return the text of `config.example.toml`: every option with its default.

    `given` are dotted options that are written with another value than that.
    """
    text = head
    section = ""
    for option in options():
        if option.section != section:
            section = option.section
            text += f"\n[{section}]\n"
        text += "".join(f"# {x}\n" for x in textwrap.wrap(option.meaning, 86))
        if option.name in given:
            text += f"{option.key} = {toml_value(given[option.name])}\n"
        elif option.default is None:
            shown = toml_value(option.example) if option.is_text else option.example
            text += f"#{option.key} = {shown}\n"
        else:
            text += f"{option.key} = {toml_value(option.default)}\n"
    return text


def manual() -> str:
    """Return the text of `docs/configuration.md`."""
    text = _MANUAL_HEAD
    for name, model in sections().items():
        about = (model.__doc__ or "").strip()
        text += f"\n## [{name}]\n\n{about}\n\n"
        text += "| option | default | allowed | meaning |\n|---|---|---|---|\n"
        for option in options():
            if option.section == name:
                text += _row(option)
    return text


def _row(option: Option) -> str:
    unset = option.default is None
    default = "unset" if unset else f"`{toml_value(option.default)}`"
    allowed = option.allowed.replace("|", "\\|")
    meaning = option.meaning + (" *Secret.*" if option.is_secret else "")
    return f"| `{option.key}` | {default} | {allowed} | {meaning} |\n"


def main() -> None:
    """Write both documents into the current folder."""
    EXAMPLE_FILE.write_text(example(), encoding="utf-8")
    MANUAL_FILE.write_text(manual(), encoding="utf-8")


if __name__ == "__main__":
    main()
