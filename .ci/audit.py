"""Ask the OSV database (osv.dev) whether what the lock file pins has known holes.

Python's standard library only: what checks the packages must not be one of them.
The exit code is 1 if there are any, 0 if there are none, and also 0, with a warning,
if the database can't be asked: a machine without a network builds all the same.

    python .ci/audit.py [requirements.lock]
"""

import json
import os
import re
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

DATABASE = "https://api.osv.dev/v1/querybatch"
TIMEOUT = 20.0
#: of one question; the database takes 1,000
BATCH = 500
#: holes that do not concern us: id -> why not, for whoever looks at it next
ACCEPTED: dict[str, str] = {}

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pinned(lock: str) -> list[tuple[str, str]]:
    """Return name and version of all that a lock file pins."""
    return _PINNED.findall(lock)


def holes_of(packages: list[tuple[str, str]], database: str) -> dict[str, list[str]]:
    """Ask for known holes: `name version` -> their ids; `OSError` if it can't be."""
    found: dict[str, list[str]] = {}
    for begin in range(0, len(packages), BATCH):
        batch = packages[begin : begin + BATCH]
        queries = [
            {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
            for name, version in batch
        ]
        request = Request(  # noqa: S310 - our own constant, or what a test names
            database,
            json.dumps({"queries": queries}).encode(),
            {"Content-Type": "application/json", "User-Agent": "flipwatch-ci"},
        )
        with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - as above
            results = json.load(answer)["results"]
        for (name, version), result in zip(batch, results, strict=True):
            ids = [str(hole["id"]) for hole in result.get("vulns", [])]
            if left := sorted(set(ids) - set(ACCEPTED)):
                found[f"{name} {version}"] = left
    return found


def main(arguments: list[str]) -> int:
    """Audit a lock file; return the exit code."""
    lock = Path(arguments[0] if arguments else "requirements.lock")
    packages = pinned(lock.read_text(encoding="utf-8"))
    if not packages:
        print(f"audit: {lock} pins nothing", file=sys.stderr)
        return 2
    try:
        found = holes_of(packages, os.environ.get("OSV_URL", DATABASE))
    except (URLError, OSError, ValueError, KeyError, TypeError) as error:
        print(f"audit: NOT DONE, the database can't be asked: {error}", file=sys.stderr)
        return 0
    for package, ids in found.items():
        print(f"audit: {package}: {', '.join(ids)}")
    print(f"audit: {len(packages)} packages, {len(found)} with known holes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
