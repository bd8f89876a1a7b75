"""Chance that is the same every time: numbers made by hashing where they are used.

The scenario needs them in any order, without stepping through those before, and the
same on every machine and Python version; `random` promises neither.
"""

import struct
from hashlib import blake2b

_EIGHT = struct.Struct("<8Q")
_IN = struct.Struct("<8sqq")
_UNIT = 2.0**-53


def seed_of(text: str) -> bytes:
    """Return an eight byte seed for a word."""
    return blake2b(text.encode(), digest_size=8).digest()


def chances(seed: bytes, stream: int, index: int) -> tuple[float, ...]:
    """Return eight numbers from 0 to below 1 that belong to seed, stream and index."""
    raw = blake2b(_IN.pack(seed, stream, index), digest_size=64).digest()
    # 53 bits are what a float holds exactly: more could round up to 1.
    return tuple([(n >> 11) * _UNIT for n in _EIGHT.unpack(raw)])
