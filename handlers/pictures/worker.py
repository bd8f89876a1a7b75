"""The process that draws: views come in on stdin, pictures go out on stdout.

Both ways a message is four bytes of length and then the message: a pickled view and
look, `K` and a PNG, or `E` and what went wrong as JSON. It ends when stdin does, hence
with whoever started it, however that ended.
"""

import json
import os
import pickle
import signal
import struct
import sys
import traceback
from contextlib import suppress
from typing import BinaryIO, Final

from bot.errors import PictureError
from bot.pictures import ChartView, Look, MarketView, RecordView, View
from handlers.pictures.chart import chart
from handlers.pictures.market import market
from handlers.pictures.painter import paint
from handlers.pictures.record import record

LENGTH: Final = struct.Struct(">I")
GOOD: Final = b"K"
BAD: Final = b"E"
#: alerts come first where processor time is short
_NICER: Final = 5


def render(view: View, look: Look) -> bytes:
    """Lay a view out and paint it; of one thread at a time."""
    match view:
        case ChartView():
            return paint(chart(view, look))
        case MarketView():
            return paint(market(view, look))
        case RecordView():
            return paint(record(view, look))


def main() -> None:
    """Draw whatever comes until nothing does."""
    # Ctrl-C reaches everything in the terminal; our end comes by stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(_NICER)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (asked := _read(source)) is not None:
        answer = _answer(asked)
        sink.write(LENGTH.pack(len(answer)) + answer)
        sink.flush()


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None


def _answer(asked: bytes) -> bytes:
    try:
        view, look = pickle.loads(asked)  # noqa: S301 - from the process that began us
        return GOOD + render(view, look)
    except PictureError as error:
        said = {"reason": error.reason, "text": str(error), "where": []}
    except Exception as error:  # noqa: BLE001 - told to who asked, who logs it
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        where = [f"{f.filename}:{f.lineno} {f.name}" for f in frames]
        said = {"reason": "broke", "text": type(error).__name__, "where": where}
    return BAD + json.dumps(said).encode()


if __name__ == "__main__":
    main()
