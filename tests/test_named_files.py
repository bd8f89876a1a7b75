"""Files, modules and commands that the documents name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(p for p in ROOT.glob("docs/*.md") if p.name != "transcripts.md"),
]
FOLDERS = "bot|engine|handlers|storage|tests|benchmarks|docs"
#: made up for a list of what to add
MADE_UP = {"engine/coin.py", "handlers/file/", "engine/<name>.py", "handlers/<name>/"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_file_that_is_named_exists(path: Path):
    text = path.read_text("utf-8")
    named = set(re.findall(rf"`((?:{FOLDERS})/[\w./*<>-]*)`", text)) - MADE_UP

    assert [name for name in named if not any(ROOT.glob(name.rstrip("/")))] == []


def test_every_module_in_the_picture_of_imports_exists():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    picture = re.search(r"```text\n(bot\.__main__.*?)```", text, re.DOTALL)
    assert picture is not None
    modules = set(re.findall(r"\b((?:bot|storage|engine)\.\w+)", picture[1]))

    missing = [
        name
        for name in modules
        if not (ROOT / f"{name.replace('.', '/')}.py").exists()
        and not (ROOT / name.replace(".", "/") / "__init__.py").exists()
    ]
    assert missing == []
    assert len(modules) > 10


@pytest.mark.parametrize("name", ["watching.md", "groups.md", "first-install.md"])
def test_every_command_that_is_named_is_one(name: str):
    manual = (ROOT / "docs" / "commands.md").read_text("utf-8")
    known = set(re.findall(r"^## (/\w+)$", manual, re.MULTILINE))
    text = (ROOT / "docs" / name).read_text("utf-8")

    named = set(re.findall(r"`(/[a-z]+)[ `]", text))

    assert named
    assert named - known == set()


def test_a_quick_start_has_at_most_ten_lines_per_platform():
    text = (ROOT / "README.md").read_text("utf-8")
    parts = re.findall(
        r"^### (?:Telegram|Discord).*?\n(.*?)(?=^#)", text, re.MULTILINE | re.DOTALL
    )

    assert len(parts) == 2
    for part in parts:
        assert len([line for line in part.splitlines() if line.strip()]) <= 10
