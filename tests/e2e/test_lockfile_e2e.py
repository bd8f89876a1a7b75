"""Two programs on one SQLite file: the second refuses, and a crash blocks nobody."""

from pathlib import Path

import pytest
from running import call, running

pytestmark = pytest.mark.timeout(180)

#: an engine that asks nobody
REPLAY = '[engine]\nkind = "replay"\n'


async def test_the_second_program_on_a_file_refuses_and_listings_work(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, REPLAY) as program:
        code, out, err = await call(
            "run", cwd=tmp_path, env={"FLIPWATCH_WEB__PORT": "0"}
        )
        assert (code, out) == (1, "")
        assert "flipwatch.db is in use by another Flipwatch" in err
        assert f"process {program.process.pid}" in err
        assert "Traceback" not in err

        for listing in ("check", "assets", "events"):
            code, out, err = await call(listing, cwd=tmp_path)
            assert code == 0, err
        assert (await program.get("/livez"))[0] == 200

        await program.kill()

    async with running(tmp_path, REPLAY) as program:
        assert (await program.get("/livez"))[0] == 200


async def test_roles_that_sqlite_cannot_divide_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[app]\nroles = ["poll", "deliver"]\n')

    for command in ("run", "check"):
        code, out, err = await call(command, cwd=tmp_path)
        assert (code, out) == (2, "")
        assert "app.roles leaves out chat, web" in err
        assert "PostgreSQL" in err
