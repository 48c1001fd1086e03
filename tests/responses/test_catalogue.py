"""Actions by name: opened once, with what the configuration gives them, and told in words when they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops import plugins
from aiops.responses.actions.around import Around
from aiops.responses.catalogue import Actions
from aiops.responses.procedure import Unclear
from tests.responses.rig import Count


def test_an_action_is_opened_once_and_with_its_parameters(tmp_path: Path) -> None:
    actions = Actions({"exec": {"programs": {"true": "/bin/true"}}}, around=Around(folder=tmp_path))
    one = actions.of("exec")
    assert actions.of("exec") is one
    assert one.params.programs == {"true": Path("/bin/true")}
    actions.close()


@pytest.mark.parametrize(
    ("uses", "params", "why"),
    [
        ("plugin.nothing", {}, "no kind 'nothing'"),
        ("exec", {"exec": {"shell": True}}, "responses.actions.exec.shell: Extra inputs are not permitted"),
        ("alertmanager.silence", {}, "responses.actions.alertmanager.url: Field required"),
    ],
)
def test_what_cannot_be_had_is_said(uses: str, params: dict[str, dict[str, object]], why: str) -> None:
    with pytest.raises(Unclear, match=why):
        Actions(params).of(uses)


def test_a_plug_in_of_somebody_else_needs_nothing_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    class Foreign(Count):
        def __init__(self, params: object) -> None:
            super().__init__()

    monkeypatch.setattr(plugins, "load", lambda group, name: Foreign)
    assert isinstance(Actions(around=Around()).of("plugin.foreign"), Foreign)


def test_actions_of_one_family_share_its_parameters() -> None:
    family = {"url": "https://family.example", "namespaces": ["a"]}
    actions = Actions({"kubernetes": family, "kubernetes.get": {"url": "https://own.example"}})
    assert actions.of("kubernetes.scale").params.namespaces == ["a"]
    assert actions.of("kubernetes.get").params.url == "https://own.example"


LISTED: dict[str, dict[str, object]] = {
    "exec": {"programs": {"df": "/bin/df"}, "local": ["here"], "ssh": {"hosts": ["db*.example.net"]}},
    "http": {"hosts": ["api.example.net"], "secrets": {"key": ["api.example.net"], "other": ["b.example.net"]}},
    "kubernetes": {"namespaces": ["pay"]},
    "alertmanager": {"url": "http://127.0.0.1:9093", "longest": 3600},
    "awx": {"url": "https://awx.example.net", "jobs": {"clean": "12"}},
}
GET = {"method": "GET", "url": "https://api.example.net/x"}


@pytest.mark.parametrize(
    ("uses", "given", "why"),
    [
        ("exec", {"argv": ["df", "<from look>"]}, ""),
        ("exec", {"argv": ["df"], "host": "db1.example.net:9100"}, ""),
        ("exec", {"argv": ["df"], "host": "here:9100"}, ""),
        ("exec", {"argv": ["rm"]}, "rm is not listed under responses.actions.exec.programs"),
        ("exec", {"argv": ["df"], "host": "web1"}, "web1 is not listed under responses.actions.exec.ssh.hosts"),
        ("exec", {"argv": ["df"], "host": ""}, " is not listed under responses.actions.exec.ssh.hosts"),
        ("exec", {"argv": ["df"], "host": "db1.example.net", "secrets_env": {"A": {"secret": "key"}}}, "secrets_env does not go"),
        ("http", GET, ""),
        ("http", {**GET, "auth": {"bearer": {"secret": "key"}}}, ""),
        ("http", {**GET, "url": "https://b.example.net"}, "b.example.net:443 is not listed under responses.actions.http.hosts"),
        ("http", {**GET, "auth": {"basic": {"secret": "other"}}}, "the secret other is not listed under responses.actions.http"),
        ("kubernetes.scale", {"kind": "Deployment", "namespace": "pay"}, ""),
        ("kubernetes.scale", {"kind": "Deployment"}, ""),
        ("kubernetes.restart", {"kind": "Deployment", "namespace": "web"}, "web is not listed under responses.actions.kube"),
        ("kubernetes.cordon", {"name": "n1"}, "a Node is in no namespace: it needs * under responses.actions.kubernetes"),
        ("kubernetes.get", {"kind": "Pod", "namespace": "web"}, ""),
        ("alertmanager.silence", {"labels": {"a": "b"}, "for": "30m"}, ""),
        ("alertmanager.silence", {"labels": {"a": "b"}, "for": "2h"}, "a silence may last 3600 s at most"),
        ("awx.launch", {"job": "clean"}, ""),
        ("awx.launch", {"job": "wipe"}, "wipe is not listed under responses.actions.awx.jobs"),
        ("rundeck.run", {"job": "wipe"}, "the action rundeck.run cannot be had: responses.actions.rundeck.url: Field required"),
        ("notify", {"route": "pager", "message": "x"}, ""),
        ("promql", {}, ""),
        ("wait", {"for": "1m"}, ""),
    ],
)
def test_what_the_configuration_would_refuse_is_said_without_asking(uses: str, given: dict[str, object], why: str) -> None:
    said = Actions(LISTED).refuses(uses, given)
    assert said.startswith(why)
    assert bool(said) == bool(why)
