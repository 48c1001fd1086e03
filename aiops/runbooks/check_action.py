"""What an action may be given, judged on the file as it is written: fixed programs and hosts, no shell, no plain secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from aiops.config.fields import Found, at
from aiops.config.messages import did_you_mean
from aiops.core.durations import seconds
from aiops.runbooks import check_exec
from aiops.runbooks.check_exec import quoted, secret_named, text_values

URL = r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?(/|$)"
KEYS: dict[str, tuple[str, ...]] = {
    "exec": ("host", "argv", "data_args", "env", "secrets_env", "stdin_json"),
    "http": ("method", "url", "headers", "auth", "json"),
    "promql": ("query",),
    "wait": ("for",),
    "notify": ("route", "message"),
    "alertmanager.silence": ("labels", "for", "comment"),
    "alertmanager.expire": ("id",),
    "kubernetes.get": ("kind", "namespace", "name"),
    "kubernetes.scale": ("kind", "namespace", "name", "replicas", "only_if_version"),
    "kubernetes.restart": ("kind", "namespace", "name", "only_if_version"),
    "kubernetes.cordon": ("name", "unschedulable", "only_if_version"),
    "awx.launch": ("job", "variables"),
    "rundeck.run": ("job", "variables"),
    "stackstorm.run": ("job", "variables"),
}
"""What each action may be given; `compute` and plug-ins are given what they like."""
NEEDED: dict[str, tuple[str, ...]] = {
    "notify": ("route", "message"),
    "alertmanager.silence": ("labels", "for"),
    "alertmanager.expire": ("id",),
    "kubernetes.get": ("kind", "name"),
    "kubernetes.scale": ("kind", "namespace", "name", "replicas"),
    "kubernetes.restart": ("kind", "namespace", "name"),
    "kubernetes.cordon": ("name",),
    "awx.launch": ("job",),
    "rundeck.run": ("job",),
    "stackstorm.run": ("job",),
    "wait": ("for",),
}
HAND_OVERS = ("awx.launch", "rundeck.run", "stackstorm.run")
KINDS: dict[str, tuple[str, ...]] = {
    "kubernetes.get": (
        "ConfigMap", "CronJob", "DaemonSet", "Deployment", "HorizontalPodAutoscaler", "Job", "Node", "PersistentVolume",
        "PersistentVolumeClaim", "Pod", "ReplicaSet", "Service", "StatefulSet",
    ),
    "kubernetes.scale": ("Deployment", "ReplicaSet", "StatefulSet"),
    "kubernetes.restart": ("DaemonSet", "Deployment", "StatefulSet"),
}  # fmt: skip
WITHOUT_NAMESPACE = ("Node", "PersistentVolume")
ACTIONS = (*KEYS, "compute", "plugin.name")
USES = rf"^({'|'.join(re.escape(one) for one in (*KEYS, 'compute'))}|plugin\.[a-z0-9_.-]+)$"
FIXED = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""What is named in the configuration: a job, a receiver."""
LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
DURATION = r"^([0-9]+(ms|s|m|h|d|w|y))+$"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NO_EFFECT = ("compute", "promql", "wait", "notify")
"""Actions that change nothing, and need not say so."""
TAKE_NOTHING_BACK = ("compute", "promql", "wait")
"""Actions that cannot be an undo; `notify` can: it asks a person for it."""
CHANGES = ("alertmanager.silence", "alertmanager.expire", "kubernetes.scale", "kubernetes.restart", "kubernetes.cordon")
"""Actions that change something whatever they are given."""
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")


def mistakes_in(raw: Mapping[str, Any]) -> Found:
    """Every mistake in what one action, `{uses, with}`, is given."""
    uses, given = raw.get("uses"), raw.get("with", {})
    if isinstance(uses, str) and not re.fullmatch(USES, uses):
        yield ("uses",), f"no action {uses!r}{did_you_mean(uses, ACTIONS)}"
    if not isinstance(uses, str) or not re.fullmatch(USES, uses) or not isinstance(given, dict):
        return
    for judge in (_keys, _JUDGES.get(uses, _nothing)):
        for loc, text in judge(uses, given):
            yield ("with", *loc), text


def of_step(raw: Mapping[str, Any]) -> Found:
    """What a step must say besides: whether it changes something, and then the three questions a reviewer asks."""
    uses, effect = raw.get("uses"), raw.get("effect")
    if effect is None and isinstance(uses, str) and uses not in NO_EFFECT and re.fullmatch(USES, uses):
        yield ("effect",), "is missing; write effect: read when nothing is changed, else write"
    if raw.get("timeout") is None and (uses in ("exec", "http") or effect == "write"):
        yield ("timeout",), "is missing; write for example timeout: 30s"
    if uses == "http" and effect == "read" and at(raw, "with", "method") in ("PUT", "PATCH", "DELETE"):
        yield ("effect",), f"{at(raw, 'with', 'method')} changes something; write effect: write"
    if effect == "read" and uses in CHANGES:
        yield ("effect",), f"{uses} changes something; write effect: write"
    for key in ("undo", "irreversible") if effect == "read" or (effect is None and uses in NO_EFFECT) else ():
        if raw.get(key) is not None:
            yield (key,), "a step that changes nothing has nothing to take back; write effect: write, or remove it"
    if effect != "write":
        return
    if raw.get("undo") is None and raw.get("irreversible") is None:
        yield ("undo",), "is missing in a write step; write undo: {uses, with}, or irreversible: with the reason"
    if raw.get("idempotent") is None and raw.get("check") is None:
        yield ("idempotent",), "is missing in a write step; write idempotent: true if it is safe to repeat, or a check"


def of_undo(raw: Mapping[str, Any]) -> Found:
    """An undo does something."""
    if raw.get("uses") in TAKE_NOTHING_BACK:
        yield ("uses",), f"{raw['uses']} takes nothing back; write what does, or irreversible: with the reason"


def of_check(raw: Mapping[str, Any]) -> Found:
    """A check asks exactly one thing."""
    asked = [key for key in ("url", "argv", "promql") if raw.get(key) is not None]
    if len(asked) != 1:
        yield (asked[1],) if asked else (), "give exactly one of url, argv and promql"
    if isinstance(raw.get("url"), str) and not re.match(URL, raw["url"]):
        yield ("url",), "scheme and host must be fixed text; look-ups may stand in the path only"
    if raw.get("argv") is not None:
        yield from check_exec.of_argv(raw)


def _nothing(uses: str, given: Mapping[str, Any]) -> Found:
    yield from ()


def _keys(uses: str, given: Mapping[str, Any]) -> Found:
    """Keys that an action does not know, and keys that it needs."""
    known = KEYS.get(uses)
    for key in given if known is not None else ():
        if key not in (known or ()):
            yield (key,), f"unknown key{did_you_mean(str(key), known or ())}"
    for key in NEEDED.get(uses, ()):
        if key not in given:
            yield (key,), f"is missing; write {key}: {_MEANT[key]}"


def _kubernetes(uses: str, given: Mapping[str, Any]) -> Found:
    kinds, kind = KINDS.get(uses, ()), given.get("kind")
    if kinds and "kind" in given and kind not in kinds:
        yield ("kind",), f"must be one of {', '.join(kinds)}, in fixed text"
    if uses == "kubernetes.get" and "namespace" not in given and kind not in WITHOUT_NAMESPACE:
        yield ("namespace",), f"is missing; write namespace: {_MEANT['namespace']}"
    if not isinstance(given.get("unschedulable", True), bool):
        yield ("unschedulable",), "must be true or false"


def _http(uses: str, given: Mapping[str, Any]) -> Found:
    if not isinstance(given.get("url"), str):
        yield ("url",), "is missing; write url: https://host/path" if "url" not in given else "must be text"
    elif not re.match(URL, given["url"]):
        yield ("url",), "scheme and host must be fixed text, like https://host/path; look-ups may stand in the path only"
    if given.get("method") not in METHODS:
        yield ("method",), f"must be one of {', '.join(METHODS)}"
    yield from text_values(given, "headers")
    headers = given.get("headers")
    for name in headers if isinstance(headers, dict) else ():
        if str(name).lower() in _SECRET_HEADERS:
            yield ("headers", name), "secrets do not stand in a file; write auth: {bearer: {secret: name}}"
    auth = given.get("auth")
    if auth is None:
        return
    if not isinstance(auth, dict) or len(auth) != 1 or not set(auth) <= {"bearer", "basic"}:
        yield ("auth",), "must be {bearer: {secret: name}} or {basic: {secret: name}}"
        return
    for kind, secret in auth.items():
        yield from secret_named(secret, ("auth", kind))


def _compute(uses: str, given: Mapping[str, Any]) -> Found:
    if not given:
        yield (), "gives nothing; write name: CEL expression"
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            yield (name,), "must be a CEL expression or a number"


def _promql(uses: str, given: Mapping[str, Any]) -> Found:
    if not isinstance(given.get("query"), str):
        yield ("query",), "is missing; write query: PromQL" if "query" not in given else "must be text"


def _wait(uses: str, given: Mapping[str, Any]) -> Found:
    yield from _duration(given, "for")


def _notify(uses: str, given: Mapping[str, Any]) -> Found:
    yield from _fixed(given, "route", "a receiver of the config")
    if "message" in given and not isinstance(given["message"], str):
        yield ("message",), quoted(given["message"])


def _silence(uses: str, given: Mapping[str, Any]) -> Found:
    yield from _duration(given, "for")
    yield from text_values(given, "labels")
    labels = given.get("labels")
    if labels == {}:
        yield ("labels",), "is empty; a silence on everything is none; write labels: {alertname: NAME}"
    for name in labels if isinstance(labels, dict) else ():
        if not re.fullmatch(LABEL, str(name)):
            yield ("labels", name), "is no name of a label; it is fixed text, never a look-up"
    if "comment" in given and not isinstance(given["comment"], str):
        yield ("comment",), quoted(given["comment"])


def _hand_over(uses: str, given: Mapping[str, Any]) -> Found:
    yield from _fixed(given, "job", "a job of the config")
    if "variables" in given and not isinstance(given["variables"], dict):
        yield ("variables",), "must be a mapping of names to values"
    for name in given["variables"] if isinstance(given.get("variables"), dict) else ():
        if not re.fullmatch(LABEL, str(name)) or name == "aiops_key":
            yield ("variables", name), "is no name that can be given: letters, digits and _, and not aiops_key"


def _fixed(given: Mapping[str, Any], key: str, what: str) -> Found:
    if key in given and not (isinstance(given[key], str) and re.fullmatch(FIXED, given[key])):
        yield (key,), f"must name {what} in fixed text, never by a look-up"


def _duration(given: Mapping[str, Any], key: str) -> Found:
    if key not in given:
        return
    try:
        seconds(given[key]) if isinstance(given[key], str) else seconds("")
    except ValueError as e:
        yield (key,), str(e) if isinstance(given[key], str) else quoted(given[key])


_MEANT = {
    "kind": "which object is meant",
    "namespace": "which object is meant",
    "name": "which object is meant",
    "replicas": "how many there shall be",
    "labels": "{alertname: NAME}",
    "for": "5m",
    "id": "${{ steps.ID.id }} of the step that made it",
    "job": "a job of the config",
    "route": "a receiver of the config",
    "message": "what is told",
}
_JUDGES: dict[str, Callable[[str, Mapping[str, Any]], Found]] = {
    "exec": lambda uses, given: check_exec.mistakes_in(given),
    "http": _http,
    "compute": _compute,
    "promql": _promql,
    "wait": _wait,
    "notify": _notify,
    "alertmanager.silence": _silence,
    **dict.fromkeys(("kubernetes.get", "kubernetes.scale", "kubernetes.restart", "kubernetes.cordon"), _kubernetes),
    **dict.fromkeys(HAND_OVERS, _hand_over),
}
