"""The operator's document knows every reason, option and command."""

import re
from pathlib import Path

import pytest

from bot.config import Config
from bot.freezer import OUR_BUG
from bot.model import DeliveryState
from bot.noise import Reason
from handlers.discord import errors as discord_errors
from handlers.telegram import errors as telegram_errors
from storage import dead_letters, thawing
from storage.claims import UNWATCHED

TEXT = (Path(__file__).parent.parent / "docs" / "operations.md").read_text("utf-8")
WORDS = set(re.findall(r"`([a-z_0-9.]+)`", TEXT))

REASONS = sorted(
    {reason for _, reason in telegram_errors._GONE}
    | {reason for _, reason in telegram_errors._REJECTED}
    | {r for table, _ in discord_errors._KINDS for r in table.values()}
    | {reason.value for reason in Reason}
    | {dead_letters.REPLAYED, dead_letters.DROPPED, thawing.AWAY, UNWATCHED}
    | {"new", "sending", "too_old", OUR_BUG}
)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_explained(reason: str):
    assert reason in WORDS


@pytest.mark.parametrize("state", DeliveryState)
def test_every_state_is_explained(state: DeliveryState):
    assert re.search(rf"^\| `{state.value}` \|", TEXT, re.MULTILINE)


def test_every_option_it_names_exists():
    sections = Config.model_fields
    named = {w for w in WORDS if w.partition(".")[0] in sections and "." in w}

    for word in named:
        section, _, key = word.partition(".")
        assert hasattr(getattr(Config(), section), key), word
    assert named
