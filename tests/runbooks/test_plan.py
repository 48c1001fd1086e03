"""The plan of a runbook for one warning: whatever a label holds, it stays one literal part of what the author wrote."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import promql_parser
import pytest
from hypothesis import given, settings

from aiops.core.text import visible
from aiops.runbooks import Runbook
from aiops.runbooks.expressions import LOOK_UP, query_for, render, target_selector
from aiops.runbooks.match import Subject, context_of
from aiops.runbooks.plan import NOT_EXECUTED, describe, plan, rendered_argv, rendered_host, rendered_url, shown
from aiops.runbooks.schema import Step
from tests.runbooks.hostile import NAMED, VALUES
from tests.runbooks.samples import loaded


def context(**labels: str) -> dict[str, Any]:
    subject = Subject(
        "forecast", "workers_free", "pool", labels, 7200.0, 0.9, "warning", 600.0, 1_750_000_000.0, 3.0, 1.0
    )
    return context_of(subject, ["service"])


@settings(deadline=None)
@given(VALUES)
def test_each_argument_of_the_author_is_one_argument(value: str) -> None:
    written = ["df", "-h", "--", "${{ symptom.labels.mountpoint }}", "--path=${{ symptom.labels.mountpoint }}", "end"]
    argv, _ = rendered_argv(written, context(mountpoint=value))
    assert argv == ["df", "-h", "--", value, f"--path={value}", "end"]


@settings(deadline=None)
@given(VALUES)
@pytest.mark.row("X2")
def test_a_value_that_could_be_an_option_or_cannot_be_passed_is_refused(value: str) -> None:
    _, refused = rendered_argv(["df", "${{ symptom.labels.mountpoint }}"], context(mountpoint=value))
    bad = value.startswith("-") or "\0" in value or not value or len(value.encode("utf-8", "surrogatepass")) > 131_071
    assert bool(refused) == bad


def test_behind_two_dashes_a_value_may_begin_with_one() -> None:
    assert rendered_argv(["df", "--", "${{ symptom.labels.m }}"], context(m="-x"))[1] == ""


def test_two_dashes_from_a_label_protect_nothing() -> None:
    written = ["df", "${{ symptom.labels.a }}", "${{ symptom.labels.b }}"]
    assert "would be read as an option" in rendered_argv(written, context(a="--", b="-x"))[1]


@settings(deadline=None)
@given(VALUES)
@pytest.mark.row("X3")
def test_what_a_value_holds_is_never_looked_up_again(value: str) -> None:
    assert render("${{ symptom.labels.x }}", context(x=value)) == value
    assert render("<${{ symptom.labels.x }}>", context(x=value)) == f"<{value}>"


@settings(deadline=None)
@given(VALUES)
def test_a_value_stays_inside_its_part_of_a_url(value: str) -> None:
    written = "https://pool.example.org:8443/v1/${{ symptom.labels.x }}/size?of=${{ symptom.labels.x }}"
    url, refused = rendered_url(written, context(x=value))
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "pool.example.org:8443", "")
    assert len(parts.path.split("/")) == 4
    assert unquote(parts.path.split("/")[2], errors="surrogatepass") == value
    assert bool(refused) == (value in (".", ".."))


@settings(deadline=None)
@given(VALUES)
def test_a_query_keeps_its_shape_and_its_target(value: str) -> None:
    query = 'max(time() - timestamp(a{b="c",$target})) / sum(d{$target})'
    tree = promql_parser.parse(query_for(query, {"service": value}, ["service"]))
    plain = promql_parser.parse(query_for(query, {"service": "x"}, ["service"]))
    assert shape(tree) == shape(plain)
    selector = promql_parser.parse("m{" + target_selector({"service": value}, ["service"]) + "}")
    (matcher,) = selector.matchers.matchers
    assert (matcher.name, matcher.value) == ("service", value)


def shape(node: Any) -> Any:
    """Kinds of nodes with what is below them; matchers by name."""
    below = [getattr(node, name) for name in ("lhs", "rhs", "expr", "vector_selector") if hasattr(node, name)]
    below += list(getattr(node, "args", []) or [])
    names = [m.name for m in node.matchers.matchers] if hasattr(node, "matchers") else []
    return (type(node).__name__, names, [shape(one) for one in below])


@settings(deadline=None)
@given(VALUES)
def test_every_line_of_a_plan_stays_one_line_without_control_characters(value: str) -> None:
    runbook = POOL_BOOK
    steps, impact = plan(runbook, context(service=value, instance=value))
    for text in [impact, *(str(s["what"]) for s in steps), *(str(s["why_not_executed"]) for s in steps)]:
        assert text.isprintable()
        assert len(text) < 1500


@settings(deadline=None)
@given(VALUES)
def test_a_command_is_shown_so_that_a_shell_would_read_it_back(value: str) -> None:
    steps, _ = plan(POOL_BOOK, context(service=value, instance="web1"))
    assert shlex.split(str(steps[0]["what"]))[2:] == ["workers", "--json", "--of", visible(value)]


POOL_BOOK: Runbook


@pytest.fixture(autouse=True, scope="module")
def _book(tmp_path_factory: pytest.TempPathFactory) -> None:
    global POOL_BOOK
    POOL_BOOK = loaded(tmp_path_factory.mktemp("book"))


def test_nothing_is_executed_and_the_plan_says_so() -> None:
    steps, _ = plan(POOL_BOOK, context(service="shop", instance="web1:9100"))
    assert {s["why_not_executed"] for s in steps} == {NOT_EXECUTED}


def test_a_refused_value_is_named_instead() -> None:
    steps, _ = plan(POOL_BOOK, context(service="--all", instance="web1"))
    assert "would be read as an option" in steps[0]["why_not_executed"]


def test_what_an_earlier_step_will_give_is_shown_as_not_known_yet() -> None:
    runbook = POOL_BOOK
    assert render(runbook.steps[3].with_["json"]["workers"], context(service="shop")) == "<from wanted>"
    steps, _ = plan(runbook, context(service="shop", instance="w"))
    assert steps[3]["if"] == "steps.look.json.idle <= 3"


def test_a_plan_says_what_is_known_what_takes_a_step_back_and_what_would_be_refused() -> None:
    steps, _ = plan(POOL_BOOK, context(service="--all", instance="web1"))
    known = {s["id"]: s["known"] for s in steps}
    assert known == {"look": True, "wanted": False, "clean": False, "grow": False}
    undo = 'PUT https://pool.example.org/v1/size {"workers": "<from look>"}'
    assert {s["id"]: s["undo"] for s in steps if "undo" in s} == {"grow": undo}
    assert {s["id"] for s in steps if "refused" in s} == {"look", "clean"}


@pytest.mark.parametrize(
    ("step", "known"),
    [
        ({"uses": "compute", "with": {"n": "steps.look.json.n + 1"}}, False),
        ({"uses": "compute", "with": {"n": "size(symptom.labels) + 1"}}, True),
        ({"uses": "compute", "with": {"n": "target.service.startsWith('a')"}}, True),
        ({"uses": "notify", "with": {"route": "r", "message": "x"}, "if": "steps.look.rc == 0"}, False),
        ({"uses": "notify", "with": {"route": "r", "message": "${{ symptom.value }} of ${{ steps.a.rc }}"}}, False),
        ({"uses": "promql", "with": {"query": "up{$target}"}}, True),
        ({"uses": "awx.launch", "effect": "read", "with": {"job": "j", "variables": {"v": ["${{ steps.look.rc }}"]}}}, False),
    ],
)
def test_what_depends_on_a_step_that_has_not_run_is_not_known(step: dict[str, Any], known: bool) -> None:
    assert shown(Step.model_validate({"id": "s", **step}), context(service="a"))["known"] is known


def test_what_a_step_does_is_named_where_its_parameters_do_not_say_it() -> None:
    given = {"kind": "Deployment", "namespace": "pay", "name": "${{ target.service }}"}
    restart = written("kubernetes.restart", given, effect="write", idempotent=True, irreversible="its connections are dropped")
    assert describe(restart, context(service="shop"))[0] == "kubernetes.restart kind: Deployment, namespace: pay, name: shop"


def test_everything_that_is_sent_is_shown_secrets_by_their_names() -> None:
    program = {
        "host": "web1", "argv": ["drop", "--", "${{ target.service }}"], "stdin_json": {"of": "${{ target.service }}"},
        "env": {"OF": "${{ target.service }}"}, "secrets_env": {"TOKEN": {"secret": "pool-api"}},
    }  # fmt: skip
    request = {
        "method": "PUT", "url": "https://pool.example.org/size", "headers": {"X-Of": "${{ target.service }}"},
        "auth": {"bearer": {"secret": "pool-api"}}, "json": {"workers": "${{ steps.wanted.workers }}"},
    }  # fmt: skip
    words = [describe(written(uses, with_), context(service="a b"))[0] for uses, with_ in (("exec", program), ("http", request))]
    assert words == [
        "on web1: 'OF=a b' 'TOKEN=[secret pool-api]' drop -- 'a b' < {\"of\": \"a b\"}",
        'PUT https://pool.example.org/size X-Of: a b {"workers": "<from wanted>"}',
    ]


@settings(deadline=None)
@given(VALUES)
def test_whatever_is_sent_is_shown_on_one_line(value: str) -> None:
    of = "${{ symptom.labels.x }}"
    program = {"argv": ["drop"], "env": {"OF": of}, "stdin_json": [of]}
    request = {"method": "PUT", "url": "https://pool.example.org/size", "headers": {"X-Of": of}, "json": {"of": of}}
    for uses, with_ in (("exec", program), ("http", request)):
        assert describe(written(uses, with_), context(x=value))[0].isprintable()


def written(uses: str, with_: dict[str, Any], **more: Any) -> Step:
    return Step.model_construct(id="s", uses=uses, with_=with_, **more)


def test_values_of_the_warning_can_be_looked_up() -> None:
    text = "${{ symptom.value }} of ${{ symptom.limit }}, ${{ target.service }}, ${{ symptom.expected_at }}"
    assert render(text, context(service="shop")) == "3 of 1, shop, 1750000000"


@pytest.mark.parametrize("host", ["web1", "web1:9100", "10.0.0.7", "[::1]:9100", "db-1.example.org"])
def test_a_host_is_a_host(host: str) -> None:
    assert rendered_host("${{ symptom.labels.instance }}", context(instance=host)) == (host, "")


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a;b", "$(id)", "a\nb", "`id`", "x" * 300])
def test_what_is_no_host_is_refused(host: str) -> None:
    assert "is no host" in rendered_host("${{ symptom.labels.instance }}", context(instance=host))[1]


def test_every_named_hostile_value_gives_a_plan(tmp_path: Path) -> None:
    for value in NAMED:
        steps, _ = plan(POOL_BOOK, context(service=value, instance=value))
        assert len(steps) == len(POOL_BOOK.steps)
        assert not any(re.search(LOOK_UP, str(s["what"])) for s in steps if "${{" not in value)


def test_what_is_asked_of_the_configuration_is_what_is_known_by_then(tmp_path: Path) -> None:
    """A value that an earlier step finds is left out, but for a URL, whose host stands in the file."""
    seen: list[tuple[str, dict[str, Any]]] = []
    steps = [
        {
            "id": "look", "uses": "exec", "effect": "read", "timeout": "30s",
            "with": {"argv": ["df", "--", "${{ target.service }}"], "host": "${{ target.service }}"},
        },
        {
            "id": "grow", "uses": "http", "effect": "write", "timeout": "1m", "irreversible": "What has grown stays so.",
            "with": {"method": "PUT", "url": "https://v.example.net/${{ steps.look.json.id }}", "json": ["${{ steps.look.rc }}"]},
            "check": {"url": "https://v.example.net/${{ steps.look.json.id }}", "expect": "response.n > 1"},
        },
    ]  # fmt: skip

    def refuses(uses: str, given: Any) -> str:
        seen.append((uses, dict(given)))
        return "not listed" if given.get("method") == "GET" else ""

    found = [shown(Step.model_validate(one), context(service="db1"), refuses) for one in steps]
    assert seen == [
        ("exec", {"argv": ["df", "--", "db1"], "host": "db1"}),
        ("http", {"method": "PUT", "url": "https://v.example.net/x"}),
        ("http", {"method": "GET", "url": "https://v.example.net/x"}),
    ]
    assert [one.get("refused") for one in found] == [None, "its check: not listed"]
