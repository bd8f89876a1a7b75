"""Answers as bytes: made once, sent many times."""

import gzip
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import blake2b
from http import HTTPStatus

#: a shorter body does not become smaller on the wire
_GZIP_FROM = 1_024
_GZIP_LEVEL = 6
#: what Token Metrics says; its clients look at the status and at `data`
FETCHED = "Data fetched successfully"
NO_ROWS = "Data not found"

_encode = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":")
).encode


def to_json(value: object) -> bytes:
    """Write JSON in few bytes; `ValueError` for NaN."""
    return _encode(value).encode()


class Prepared:
    """One answer: status, body, its tag, and the same in fewer bytes."""

    def __init__(self, body: bytes, status: int = HTTPStatus.OK) -> None:
        self.body = body
        self.status = int(status)
        # Weak: the packed form has the same one.
        self.etag = b'W/"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'

    @cached_property
    def packed(self) -> bytes:
        """The body by gzip; the same bytes on every machine."""
        return gzip.compress(self.body, _GZIP_LEVEL, mtime=0)

    @property
    def is_worth_packing(self) -> bool:
        """Whether packing makes it smaller."""
        return len(self.body) >= _GZIP_FROM


def envelope(rows: Iterable[bytes]) -> Prepared:
    """Wrap rows that are JSON already; without any it is the answer "no rows"."""
    found = list(rows)
    if not found:
        return refusal(HTTPStatus.NOT_FOUND, NO_ROWS)
    head = f'{{"success":true,"message":"{FETCHED}","length":{len(found)},"data":['
    return Prepared(b"".join((head.encode(), b",".join(found), b"]}")))


def document(value: Mapping[str, object]) -> Prepared:
    """Prepare an answer that has a form of its own."""
    return Prepared(to_json(value))


def refusal(status: int, message: str) -> Prepared:
    """Prepare a refusal in Token Metrics' form."""
    body = {"success": False, "message": message, "length": 0, "data": []}
    return Prepared(to_json(body), status)
