"""Continuous integration: the workflows by a linter, and .ci/run by running it with tools that only pretend."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
posix = pytest.mark.skipif(os.name != "posix", reason="a shell script for Linux and macOS")


def test_workflows_by_the_linter():
    """zizmor, strictest persona: pinned actions, least permissions, no injection, no credentials left behind."""
    zizmor = shutil.which("zizmor", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    command = [zizmor, "--offline", "--persona", "auditor", "--no-progress", *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_three_workflows_are_there():
    """Ci on three systems and three Pythons, gpu, publish."""
    assert [path.stem for path in WORKFLOWS] == ["ci", "gpu", "publish"]
    matrix = yaml.safe_load(WORKFLOWS[0].read_text(encoding="utf-8"))["jobs"]["test"]["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]


def test_every_job_tests_something():
    """On each event a job runs all of it or its core, never neither."""
    steps = yaml.safe_load(WORKFLOWS[0].read_text(encoding="utf-8"))["jobs"]["test"]["steps"]
    conditions = {step["run"]: step["if"] for step in steps if step.get("run") in {"bash .ci/run", "make test-core"}}
    whole = "github.event_name == 'schedule' || (runner.os == 'Linux' && matrix.python != '3.12')"
    core = "github.event_name != 'schedule' && (runner.os != 'Linux' || matrix.python == '3.12')"
    assert conditions == {"bash .ci/run": whole, "make test-core": core}


def test_actions_are_pinned_alike():
    """By commit, with the release in a comment; one action, one commit."""
    pins = {}
    for path in WORKFLOWS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                found = re.search(r"uses: (actions/[\w-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", line)
                assert found, f"{path.name}: {line.strip()}"
                pins.setdefault(found[1], set()).add((found[2], found[3]))
    assert {action: commits for action, commits in pins.items() if len(commits) > 1} == {}


def test_every_step_says_what_make_has():
    """README: a workflow runs what anyone can run; each target and tool that it calls is there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", text):
            assert re.search(rf"(?m)^{target}:", makefile), f"{path.name}: make {target}"
        for tool in re.findall(r"\b((?:tools|tests)/[\w/]+(?:\.py)?)(?!\w)", text):
            assert (ROOT / tool).exists(), f"{path.name}: {tool}"


@pytest.fixture
def machine(tmp_path):
    """A machine that has only what a test gives it: returns a function that runs .ci/run on it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "head", "tee", "mkdir", "env"):
        (programs / name).symlink_to(shutil.which(name))
    (tmp_path / "course" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "course" / ".ci")

    def run(has, **environment):
        for name, script in has.items():
            (programs / name).write_text(f"#!/bin/bash\n{script}\n")
            (programs / name).chmod(0o755)
        return subprocess.run(
            ["bash", tmp_path / "course" / ".ci" / "run"],
            env={"PATH": str(programs), **environment},
            capture_output=True,
            text=True,
        )

    return run


MAKE = 'echo "make $* CI=$CI CHROMIUM=$CHROMIUM"; exit {}'
BOTH = {"git": "", "fc-list": "echo font"}


@posix
@pytest.mark.parametrize("status", [0, 2])
def test_run_keeps_the_exit_status(machine, status):
    """.ci/run calls make test with CI=true, and fails when it fails."""
    done = machine({"make": MAKE.format(status), "chromium": "", "id": "echo 0", **BOTH})
    assert done.returncode == status
    assert re.fullmatch(r"make test CI=true CHROMIUM=\S+/bin/chromium\n", done.stdout)
    assert done.stderr == ""


@posix
def test_run_installs_what_is_missing(machine, tmp_path):
    """Chromium by apt first; the fonts that Chinese pages need too."""
    log = tmp_path / "apt"
    apt = f'echo "$*" >> {log}; [ "$1" = update ] || printf "#!/bin/bash" > {tmp_path}/bin/chromium'
    has = {"make": MAKE.format(0), "apt-get": apt + f"; {shutil.which('chmod')} +x {tmp_path}/bin/*", "id": "echo 0"}
    done = machine({**has, "git": "", "fc-list": ""})
    assert done.returncode == 0
    assert log.read_text().splitlines() == [
        "update -qq",
        "install -qq --yes --no-install-recommends chromium fonts-noto-cjk",
    ]
    assert "bin/chromium" in done.stdout


@posix
def test_run_says_what_it_cannot_install(machine):
    """Without apt, or without root, it says so, and the tests decide."""
    done = machine({"make": MAKE.format(3), "id": "echo 0", **BOTH})
    assert done.returncode == 3
    assert "chromium missing, and no apt-get" in done.stderr
    done = machine({"make": MAKE.format(3), "id": "echo 1000", "apt-get": "exit 1", "sudo": "exit 1", **BOTH})
    assert done.returncode == 3
    assert "neither root nor sudo" in done.stderr


@posix
def test_run_takes_the_browser_that_is_named(machine, tmp_path):
    """CHROMIUM names another browser."""
    browser = tmp_path / "my browser"
    browser.write_text("#!/bin/bash\n")
    browser.chmod(0o755)
    done = machine({"make": MAKE.format(0), "id": "echo 0", **BOTH}, CHROMIUM=str(browser))
    assert done.stdout == f"make test CI=true CHROMIUM={browser}\n"
