"""Steps on objects of a cluster, against a scripted API server with versions and conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aiops import plugins
from aiops.responses.actions.cluster import KINDS, MARK, WITHOUT_NAMESPACE, ClusterParams
from aiops.responses.actions.kubernetes import Cordon, Get, Restart, Scale
from aiops.responses.interface import Call, Result
from aiops.runbooks import check_action
from tests.responses.actions.cluster_server import ClusterServer, cluster
from tests.responses.actions.samples import Seen, call

PATH = "/apis/apps/v1/namespaces/pay/deployments/checkout"
WHICH = {"kind": "Deployment", "namespace": "pay", "name": "checkout"}
NOW_S = 1_700_000_000.0


@pytest.fixture
def there() -> Iterator[ClusterServer]:
    with cluster() as found:
        found.add(PATH, replicas=6)
        yield found


def params(there: ClusterServer, **more: Any) -> ClusterParams:
    return ClusterParams(**{"url": there.web.url, "namespaces": ["pay"], **more})


def scale(there: ClusterServer, asked: Call | None = None, **more: Any) -> Result:
    return Scale(params(there, **more)).run(asked or call({**WHICH, "replicas": 8}), NOW_S)


def test_an_object_is_read(there: ClusterServer) -> None:
    found = Get(params(there)).run(call(WHICH), NOW_S)
    assert found.end == "done"
    assert found.output["json"]["spec"] == {"replicas": 6}
    assert found.output["json"]["metadata"] == {"name": "checkout", "resourceVersion": "1"}


def test_one_that_is_not_there_is_gone(there: ClusterServer) -> None:
    for action in (Get(params(there)), Scale(params(there))):
        found = action.run(call({**WHICH, "name": "other", "replicas": 1}), NOW_S)
        assert (found.end, found.effect) == ("gone", False)


@pytest.mark.parametrize("kind", ["Secret", "deployments", "Deployment/../Secret", "", "ServiceAccount"])
def test_other_kinds_are_not_read(there: ClusterServer, kind: str) -> None:
    assert Get(params(there)).run(call({**WHICH, "kind": kind}), NOW_S).effect is False
    assert there.web.seen == []


@pytest.mark.parametrize("value", ["../x", "a/b", "A", "-a", "a b", "", "a\n", "%2e", "a?x=1", "a" * 300, "é"])
def test_names_that_are_none_are_not_asked_for(there: ClusterServer, value: str) -> None:
    for key in ("name", "namespace"):
        assert Get(params(there)).run(call({**WHICH, key: value}), NOW_S).effect is False
    assert there.web.seen == []


def test_scaling_is_absolute_and_tells_what_was_before(there: ClusterServer) -> None:
    found = scale(there)
    assert (found.end, dict(found.output)) == ("done", {"replicas": 8, "before": 6})
    assert there.objects[PATH]["spec"] == {"replicas": 8}
    assert there.patches() == [{"spec": {"replicas": 8}}]


def test_a_number_from_cel_is_a_number(there: ClusterServer) -> None:
    assert scale(there, call({**WHICH, "replicas": 8.0})).end == "done"
    assert there.patches() == [{"spec": {"replicas": 8}}]


@pytest.mark.parametrize("replicas", [-1, 51, "8", True, None, 2.5, [8]])
def test_a_number_of_replicas_is_whole_and_bounded(there: ClusterServer, replicas: object) -> None:
    assert scale(there, call({**WHICH, "replicas": replicas})).effect is False
    assert there.patches() == []


def test_a_repeated_step_changes_nothing_more(there: ClusterServer) -> None:
    scale(there)
    there.objects[PATH]["spec"]["replicas"] = 3  # somebody's own wish, later
    found = scale(there)
    assert (found.end, dict(found.output)) == ("done", {"replicas": 8, "before": 6})
    assert there.objects[PATH]["spec"] == {"replicas": 3}


def test_what_was_done_is_found_although_nobody_heard_of_it(there: ClusterServer) -> None:
    asked = call({**WHICH, "replicas": 8})
    assert Scale(params(there)).harvest(asked) is None
    scale(there, asked)
    found = Scale(params(there)).harvest(call({**WHICH, "replicas": 8}, epoch=9))
    assert found == Result("done", {"replicas": 8, "before": 6})
    assert Scale(params(there)).harvest(call({**WHICH, "replicas": 8}, idem_key="other")) is None


def test_a_change_meanwhile_is_read_again(there: ClusterServer) -> None:
    left = [3]

    def meanwhile(seen: Seen) -> None:
        if seen.method == "PATCH" and left[0]:
            left[0] -= 1
            there.objects[PATH]["spec"]["replicas"] = 7
            there.touch(PATH)

    there.before = meanwhile
    assert dict(scale(there).output) == {"replicas": 8, "before": 7}


def test_an_object_that_never_rests_is_left_alone(there: ClusterServer) -> None:
    there.before = lambda seen: there.touch(PATH) if seen.method == "PATCH" else None
    found = scale(there)
    assert (found.end, found.effect, there.objects[PATH]["spec"]) == ("failed", False, {"replicas": 6})


def test_only_the_version_that_was_seen_is_changed(there: ClusterServer) -> None:
    there.touch(PATH)
    found = scale(there, call({**WHICH, "replicas": 8, "only_if_version": "1"}))
    assert (found.end, found.effect) == ("failed", False)
    assert scale(there, call({**WHICH, "replicas": 8, "only_if_version": "2"})).end == "done"


def test_a_replaced_replica_changes_nothing(there: ClusterServer) -> None:
    assert Scale(params(there)).fence(call({**WHICH, "replicas": 8}, epoch=5)) is True
    found = scale(there, call({**WHICH, "replicas": 8}, epoch=4))
    assert (found.end, found.effect, found.why) == ("failed", False, "epoch 5 has taken over, this call has 4")
    assert there.objects[PATH]["spec"] == {"replicas": 6}
    assert scale(there, call({**WHICH, "replicas": 8}, epoch=5)).end == "done"


def test_a_patch_under_way_is_stopped_by_the_fence(there: ClusterServer) -> None:
    late: list[Any] = []

    def meanwhile(seen: Seen) -> None:
        if seen.method == "PATCH" and seen.headers["x-fencing-token"] == "4" and not late:
            late.append(seen)
            assert Scale(params(there)).fence(call({**WHICH, "replicas": 8}, epoch=5)) is True

    there.before = meanwhile
    found = scale(there, call({**WHICH, "replicas": 8}, epoch=4))
    assert (found.end, found.effect) == ("failed", False)
    assert there.objects[PATH]["spec"] == {"replicas": 6}


def test_the_fence_of_one_step_stands_in_no_other_ones_way(there: ClusterServer) -> None:
    Scale(params(there)).fence(call({**WHICH, "replicas": 8}, epoch=5))
    assert scale(there, call({**WHICH, "replicas": 9}, epoch=4, idem_key="other")).end == "done"


def test_what_somebody_else_wrote_into_the_annotation_is_no_matter(there: ClusterServer) -> None:
    there.objects[PATH]["metadata"]["annotations"] = {MARK: "no json"}
    assert scale(there).end == "done"


@pytest.mark.parametrize("namespaces", [[], ["other"]])
def test_only_listed_namespaces_are_changed(there: ClusterServer, namespaces: list[str]) -> None:
    found = scale(there, namespaces=namespaces)
    assert (found.effect, there.patches()) == (False, [])
    assert found.why == "pay is not listed under responses.actions.kubernetes.namespaces"


def test_a_restart_is_another_template_once(there: ClusterServer) -> None:
    for _ in range(2):
        found = Restart(params(there)).run(call(WHICH), NOW_S)
        assert dict(found.output) == {"restarted_at": "2023-11-14T22:13:20Z"}
    at = {"kubectl.kubernetes.io/restartedAt": "2023-11-14T22:13:20Z"}
    assert there.patches() == [{"spec": {"template": {"metadata": {"annotations": at}}}}]


def test_a_node_is_cordoned_and_taken_back(there: ClusterServer) -> None:
    node = there.add("/api/v1/nodes/n1")
    cordon = Cordon(params(there, namespaces=["*"]))
    assert dict(cordon.run(call({"name": "n1"}), NOW_S).output) == {"unschedulable": True, "before": False}
    assert node["spec"] == {"unschedulable": True}
    back = {"name": "n1", "unschedulable": False}
    assert dict(cordon.run(call(back, idem_key="undo"), NOW_S).output) == {"unschedulable": False, "before": True}


def test_a_node_needs_leave_for_everything(there: ClusterServer) -> None:
    there.add("/api/v1/nodes/n1")
    found = Cordon(params(there)).run(call({"name": "n1"}), NOW_S)
    assert (found.effect, there.patches()) == (False, [])


@pytest.mark.parametrize(("action", "kind"), [(Scale, "Pod"), (Scale, "Node"), (Restart, "Pod"), (Cordon, "Deployment")])
def test_each_change_is_for_its_kinds(there: ClusterServer, action: type[Scale], kind: str) -> None:
    found = action(params(there, namespaces=["*"])).run(call({**WHICH, "kind": kind, "replicas": 1}), NOW_S)
    assert (found.effect, there.web.seen) == (False, [])


def test_a_lost_answer_leaves_it_unknown_until_it_is_looked_for(there: ClusterServer) -> None:
    real = there.web.answer
    there.web.answer = lambda seen: real(seen) if seen.method == "GET" else (500, real(seen))
    found = scale(there)
    assert (found.end, found.effect) == ("unknown", True)
    there.web.answer = real
    harvested = Scale(params(there)).harvest(call({**WHICH, "replicas": 8}))
    assert harvested is not None
    assert harvested.end == "done"


def test_the_format_of_runbooks_knows_the_same_kinds_and_actions() -> None:
    assert check_action.KINDS["kubernetes.get"] == tuple(KINDS)
    assert check_action.WITHOUT_NAMESPACE == WITHOUT_NAMESPACE
    assert set(check_action.KINDS["kubernetes.scale"]) == set(Scale.kinds)
    assert set(check_action.KINDS["kubernetes.restart"]) == set(Restart.kinds)
    assert set(check_action.KEYS) == set(plugins.BUILT_IN["actions"]) | {"promql", "wait"}
