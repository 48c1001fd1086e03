"""Programs on another host: what a real sshd and a real login shell make of what is sent."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aiops.core.programs import WRITTEN
from aiops.responses.actions.exec import Exec
from aiops.responses.actions.ssh import SshParams, arguments, command_line, host_of, may_reach, no_such_host
from aiops.responses.interface import Result
from tests.responses.actions.samples import KEY, alive, call, runner, script, until
from tests.runbooks.hostile import NAMED
from tests.servers import closed_port, free_port

SSHD = Path("/usr/sbin/sshd")
PATH = {"PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("db1", "db1"), ("db1:9100", "db1"), ("db-1.example.net:22", "db-1.example.net"), ("[::1]:9100", "::1"), ("::1", "::1"),
        ("10.0.0.1:9100", "10.0.0.1"), ("-oProxyCommand=x", ""), ("a b", ""), ("a;b", ""), ("root@db1", ""), ("", ""),
        ("a/b", ""), ("db1\n", ""), ("$(id)", ""), ("a" * 300, ""),
    ],
)  # fmt: skip
def test_the_host_of_an_instance(given: str, host: str) -> None:
    assert host_of(given) == host


def test_only_listed_hosts_are_reached() -> None:
    params = SshParams(hosts=["db*.example.net", "web1"])
    assert [may_reach(params, one) for one in ("db1.example.net", "WEB1", "web11", "example.net")] == [True, True, False, False]
    assert may_reach(None, "db1") is False


def test_a_command_line_is_read_back_exactly() -> None:
    values = [one for one in NAMED if "\0" not in one and len(one) < 100_000]
    line = command_line("/bin/show", ["show", *values], {"A": "b c'$(id)"}, 12.4, 5.0)
    assert shlex.split(line) == ["timeout", "--kill-after=5s", "12s", "env", "-i", "A=b c'$(id)", "/bin/show", *values]
    shown = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout.decode()
    assert shown.split("\0")[7:-1] == values


def test_no_label_is_an_option_of_ssh() -> None:
    argv, with_room = arguments(SshParams(hosts=["*"], user="ops"), "db1", "a line")
    assert argv[-3:] == ["--", "db1", "a line"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= set(argv)
    assert [argv[i] for i in with_room] == ["{room}/ssh.log"]


@pytest.mark.parametrize(
    ("log", "gone"),
    [
        ("ssh: Could not resolve hostname db1: Name or service not known", True),
        ("ssh: Could not resolve hostname db1: Temporary failure in name resolution", False),
        ("ssh: connect to host db1 port 22: Connection refused", False),
        ("Authenticated to db1 ([10.0.0.1]:22) using \"publickey\".\nName or service not known", False),
    ],
)
def test_a_name_that_nobody_knows_is_gone_and_a_resolver_that_is_away_says_nothing(log: str, gone: bool) -> None:
    assert no_such_host(log) is gone


@dataclass
class Sshd:
    port: int
    folder: Path

    def action(self, programs: dict[str, Path], known: str = "known_hosts", **more: Any) -> Exec:
        other = {"hosts": ["127.0.0.1"], "port": self.port, "user": getpass.getuser(), **more}
        files = {"identity_file": self.folder / "user_key", "known_hosts": self.folder / known}
        return runner(self.folder, programs, grace=1.0, ssh=SshParams(**{**files, **other}))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not SSHD.exists():
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    folder, port = tmp_path_factory.mktemp("sshd"), free_port()
    for name in ("host_key", "user_key", "other_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "authorized").write_text((folder / "user_key.pub").read_text())
    for known, key in (("known_hosts", "host_key"), ("wrong_hosts", "other_key")):
        (folder / known).write_text(f"[127.0.0.1]:{port} {(folder / (key + '.pub')).read_text()}")
    (folder / "no_hosts").write_text("")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    try:
        until(lambda: Sshd(port, folder).action({"true": Path("/bin/true")}).run(there(["true"]), 0.0).end == "done")
        yield Sshd(port, folder)
    finally:
        server.terminate()
        server.wait()


def there(argv: list[str], left_s: float = 30.0, **more: Any) -> Any:
    return call({"argv": argv, "host": "127.0.0.1:9100", **more}, left_s)


def ends(found: Result) -> tuple[str, bool]:
    return found.end, found.effect


def test_the_other_side_gets_exactly_the_given_arguments(sshd: Sshd) -> None:
    values = [one for one in NAMED if "\0" not in one and len(one) < 1000]
    argv = ["show", "%s\\0", *values]
    found = sshd.action({"show": Path("/usr/bin/printf")}).run(there(argv, **{WRITTEN: [[one] for one in argv]}), 0.0)
    assert found.output["stdout"].split("\0")[:-1] == values


def test_the_other_side_has_only_declared_variables(sshd: Sshd) -> None:
    found = sshd.action({"env": Path("/usr/bin/env")}).run(there(["env"], env={"OWN": "a 'b'"}), 0.0)
    assert set(found.output["stdout"].splitlines()) == {"OWN=a 'b'", "AIOPS_EPOCH=3", f"AIOPS_IDEMPOTENCY_KEY={KEY}"}


def test_input_output_and_exit_code_come_through(sshd: Sshd) -> None:
    path = script(sshd.folder, "cat; exit 7", "echoing")
    found = sshd.action({"echoing": path}).run(there(["echoing"], stdin_json={"a": 1}, env=PATH), 0.0)
    assert (found.end, found.why, found.output["stdout"]) == ("failed", "exit code 7", '{"a": 1}')


def test_a_late_program_ends_on_the_other_side_too(sshd: Sshd) -> None:
    path = script(sshd.folder, f"echo $$ > {sshd.folder}/pid; sleep 600", "late")
    found = sshd.action({"late": path}).run(there(["late"], left_s=5.0, env=PATH), 0.0)
    assert found.end == "unknown"
    pid = int((sshd.folder / "pid").read_text())
    until(lambda: not alive(pid))


@pytest.mark.parametrize("known", ["wrong_hosts", "no_hosts"])
def test_a_host_that_is_not_known_by_its_key_gets_nothing(sshd: Sshd, known: str) -> None:
    found = sshd.action({"touch": Path("/usr/bin/touch")}, known).run(there(["touch", f"{sshd.folder}/{known}-touched"]), 0.0)
    assert ends(found) == ("failed", False)
    assert "Host key verification failed" in found.why
    assert not (sshd.folder / f"{known}-touched").exists()


def test_who_is_not_let_in_had_no_effect(sshd: Sshd) -> None:
    found = sshd.action({"true": Path("/bin/true")}, identity_file=sshd.folder / "other_key").run(there(["true"]), 0.0)
    assert ends(found) == ("failed", False)
    assert "Permission denied" in found.why


def test_nobody_there_had_no_effect(sshd: Sshd) -> None:
    with closed_port() as port:
        found = sshd.action({"true": Path("/bin/true")}, port=port).run(there(["true"]), 0.0)
    assert ends(found) == ("failed", False)


def test_a_connection_that_breaks_leaves_it_unknown(sshd: Sshd) -> None:
    up = 'p=$PPID; while [ "$(cat /proc/$p/comm)" != sshd ]; do p=$(ps -o ppid= -p $p | tr -d " "); done; kill -9 $p'
    path = script(sshd.folder, f"{up}; sleep 600", "broken")
    found = sshd.action({"broken": path}).run(there(["broken"], 5.0, env=PATH), 0.0)
    assert ends(found) == ("unknown", True)


def test_secrets_do_not_go_to_another_host(sshd: Sshd) -> None:
    found = sshd.action({"env": Path("/usr/bin/env")}).run(there(["env"], secrets_env={"P": {"secret": "p"}}), 0.0)
    assert ends(found) == ("failed", False)


def test_another_host_cannot_be_fenced(sshd: Sshd) -> None:
    action = sshd.action({"true": Path("/bin/true")})
    assert action.fence(there(["true"])) is False
    action.run(there(["true"]), 0.0)
    found = action.harvest(there(["true"]))
    assert found is not None
    assert found.end == "done"
