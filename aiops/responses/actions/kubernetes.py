"""`kubernetes.get`, `.scale`, `.restart` and `.cordon`: objects of a cluster, read and changed one at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from aiops.core.durations import rfc3339
from aiops.core.text import visible
from aiops.responses.actions.api import Stopped, Talk
from aiops.responses.actions.around import NOTHING, Around
from aiops.responses.actions.cluster import (
    TURNS,
    WITHOUT_NAMESPACE,
    Cluster,
    ClusterParams,
    own_mark,
    patch,
    path_of,
    read,
    refusal,
)
from aiops.responses.interface import Action, Call, Result

P = TypeVar("P", bound=ClusterParams)


class Get(Action[ClusterParams]):
    """Reads one object: its JSON is the output `json`. Secrets are no kind that can be read; `managedFields` are left out.

    Source: Kubernetes API conventions (kubernetes/community, api-conventions.md).

    >>> Get(ClusterParams(url="https://127.0.0.1:6443")).fence(Call("r", "s", "k", 1, 1.0, {}))
    False
    """

    Params = ClusterParams

    def __init__(self, params: ClusterParams, around: Around = NOTHING) -> None:
        super().__init__(params)
        self._cluster = Cluster(params)

    def run(self, call: Call, now_s: float) -> Result:
        """Read it."""
        try:
            path = path_of(call.given)
            item = dict(read(self._cluster.begin(call), path))
        except Stopped as e:
            return e.result
        item["metadata"] = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
        return Result("done", {"json": item})


class OnCluster(Action[P], Generic[P]):
    """A change of one object, which a repeated call finds done and a replaced replica cannot make.

    The object is read, and patched only in the version that was read, together with an annotation that tells the step's key and
    epoch. So the change is made once for a key; `fence` writes the annotation with the new epoch, after which a patch that an
    older replica still has under way meets another version, and its next attempt the epoch.
    """

    kinds: ClassVar[tuple[str, ...]]

    def __init__(self, params: P, around: Around = NOTHING) -> None:
        super().__init__(params)
        self._cluster = Cluster(params)

    @abstractmethod
    def change(self, call: Call, item: Mapping[str, Any], now_s: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """(merge patch without metadata, output of the step). Raises Stopped for what may not be."""

    def run(self, call: Call, now_s: float) -> Result:
        """Make the change, unless it was made."""
        try:
            path = self._path(call)
            return self._changed(call, self._cluster.begin(call), path, now_s)
        except Stopped as e:
            return e.result

    def fence(self, call: Call) -> bool:
        """Write the epoch to the object: what was decided before meets another version, what comes later the epoch."""
        try:
            path, talk = self._path(call), self._cluster.begin(call)
            for _ in range(TURNS):
                item = read(talk, path)
                mark = own_mark(item, call)
                if mark.get("done") or patch(talk, call, path, item, {}, {"done": False}).status != 409:
                    return True
        except Stopped:
            return False
        return False

    def harvest(self, call: Call) -> Result | None:
        """What the annotation says."""
        try:
            mark = own_mark(read(self._cluster.begin(call), self._path(call)), call)
        except Stopped:
            return None
        return Result("done", dict(mark.get("output") or {})) if mark.get("done") else None

    def refuses(self, given: Mapping[str, Any]) -> str:
        """A namespace that is not listed."""
        try:
            self._allowed(self._with_kind(given))
        except Stopped as e:
            return e.result.why
        return ""

    def _with_kind(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"kind": self.kinds[0], **given} if len(self.kinds) == 1 else given

    def _path(self, call: Call) -> str:
        given = self._with_kind(call.given)
        path = path_of(given, dict.fromkeys(self.kinds))
        self._allowed(given)
        return path

    def _allowed(self, given: Mapping[str, Any]) -> None:
        """Raises Stopped where the configuration lets no object of this kind there be changed."""
        kind, namespace, allowed = given.get("kind"), given.get("namespace"), self.params.namespaces
        if "*" in allowed:
            return
        if kind in WITHOUT_NAMESPACE:
            raise refusal(f"a {kind} is in no namespace: it needs * under responses.actions.kubernetes.namespaces")
        if namespace is not None and namespace not in allowed:
            raise refusal(f"{visible(str(namespace))} is not listed under responses.actions.kubernetes.namespaces")

    def _changed(self, call: Call, talk: Talk, path: str, now_s: float) -> Result:
        for _ in range(TURNS):
            item = read(talk, path)
            mark = own_mark(item, call)
            if mark.get("done"):
                return Result("done", dict(mark.get("output") or {}))
            wanted = call.given.get("only_if_version")
            if wanted is not None and str(wanted) != item["metadata"].get("resourceVersion"):
                raise refusal("the object has changed since it was read: its version is another than only_if_version")
            change, output = self.change(call, item, now_s)
            if patch(talk, call, path, item, change, {"done": True, "output": output}).status != 409:
                return Result("done", output)
        return Result("failed", {}, f"the object changed {TURNS} times while it was to be changed", effect=False)


class Scale(OnCluster[ClusterParams]):
    """Sets the number of replicas of a Deployment, StatefulSet or ReplicaSet. Output: `replicas`, and `before`.

    Source: Kubernetes API conventions (kubernetes/community, api-conventions.md), concurrency control and consistency.

    >>> Scale(ClusterParams(url="https://127.0.0.1:6443")).kinds
    ('Deployment', 'StatefulSet', 'ReplicaSet')
    """

    Params = ClusterParams
    kinds = ("Deployment", "StatefulSet", "ReplicaSet")

    def change(self, call: Call, item: Mapping[str, Any], now_s: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Absolute, so that a repetition changes nothing."""
        wanted = call.given.get("replicas")
        if isinstance(wanted, float) and wanted.is_integer():
            wanted = int(wanted)
        if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 <= wanted <= self.params.max_replicas:
            most = self.params.max_replicas
            raise refusal(f"replicas must be a whole number from 0 to {most}, as responses.actions.kubernetes.max_replicas says")
        return {"spec": {"replicas": wanted}}, {"replicas": wanted, "before": (item.get("spec") or {}).get("replicas")}


class Restart(OnCluster[ClusterParams]):
    """Restarts the pods of a Deployment, StatefulSet or DaemonSet as its strategy says. Output: `restarted_at`.

    Source: kubectl rollout restart (kubernetes/kubectl, pkg/polymorphichelpers/objectrestarter.go).

    >>> Restart(ClusterParams(url="https://127.0.0.1:6443")).kinds
    ('Deployment', 'StatefulSet', 'DaemonSet')
    """

    Params = ClusterParams
    kinds = ("Deployment", "StatefulSet", "DaemonSet")

    def change(self, call: Call, item: Mapping[str, Any], now_s: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Another annotation on the template is another template."""
        at = rfc3339(now_s)
        template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": at}}}
        return {"spec": {"template": template}}, {"restarted_at": at}


class Cordon(OnCluster[ClusterParams]):
    """Marks a node as not to be scheduled on; `unschedulable: false` takes it back. Output: `unschedulable`, and `before`.

    Source: kubectl cordon (kubernetes/kubectl, pkg/drain/cordon.go).

    >>> Cordon(ClusterParams(url="https://127.0.0.1:6443")).kinds
    ('Node',)
    """

    Params = ClusterParams
    kinds = ("Node",)

    def change(self, call: Call, item: Mapping[str, Any], now_s: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Pods that run there stay."""
        wanted = call.given.get("unschedulable", True)
        if not isinstance(wanted, bool):
            raise refusal("unschedulable must be true or false")
        before = bool((item.get("spec") or {}).get("unschedulable", False))
        return {"spec": {"unschedulable": wanted}}, {"unschedulable": wanted, "before": before}
