"""The catalogue of plug-ins: lazy strings for ours, entry points `aiops.<group>` for everybody else's.

Nothing is imported until it is named, so that nobody pays for what is not used.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib import metadata
from typing import Any

from aiops.core.errors import AiopsError

BUILT_IN: dict[str, dict[str, str]] = {
    "sources": {
        "host": "aiops.telemetry.host:HostSource",
        "prometheus": "aiops.telemetry.prometheus:PrometheusSource",
        "cloudwatch": "aiops.telemetry.cloudwatch:CloudWatchSource",
        "recording": "aiops.telemetry.recording:RecordingSource",
    },
    "detectors": {
        "seasonal": "aiops.models.seasonal:Seasonal",
        "isolation": "aiops.models.second_tier.detectors:Isolation",
        "pca": "aiops.models.second_tier.detectors:Pca",
    },
    "forecasters": {
        "exhaustion": "aiops.models.exhaustion:Exhaustion",
        "combined": "aiops.models.combined:Combined",
        "harmonic": "aiops.models.harmonic:Harmonic",
        "holt_winters": "aiops.models.holt_winters:HoltWinters",
        "ets": "aiops.models.second_tier.forecasters:Ets",
        "sarimax": "aiops.models.second_tier.forecasters:Sarimax",
        "components": "aiops.models.second_tier.forecasters:Components",
        "boosted": "aiops.models.second_tier.forecasters:Boosted",
        "pca": "aiops.models.second_tier.forecasters:Pca",
        "isolation": "aiops.models.second_tier.forecasters:Isolation",
    },
    "actions": {
        "exec": "aiops.responses.actions.exec:Exec",
        "http": "aiops.responses.actions.http:Http",
        "notify": "aiops.responses.actions.notify:Notify",
        "alertmanager.silence": "aiops.responses.actions.silence:Silence",
        "alertmanager.expire": "aiops.responses.actions.silence:Expire",
        "kubernetes.get": "aiops.responses.actions.kubernetes:Get",
        "kubernetes.scale": "aiops.responses.actions.kubernetes:Scale",
        "kubernetes.restart": "aiops.responses.actions.kubernetes:Restart",
        "kubernetes.cordon": "aiops.responses.actions.kubernetes:Cordon",
        "awx.launch": "aiops.responses.actions.handover:Awx",
        "rundeck.run": "aiops.responses.actions.handover:Rundeck",
        "stackstorm.run": "aiops.responses.actions.handover:StackStorm",
    },
    "notifiers": {
        "stdout": "aiops.notify.stdout:StdoutNotifier",
        "alertmanager": "aiops.notify.alertmanager:AlertmanagerNotifier",
        "webhook": "aiops.notify.webhook:WebhookNotifier",
        "apprise": "aiops.notify.chat:ChatNotifier",
    },
}


@cache
def entry_points(group: str) -> metadata.EntryPoints:
    """What third parties offer to a group, as installed when the process first asked: a file of every distribution is read."""
    return metadata.entry_points(group=group)


def catalogue(group: str) -> dict[str, str]:
    """Name to `module:Class` of a group, ours and third parties'. Raises AiopsError when a name is defined twice."""
    found = dict(BUILT_IN[group])
    for point in entry_points(f"aiops.{group}"):
        if point.name in found:
            raise AiopsError(
                f"{group}: {point.name!r} is defined twice: {found[point.name]} and {point.value}; rename one"
            )
        found[point.name] = point.value
    return found


def load(group: str, name: str) -> Any:
    """The class called `name` of a group. Raises AiopsError listing the known names when there is none."""
    known = catalogue(group)
    if name not in known:
        raise AiopsError(f"{group}: no kind {name!r}; known: {', '.join(sorted(known))}")
    module, _, attribute = known[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
