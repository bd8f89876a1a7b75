"""Importing one exchange of ccxt without the hundred others.

`import ccxt.async_support` executes every exchange it knows, twice: five seconds and
over 60 MB on a small machine (ccxt 4.5.90). One exchange needs only the base classes.
So the two packages are entered in `sys.modules` without executing them, with the names
that ccxt's own files take from them. Where that fails, ccxt is imported as it wants.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

from bot.errors import ConfigError

_PACKAGES = ("ccxt", "ccxt.async_support")


def load_exchange(name: str) -> Any:
    """Return ccxt's class of an exchange; `ConfigError` if there is none."""
    if importlib.util.find_spec("ccxt") is None:
        raise ConfigError(
            "the embedded engine needs ccxt to fetch candles: "
            "pip install 'flipwatch[engine]'"
        )
    # a name becomes part of a module's name
    if not (name.isascii() and name.isalnum()):
        raise _unknown(name)
    try:
        module = _light(name)
    except ModuleNotFoundError as error:
        if error.name == f"ccxt.async_support.{name}":
            raise _unknown(name) from None
        module = _plain()
    except (ImportError, AttributeError):
        module = _plain()
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise _unknown(name)
    return found


def _unknown(name: str) -> ConfigError:
    return ConfigError(
        f"engine.exchanges: ccxt knows no exchange “{name}”; known are "
        "binance, okx, kucoin, gate, bybit, kraken and about a hundred more"
    )


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
