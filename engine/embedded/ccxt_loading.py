"""Importing one exchange of ccxt without the hundred others.

`import ccxt.async_support` executes every exchange it knows, twice: five seconds and
over 60 MB on a small machine (ccxt 4.5.90). One exchange needs only the base classes.
So the two packages are entered in `sys.modules` without executing them, with the names
that ccxt's own files take from them. Where that fails, ccxt is imported as it wants.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from bot.errors import ConfigError

_PACKAGES = ("ccxt", "ccxt.async_support")


def check_installed(*packages: str) -> None:
    """Raise `ConfigError` if what our own engine needs is not there."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"our own engine needs {' and '.join(missing)}: install them with"
            " pip install 'flipwatch[engine]', or set engine.api_key to ask another one"
        )


def check_exchange(name: str) -> None:
    """Raise `ConfigError` if ccxt or the exchange is not there; imports nothing."""
    check_installed("ccxt", "numpy")
    spec = importlib.util.find_spec("ccxt")
    places = spec.submodule_search_locations if spec else None
    # a name becomes part of a path
    is_name = name.isascii() and name.isalnum()
    if not is_name or not any(
        (Path(place) / "async_support" / f"{name}.py").is_file()
        for place in places or ()
    ):
        raise ConfigError(
            f"engine.exchange, engine.fallback_exchanges: ccxt knows no “{name}”;"
            " it knows binance, okx, kucoin, gate, bybit, kraken and many more"
        )


def load_exchange(name: str) -> Any:
    """Return ccxt's class of an exchange; `ConfigError` if there is none."""
    check_exchange(name)
    try:
        module = _light(name)
    except (ImportError, AttributeError):
        module = _plain()
    return getattr(module, name)


def _light(name: str) -> ModuleType:
    """Import one exchange's file alone."""
    for package in _PACKAGES:
        if package not in sys.modules:
            spec = importlib.util.find_spec(package)
            if spec is None:
                raise ImportError(package)
            sys.modules[package] = importlib.util.module_from_spec(spec)
    ccxt: Any = sys.modules["ccxt"]
    if not hasattr(ccxt, "Exchange"):
        errors = importlib.import_module("ccxt.base.errors")
        for key, value in vars(errors).items():
            if isinstance(value, type):
                setattr(ccxt, key, value)
        ccxt.Exchange = importlib.import_module("ccxt.base.exchange").Exchange
    return importlib.import_module(f"ccxt.async_support.{name}")


def _plain() -> ModuleType:
    """Import all of ccxt, after whatever was entered halfway is gone."""
    for key in [k for k in sys.modules if k.partition(".")[0] == "ccxt"]:
        del sys.modules[key]
    return importlib.import_module("ccxt.async_support")
