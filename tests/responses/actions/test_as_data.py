"""Before a program is started: values are data in its arguments, whatever a file let pass; and what a file lets pass is data."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiops.core.programs import WRITTEN
from aiops.pipeline.procedures import rendered
from aiops.responses.actions.as_data import why_not
from aiops.runbooks import check_exec
from tests.responses.actions.samples import call, fixed, runner
from tests.responses.actions.sinks import ATOMS, CANARY, TOUCH, context, x

HERE = {"bash": Path("/bin/bash"), "env": Path("/usr/bin/env"), "show": Path("/bin/echo"), "clean": Path("/bin/bash")}
PATHS = {"PATH": "/usr/bin:/bin"}
X = x(0)


def refusal(tmp_path: Path, given: dict[str, Any]) -> str:
    found = runner(tmp_path, HERE, env=PATHS).run(call(given), 0.0)
    assert not CANARY.exists()
    assert found.end == "failed"
    assert not found.effect
    return found.why


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["env", "bash", "-c", f"rm {TOUCH}"], [["env"], ["bash"], ["-c"], ["rm ", ""]]),
        (["bash", "-c", TOUCH], [["bash"], ["-c"], ["", ""]]),
        (["clean", "-c", TOUCH], [["clean"], ["-c"], ["", ""]]),
        (["env", "bash", "-c", TOUCH], None),
        (["bash", "-c", TOUCH], None),
    ],
)
def test_what_a_file_should_not_have_let_pass_is_not_started(tmp_path: Path, argv: list[str], parts: Any) -> None:
    why = refusal(tmp_path, {"argv": argv, **({WRITTEN: parts} if parts else {})})
    assert "so a label could add" in why or "part of a script" in why


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["bash", "-c", TOUCH], [["bash"], ["-c"], ["df"]]),
        (["bash", "-c", TOUCH], [["bash"], ["-c"]]),
        (["show", "-x", TOUCH], [["show"], ["--of=", ""], ["", ""]]),
    ],
)
def test_arguments_that_are_not_those_of_the_author_are_not_started(tmp_path: Path, argv: list[str], parts: Any) -> None:
    assert "not those of its author" in refusal(tmp_path, {"argv": argv, WRITTEN: parts})


def test_a_script_on_standard_input_is_not_started(tmp_path: Path) -> None:
    assert "its input as a script" in refusal(tmp_path, fixed(["bash"], stdin_json=TOUCH))


def test_a_link_to_a_shell_is_a_shell(tmp_path: Path) -> None:
    (tmp_path / "tidy").symlink_to("/bin/bash")
    assert "bash reads scripts" in why_not({WRITTEN: [["tidy"], ["", ""]]}, ["tidy", "x"], tmp_path / "tidy", False)


@pytest.mark.parametrize("value", ["a!b", "a\\b", "a\nb", "\x1b[0m"])
def test_what_login_shells_read_differently_is_not_sent_to_another_host(value: str) -> None:
    parts = {WRITTEN: [["df"], ["", ""]]}
    assert "another host" in why_not(parts, ["df", value], Path("/bin/df"), True)
    assert why_not(parts, ["df", value], Path("/bin/df"), False) == ""
    assert why_not({WRITTEN: [["df"], [value]]}, ["df", value], Path("/bin/df"), True) == ""


def test_a_fixed_script_takes_declared_values_as_data(tmp_path: Path) -> None:
    values = [one for one in ATOMS if "\0" not in one]
    argv = ["bash", "-c", 'printf "%s\\0" "$@"', "--", *(x(i) for i in range(len(values)))]
    with_ = {"argv": argv, "data_args": "after_double_dash"}
    assert not list(check_exec.mistakes_in(with_))
    ready = rendered("exec", with_, context(values))
    assert not ready.refused
    found = runner(tmp_path, HERE, env=PATHS).run(call(dict(ready.given)), 0.0)
    assert found.output["stdout"].split("\0")[:-1] == values
    assert not CANARY.exists()


WRAPPED = ("", "", "env ", "env -- ", "timeout 5 ", "timeout -- 5 ", "setsid ", "setsid -- ", "nice ", "xargs -I {} ")
READERS = {
    "bash": (TOUCH, f"$({TOUCH})"), "sh": (TOUCH, f"; {TOUCH};"), "perl": (f'system("{TOUCH}")', f"{TOUCH}|"),
    "awk": (f'BEGIN{{system("{TOUCH}")}}',), "python3": (f'import os; os.system("{TOUCH}")',), "sed": (f"1e {TOUCH}",),
    "node": (f'require("child_process").execSync("{TOUCH}")',), "sqlite3": (f".shell {TOUCH}",), "tclsh": (f"exec {TOUCH}",),
    "": ("@evil", "bash"),
}  # fmt: skip
"""What each would run."""
FLAGS = (
    "", "-c", "-e", "-p", "-x -c", "-c --", "-e --", "-x", "--", "-c ok --", "-c ok", "-e 1 --", "-ne 1 --", "--eval", "-command",
    ":memory:", "-n", "ok.sh --", "-- --",
)  # fmt: skip
FORMS = (X, X, X, f"ok {X}", f"ok; {X}", f"--of={X}", f"-e{X}", f"-c={X}", f"{X}{X}", f"echo '{X}'", f"--expression={X}")
COMMAND = st.sampled_from(sorted(READERS)).flatmap(
    lambda reader: st.tuples(
        st.sampled_from(WRAPPED).map(lambda one: f"{one}{reader}"), st.sampled_from(FLAGS), st.sampled_from(FORMS),
        st.sampled_from(["", "-- x", "f"]), st.sampled_from(READERS[reader]),
    )
).map(lambda one: ([*one[0].split(), *one[1].split(), one[2], *one[3].split()], one[4]))  # fmt: skip


@pytest.mark.parametrize("declared", ["", "after_double_dash", "environment"])
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(command=COMMAND)
def test_no_command_that_a_file_may_hold_runs_a_value(tmp_path: Path, declared: str, command: tuple[list[str], str]) -> None:
    argv, value = command
    evil = tmp_path / "evil"
    if not evil.exists():
        evil.write_text(f"#!/bin/sh\n{TOUCH}\n")
        evil.chmod(0o755)
    with_ = {"argv": argv, **({"data_args": declared} if declared else {})}
    if list(check_exec.mistakes_in(with_)):
        return
    ready = rendered("exec", with_, context([value.replace("@evil", str(evil))]))
    if ready.refused or why_not(ready.given, ready.given["argv"], Path("/usr/bin") / argv[0], False):
        return
    CANARY.unlink(missing_ok=True)
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        subprocess.run(ready.given["argv"], env=PATHS, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=2)
    assert not CANARY.exists(), argv
