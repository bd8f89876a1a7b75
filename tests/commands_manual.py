"""Prints the manual of the commands from the conversation table.

`python tests/commands_manual.py` (or `make docs`) writes `docs/commands.md`; a test
holds it equal to what is made here.
"""

from itertools import groupby
from pathlib import Path

from conversation import PLATFORMS, Press, Say, Section, Turn
from conversation_table import SECTIONS

MANUAL_FILE = Path("docs/commands.md")

_HEAD = """\
<!-- Made from tests/conversation_table.py by `make docs`. Change it there. -->
# Commands

The same words mean the same on Telegram, Discord and in the web chat.
On Discord they are slash commands whose options are typed as they stand here.
Every line below is typed at the real program in the tests, on every platform, and
answered as it says; `…` stands for what differs from one time to the next.

What is named: `BTC ETH`, a category `#ai`, the largest `top100`, or `all`.
Under which conditions: `bullish` or `bearish`, `grade>=80`, `mcap<1b`, `volume>5m`.
Numbers alone are lines a grade may cross.
An error marks the word it is about with `▸` and `◂` and offers what was probably meant.
"""
_NAMES = {"telegram": "Telegram", "discord": "Discord", "web": "web chat"}


def manual() -> str:
    """Return the text of `docs/commands.md`."""
    text = _HEAD
    for command, sections in groupby(SECTIONS, key=lambda s: s.command):
        text += f"\n## /{command}\n"
        for section in sections:
            text += _section(section)
    return text


def _section(section: Section) -> str:
    text = f"\n{section.about}\n"
    if section.usage:
        text += "\n```text\n" + "".join(f"{line}\n" for line in section.usage) + "```\n"
    text += "\n| you type | I answer |\n|---|---|\n"
    for step in section.steps:
        match step:
            case Say():
                asked = f"`{_cell(step.text)}`{_where(step)}"
                text += _row(asked, step.reply)
            case Press():
                text += _row(f"the button “{_cell(step.label)}”", step.reply)
            case Turn():
                text += _row(f"*{step.symbol} turns*", step.alert)
    return text


def _row(asked: str, reply: tuple[str, ...]) -> str:
    first, *rest = (_cell(line, is_code=False) for line in reply)
    answer = "<br>".join([f"**{first}**", *rest])
    return f"| {asked} | {answer} |\n"


def _where(step: Say) -> str:
    if step.on == PLATFORMS:
        return ""
    return f" ({', '.join(_NAMES[p] for p in step.on)})"


def _cell(text: str, *, is_code: bool = True) -> str:
    """Write a text so that it stays one cell, and is no markup outside of code."""
    shown = text.replace("{code}", "CODE").replace("{found}", "CODE")
    if not is_code:
        for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            shown = shown.replace(sign, written)
        for sign in "*_`#[]":
            shown = shown.replace(sign, f"\\{sign}")
    return shown.replace("|", "\\|")


def main() -> None:
    """Write the manual into the current folder."""
    MANUAL_FILE.write_text(manual(), encoding="utf-8")


if __name__ == "__main__":
    main()
