"""`exec`: a program with arguments, on this host or through ssh; there is no shell."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

import aiops
from aiops.core.params import Params
from aiops.core.text import visible
from aiops.responses.actions import as_data
from aiops.responses.actions import ssh as remote_shell
from aiops.responses.actions.around import NOTHING, Around, as_text, refused, secret_of
from aiops.responses.actions.desk import Desk, sweep
from aiops.responses.actions.said import NoJson, parsed
from aiops.responses.interface import Action, Call, Result

MAX_ARGUMENT_BYTES = 131_071
"""The longest argument that Linux passes to a program."""
KEPT_S, SWEPT_EVERY_S = 30 * 86400.0, 86400.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LATE_S = 15.0
"""Longer than grace and the end of all processes together take beyond the deadline."""
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from aiops.responses.actions.keeper import main; main()"


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{path} must be absolute: programs are looked for in no folder")
    return path


Absolute = Annotated[Path, AfterValidator(_absolute), Field(json_schema_extra={"pattern": "^/"})]


class ExecParams(Params):
    """Parameters of `Exec`."""

    programs: dict[str, Absolute] = Field(default_factory=dict, description="programs that may run: name to absolute path")
    env: dict[str, str] = Field(default_factory=dict, description="variables of every program; nothing else is inherited")
    user: str = Field("", description="who programs run as; needs a daemon that runs as root. Empty: the daemon's own user")
    no_new_privileges: bool = Field(True, description="whether setuid programs such as sudo are without effect")
    grace: float = Field(5.0, ge=0, le=60, description="seconds between TERM and KILL")
    cpu_seconds: int = Field(3600, ge=1, description="RLIMIT_CPU: seconds of CPU time")
    memory: int = Field(8 * 2**30, ge=2**24, description="RLIMIT_AS: bytes of address space")
    file_size: int = Field(2 * 2**30, ge=0, description="RLIMIT_FSIZE: bytes of a file it writes")
    open_files: int = Field(1024, ge=16, description="RLIMIT_NOFILE: open files")
    processes: int = Field(512, ge=1, description="RLIMIT_NPROC: processes of its user, those of others counted; not for root")
    local: list[str] = Field(default_factory=list, description="names by which labels call this host, beside its own")
    ssh: remote_shell.SshParams | None = Field(None, description="how other hosts are reached; none: not at all")


@dataclass(frozen=True, slots=True)
class _Job:
    """What is started here: a program, or `ssh` with a line for the other side."""

    path: str
    argv: list[str]
    env: dict[str, str]
    stdin: str
    secrets: list[str]
    with_room: list[int]
    remote: bool


class _Refused(Exception):
    """Why nothing is started."""


class Exec(Action[ExecParams]):
    """Runs a program that the configuration lists, with exactly the author's arguments and only declared variables.

    A keeper, a process of its own, takes the step's lock, refuses an epoch below the highest that ever asked, and runs the
    program in a session and a folder of its own under resource limits. At the deadline its group gets TERM, after `grace` KILL;
    then whatever still descends from it, wherever it went, is killed. The same holds for what a program leaves behind when it
    ends: there are no daemons to be started. Of each stream 64 KiB are kept, with secrets masked. The keeper outlives the
    daemon and writes the result to disk whole or not at all, where `harvest` finds it.

    Through ssh (`host` is neither empty nor this one) nothing is fenced, limits are the other side's, `secrets_env` is refused
    since it would stand in an argument, and the login shell there must be a POSIX one.

    A refusal and a program that cannot be started are `failed` without effect; an exit code is `failed`; one that was stopped,
    or whose connection broke, is `unknown`.

    Source: POSIX.1-2017 (killpg, setrlimit), Linux prctl(2) PR_SET_CHILD_SUBREAPER; OpenSSH ssh(1).

    >>> Exec(ExecParams(programs={"true": "/bin/true"})).params.grace
    5.0
    """

    Params = ExecParams

    def __init__(self, params: ExecParams, around: Around = NOTHING) -> None:
        super().__init__(params)
        self._around = around
        self._local = {"local", "localhost", socket.gethostname().lower(), *(one.lower() for one in params.local)}
        if around.folder is not None:
            around.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._swept_s = float("-inf")

    def run(self, call: Call, now_s: float) -> Result:
        """Start it and wait for its end."""
        try:
            if call.left_s <= 0:
                raise _Refused("no time is left")
            job, desk = self._job(call), self._desk(call)
            said = self._said(job, call, desk)
        except _Refused as e:
            return refused(str(e))
        try:
            if now_s - self._swept_s > SWEPT_EVERY_S:
                self._swept_s = now_s
                sweep(desk.folder, KEPT_S, now_s)
            keeper = self._keeper()
        except OSError as e:
            return refused(f"its keeper cannot be started: {e}")
        why = self._keep(keeper, said, call.left_s)
        if why:
            return refused(why)
        try:
            found = desk.result()
            if found is None and not desk.has_begun():
                return refused("its keeper was ended before it began")
        except (OSError, ValueError) as e:
            return Result("unknown", {}, f"its result cannot be read: {e}")
        if found is None:
            return Result("unknown", {}, "its keeper was ended before it could tell")
        return _judged(found, call, job.remote)

    def refuses(self, given: Mapping[str, Any]) -> str:
        """A program or another host that is not listed."""
        try:
            self._path(given["argv"][0])
            host = self._host(given)
            if host is not None:
                self._reached(given, host)
        except _Refused as e:
            return str(e)
        return ""

    def fence(self, call: Call) -> bool:
        """Let no lower epoch begin here, and wait for the end of one that has begun, at most `left_s`. Not through ssh."""
        if self._around.folder is None or self._host(call.given) is not None:
            return False
        desk = self._desk(call)
        try:
            return desk.raise_fence(call.epoch) <= call.epoch and desk.quiet(call.left_s)
        except OSError:
            return False

    def harvest(self, call: Call) -> Result | None:
        """What an earlier keeper wrote; None when it wrote nothing, or still runs."""
        if self._around.folder is None:
            return None
        desk = self._desk(call)
        try:
            with desk.alone() as lock:
                found = desk.result() if lock is not None else None
        except (OSError, ValueError):
            return None
        return None if found is None else _judged(found, call, self._host(call.given) is not None)

    def busy(self, call: Call) -> bool:
        """Whether its keeper, or a program that it began, is alive on this host."""
        if self._around.folder is None:
            return False
        try:
            return not self._desk(call).quiet(0.0)
        except OSError:
            return False

    def _desk(self, call: Call) -> Desk:
        if self._around.folder is None:
            raise _Refused("there is no folder for what programs leave")
        return Desk(self._around.folder, call.idem_key)

    def _host(self, given: Mapping[str, Any]) -> str | None:
        """The other host; None for this one; empty for none at all, as a label that is not there: that is not this one."""
        if "host" not in given:
            return None
        host = remote_shell.host_of(as_text(given["host"]) or "")
        return None if host.lower() in self._local else host

    def _path(self, program: str) -> Path:
        path = self.params.programs.get(program)
        if path is None:
            raise _Refused(f"{visible(program)} is not listed under responses.actions.exec.programs")
        return path

    def _reached(self, given: Mapping[str, Any], host: str) -> remote_shell.SshParams:
        ssh = self.params.ssh
        if ssh is None or not host or not remote_shell.may_reach(ssh, host):
            raise _Refused(f"{visible(str(given['host']))} is not listed under responses.actions.exec.ssh.hosts")
        if given.get("secrets_env"):
            raise _Refused("secrets_env does not go to another host: it would stand in an argument there")
        return ssh

    def _job(self, call: Call) -> _Job:
        argv, host = _arguments(call.given.get("argv")), self._host(call.given)
        path = self._path(argv[0])
        why = as_data.why_not(call.given, argv, path, host is not None)
        if why:
            raise _Refused(why)
        env, secrets = self._env(call)
        stdin = _stdin(call)
        if host is None:
            return _Job(str(path), argv, env, stdin, secrets, [], False)
        ssh = self._reached(call.given, host)
        line = remote_shell.command_line(str(path), argv, env, call.left_s, self.params.grace)
        if len(line.encode()) > MAX_ARGUMENT_BYTES:
            raise _Refused("the command is longer than ssh can pass")
        there, with_room = remote_shell.arguments(ssh, host, line)
        return _Job("/usr/bin/ssh", there, {}, stdin, [], with_room, True)

    def _env(self, call: Call) -> tuple[dict[str, str], list[str]]:
        """The whole environment, and the secrets in it."""
        given, named = call.given.get("env") or {}, call.given.get("secrets_env") or {}
        secret = {name: secret_of(call, one) for name, one in named.items()}
        missing = [str(named[name]["secret"]) for name, value in secret.items() if not value]
        if missing:
            raise _Refused(f"there is no secret {', '.join(missing)}")
        said = {**self.params.env, **{name: as_text(value) for name, value in given.items()}, **secret}
        said |= {"AIOPS_EPOCH": str(call.epoch), "AIOPS_IDEMPOTENCY_KEY": call.idem_key}
        env = {name: value for name, value in said.items() if value is not None and _passable(value)}
        for name in said:
            if not _NAME.fullmatch(name) or name not in env:
                raise _Refused(f"the variable {visible(name)} cannot be passed")
        return env, list(secret.values())

    def _said(self, job: _Job, call: Call, desk: Desk) -> bytes:
        """What the keeper is told."""
        fd = self._around.lock_fd
        said = {
            "folder": str(desk.folder), "key": call.idem_key, "epoch": call.epoch, "left_s": call.left_s, "path": job.path,
            "argv": job.argv, "env": job.env, "stdin": job.stdin, "secrets": job.secrets, "with_room": job.with_room,
            "grace_s": self.params.grace + (self.params.grace if job.remote else 0), "lock_fd": fd, "limits": self._limits(job),
            "user": "" if job.remote else self.params.user, "no_new_privileges": self.params.no_new_privileges,
        }  # fmt: skip
        return json.dumps(said).encode()

    def _keeper(self) -> subprocess.Popen[bytes]:
        fd = self._around.lock_fd
        command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _START, str(Path(aiops.__file__).parents[1])]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/",
            start_new_session=True, pass_fds=() if fd is None else (fd,),
        )  # fmt: skip

    def _keep(self, keeper: subprocess.Popen[bytes], said: bytes, left_s: float) -> str:
        """Run the keeper to its end; why it did not begin, if so."""
        try:
            out, _ = keeper.communicate(said, left_s + 2 * self.params.grace + _LATE_S)
        except subprocess.TimeoutExpired:
            keeper.kill()
            out, _ = keeper.communicate()
        with contextlib.suppress(ValueError):
            return str(json.loads(out)["refused"])
        return ""

    def _limits(self, job: _Job) -> dict[str, int]:
        if job.remote:
            return {}
        p = self.params
        return {
            "RLIMIT_CPU": p.cpu_seconds, "RLIMIT_AS": p.memory, "RLIMIT_FSIZE": p.file_size, "RLIMIT_NOFILE": p.open_files,
            "RLIMIT_NPROC": p.processes,
        }  # fmt: skip


def _arguments(argv: Any) -> list[str]:
    """The author's arguments as they are. Raises _Refused for what no program can be given."""
    if not isinstance(argv, list) or not argv or not all(isinstance(one, str) for one in argv):
        raise _Refused("argv is no list of texts")
    for i, one in enumerate(argv):
        if not _passable(one):
            raise _Refused(f"argument {i} cannot be passed to a program: it holds a NUL, is no Unicode, or is too long")
    return list(argv)


def _stdin(call: Call) -> str:
    if "stdin_json" not in call.given:
        return ""
    try:
        return json.dumps(call.given["stdin_json"], allow_nan=False)
    except (TypeError, ValueError, RecursionError) as e:
        raise _Refused(f"stdin_json cannot be written as JSON: {e}") from None


def _passable(value: str) -> bool:
    try:
        return "\0" not in value and len(value.encode()) <= MAX_ARGUMENT_BYTES
    except UnicodeEncodeError:
        return False


def _judged(found: Mapping[str, Any], call: Call, remote: bool) -> Result:
    """A result file as what came of the call."""
    code, output = int(found["rc"]), {key: found[key] for key in ("rc", "stdout", "stderr", "truncated")}
    if found["late"] or (remote and code == remote_shell.LATE):
        left_over = f", with {found['left_over']} processes that it had started" if found["left_over"] else ""
        when = "before its time, with its keeper" if found["told_to_stop"] else "at its deadline"
        return Result("unknown", output, f"stopped {when}{left_over}")
    if remote and code == remote_shell.LOST:
        told = visible(str(found["log"]).strip().rpartition("\n")[2])
        if remote_shell.no_such_host(str(found["log"])):
            return Result("gone", output, f"the host is not there any more: {told}", effect=False)
        if not remote_shell.reached(str(found["log"])):
            return Result("failed", output, f"the host was not reached: {told}", effect=False)
        return Result("unknown", output, f"the connection broke, or the program ended with {code}: {told}")
    if code < 0:
        return Result("failed", output, f"ended by signal {-code}")
    if code > 0:
        return Result("failed", output, f"exit code {code}")
    if call.output == "json":
        try:
            output["json"] = parsed(str(found["stdout"]))
        except NoJson as e:
            return Result("failed", output, f"its output is no JSON: {e}")
    return Result("done", output)

