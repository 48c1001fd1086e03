"""A program on another host, through OpenSSH: what `ssh` is asked, and a line that a remote shell reads back exactly."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field

from aiops.core.params import Params
from aiops.responses.actions.keeper import LOG

HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
LOST, LATE = 255, 124
"""What `ssh` ends with when the connection failed or broke, and what `timeout` ends with when it was too late."""


class SshParams(Params):
    """How other hosts are reached."""

    hosts: list[str] = Field(description="host names that may be reached; * and ? stand for anything")
    user: str = Field("", pattern=r"^([a-z_][a-z0-9_.-]*)?$", description="who logs in there; empty: the daemon's own user")
    port: int = Field(22, ge=1, le=65535, description="the port of the other side's sshd")
    identity_file: Path | None = Field(None, description="the private key; none: what ssh finds by itself")
    known_hosts: Path | None = Field(None, description="file of host keys; none: ssh's own. An unknown host is refused")
    config_file: str = Field("none", description="ssh_config to read, for example for a bastion; none: no file")
    connect_timeout: int = Field(10, ge=1, le=120, description="seconds a connection may take")


def host_of(given: str) -> str:
    """The host of an instance label: without port and brackets; empty where it is no host name.

    >>> host_of("db1:9100"), host_of("[::1]:9100"), host_of("-oProxyCommand=x")
    ('db1', '::1', '')
    """
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](:[0-9]+)?", given)
    host = bracketed[1] if bracketed else re.sub(r":[0-9]+$", "", given) if given.count(":") == 1 else given
    return host if HOST.fullmatch(host) else ""


def may_reach(params: SshParams | None, host: str) -> bool:
    """Whether the configuration lists a host."""
    return params is not None and any(fnmatchcase(host.lower(), one.lower()) for one in params.hosts)


def command_line(path: str, argv: Sequence[str], env: Mapping[str, str], left_s: float, grace_s: float) -> str:
    """One line for the remote login shell (POSIX), which comes back as exactly these arguments.

    `ssh` joins its arguments with spaces and the other side's shell splits them again; so each is quoted by itself. There the
    program runs with nothing but `env` around it, and `timeout` ends it with its process group.
    """
    bounded = ["timeout", f"--kill-after={grace_s:.0f}s", f"{max(1.0, left_s):.0f}s", "env", "-i"]
    return shlex.join([*bounded, *(f"{name}={value}" for name, value in env.items()), path, *argv[1:]])


def arguments(params: SshParams, host: str, line: str) -> tuple[list[str], list[int]]:
    """The argv of `ssh`, and which of its arguments name the private folder as `{room}`."""
    options = [
        "BatchMode=yes", "StrictHostKeyChecking=yes", f"ConnectTimeout={params.connect_timeout}", "LogLevel=VERBOSE",
        "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "PermitLocalCommand=no", "RequestTTY=no",
        "ControlMaster=no", "ControlPath=none", "ServerAliveInterval=15",
    ]  # fmt: skip
    if params.known_hosts:
        options += [f"UserKnownHostsFile={params.known_hosts}", "GlobalKnownHostsFile=none"]
    argv = ["ssh", "-F", params.config_file, "-E", "{room}/" + LOG, "-p", str(params.port)]
    argv += ["-l", params.user] if params.user else []
    argv += ["-i", str(params.identity_file), "-o", "IdentitiesOnly=yes"] if params.identity_file else []
    for one in options:
        argv += ["-o", one]
    return [*argv, "--", host, line], [argv.index("-E") + 1]


def no_such_host(log: str) -> bool:
    """Whether the name of the host is known to nobody; a resolver that is away says otherwise."""
    return "Could not resolve hostname" in log and ("Name or service not known" in log or "No address associated" in log)


def reached(log: str) -> bool:
    """Whether ssh's own log says that the other side let it in: before that no program can have begun there."""
    return "Authenticated to " in log
