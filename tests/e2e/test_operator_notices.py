"""The real program tells its operator of trouble, and not again after a restart."""

from pathlib import Path

import pytest
from running import running

from storage import open_store

CONFIG = """
[app]
operators = ["web:ops"]

[engine]
kind = "remote"
base_url = "http://127.0.0.1:1/v2"
api_key = "tm-secret"
poll_interval = 1
"""


@pytest.mark.timeout(240)
async def test_an_engine_that_cannot_be_reached_is_told_once_over_a_restart(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, CONFIG) as program:
        await program.line(r"operator told .*to=web:ops")
    async with running(tmp_path, CONFIG) as program:
        await program.line(r"poll failed")
        # a second operator joins; who is told then, shows that a look has been
        store = await open_store(
            f"sqlite:///{tmp_path / 'flipwatch.db'}", now=lambda: None
        )
        await store.set_value("operators", '["web:second"]')
        await store.close()
        await program.line(r"operator told .*to=web:second")
        assert "to=web:ops" not in program.output

    store = await open_store(f"sqlite:///{tmp_path / 'flipwatch.db'}", now=lambda: None)
    ((_, _, entry),) = await store.read_inbox("ops")
    await store.close()
    assert "Engine: unreachable since" in str(entry)
    assert "engine.base_url" in str(entry)
    assert "tm-secret" not in str(entry)
