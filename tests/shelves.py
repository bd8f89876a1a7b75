"""A shelf of pictures that a test fills, and a message that has one."""

import struct
import zlib

from factories import NOON

from bot.message import Button, Message, bold, line
from bot.pictures import Look, PictureKind, PictureRef

REF = PictureRef(kind=PictureKind.CHART, until=NOON, asset_id=7)


def png(side: int = 8) -> bytes:
    """The smallest PNG that a platform takes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\0" * side) * side)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


DARK, LIGHT = png(8), png(9)

ALERT = Message(
    title=line("🔴 ", bold("ETH turned bearish")),
    body=(line("Price $3,412"),),
    buttons=((Button("📈 Chart", "v1:chart:7"),),),
    picture=REF,
)


class FakeShelf:
    """Has every picture, or none while `is_empty`; remembers who asked how."""

    def __init__(self) -> None:
        self.is_empty = False
        self.asked: list[tuple[str, PictureRef]] = []

    def _image(self, ref: PictureRef) -> bytes | None:
        if self.is_empty:
            return None
        return DARK if ref.look is Look.DARK else LIGHT

    async def prepare(self, ref: PictureRef) -> None:
        self.asked.append(("prepare", ref))

    def ready(self, ref: PictureRef) -> bytes | None:
        return self._image(ref)

    async def picture(self, ref: PictureRef) -> bytes | None:
        self.asked.append(("picture", ref))
        return self._image(ref)
