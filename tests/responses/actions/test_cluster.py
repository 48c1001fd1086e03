"""How a cluster is reached: by address, from inside a pod, by kubeconfig."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aiops.responses.actions import cluster as module
from aiops.responses.actions.api import Stopped
from aiops.responses.actions.cluster import Cluster, ClusterParams, mark_of, own_mark, path_of
from tests.responses.actions.cluster_server import cluster
from tests.responses.actions.samples import call

POD = "/api/v1/namespaces/pay/pods/p"


def asked(params: ClusterParams) -> Any:
    return Cluster(params).begin(call({})).ask("GET", POD).value


def test_a_token_is_read_for_every_request(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    with cluster() as there:
        there.add(POD)
        reached = Cluster(ClusterParams(url=there.web.url, token_file=tmp_path / "token"))
        reached.begin(call({})).ask("GET", POD)
        (tmp_path / "token").write_text("second\n")
        reached.begin(call({})).ask("GET", POD)
        assert [one.headers["authorization"] for one in there.web.seen] == ["Bearer first", "Bearer second"]


def test_inside_a_pod_everything_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POD", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    (tmp_path / "token").write_text("own")
    found = Cluster(ClusterParams())
    found.begin(call({}))
    assert found._base == "https://10.96.0.1:6443"
    assert found._web is not None
    assert found._web.ca_file == tmp_path / "ca.crt"


def test_outside_of_one_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Stopped, match=r"set responses\.actions\.kubernetes\.url"):
        Cluster(ClusterParams()).begin(call({}))


def test_a_token_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="no-token") as e:
        Cluster(ClusterParams(url="https://a.example", token_file=tmp_path / "no-token")).begin(call({}))
    assert e.value.result.effect is False


def kubeconfig(folder: Path, url: str) -> Path:
    contexts = [{"name": n, "context": {"cluster": "c", "user": n}} for n in ("a", "b")]
    users = [{"name": n, "user": {"token": f"token-{n}"}} for n in ("a", "b")]
    found = {"apiVersion": "v1", "kind": "Config", "current-context": "a", "contexts": contexts, "users": users}
    (folder / "config").write_text(json.dumps({**found, "clusters": [{"name": "c", "cluster": {"server": url}}]}))
    return folder / "config"


@pytest.mark.parametrize(("context", "token"), [("", "token-a"), ("b", "token-b")])
def test_a_kubeconfig_says_where_and_who(tmp_path: Path, context: str, token: str) -> None:
    pytest.importorskip("kubernetes", reason="the extra kubernetes is not installed")
    with cluster() as there:
        there.add(POD)
        assert asked(ClusterParams(kubeconfig=kubeconfig(tmp_path, there.web.url), context=context))["metadata"]["name"] == "p"
        assert there.web.seen[0].headers["authorization"] == f"Bearer {token}"


def test_a_kubeconfig_without_the_context_is_told(tmp_path: Path) -> None:
    pytest.importorskip("kubernetes", reason="the extra kubernetes is not installed")
    with pytest.raises(Stopped, match="none-of-them"):
        asked(ClusterParams(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1"), context="none-of-them"))


def test_there_is_one_way_to_say_it() -> None:
    with pytest.raises(ValidationError):
        ClusterParams(url="https://a.example", kubeconfig=Path("x"))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"kind": "Pod", "namespace": "a", "name": "b.c"}, "/api/v1/namespaces/a/pods/b.c"),
        ({"kind": "Node", "name": "n1.example"}, "/api/v1/nodes/n1.example"),
        ({"kind": "CronJob", "namespace": "a", "name": "b"}, "/apis/batch/v1/namespaces/a/cronjobs/b"),
    ],
)
def test_where_objects_are(given: dict[str, str], path: str) -> None:
    assert path_of(given) == path


def test_marks_of_others_are_none_of_ours() -> None:
    item = {"metadata": {"annotations": {module.MARK: json.dumps({"key": "other", "epoch": 99})}}}
    assert mark_of(item) == {"key": "other", "epoch": 99}
    assert own_mark(item, call({})) == {}
    assert mark_of({"metadata": {}}) == mark_of({"metadata": {"annotations": {module.MARK: "[]"}}}) == {}
