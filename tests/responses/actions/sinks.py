"""Everything that a label value can reach: each kind of action takes the same values, and what arrives is compared."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import promql_parser
from hypothesis import strategies as st

from aiops.core.text import visible
from aiops.pipeline.procedures import rendered
from aiops.responses.actions.around import Around
from aiops.responses.actions.cluster import ClusterParams
from aiops.responses.actions.exec import Exec
from aiops.responses.actions.handover import Awx, HandOverParams
from aiops.responses.actions.http import Http, HttpParams
from aiops.responses.actions.kubernetes import Get
from aiops.responses.actions.notify import Notify, NotifyParams
from aiops.responses.actions.said import KEPT
from aiops.responses.actions.silence import Silence, SilenceParams
from aiops.responses.actions.ssh import command_line
from aiops.responses.interface import Result
from aiops.responses.procedure import Rendered
from aiops.runbooks.expressions import query_for
from aiops.runbooks.match import Subject, context_of
from aiops.runbooks.plan import describe
from aiops.runbooks.schema import Step
from tests.responses.actions.samples import KEY, Seen, Web, call, runner, script, web
from tests.runbooks.hostile import NAMED, VALUES

CANARY = Path(tempfile.gettempdir()) / f"aiops-canary-{os.getpid()}"
"""A file that comes to be when a value is run as a command."""
TOUCH = f"touch {CANARY}"
ATOMS = (
    f"$({TOUCH})", f"`{TOUCH}`", f"; {TOUCH};", f"| {TOUCH}", f"&& {TOUCH} #", f"\n{TOUCH}\n", f"'; {TOUCH}; '",
    f'"; {TOUCH}; "', f"$(>{CANARY})", f"<({TOUCH})", f"-oProxyCommand={TOUCH}", f"--to-command={TOUCH}",
    f"%0a{TOUCH}", f"\r\n{TOUCH}", f"\\\n{TOUCH}", "{{ ''.__class__ }}", "{{ lookup('pipe', '" + TOUCH + "') }}",
    "${{ secrets.db }}", "${{ symptom.signal }}", "${IFS}", "${option.x}", "@option.x@", "%(x)s", "%s%n",
    "{0.__class__}", "#{x}", "<%= x %>", "\x00", "\x1b[2J", "\u202e", "\u2028", "\ufeff", "\x85", "'", '"', "\\", "/",
    "..", "../", "%2e%2e%2f", "?", "#", "@", "//evil.example/", "user:pw@evil.example", "\r\nX-Evil: 1", '","a":"b',
    "]}", 'x"} or vector(1) or up{a="', "{$target}", "$target", "}) by (x)",
    "!!python/object/apply:os.system ['" + TOUCH + "']", "&a [*a]", "-", "--", "--config=/etc/passwd", "=", "~", "*",
    "!", " ", "\t", "é", "𝄞", "1e999", "null", "true",
)  # fmt: skip
LARGE = ("A" * 1_000_000, "'" * 100_000, f"$({TOUCH})" * 2_000)
HOSTILE = st.one_of(VALUES, st.lists(st.sampled_from(ATOMS), min_size=1, max_size=6).map("".join))
URL_OF = "{}/v1/${{{{ symptom.labels.x{} }}}}/end"


def made_up(count: int, seed: int) -> list[str]:
    """So many different values: the fixed ones first, then what a seed makes of the pieces."""
    chance, found = random.Random(seed), dict.fromkeys((*NAMED, *ATOMS, *LARGE))
    while len(found) < count:
        parts = (chance.choice(ATOMS) if chance.random() < 0.8 else chr(chance.randrange(1, 0xD800)) for _ in range(9))
        found["".join(list(parts)[: chance.randrange(1, 9)])] = None
    return list(found)[:count]


def context(values: Sequence[str]) -> dict[str, Any]:
    """What look-ups see of a warning with these labels, `x0` and so on."""
    labels = {f"x{i}": value for i, value in enumerate(values)}
    subject = Subject("forecast", "s", "c", labels, 7200.0, 0.9, "warning", 600.0, 1_750_000_000.0, 3.0, 1.0)
    return context_of(subject, list(labels))


def x(i: int) -> str:
    """The look-up of a label."""
    return f"${{{{ symptom.labels.x{i} }}}}"


def passable(value: str) -> bool:
    """Whether any program can be given it."""
    return bool(value) and "\0" not in value and len(value.encode("utf-8", "surrogatepass")) <= 131_071


@dataclass
class Sinks:
    """The actions, and what they have sent."""

    folder: Path
    server: Web
    program: Path
    told: list[tuple[str, str, str]] = field(default_factory=list)

    def through(self, values: Sequence[str]) -> None:
        """Every value through every kind of action. Raises AssertionError where one becomes anything but itself."""
        self.program_here([one for one in values if passable(one)])
        self.behind_a_shell([one for one in values if passable(one)])
        self.refusals(values)
        self.request(values)
        self.queries(values)
        self.conditions(values)
        self.messages(values)
        self.silence([one for one in values if one])
        self.other_automation(values)
        self.objects(values)
        self.words(values)
        assert not CANARY.exists()

    def _exec(self) -> Exec:
        return runner(self.folder, {"show": self.program}, env={"PATH": "/usr/bin:/bin"})

    def program_here(self, values: Sequence[str]) -> None:
        """Argument, option's value, variable and standard input of a program."""
        if not values:
            return
        options = [f"--opt={x(i)}" for i in range(len(values))]
        with_ = {
            "argv": ["show", *options, "--", *map(x, range(len(values)))],
            "env": {"LABEL": x(0)},
            "stdin_json": {"all": [x(i) for i in range(len(values))]},
        }
        given = rendered("exec", with_, context(values))
        wanted = [str(2 * len(values) + 1), values[0], *(f"--opt={one}" for one in values), "--", *values]
        if given.refused:  # an option of a length that no argument has
            assert any(not passable(f"--opt={one}") for one in values)
            return
        assert len(given.given["argv"]) == len(with_["argv"])
        found = self._exec().run(call(dict(given.given)), 0.0)
        if sum(len(one.encode()) for one in wanted) > 1_000_000 and found.effect is False:
            return  # more than any program can be given together
        assert found.end == "done", found
        whole = "".join(f"{one}\0" for one in wanted) + json.dumps(with_["stdin_json"] | {"all": list(values)})
        assert found.output["stdout"].encode()[: KEPT - 4] == whole.encode()[: KEPT - 4]

    def behind_a_shell(self, values: Sequence[str]) -> None:
        """What a login shell on another host makes of the line that ssh carries there."""
        short = [one for one in values if len(one) < 5000]
        line = command_line(str(self.program), ["show", *short], {"LABEL": "a b", "PATH": "/usr/bin:/bin"}, 60.0, 5.0)
        found = subprocess.run(["sh", "-c", line], capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout
        assert found == "".join(f"{one}\0" for one in (str(len(short)), "a b", *short)).encode()

    def refusals(self, values: Sequence[str]) -> None:
        """An argument that begins with a value is refused when it would be an option, or can be none."""
        for value in values:
            given = rendered("exec", {"argv": ["show", x(0)]}, context([value]))
            assert bool(given.refused) == (value.startswith("-") or not passable(value)), value
            host = rendered("exec", {"argv": ["show"], "host": x(0)}, context([value]))
            if not host.refused:
                assert self._exec().run(call(dict(host.given)), 0.0).effect is False, value

    def request(self, values: Sequence[str]) -> None:
        """Path, header and JSON of a request."""
        http = Http(HttpParams(hosts=[self.server.host], networks=["127.0.0.0/8"]))
        for value in values:
            given = rendered("http", {"method": "GET", "url": URL_OF.format(self.server.url, 0)}, context([value]))
            assert bool(given.refused) == (value in (".", "..")), value
            seen = None if given.refused else self._sent(http.run(call(dict(given.given)), 0.0), len(value) < 15_000)
            if seen is not None:
                assert seen.target.count("/") == 3
                assert unquote(seen.target.split("/")[2]) == value
                assert seen.headers["host"] == self.server.host
        with_ = {"method": "POST", "url": f"{self.server.url}/v1", "json": {"all": [x(i) for i in range(len(values))]}}
        seen = self._sent(http.run(call(dict(rendered("http", with_, context(values)).given)), 0.0), True)
        assert seen is not None
        assert seen.json() == {"all": list(values)}
        for i, value in enumerate(values):
            header = rendered("http", {**with_, "json": {}, "headers": {"X-Label": x(i)}}, context(values))
            printable = value.isprintable() and len(value) < 15_000
            seen = self._sent(http.run(call(dict(header.given)), 0.0), printable and value.strip() == value)
            if seen is not None:
                assert "x-evil" not in seen.headers
                assert seen.headers["x-label"].encode("latin-1").decode().strip() == value.strip()

    def _sent(self, found: Result, must: bool) -> Seen | None:
        """The one request that went out, if one did."""
        seen, self.server.seen[:] = list(self.server.seen), []
        assert len(seen) <= 1
        assert seen or not must, found
        return seen[0] if seen else None

    def queries(self, values: Sequence[str]) -> None:
        """A query keeps its tree, and its selector the value."""
        query, plain = 'max(a{b="c",$target}) / sum by (x) (rate(d{$target}[5m]))', shape_of("x")
        for value in values:
            tree = promql_parser.parse(query_for(query, {"x0": value}, ["x0"]))
            assert shape(tree) == plain, value
            selector = promql_parser.parse(query_for("m{$target}", {"x0": value}, ["x0"]))
            (matcher,) = selector.matchers.matchers
            assert (matcher.name, matcher.value) == ("x0", value)

    def conditions(self, values: Sequence[str]) -> None:
        """CEL sees a value, never reads it."""
        with_ = {f"n{i}": f"symptom.labels.x{i}" for i in range(len(values))}
        assert rendered("compute", with_, context(values)) == Rendered({f"n{i}": one for i, one in enumerate(values)})

    def messages(self, values: Sequence[str]) -> None:
        """A message has the author's lines."""
        for i, value in enumerate(values):
            given = rendered("notify", {"route": "r", "message": f"one {x(i)} two"}, context(values))
            assert Notify(NotifyParams(), Around(tell=self._tell)).run(call(dict(given.given)), 0.0).end == "done"
            _, message, _ = self.told.pop()
            assert all(line.isprintable() for line in message.split("\n"))
            if value.isprintable() and len(value) < 3000:
                assert message == f"one {value} two"

    def _tell(self, run_id: str, route: str, message: str, key: str) -> None:
        assert (run_id, route, key) == ("run", "r", KEY)
        self.told.append((route, message, key))

    def silence(self, values: Sequence[str]) -> None:
        """Matchers of a silence."""
        labels = {f"x{i}": x(i) for i in range(len(values))}
        given = rendered("alertmanager.silence", {"labels": labels, "for": "1h", "comment": x(0)}, context(values))
        Silence(SilenceParams(url=self.server.url)).run(call(dict(given.given)), 0.0)
        (sent,) = [one.json() for one in self._taken("POST")]
        assert {m["name"]: m["value"] for m in sent["matchers"]} == {f"x{i}": one for i, one in enumerate(values)}
        assert {(m["isRegex"], m["isEqual"]) for m in sent["matchers"]} == {(False, True)}
        assert sent["comment"].isprintable()
        assert sent["comment"].endswith(f"[aiops {KEY}]")

    def _taken(self, method: str) -> list[Seen]:
        seen, self.server.seen[:] = list(self.server.seen), []
        return [one for one in seen if one.method == method]

    def other_automation(self, values: Sequence[str]) -> None:
        """Variables that another language could read are not handed over; what is, is itself."""
        awx = Awx(HandOverParams(url=self.server.url, jobs={"clean": "12"}, poll=0.01))
        for i, value in enumerate(values):
            given = rendered("awx.launch", {"job": "clean", "variables": {"v": x(i)}}, context(values))
            found = awx.run(call(dict(given.given), left_s=5.0), 0.0)
            sent = [one.json()["extra_vars"]["v"] for one in self._taken("POST") if one.target.endswith("/launch/")]
            assert sent == ([] if found.effect is False else [value])
            assert not sent or not set(value) & set("{}$`;|&<>\"'\\()*\n\0")

    def objects(self, values: Sequence[str]) -> None:
        """Names of objects are names, or are not asked for."""
        get = Get(ClusterParams(url=self.server.url))
        for i, value in enumerate(values):
            with_ = {"kind": "Pod", "namespace": x(i), "name": x(i)}
            get.run(call(dict(rendered("kubernetes.get", with_, context(values)).given)), 0.0)
            assert [one.target for one in self._taken("GET")] in ([], [f"/api/v1/namespaces/{value}/pods/{value}"])

    def words(self, values: Sequence[str]) -> None:
        """A plan in words is one line."""
        for i, value in enumerate(values):
            written = {"id": "s", "uses": "exec", "effect": "read", "timeout": "1m", "with": {"argv": ["show", x(i)]}}
            step = Step.model_validate(written)
            assert describe(step, context(values))[0].isprintable()
            assert visible(value).isprintable()


def shape_of(value: str) -> Any:
    """The tree of the query with this value."""
    query = 'max(a{b="c",$target}) / sum by (x) (rate(d{$target}[5m]))'
    return shape(promql_parser.parse(query_for(query, {"x0": value}, ["x0"])))


def shape(node: Any) -> Any:
    """Kinds of nodes, and names in selectors, without values."""
    names = [m.name for m in node.matchers.matchers] if hasattr(node, "matchers") else []
    below = [getattr(node, key) for key in ("lhs", "rhs", "expr", "vs") if getattr(node, key, None) is not None]
    return (type(node).__name__, names, [shape(one) for one in [*below, *getattr(node, "args", [])]])


def answers(seen: Seen) -> tuple[int, Any]:
    """All servers in one: what each action wants to hear."""
    if "/launch/" in seen.target:
        return 201, {"ask_variables_on_launch": True, "id": 40}
    if seen.target == "/api/v2/jobs/40/":
        return 200, {"id": 40, "status": "successful"}
    if "/job_templates/" in seen.target:
        return 200, {"results": []}
    if seen.target == "/api/v2/silences":
        return 200, [] if seen.method == "GET" else {"silenceID": "s"}
    return 200, {"metadata": {}}


@contextlib.contextmanager
def sinks(folder: Path) -> Iterator[Sinks]:
    """All of them, ready. A program shows how many arguments it has, its variable, its arguments, its input."""
    program = script(folder, 'printf "%s\\0" "$#" "$LABEL" "$@"; cat')
    CANARY.unlink(missing_ok=True)
    with web(answers) as server:
        yield Sinks(folder, server, program)
    assert not CANARY.exists()
