"""A real SIGHUP to the real program: what may change changes, and it runs on."""

import signal
from pathlib import Path

import pytest
from running import running

CONFIG = """
[engine]
kind = "replay"
poll_interval = 1

[app]
operators = ["web:ops"]
"""


@pytest.mark.timeout(180)
async def test_sighup_reads_the_configuration_anew_and_a_mistake_changes_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.toml"
    async with running(tmp_path, CONFIG) as program:
        path.write_text(CONFIG.replace("web:ops", "web:boss") + 'worker = "x"\n')
        program.process.send_signal(signal.SIGHUP)
        changed = await program.line(r"configuration read anew .*")
        path.write_text(CONFIG.replace("[app]", "[ap]"))
        program.process.send_signal(signal.SIGHUP)
        refused = await program.line(r"not reloaded: .*")

        status, _ = await program.get("/livez")

    assert "app.operators" in changed[0]
    assert "app.worker" in changed[0]
    assert "[ap]" in refused[0]
    assert status == 200
