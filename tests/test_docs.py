"""The documents are true: the example file, the manual, links, commands and targets."""

import re
import tomllib
from pathlib import Path

import pytest

from bot.config import Config
from bot.options import EXAMPLE_FILE, MANUAL_FILE, example, manual, options
from bot.settings_file import load_config

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EXAMPLE = ROOT / EXAMPLE_FILE


def test_the_example_file_loads_to_the_defaults():
    assert load_config(EXAMPLE, {}) == Config()


def test_the_example_file_begins_with_the_two_tokens():
    set_or_not = re.findall(r"^#?([a-z_]+) = ", EXAMPLE.read_text(), re.MULTILINE)
    tables = re.findall(r"^\[(\w+)\]$", EXAMPLE.read_text(), re.MULTILINE)

    assert tables[:2] == ["telegram", "discord"]
    assert set_or_not[0] == "token"


@pytest.mark.parametrize("option", options(), ids=lambda option: option.name)
def test_the_example_file_has_the_option_its_default_and_its_meaning(option):
    text = EXAMPLE.read_text(encoding="utf-8")
    after = text.partition(f"\n[{option.section}]\n")[2]
    table = re.split(r"^\[\w+\]$", after, maxsplit=1, flags=re.MULTILINE)
    found = re.findall(rf"^(# .+)\n(#?){option.key} = (.+)$", table[0], re.MULTILINE)

    assert len(found) == 1
    comment, off, value = found[0]
    assert comment.endswith(".")
    assert bool(off) == (option.default is None)
    if not off:
        default = tuple(x) if isinstance(x := _parsed(value), list) else x
        assert default == option.default


def test_the_example_file_still_loads_with_every_line_switched_on(tmp_path):
    text = re.sub(r"^#([a-z_]+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    path = tmp_path / "config.toml"
    path.write_text(text)

    config = load_config(path, {})

    assert config.telegram.is_on
    assert config.discord.is_on


def test_the_example_file_and_the_manual_are_what_the_sections_say():
    remedy = "run `make docs`"

    assert (ROOT / EXAMPLE_FILE).read_text(encoding="utf-8") == example(), remedy
    assert (ROOT / MANUAL_FILE).read_text(encoding="utf-8") == manual(), remedy


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]

    broken = [
        link for link in local if not _leads_somewhere(path, *link.partition("#")[::2])
    ]

    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_toml_in_the_documents_is_a_configuration(path, tmp_path):
    blocks = re.findall(
        r"^```toml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL
    )
    for number, block in enumerate(blocks):
        written = tmp_path / f"{number}.toml"
        written.write_text(block, encoding="utf-8")

        load_config(written, {})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_make_targets_in_the_documents_exist(path):
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))

    named = set(re.findall(r"`(?:\w+=\S+ )*make ([a-z]+)", path.read_text()))

    assert named - targets == set()


def test_every_target_is_phony_and_explained():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    explained = re.findall(r"^([a-z]+):.*## .+$", makefile, re.MULTILINE)

    assert phony is not None
    assert sorted(explained) == sorted(phony[1].split())


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(p.name[:4]) for p in sorted(ROOT.glob("docs/adr/[0-9]*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def _parsed(value: str) -> object:
    return tomllib.loads(f"value = {value}")["value"]


def _leads_somewhere(path: Path, link: str, anchor: str) -> bool:
    target = path.parent / link if link else path
    if not target.exists():
        return False
    if not anchor or target.suffix != ".md":
        return True
    headings = re.findall(
        r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE
    )
    return anchor in {_anchor(heading) for heading in headings}


def _anchor(heading: str) -> str:
    """Write a heading as GitHub does in links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
