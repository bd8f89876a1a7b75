"""The image, the compose file and the systemd unit do what they say.

No container engine is needed: the Dockerfile's own install lines run on this machine,
with other folders in place of its own.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import Running, environment

from bot.settings_file import load_config

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "deploy"
UNIT = (DEPLOY / "flipwatch.service").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
CSV = """as_of,asset_id,symbol,signal,grade,price
2026-01-01T00:00:00Z,1,BTC,1,80,100
"""


def stages() -> list[list[tuple[str, str]]]:
    """Return the Dockerfile's stages, each as its instructions."""
    found: list[list[tuple[str, str]]] = []
    for line in (DEPLOY / "Dockerfile").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


BUILD, FINAL = stages()


def packages(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), re.MULTILINE))


# ------------------------------------------------------------------------- the image


def test_what_is_copied_exists_and_is_in_what_the_build_is_given():
    given = [
        line.removeprefix("!")
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    copied = [
        source for word, rest in BUILD if word == "COPY" for source in rest.split()[:-1]
    ]

    assert sorted(copied) == sorted(given)
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_image_takes_every_package_of_the_program():
    tops = set(re.findall(r'^  "(\w+)[".]', _packages_option(), re.MULTILINE))

    copied = {rest.split()[0] for word, rest in BUILD if word == "COPY"}
    assert tops == {"bot", "engine", "handlers", "storage"}
    assert tops <= copied


def _packages_option() -> str:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    found = re.search(r"^packages = \[$(.*?)^\]$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_what_runs_is_locked_as_what_is_tested():
    ours = packages(DEPLOY / "requirements.lock")
    tested = packages(ROOT / "requirements.lock")

    assert {name: tested.get(name) for name in ours} == ours
    assert {"discord-py", "python-telegram-bot", "asyncpg", "ccxt"} <= set(ours)
    assert {"pytest", "mypy", "ruff", "playwright"} & set(ours) == set()


def test_nobody_is_root_in_the_image_and_no_secret_is_in_it():
    words = [word for word, _ in FINAL]
    user = dict(FINAL)["USER"]

    assert user.partition(":")[0] not in {"0", "root"}
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "token" not in " ".join(rest for _, rest in BUILD + FINAL).lower()
    assert dict(FINAL)["VOLUME"] == dict(FINAL)["WORKDIR"]


@pytest.mark.timeout(240)
async def test_the_images_own_install_lines_give_a_program_that_is_healthy(tmp_path):
    home, source = tmp_path / "opt", tmp_path / "src"
    source.mkdir()
    # whatever this machine has, the lines find under the names they use
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = environment({"PATH": path, "UV_LINK_MODE": "hardlink"})
    ran = 0
    for word, rest in BUILD:
        line = rest.replace("/opt/flipwatch", str(home))
        if word == "COPY":
            *sources, target = line.split()
            for name in sources:
                _copy(ROOT / name, source / target, is_into=target.endswith("/"))
        elif word == "RUN" and not line.endswith("uv"):
            done = await _run(line, cwd=source, env=env)
            assert done.returncode == 0, done.stderr
            ran += 1
    assert ran == 3

    program = home / "bin" / "flipwatch"
    version = await _run(f"{program} --version", cwd=tmp_path, env=env)
    assert version.stdout.startswith("flipwatch ")

    data = tmp_path / "data"
    data.mkdir()
    (data / "history.csv").write_text(CSV)
    running = Running(
        await asyncio.create_subprocess_exec(
            program,
            *json.loads(dict(FINAL)["CMD"]),
            cwd=data,
            env=env
            | {
                "FLIPWATCH_WEB__PORT": "0",
                "FLIPWATCH_ENGINE__KIND": "replay",
                "FLIPWATCH_ENGINE__REPLAY_FILE": "history.csv",
                "FLIPWATCH_ENGINE__POLL_INTERVAL": "1",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    running.url = (await running.line(r"running +url=(\S+)"))[1]
    await running.line(r"poll +tick=1")
    asked = shlex.join(json.loads(dict(FINAL)["HEALTHCHECK"].partition("CMD ")[2]))
    port = running.url.rpartition(":")[2]
    health = env | {"FLIPWATCH_WEB__PORT": port}

    well = await _run(asked, cwd=data, env=health)
    code = await running.stop()
    gone = await _run(asked, cwd=data, env=health)

    assert well.returncode == 0, well.stderr
    assert code == 0
    assert gone.returncode != 0


def _copy(source: Path, target: Path, *, is_into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    if is_into:
        target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


async def _run(
    line: str, *, cwd: Path, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", line],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


# --------------------------------------------------------------------------- compose


def test_compose_builds_this_dockerfile_and_keeps_what_must_last():
    (service,) = COMPOSE["services"].values()
    build = service["build"]

    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    (volume,) = service["volumes"]
    name, _, place = volume.partition(":")
    assert name in COMPOSE["volumes"]
    assert place == dict(FINAL)["VOLUME"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "ports" not in service, "the web chat is for that machine alone"


def test_every_secret_of_the_compose_file_is_an_option_read_from_a_file(tmp_path):
    text = (DEPLOY / "compose.yml").read_text("utf-8")
    # as it would be with every line switched on
    text = re.sub(
        r"^( +)# ((?:- )?(?:FLIPWATCH_|[a-z_]+:? ?(?:$|\.\.)|file:).*)$",
        r"\1\2",
        text,
        flags=re.MULTILINE,
    )
    whole = yaml.safe_load(text)
    (service,) = whole["services"].values()
    environment = {}
    for name, value in service["environment"].items():
        secret = value.removeprefix("/run/secrets/")
        if secret != value:
            assert secret in service["secrets"]
            assert secret in whole["secrets"]
            (tmp_path / secret).write_text("1:secret")
        environment[name] = value if secret == value else str(tmp_path / secret)

    config = load_config(None, environment)

    assert len(service["secrets"]) == 3
    assert config.telegram.is_on
    assert config.discord.is_on
    assert config.engine.chosen == "remote"
    assert config.app.operators == ("telegram:123456789",)


# --------------------------------------------------------------------------- systemd


def unit() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))


def test_the_unit_starts_again_what_fails_and_watches_what_hangs():
    options = unit()

    assert options["Type"] == "notify"
    assert options["WatchdogSec"] == "90s"
    assert options["Restart"] == "on-failure"
    # exit code of a wrong configuration
    assert options["RestartPreventExitStatus"] == "2"
    assert options["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert options["User"] not in {"", "root"}
    assert options["WorkingDirectory"] == f"/var/lib/{options['StateDirectory']}"


def test_systemd_where_it_is_takes_the_unit_and_finds_it_closed(tmp_path):
    assert "ProtectSystem=strict" in UNIT
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        # no systemd here; what it would be told is tested above
        return
    program = unit()["ExecStart"].split()[0]
    path = tmp_path / "flipwatch.service"
    path.write_text(UNIT.replace(program, sys.executable))

    for asked in (
        ["verify"],
        ["security", "--offline=true", "--threshold=20", "--no-pager"],
    ):
        done = subprocess.run(
            [analyze, *asked, str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "flipwatch.service:" not in done.stderr
