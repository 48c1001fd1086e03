"""A Kubernetes API server: where it is, who asks, and changes of one object that a replica which was replaced cannot make."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from aiops.core.params import Params
from aiops.core.text import visible
from aiops.responses.actions.api import ANYWHERE, MOST, Said, Stopped, Talk
from aiops.responses.actions.egress import Egress
from aiops.responses.actions.hidden import Hidden
from aiops.responses.actions.web import Web
from aiops.responses.interface import Call, Result

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MARK = "aiops/step"
"""The annotation that tells the last step that touched an object: its key, its epoch, whether it was done."""
MERGE = "application/merge-patch+json"
TURNS = 8
KINDS = {
    "ConfigMap": ("api/v1", "configmaps"),
    "CronJob": ("apis/batch/v1", "cronjobs"),
    "DaemonSet": ("apis/apps/v1", "daemonsets"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "HorizontalPodAutoscaler": ("apis/autoscaling/v2", "horizontalpodautoscalers"),
    "Job": ("apis/batch/v1", "jobs"),
    "Node": ("api/v1", "nodes"),
    "PersistentVolume": ("api/v1", "persistentvolumes"),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims"),
    "Pod": ("api/v1", "pods"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"),
    "Service": ("api/v1", "services"),
    "StatefulSet": ("apis/apps/v1", "statefulsets"),
}
WITHOUT_NAMESPACE = ("Node", "PersistentVolume")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class ClusterParams(Params):
    """Parameters of the actions `kubernetes.…`."""

    url: str = Field(
        "", pattern=r"^(https?://[^\s/@?#]+(/[^\s?#]*)?)?$", description="where the API serves; empty: this pod's own cluster"
    )
    token_file: Path | None = Field(None, description="file of a bearer token, read for every request; none: this pod's own")
    ca_file: Path | None = Field(None, description="the cluster's certificate authority; none: this pod's own")
    kubeconfig: Path | None = Field(None, description="take all of this from a kubeconfig file; needs the extra `kubernetes`")
    context: str = Field("", description="which context of it; empty: the current one")
    namespaces: list[str] = Field(default_factory=list, description="where objects may be changed; empty: nowhere; * is anywhere")
    max_replicas: int = Field(50, ge=0, description="more replicas are never asked for")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.kubeconfig and (self.url or self.token_file or self.ca_file):
            raise ValueError("kubeconfig excludes url, token_file and ca_file: remove them")
        return self


class Cluster:
    """The API server of a configuration, opened when it is first needed."""

    def __init__(self, params: ClusterParams) -> None:
        self._params, self._base = params, ""
        self._web: Web | None = None
        self._config: Any = None

    def begin(self, call: Call) -> Talk:
        """Everything that is asked for one call. Raises Stopped when there is no cluster to ask."""
        try:
            token = self._token() if self._web is not None else self._connect()
        except OSError as e:
            raise refusal(f"{e.filename}: {e.strerror}") from None
        except ImportError:
            raise refusal("kubeconfig needs the extra kubernetes: install aiops-early-warnings[kubernetes]") from None
        assert self._web is not None
        proof = {"Authorization": token} if token else {}
        return Talk(self._web, self._base, call, proof, Hidden([token.removeprefix("Bearer ")]))

    def _connect(self) -> str:
        if self._params.kubeconfig:
            return self._by_kubeconfig(self._params.kubeconfig)
        url, host = self._params.url, os.environ.get("KUBERNETES_SERVICE_HOST", "")
        if not url and not host:
            raise refusal("there is no cluster: set responses.actions.kubernetes.url or kubeconfig, or run in a pod")
        own = f"https://{f'[{host}]' if ':' in host else host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"
        self._base = (url or own).rstrip("/")
        self._web = Web(self._egress(), self._params.ca_file or (None if url else POD / "ca.crt"), MOST)
        return self._token()

    def _by_kubeconfig(self, path: Path) -> str:
        from kubernetes.client import Configuration
        from kubernetes.config import ConfigException, load_kube_config

        config = Configuration()
        try:
            load_kube_config(str(path), self._params.context or None, client_configuration=config)
        except ConfigException as e:
            raise refusal(f"{path}: {visible(str(e))}") from None
        self._base, self._config = config.host.rstrip("/"), config
        own = None if config.cert_file is None else (Path(config.cert_file), Path(config.key_file or config.cert_file))
        self._web = Web(self._egress(), Path(config.ssl_ca_cert) if config.ssl_ca_cert else None, MOST, own)
        return self._token()

    def _egress(self) -> Egress:
        return Egress([urlsplit(self._base).netloc.lower()], ANYWHERE)

    def _token(self) -> str:
        """The header Authorization; tokens are renewed outside, so it is looked up every time."""
        if self._config is not None:
            proofs = self._config.auth_settings().values()
            return next((str(one["value"]) for one in proofs if str(one["key"]).lower() == "authorization"), "")
        path = self._params.token_file or (None if self._params.url else POD / "token")
        return f"Bearer {path.read_text().strip()}" if path else ""


def refusal(why: str) -> Stopped:
    """Nothing was begun."""
    return Stopped(Result("failed", {}, why, effect=False))


def path_of(given: Mapping[str, Any], kinds: Mapping[str, Any] = KINDS) -> str:
    """The path of the object that a step names. Raises Stopped for kinds that are not known here and names that are none.

    >>> path_of({"kind": "Deployment", "namespace": "pay", "name": "checkout"})
    '/apis/apps/v1/namespaces/pay/deployments/checkout'
    """
    kind, namespace, name = (str(given.get(key) or "") for key in ("kind", "namespace", "name"))
    if kind not in kinds or kind not in KINDS:
        raise refusal(f"{visible(kind)} is not one of {', '.join(kinds)}")
    if not _NAME.fullmatch(name):
        raise refusal(f"{visible(name)} is no name of an object")
    group, plural = KINDS[kind]
    if kind in WITHOUT_NAMESPACE:
        return f"/{group}/{plural}/{name}"
    if not _NAMESPACE.fullmatch(namespace):
        raise refusal(f"{visible(namespace)} is no namespace")
    return f"/{group}/namespaces/{namespace}/{plural}/{name}"


def mark_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What the last step left on an object; empty where there is nothing of ours."""
    try:
        found = json.loads(((item.get("metadata") or {}).get("annotations") or {}).get(MARK, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def own_mark(item: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """What this very step left there. Raises Stopped when a replica with a higher epoch has taken it over."""
    mark = mark_of(item)
    if mark.get("key") != call.idem_key:
        return {}
    if not mark.get("done") and int(mark.get("epoch", -1)) > call.epoch:
        raise refusal(f"epoch {mark['epoch']} has taken over, this call has {call.epoch}")
    return mark


def read(talk: Talk, path: str) -> Mapping[str, Any]:
    """The object. Raises Stopped, `gone` when it is not there."""
    item = talk.ask("GET", path).value
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
        raise Stopped(Result("unknown", {}, f"GET {path}: the answer is no object"))
    return item


def patch(talk: Talk, call: Call, path: str, item: Mapping[str, Any], change: Mapping[str, Any], more: Mapping[str, Any]) -> Said:
    """Change the object as it was read: with another `resourceVersion` than that it is refused with status 409."""
    mark = json.dumps({"key": call.idem_key, "epoch": call.epoch, **more})
    metadata = {"resourceVersion": item["metadata"].get("resourceVersion"), "annotations": {MARK: mark}}
    return talk.ask("PATCH", path, {"metadata": metadata, **change}, fine=(409,), kind=MERGE)
