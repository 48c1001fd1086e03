"""Where values from outside may stand in a command: never where a shell, an interpreter or a client would read them as a script.

One list of such programs and one rule, kept when a runbook is read and once more before a program is started.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["interpreter", "client", "wrapper"]
AFTER_DASHES, ENVIRONMENT = "after_double_dash", "environment"
WRITTEN = "argv_written"
"""Under this name a step that is to be done carries its arguments as they were written: the parts of each."""
DECLARED = (AFTER_DASHES, ENVIRONMENT)
"""How a step may say that its script takes values as data: as arguments after `--`, or in variables."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


INTERPRETERS = _words(
    "ash bash csh dash elvish fish ksh mksh nu oil osh posh rc rbash sash sh tcsh xonsh yash zsh cmd powershell pwsh "
    "python pypy ipython jython micropython perl ruby irb jruby node nodejs deno bun tsx php lua luajit tclsh wish expect "
    "awk gawk mawk nawk original-awk goawk sed gsed ed ex vi vim nvim emacs emacsclient m4 bc dc jq gojq jaq yq xq r rscript "
    "julia octave gnuplot erl erlang elixir iex ghci scala groovy kotlin jshell clojure guile racket sbcl clisp swift "
    "osascript wscript cscript mshta ghostscript gs gdb lldb bpftrace stap systemtap nft iptables-restore at batch crontab "
    "make gmake ninja just rake ant gradle mvn ansible ansible-playbook ansible-console salt salt-call puppet chef-apply "
    "terraform jinja2 j2 envsubst mustache"
)
"""Programs that read a program: in an argument, in a file that an argument names, or on standard input."""
CLIENTS = _words(
    "psql pgcli mysql mariadb mycli mysqladmin sqlite sqlite3 duckdb redis-cli valkey-cli keydb-cli mongo mongosh cqlsh sqlcmd "
    "sqlplus isql tsql bcp impala-shell beeline hive trino presto clickhouse clickhouse-client influx cypher-shell "
    "rethinkdb couchbase cbq aql arangosh ldapmodify nats rabbitmqadmin-eval socat nc ncat netcat telnet ftp lftp sftp scp "
    "rsync curl wget http https aria2c git svn hg openssl gpg mail mailx sendmail snmpset vtysh birdc clish ipmitool"
)
"""Programs that send what they are given elsewhere as statements, or reach where an argument says: values have no place there."""
WRAPPERS = _words(
    "env sudo su doas pkexec runuser setpriv chroot unshare nsenter flock timeout time nice ionice chrt taskset numactl "
    "nohup setsid stdbuf unbuffer script watch xargs parallel rush find fd entr strace ltrace perf valgrind systemd-run "
    "systemd-nspawn machinectl busybox toybox sshpass ssh rsh mosh autossh pdsh clush pssh dsh eval exec command builtin "
    "source coproc trap start-stop-daemon daemonize screen tmux dtach capsh firejail bwrap proot fakeroot dbus-run-session "
    "xvfb-run ip-netns faketime cpulimit cgexec prlimit logsave chpst setuidgid softlimit envdir s6-setuidgid npx pipx uvx"
)
"""Programs that start another program, which an argument names."""
RUNNERS = _words(
    "docker podman nerdctl kubectl oc crictl ctr k3s microk8s minikube lxc incus vagrant flatpak snap toolbox distrobox "
    "npm pnpm yarn pip uv cargo go bundle composer heroku gcloud aws az"
)
STARTS = _words("attach debug exec execute eval rsh run run-script shell ssh start-shell x")
"""What makes a runner start a program."""
_DECLARABLE = _words(
    "ash bash dash ksh mksh sh zsh python pypy perl ruby node php lua env sudo doas nice ionice chrt taskset nohup setsid stdbuf "
    "timeout setpriv unshare nsenter systemd-run prlimit docker podman nerdctl kubectl oc crictl"
)
"""Of those, the ones that take arguments behind a script, or behind `--`, for nothing but data. Others join them to a line."""
_ANYWHERE = frozenset(("eval", "exec", "execute", "-exec", "-execdir", "-ok", "-okdir"))
"""Words that make any program start, or read, what follows."""
AMBIGUOUS = _words(
    "at batch bc cmd command dc dsh du ed ex exec expect fd find ftp go gs hive http https influx ip just mail make mongo nats "
    "node nodejs perf r rc rush sash screen script source start swift time trap uv vi watch x xq"
)
"""Names that are common words too: they count where a program stands, not as some other argument."""
MULTI_CALL = frozenset(("busybox", "toybox", "coreutils"))
"""One file under many names: it is the name that says what it does."""
_SCRIPT_OPTIONS = _words(
    "--command --eval --execute --exec --exec-batch --script --expression --rsh --to-command --checkpoint-action "
    "--use-compress-program --compress-program --init-command --init-file --rcfile --pre-command --post-command --run --shell "
    "--split-string --config-env --upload-pack --receive-pack --info-script --new-volume-script --rsync-path --hook "
    "--preprocessor --pager --editor --entrypoint --require --import --load --plugin -command -exec -execdir -ok -okdir"
)
"""Options whose value is a script or a program whichever program they are given to."""
_SCRIPT_FLAGS = ("-c", "-e", "-E", "-r", "-lc", "-ec", "-euc")
_VARIABLES = re.compile(
    r"(LD|DYLD|R|ERL|GUILE|ELIXIR|DOTNET|NPM|GCONV|LUA|TCL|PHP|JDK|NODE|SSH|GIT|LESS|MAN)_\w+|(BASH|PYTHON|PERL|RUBY|JAVA)\w*|LESS\w{4,5}"
    r"|\w*(OPTIONS|OPTS|OPT|ARGS|FLAGS|COMMAND|PAGER|EDITOR|SHELL|RC|RCFILE|PRELOAD|LIBRARY_PATH|HOOK|SERVICEFILE)"
    r"|_JAVA_OPTIONS|ENV|PATH|IFS|CDPATH|GLOBIGNORE|PS[0-4]|VISUAL|BROWSER|KUBECONFIG|DOCKER_HOST|DOCKER_CONFIG|TERMINFO|TERMCAP"
    r"|HOME|XDG_\w*|AWKPATH|AWKLIBPATH|PGSYSCONFDIR|MYSQL_HOME|HTTPS?_PROXY|ALL_PROXY|https?_proxy|all_proxy",
)
_AROUND = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
"""What may stand around a value in one argument."""
_PROGRAM = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
_VERSION = re.compile(r"[-.]?[0-9][0-9.]*$")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as its author wrote it: the fixed text around values. `("x",)` is fixed, `("--of=", "")` ends with a value."""

    parts: tuple[str, ...]

    @property
    def fixed(self) -> bool:
        """Whether no value stands in it."""
        return len(self.parts) == 1

    @property
    def whole(self) -> bool:
        """Whether it is nothing but values."""
        return not self.fixed and not any(self.parts)

    @property
    def text(self) -> str:
        """The fixed text; empty where a value stands in it."""
        return self.parts[0] if self.fixed else ""

    def fits(self, argument: str) -> bool:
        """Whether an argument is this one with its values put in."""
        if self.fixed:
            return argument == self.parts[0]
        room = len(argument) >= len(self.parts[0]) + len(self.parts[-1])
        return room and argument.startswith(self.parts[0]) and argument.endswith(self.parts[-1])


@dataclass(slots=True)
class Command:
    """A command as it is written. `declared`: one of DECLARED, or empty; `runs`: more names of what its first argument starts."""

    arguments: Sequence[Argument]
    declared: str = ""
    runs: Collection[str] = ()
    roles: dict[int, tuple[str, Role]] = field(init=False)

    def __post_init__(self) -> None:
        self.roles = dict(_roles(self.arguments, self.runs))

    @property
    def reads(self) -> str:
        """The first program in it that reads scripts or starts programs; empty when there is none."""
        return next((name for name, _ in self.roles.values()), "")

    def wrong(self) -> Iterator[tuple[int, str]]:
        """(index, why) of each argument in which a value must not stand."""
        for i, one in enumerate(self.arguments):
            why = "" if one.fixed else self._wrong(i, one)
            if why:
                yield i, why

    def _wrong(self, i: int, one: Argument) -> str:
        if i == 0:
            return "the program must be fixed text of letters, digits and _ . / -, never a look-up"
        before = one.parts[0]
        if before.startswith("-") and "=" not in before:
            return "a look-up must not name an option; write the option's name: --name=${{ … }}"
        if not all(_AROUND.fullmatch(part) for part in one.parts):
            return "a look-up inside a longer text could be read as a part of a script; pass it as an argument of its own"
        option = before.partition("=")[0] if before else self.arguments[i - 1].text
        if option in _SCRIPT_OPTIONS:
            return f"what {option} is given is a script or a program, so a label could add commands; write it in fixed text"
        return self._behind(i, one) if self.roles else ""

    def _behind(self, i: int, one: Argument) -> str:
        """Why a value must not stand behind a program that reads scripts or starts programs."""
        name, role = next(iter(self.roles.values()))
        never = next((name for name, _ in self.roles.values() if not _among(name, _DECLARABLE)), "")
        if never:
            return f"{never} {_DOES[self._role_of(never)]}, so a label could add some; write a program that takes it as data"
        if self.declared != AFTER_DASHES:
            how = "run the program itself (host, env, timeout stand beside it)" if role == "wrapper" else "write a program"
            return f"{name} {_DOES[role]}, so a label could add some; {how}, or say data_args: {AFTER_DASHES}"
        if one.whole and self._after_dashes(i):
            return ""
        return (
            f"{name} {_DOES[role]}: a look-up may stand there as a whole argument only, after a fixed script and --; "
            "what starts a program is ended by a -- too"
        )

    def _role_of(self, name: str) -> Role:
        return next(role for known, role in self.roles.values() if known == name)

    def _after_dashes(self, i: int) -> bool:
        """Whether argument `i` is surely data: every wrapper before it ends with `--`, and a fixed script or program is followed
        by one."""
        at, seen = 0, set()
        while at in self.roles and self.roles[at][1] == "wrapper":
            seen.add(at)
            at = self._dashes(at) + 1
            if not 0 < at < i or not _PROGRAM.fullmatch(self.arguments[at].text):
                return False
        if at in self.roles:
            seen.add(at)
            at += 2 if self._text(at + 1) in _SCRIPT_FLAGS else 1
            if not self._text(at) or self._text(at).startswith("-") or self._text(at + 1) != "--":
                return False
        end = self._dashes(at)
        return 0 < end < i and seen == set(self.roles)

    def _text(self, at: int) -> str:
        return self.arguments[at].text if at < len(self.arguments) else ""

    def _dashes(self, after: int) -> int:
        """Where the next fixed `--` stands; -1 where none does."""
        return next((j for j in range(after + 1, len(self.arguments)) if self.arguments[j].text == "--"), -1)


def _roles(arguments: Sequence[Argument], runs: Collection[str]) -> Iterator[tuple[int, tuple[str, Role]]]:
    """Which arguments name a program that reads scripts or starts programs."""
    if not arguments:
        return
    names = [arguments[0].text, *runs]
    starts = _starts(arguments, names)
    first = next(((_name(one), role) for one in names if (role := _role(one)) is not None), None)
    if first is None and starts:
        first = _name(arguments[0].text), "wrapper"
    if first is not None:
        yield 0, first
    for i, one in enumerate(arguments[1:], 1):
        later = None if i in starts else _role_of_later(one.text, first is not None and first[1] == "wrapper")
        if later is not None:
            yield i, later


def _starts(arguments: Sequence[Argument], first: Sequence[str]) -> set[int]:
    """Where the words stand that make a runner start a program."""
    if not any(_name(one) in RUNNERS for one in first):
        return set()
    return {i for i, one in enumerate(arguments[1:], 1) if one.text in STARTS}


def _role_of_later(text: str, chained: bool) -> tuple[str, Role] | None:
    """The role of an argument that is not the first one; behind a wrapper every name counts."""
    if text in _ANYWHERE:
        return text, "wrapper"
    for one in (text, text.rpartition("=")[2]) if text else ():
        role = _role(one)
        if role is not None and (chained or "/" in one or _name(one) not in AMBIGUOUS):
            return _name(one), role
    return None


def _role(text: str) -> Role | None:
    return next((role for known, role in _ROLES if _among(_name(text), known)), None)


def _among(name: str, known: Collection[str]) -> bool:
    """Whether a name is one of these, whatever version stands behind it."""
    return name in known or _VERSION.sub("", name) in known


_ROLES: tuple[tuple[frozenset[str], Role], ...] = ((WRAPPERS, "wrapper"), (INTERPRETERS, "interpreter"), (CLIENTS, "client"))
_DOES: dict[Role, str] = {
    "interpreter": "reads scripts from its arguments",
    "client": "reads statements or addresses from its arguments",
    "wrapper": "starts what its arguments name",
}


def _name(text: str) -> str:
    """The name of a program without its folder and what Windows adds.

    >>> _name("/usr/bin/../../bin/Bash.EXE")
    'bash'
    """
    return text.rpartition("/")[2].lower().removesuffix(".exe")


def sways_a_program(variable: str) -> bool:
    """Whether a variable makes programs load, start or read something: no value from outside may stand in it.

    >>> sways_a_program("LD_PRELOAD"), sways_a_program("MOUNTPOINT")
    (True, False)
    """
    return _VARIABLES.fullmatch(variable) is not None
