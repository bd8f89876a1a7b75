"""Conversations written down as their people see them.

`make transcripts` keeps those of the stories in `docs/transcripts.md`; a story that is
played holds what is kept there against what it hears now.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

KEPT = Path(__file__).parent.parent / "docs" / "transcripts.md"
#: names the file that a story writes itself into, instead of being compared
WRITE_INTO = "FLIPWATCH_TRANSCRIPTS"
#: in the order of the document
STORIES = (
    "tests/e2e/test_stories.py::test_a_first_day",
    "tests/e2e/test_group_e2e.py",
    "tests/e2e/test_stories.py::test_a_day_of_mistakes",
)
_HEAD = """\
<!-- Made by `make transcripts` from the stories in tests/e2e. -->
# Transcripts

What people type at the real program, and what it answers.
Times are shown as UTC here; Telegram and Discord show them on the reader's own clock.
Buttons stand in brackets; what happens meanwhile stands in parentheses.
"""


@dataclass
class Transcript:
    """What is said in one story, in order."""

    title: str
    about: str
    lines: list[str] = field(default_factory=list)

    def says(self, who: str, text: str, *, where: str = "") -> None:
        """Write down what a person types."""
        self.lines += ["", f"{_place(where)}{who}: {text}"]

    def presses(
        self, who: str, label: str, toast: str = "", *, where: str = ""
    ) -> None:
        """Write down a press, and what only the presser is shown."""
        self.lines += ["", f"{_place(where)}{who} presses [{label}]"]
        if toast:
            self.lines += ["", *_said("the presser sees", toast)]

    def hears(self, text: str, buttons: Any = (), *, where: str = "") -> None:
        """Write down what the bot says."""
        rows = [" ".join(f"[{button.label}]" for button in row) for row in buttons]
        # without the sign that keeps a name from being a mention
        words = text.replace("\u2060", "")
        # an engine is called by its address, and ours has another one each time
        words = re.sub(r"127\.0\.0\.1:\d+", "engine.example", words)
        shown = "\n".join([words, *rows])
        self.lines += ["", *_said(f"{_place(where)}bot", shown)]

    def happens(self, text: str) -> None:
        """Write down what goes on beside the talk."""
        self.lines += ["", f"({text})"]

    @property
    def text(self) -> str:
        """The story as a chapter of the document."""
        body = "\n".join(self.lines).strip()
        return f"\n## {self.title}\n\n{self.about}\n\n```text\n{body}\n```\n"

    def keep(self) -> None:
        """Print it; then write it, or hold it against what is kept.

        Raises:
            AssertionError: what was heard is no more what the document says.
        """
        print(self.text)
        if target := os.environ.get(WRITE_INTO):
            with Path(target).open("a", encoding="utf-8") as file:
                file.write(self.text)
            return
        kept = KEPT.read_text(encoding="utf-8").partition(f"\n## {self.title}\n")[2]
        known = _gist(kept.partition("\n```\n")[0].partition("```text\n")[2])
        heard = _gist("\n".join(self.lines).strip())
        assert known == heard, (
            "docs/transcripts.md is out of date: run `make transcripts`"
        )


def _gist(text: str) -> list[str]:
    """Return what is said, each by its first line, without figures.

    Times, and what counts them, differ from one run to the next.
    """
    firsts = [block.splitlines()[0] for block in text.split("\n\n") if block.strip()]
    return [re.sub(r"\d+", "0", first) for first in firsts if first[0] != " "]


def _place(where: str) -> str:
    return f"[{where}] " if where else ""


def _said(who: str, text: str) -> list[str]:
    # an empty line would end what is said
    first, *rest = [part for part in text.splitlines() if part.strip()]
    return [f"{who}: {first}", *(f"     {part}" for part in rest)]


def main() -> None:
    """Play the stories and write the document."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "chapters"
        for story in STORIES:
            subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "--no-header", story],
                env={**os.environ, WRITE_INTO: str(target)},
                check=True,
            )
        chapters = target.read_text(encoding="utf-8")
    KEPT.write_text(_HEAD + chapters, encoding="utf-8")


if __name__ == "__main__":
    main()
