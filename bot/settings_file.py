"""Loads the configuration from a TOML file, the environment and the command line.

Later layers win over earlier ones: file, environment, command line. All problems are
found before any is told, so that an operator mends a file in one go. No message holds
the value of a secret.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from bot.config import Config
from bot.errors import ConfigError
from bot.options import Option, options, sections

#: names the file when `--config` does not
CONFIG_VARIABLE = "FLIPWATCH_CONFIG"
#: read when neither names a file, if it is there
DEFAULT_FILE = Path("config.toml")

_PREFIX = "FLIPWATCH_"
#: tests are steered by these; they are no options
_TEST_PREFIX = "FLIPWATCH_TEST_"
#: Kubernetes sets these by itself in every pod beside a service named "flipwatch"
#: (kubernetes.io/docs/concepts/services-networking/service/#environment-variables)
_SERVICE_LINK = re.compile(
    r"FLIPWATCH_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)
_FILE_SUFFIX = "_file"
_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that somebody gave, and where."""

    value: object
    origin: str


@dataclass(slots=True)
class _Layer:
    """The options one place gives; its secret files are relative to `folder`."""

    folder: Path
    given: dict[str, _Given] = field(default_factory=dict)
    files: dict[str, _Given] = field(default_factory=dict)


def load_config(
    path: Path | None,
    env: Mapping[str, str],
    *,
    overrides: Mapping[str, object] | None = None,
) -> Config:
    """Load the whole configuration or raise one `ConfigError` with every problem.

    The file is `path`, else what `$FLIPWATCH_CONFIG` names, else `./config.toml` if
    it exists, else none; a file that was named must be there. `overrides` are
    dotted options such as `{"web.port": 8123}` and win over everything.
    """
    problems: list[str] = []
    layers: list[_Layer] = []
    file = find_file(path, env)
    if file is not None:
        layers.append(_from_file(file, problems))
    layers.append(_from_environment(env, problems))
    layers.append(_from_overrides(overrides or {}, problems))
    given: dict[str, _Given] = {}
    for layer in layers:
        given |= _with_secret_files(layer, problems)
    config = _validated(given, problems)
    if config is None or problems:
        raise ConfigError("\n".join(problems))
    return config


def find_file(path: Path | None, env: Mapping[str, str]) -> Path | None:
    """Return the file that `load_config` reads, or None if there is none."""
    if path is not None:
        return path
    if named := env.get(CONFIG_VARIABLE, ""):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def secret_files(path: Path | None, env: Mapping[str, str]) -> Sequence[Path]:
    """List the files that hold secrets: the configuration, if it does, and others.

    For a configuration that `load_config` takes; what it refuses is left out.
    """
    known = {option.name for option in options() if option.is_secret}
    layers = [_from_environment(env, [])]
    found: list[Path] = []
    file = find_file(path, env)
    if file is not None:
        layers.append(_from_file(file, []))
        given = layers[-1].given
        if any(_is_secret_text(given[name].value) for name in known & given.keys()):
            found.append(file)
    for layer in layers:
        found += [
            layer.folder / given.value
            for given in layer.files.values()
            if isinstance(given.value, str) and given.value
        ]
    return list(dict.fromkeys(found))


def _is_secret_text(value: object) -> bool:
    """Whether a secret option's value has a secret: an address may be without one."""
    text = value if isinstance(value, str) else ""
    return bool(text) and ("://" not in text or "@" in text)


# ------------------------------------------------------------------------- layers


def _from_file(path: Path, problems: list[str]) -> _Layer:
    layer = _Layer(path.parent)
    for section, table in _read_toml(path).items():
        if section not in sections():
            problems.append(_unknown_section(str(path), section))
        elif not isinstance(table, dict):
            problems.append(
                f"{path}: {section}: must be a section, written [{section}]"
            )
        else:
            for key, value in table.items():
                _take(layer, f"{section}.{key}", _Given(value, str(path)), problems)
    return layer


def _read_toml(path: Path) -> dict[str, object]:
    try:
        # Some editors begin a file with a byte order mark, which is no TOML.
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}: line {line}: not UTF-8 text") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = f"at line {text.count(chr(10)) + 1}, the end of the file"
        what = str(error).replace("at end of document", last)
        raise ConfigError(f"{path}: not valid TOML: {what}") from error


def _from_environment(env: Mapping[str, str], problems: list[str]) -> _Layer:
    layer = _Layer(Path())
    known = dict(_variables())
    for variable in sorted(env):
        if not variable.startswith(_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if variable.startswith(_TEST_PREFIX) or _SERVICE_LINK.fullmatch(variable):
            continue
        if variable not in known:
            nearest = _nearest(variable, [*known, CONFIG_VARIABLE])
            problems.append(
                f"{variable}: unknown variable"
                + (f"; did you mean {nearest}?" if nearest else "")
            )
            continue
        name, option = known[variable]
        value = _from_text(env[variable], option, is_path=name != option.name)
        _take(layer, name, _Given(value, variable), problems)
    return layer


def _variables() -> Iterable[tuple[str, tuple[str, Option]]]:
    """List every variable with the name it stands for and its option."""
    for option in options():
        variable = f"{_PREFIX}{option.section}__{option.key}".upper()
        yield variable, (option.name, option)
        if option.is_secret:
            file = (option.name + _FILE_SUFFIX, option)
            yield variable + _FILE_SUFFIX.upper(), file


def _from_text(text: str, option: Option, *, is_path: bool) -> object:
    """Read a variable's text; what is no JSON stays text and is refused later."""
    if option.is_text or is_path:
        return text
    if not text and option.default is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _from_overrides(overrides: Mapping[str, object], problems: list[str]) -> _Layer:
    layer = _Layer(Path())
    for name, value in overrides.items():
        _take(layer, name, _Given(value, "command line"), problems)
    return layer


def _take(layer: _Layer, name: str, given: _Given, problems: list[str]) -> None:
    """Put one value into the layer, or say that there is no such option."""
    known = {option.name: option for option in options()}
    secret = known.get(name.removesuffix(_FILE_SUFFIX))
    if name in known:
        layer.given[name] = given
    elif secret is not None and secret.is_secret:
        layer.files[secret.name] = given
    else:
        problems.append(_unknown_option(given.origin, name, list(known)))


def _with_secret_files(layer: _Layer, problems: list[str]) -> dict[str, _Given]:
    """Return the layer's values, those kept in files among them."""
    values = dict(layer.given)
    for name, given in layer.files.items():
        where = f"{given.origin}: {name}{_FILE_SUFFIX}"
        beside = values.get(name)
        if given.value == "":
            continue
        if beside is not None and beside.value != "":
            problems.append(f"{where}: give either {name} or this, not both")
        elif not isinstance(given.value, str):
            problems.append(f"{where}: must be the path of a file")
        else:
            secret = _read_secret(layer.folder / given.value, where, problems)
            if secret is not None:
                values[name] = _Given(secret, given.origin)
    return values


def _read_secret(path: Path, where: str, problems: list[str]) -> str | None:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        problems.append(f"{where}: {path} cannot be read: {error.strerror}")
        return None
    except ValueError:
        problems.append(f"{where}: {path} is not UTF-8 text")
        return None
    if not secret:
        problems.append(f"{where}: {path} is empty")
        return None
    return secret


# ----------------------------------------------------------------------- problems


def _validated(given: Mapping[str, _Given], problems: list[str]) -> Config | None:
    tables: dict[str, dict[str, object]] = {}
    for name, one in given.items():
        section, _, key = name.partition(".")
        tables.setdefault(section, {})[key] = one.value
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        known = {option.name: option for option in options()}
        found = error.errors(include_url=False, include_input=False)
        for wrong in found:
            where = ".".join(str(x) for x in wrong["loc"][:2])
            is_ours = wrong["type"] == "value_error"
            detail = str(wrong["ctx"]["error"]) if is_ours else ""
            line = _wrong_value(where, detail, given, known)
            if line not in problems:
                problems.append(line)
        return None


def _wrong_value(
    name: str,
    detail: str,
    given: Mapping[str, _Given],
    known: Mapping[str, Option],
) -> str:
    """Say what is wrong with one value, with a section, or between sections."""
    option = known.get(name)
    if not name:
        return detail  # about several sections, which it names itself
    if option is None:
        inside = [g.origin for n, g in given.items() if n.startswith(f"{name}.")]
        return f"{', '.join(dict.fromkeys(inside))}: [{name}]: {detail}"
    one = given[name]
    shown = "" if option.is_secret else f" = {_short(one.value)}"
    because = f" ({detail})" if detail else ""
    return f"{one.origin}: {name}{shown}: must be {option.allowed}{because}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    if "@" in text:
        return '"…"'  # an address with a name and perhaps a password in it
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def _unknown_section(origin: str, section: str) -> str:
    homes = [option.name for option in options() if option.key == section]
    nearest = _nearest(section, list(sections()))
    if homes:
        return f"{origin}: {section}: belongs in a section: {' or '.join(homes)}"
    if nearest:
        return f"{origin}: [{section}]: unknown section; did you mean [{nearest}]?"
    listed = ", ".join(f"[{name}]" for name in sections())
    return f"{origin}: [{section}]: unknown section; there are {listed}"


def _unknown_option(origin: str, name: str, known: Sequence[str]) -> str:
    section, _, key = name.partition(".")
    near = {x.partition(".")[2]: x for x in known if x.startswith(f"{section}.")}
    elsewhere = [x for x in known if x.endswith(f".{key}")]
    nearest = near.get(_nearest(key, list(near))) or next(iter(elsewhere), "")
    nearest = nearest or _nearest(name, known)
    meant = f"; did you mean {nearest}?" if nearest else ""
    if not meant and near:
        meant = f"; [{section}] has {', '.join(near)}"
    return f"{origin}: {name}: unknown option{meant}"


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.lower(), [x.lower() for x in known], n=1)
    return next((x for x in known if close and x.lower() == close[0]), "")
