"""Breaks what is sent: JSON documents and bytes, by a seeded chance.

No mutation makes a sound number or word of another: what is broken is gone, odd or of
another kind. So whatever is believed of it afterwards was invented.
"""

import copy
import json
import random
from typing import Any

NASTY_WORDS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e\u2066",
    "𝔘" * 40,
    "x" * 5_000,
    "<b>&lt;</b><script>alert(1)</script>",
    "[a](javascript:alert(1)) `*_~|@everyone <@1> <#2>",
    "'; DROP TABLE watches; --",
    "{0} {name} %s %(x)s",
    "../../etc/passwd",
    "\r\nSet-Cookie: a=b",
    "NaN",
    "9" * 400,
    "-0x1F",
    "9999-12-31T23:59:59Z",
    "0000-00-00",
    "/watch " + "BTC " * 300,
    "/import " + "(" * 200,
    "/screen grade>" + "9" * 50,
    "v1:mute24:99999999999999999999",
)
NASTY: tuple[Any, ...] = (
    *NASTY_WORDS,
    None,
    True,
    False,
    [],
    {},
    [[]],
    {"": None},
    float("nan"),
    float("inf"),
    -float("inf"),
    1e308,
    -5,
    -0.5,
    101,
    2**31,
    2**63,
    2**70,
)
#: in the platforms' documents: what people choose freely
WRITTEN = frozenset(
    {
        *("text", "first_name", "title", "data", "value", "custom_id", "content"),
        *("file_name", "filename", "global_name", "username", "locale"),
    }
)
#: bytes that are part of no number and no word, and break JSON wherever they come
WEDGES = (b"{", b"}", b"[", b"]", b'"', b",", b":", b"\x00", b"\xff", b"\xed\xa0\x80")


def deep(levels: int = 3_000) -> str:
    """A document nested deeper than any reader follows."""
    return "[" * levels + "]" * levels


class Mutator:
    """Breaks documents; the same seed breaks them in the same way."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def value(self, document: Any, times: int = 0) -> Any:
        """Return a copy with up to four places broken."""
        broken = copy.deepcopy(document)
        for _ in range(times or self.chance.randint(1, 4)):
            broken = self._break(broken)
        return broken

    def _break(self, document: Any) -> Any:
        places = list(_places(document))
        if not places:
            return self._nasty()
        holder, key = self.chance.choice(places)
        match self.chance.randrange(8):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2 if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            case 2 | 3 if isinstance(holder[key], str):
                holder[key] = self.word(holder[key])
            case 4 if isinstance(holder, dict):
                holder[self.chance.choice(NASTY_WORDS)] = self._nasty()
            case _:
                holder[key] = self._nasty()
        return document

    def _nasty(self) -> Any:
        # a copy: what is broken once more must not be broken everywhere
        return copy.deepcopy(self.chance.choice(NASTY))

    def words(self, document: Any) -> Any:
        """Return a copy in which only what people write is odd: names and texts."""
        broken = copy.deepcopy(document)
        written = [
            (holder, key)
            for holder, key in _places(broken)
            if key in WRITTEN and isinstance(holder[key], str)
        ]
        for holder, key in self.chance.sample(written, min(2, len(written))):
            holder[key] = self.word(holder[key])
        return broken

    def word(self, word: str) -> str:
        """Put something nasty into a word, or in its place."""
        nasty = self.chance.choice(NASTY_WORDS)
        at = self.chance.randint(0, len(word))
        return self.chance.choice((nasty, word[:at] + nasty + word[at:], word[:at]))

    def raw(self, content: bytes) -> bytes:
        """Break bytes: cut off, wedged, doubled, or something else altogether."""
        at = self.chance.randint(0, max(0, len(content) - 1))
        match self.chance.randrange(6):
            case 0 | 1:
                return content[:at]
            case 2 | 3:
                return content[:at] + self.chance.choice(WEDGES) + content[at:]
            case 4:
                return content[:at] + content
            case _:
                return self.chance.choice(
                    (
                        b"",
                        b"null",
                        b"0",
                        b'"x"',
                        deep().encode(),
                        b"\xff\xfe",
                        b"<html>",
                    )
                )

    def json(self, document: Any) -> bytes:
        """Break a document, sometimes below what JSON is."""
        content = json.dumps(self.value(document)).encode()
        return self.raw(content) if self.chance.random() < 0.2 else content


def _places(document: Any) -> Any:
    """List every place below a document that can be replaced, as holder and key."""
    if isinstance(document, dict):
        pairs = list(document.items())
    elif isinstance(document, list):
        pairs = list(enumerate(document))
    else:
        return
    for key, value in pairs:
        yield document, key
        yield from _places(value)
