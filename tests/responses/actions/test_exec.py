"""Programs as steps: what they are given, what is kept of them, and who may not run."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from aiops.responses.actions.around import Around
from aiops.responses.actions.exec import Exec, ExecParams
from tests.responses.actions.samples import CANARY, KEY, call, everything_in, runner, script

PRINTF = Path("/usr/bin/printf")
HOSTILE = ["a b", "$(id)", "`id`", "';", '"', "\n", "*", "", "--x", "\u202e", "é𝄞", "\\"]


def test_a_program_gets_exactly_the_given_arguments(tmp_path: Path) -> None:
    found = runner(tmp_path, {"show": PRINTF}).run(call({"argv": ["show", "%s\\0", *HOSTILE]}), 0.0)
    assert found.end == "done"
    assert found.output["stdout"].split("\0")[:-1] == HOSTILE


def test_its_own_name_is_the_authors(tmp_path: Path) -> None:
    shows_itself = script(tmp_path, 'tr "\\0" "\\n" < /proc/$$/cmdline')
    found = runner(tmp_path, {"report": shows_itself}).run(call({"argv": ["report", "x"]}), 0.0)
    assert found.output["stdout"].splitlines()[1:] == [str(tmp_path / "program"), "x"]


@pytest.mark.row("R12")
def test_only_declared_variables_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_DAEMON", "x")
    given = {"argv": ["env"], "env": {"OWN": "a b"}, "secrets_env": {"PASSWORD": {"secret": "db"}}}
    found = runner(tmp_path, {"env": Path("/usr/bin/env")}, env={"PATH": "/bin"}).run(call(given), 0.0)
    said = dict(line.split("=", 1) for line in found.output["stdout"].splitlines())
    assert said == {"PATH": "/bin", "OWN": "a b", "PASSWORD": "[secret]", "AIOPS_EPOCH": "3", "AIOPS_IDEMPOTENCY_KEY": KEY}


def test_the_token_and_the_key_cannot_be_replaced(tmp_path: Path) -> None:
    given = {"argv": ["env"], "env": {"AIOPS_EPOCH": "999", "AIOPS_IDEMPOTENCY_KEY": "x"}}
    found = runner(tmp_path, {"env": Path("/usr/bin/env")}).run(call(given), 0.0)
    assert found.output["stdout"].splitlines() == ["AIOPS_EPOCH=3", f"AIOPS_IDEMPOTENCY_KEY={KEY}"]


def test_it_stands_in_a_private_folder_that_goes_with_it(tmp_path: Path) -> None:
    text = "stat -c '%a %n' . ; pwd; touch left-behind"
    found = runner(tmp_path, {"here": script(tmp_path, text)}, env={"PATH": "/usr/bin:/bin"}).run(call({"argv": ["here"]}), 0.0)
    mode, folder = found.output["stdout"].splitlines()
    assert mode == "700 ."
    assert not Path(folder).exists()


def test_standard_input_is_json(tmp_path: Path) -> None:
    long = {"label": "x" * 300_000, "n": [1, None]}
    given = {"argv": ["count"], "stdin_json": long}
    found = runner(tmp_path, {"count": script(tmp_path, "/usr/bin/wc -c")}).run(call(given), 0.0)
    assert int(found.output["stdout"]) == len(json.dumps(long))


def test_without_it_standard_input_is_empty(tmp_path: Path) -> None:
    assert runner(tmp_path, {"cat": Path("/bin/cat")}).run(call({"argv": ["cat"]}), 0.0).output["stdout"] == ""


def test_a_program_that_does_not_read_its_input_ends_as_any(tmp_path: Path) -> None:
    found = runner(tmp_path, {"true": Path("/bin/true")}).run(call({"argv": ["true"], "stdin_json": "x" * 500_000}), 0.0)
    assert found.end == "done"


def test_json_is_read_when_the_step_says_so(tmp_path: Path) -> None:
    action = runner(tmp_path, {"echo": Path("/bin/echo")})
    assert action.run(call({"argv": ["echo", '{"n": 2}']}, output="json"), 0.0).output["json"] == {"n": 2}
    found = action.run(call({"argv": ["echo", '{"n": NaN}']}, output="json"), 0.0)
    assert (found.end, found.why) == ("failed", "its output is no JSON: NaN is no number of JSON")


@pytest.mark.parametrize(
    ("text", "why"),
    [("exit 3", "exit code 3"), ("exit 127", "exit code 127"),
     ("kill -9 $$", "ended by signal 9"), ("kill $$", "ended by signal 15")],
)
@pytest.mark.row("R9")
def test_how_it_ended_is_said(tmp_path: Path, text: str, why: str) -> None:
    found = runner(tmp_path, {"end": script(tmp_path, text)}).run(call({"argv": ["end"]}), 0.0)
    assert (found.end, found.why, found.effect) == ("failed", why, True)


def test_success_that_complains_is_success(tmp_path: Path) -> None:
    found = runner(tmp_path, {"warn": script(tmp_path, "echo careful >&2")}).run(call({"argv": ["warn"]}), 0.0)
    assert (found.end, found.output["stderr"]) == ("done", "careful\n")


@pytest.mark.parametrize("what", ["not listed", "not there", "not executable", "no format", "a folder"])
def test_what_cannot_be_started_had_no_effect(tmp_path: Path, what: str) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o644)
    (tmp_path / "odd").write_bytes(b"\x00\x01")
    (tmp_path / "odd").chmod(0o755)
    paths = {"not there": "absent", "not executable": "text", "no format": "odd", "a folder": ""}
    action = runner(tmp_path, {name: tmp_path / path for name, path in paths.items() if name == what})
    found = action.run(call({"argv": [what]}), 0.0)
    assert (found.end, found.effect) == ("failed", False)
    assert found.why.startswith(what)
    assert action.harvest(call({"argv": [what]})) is None


@pytest.mark.parametrize("program", ["/bin/echo", "../echo", "echo ", "ECHO", ""])
def test_a_program_is_named_as_it_is_listed(tmp_path: Path, program: str) -> None:
    assert runner(tmp_path, {"echo": Path("/bin/echo")}).run(call({"argv": [program]}), 0.0).effect is False


def test_a_listed_path_must_be_absolute(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="must be absolute"):
        runner(tmp_path, {"echo": Path("bin/echo")})


def test_a_folder_that_cannot_be_written_is_known_before_anything_begins(tmp_path: Path) -> None:
    action = runner(tmp_path, {"touch": Path("/usr/bin/touch")})
    (tmp_path / "desk").rmdir()
    (tmp_path / "desk").symlink_to("/dev/full")
    assert action.fence(call({"argv": ["touch"]})) is False
    assert action.harvest(call({"argv": ["touch"]})) is None
    found = action.run(call({"argv": ["touch", str(tmp_path / "touched")]}), 0.0)
    assert (found.end, found.effect) == ("failed", False)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("argv", [["echo", "a\0b"], ["echo", "x" * 131_072], ["echo", "\ud800"], ["echo", 3], [], "echo a", None])
def test_what_no_program_can_be_given_is_refused(tmp_path: Path, argv: object) -> None:
    found = runner(tmp_path, {"echo": Path("/bin/echo")}).run(call({"argv": argv}), 0.0)
    assert (found.end, found.effect) == ("failed", False)


@pytest.mark.parametrize("env", [{"A=B": "x"}, {"A": "x\0"}, {"": "x"}, {"A": [1]}])
def test_variables_that_cannot_be_are_refused(tmp_path: Path, env: dict[str, object]) -> None:
    assert runner(tmp_path, {"env": Path("/usr/bin/env")}).run(call({"argv": ["env"], "env": env}), 0.0).effect is False


def test_a_number_that_a_look_up_found_is_a_variable_as_people_write_it(tmp_path: Path) -> None:
    given = {"argv": ["env"], "env": {"A": 8.0, "B": 2.5, "C": True, "D": 7}}
    found = runner(tmp_path, {"env": Path("/usr/bin/env")}).run(call(given), 0.0)
    assert found.output["stdout"].splitlines()[:4] == ["A=8", "B=2.5", "C=true", "D=7"]


@pytest.mark.parametrize("what", [float("nan"), {1}, b"x"])
def test_input_that_is_no_json_is_refused(tmp_path: Path, what: object) -> None:
    found = runner(tmp_path, {"cat": Path("/bin/cat")}).run(call({"argv": ["cat"], "stdin_json": what}), 0.0)
    assert (found.end, found.effect) == ("failed", False)


def test_input_without_end_is_refused(tmp_path: Path) -> None:
    deep: list[object] = []
    deep.append(deep)
    found = runner(tmp_path, {"cat": Path("/bin/cat")}).run(call({"argv": ["cat"], "stdin_json": deep}), 0.0)
    assert found.effect is False


def test_without_time_nothing_begins(tmp_path: Path) -> None:
    assert runner(tmp_path, {"cat": Path("/bin/cat")}).run(call({"argv": ["cat"]}, left_s=0.0), 0.0).effect is False


def test_a_secret_that_is_not_there_is_named(tmp_path: Path) -> None:
    given = {"argv": ["env"], "secrets_env": {"PASSWORD": {"secret": "db"}}}
    found = runner(tmp_path, {"env": Path("/usr/bin/env")}).run(call(given, secret=lambda name: ""), 0.0)
    assert (found.why, found.effect) == ("there is no secret db", False)


def test_another_host_is_refused_unless_it_is_listed(tmp_path: Path) -> None:
    action = runner(tmp_path, {"echo": Path("/bin/echo")}, local=["db1"])
    assert action.run(call({"argv": ["echo"], "host": "db1:9100"}), 0.0).end == "done"
    for host in ("db2:9100", "-oProxyCommand=x", "a b", "db1;id", "", None, ["db1"]):
        found = action.run(call({"argv": ["echo"], "host": host}), 0.0)
        assert (found.end, found.effect) == ("failed", False), host
        assert "is not listed under responses.actions.exec.ssh.hosts" in found.why


@pytest.mark.row("R11")
def test_secrets_show_nowhere_however_they_are_written(tmp_path: Path) -> None:
    text = 'echo "$P"; echo "$P" | base64; echo "x$P" | base64 >&2; cat; exit 1'
    coded = base64.b64encode(b"ab" + CANARY.encode()).decode()
    forms = [quote(CANARY, safe=""), CANARY.encode().hex(), json.dumps(CANARY), coded]
    action = runner(tmp_path, {"leak": script(tmp_path, text)}, env={"PATH": "/usr/bin:/bin"})
    found = action.run(call({"argv": ["leak"], "secrets_env": {"P": {"secret": "p"}}, "stdin_json": forms}), 0.0)
    kept = everything_in(tmp_path / "desk") + repr(found).encode()
    assert found.output["stdout"].count("[secret]") == 6
    plain = [CANARY, CANARY.encode().hex(), quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode()[:20]]
    assert [one for one in plain if one.encode() in kept] == []


def test_secrets_are_in_no_argument_of_any_process(tmp_path: Path) -> None:
    count = "tr '\\0' '\\n' | grep -c -F \"$P\""
    text = f"cat /proc/*/cmdline | {count}; cat /proc/$PPID/environ | {count}; true"
    action = runner(tmp_path, {"look": script(tmp_path, text)}, env={"PATH": "/usr/bin:/bin"})
    own = f"{CANARY}-{os.getpid()}"  # processes of other tests carry theirs
    found = action.run(call({"argv": ["look"], "secrets_env": {"P": {"secret": "p"}}}, secret=lambda name: own), 0.0)
    lines = found.output["stdout"].split()
    assert lines[1:] == ["0"]
    assert int(lines[0]) <= 1  # its own search for it


def test_a_secret_at_the_cut_does_not_show_in_part(tmp_path: Path) -> None:
    text = f'head -c {64 * 1024 - 5} /dev/zero | tr "\\0" x; echo "$P"'
    action = runner(tmp_path, {"leak": script(tmp_path, text)}, env={"PATH": "/usr/bin:/bin"})
    found = action.run(call({"argv": ["leak"], "secrets_env": {"P": {"secret": "p"}}}), 0.0)
    assert found.output["stdout"].endswith("x[secr")
    assert found.output["truncated"] == ["stdout"]


@pytest.mark.row("R8")
def test_streams_are_capped_and_valid_text(tmp_path: Path) -> None:
    text = "head -c 300000000 /dev/zero; head -c 100 /dev/urandom >&2"
    action = runner(tmp_path, {"flood": script(tmp_path, text)}, env={"PATH": "/usr/bin:/bin"})
    found = action.run(call({"argv": ["flood"]}), 0.0)
    assert (found.end, len(found.output["stdout"]), found.output["truncated"]) == ("done", 64 * 1024, ["stdout"])
    assert json.loads(json.dumps(found.output["stderr"]).encode()) == found.output["stderr"]


def test_without_a_folder_nothing_runs() -> None:
    action = Exec(ExecParams(programs={"echo": Path("/bin/echo")}), Around())
    assert action.run(call({"argv": ["echo"]}), 0.0).effect is False
    assert action.harvest(call({"argv": ["echo"]})) is None
    assert action.fence(call({"argv": ["echo"]})) is False


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_it_can_run_as_another_user_without_groups(tmp_path: Path) -> None:
    found = runner(tmp_path, {"id": Path("/usr/bin/id")}, user="nobody").run(call({"argv": ["id"]}), 0.0)
    expected = subprocess.run(["id", "-u", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
    assert f"uid={expected}(" in found.output["stdout"]
    assert "(root)" not in found.output["stdout"]


def test_an_unknown_user_is_no_reason_to_run_as_oneself(tmp_path: Path) -> None:
    found = runner(tmp_path, {"id": Path("/usr/bin/id")}, user="no-such-user-here").run(call({"argv": ["id"]}), 0.0)
    assert (found.end, found.effect) == ("failed", False)
