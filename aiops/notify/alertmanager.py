"""Prometheus Alertmanager, API v2, as a receiver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from pydantic import Field

from aiops.core.durations import rfc3339
from aiops.core.text import cut
from aiops.notify.interface import Notifier
from aiops.notify.names import label_name
from aiops.notify.post import Post, PostParams
from aiops.notify.wording import plan

VALUE_AT_MOST, TEXT_AT_MOST = 1000, 8000
OWN = ("card", "kind", "signal", "stage")
TO_DO = ("runbook", "runbook_url", "plan", "act_before", "wrong_url")
"""Annotations of what can still be done."""
RESERVED = {*OWN, "alertname", "severity", "warning_id", "event", "verdict", "response_id"}


class AlertmanagerParams(PostParams):
    """Parameters of `AlertmanagerNotifier`."""

    url: str = Field(pattern=r"^https?://[^\s/@?#]+(/[^\s?#]*)?$", description="where Alertmanager serves, without /api")


class AlertmanagerNotifier(Notifier[AlertmanagerParams]):
    """Posts an alert per early warning: `startsAt` = opening, `endsAt` = now + 3 turns, renewed each turn; now when it ends.

    Labels are identity only: alertname = `Early_` + the card's name (of a rule that will fire the rule's own),
    card, kind, signal, stage, warning_id, and the entity.
    What changes while an episode lasts (severity, times, confidence, interval, record, plan) stands in annotations, so that
    Alertmanager sees one alert from opening to end; a severity label would make a worsened warning another alert. (A card
    whose stage changes meanwhile is another, louder alert by intent; the one before ends by itself, not being renewed.) Of
    the entity's labels, a name that Alertmanager would refuse is mended, one that is taken gets the prefix `exported_`, an
    empty value is left out, an overlong one is cut with a mark; otherwise a value stays as it is, so that silences and
    inhibition see what they see of other alerts. What is sent late is true from then on for as long as if sent in time.

    Raises as `aiops.notify.post.Post` does.

    Source: Alertmanager API v2 (prometheus/alertmanager, api/v2/openapi.yaml), postableAlert.

    >>> AlertmanagerNotifier("am", AlertmanagerParams(url="http://127.0.0.1:9093")).renewed
    True
    """

    Params = AlertmanagerParams
    renewed: ClassVar[bool] = True

    def __init__(self, name: str, params: AlertmanagerParams) -> None:
        super().__init__(name, params)
        self._to = Post(params)

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Post one message as an alert."""
        self._alert(alert_of(message, now_s), now_s)

    def beat(self, instance: str, until_s: float, now_s: float) -> None:
        """Post the alert that always fires."""
        self._alert(heartbeat_of(instance, until_s, now_s), now_s)

    def _alert(self, alert: Mapping[str, Any], now_s: float) -> None:
        where = f"{self.params.url.rstrip('/')}/api/v2/alerts"
        self._to.send(where, orjson.dumps([alert]), {"Content-Type": "application/json"}, now_s)


def heartbeat_of(instance: str, until_s: float, now_s: float) -> dict[str, Any]:
    """The alert that always fires, as Prometheus' own Watchdog does; a dead man's switch behind Alertmanager misses it."""
    said = "It comes for as long as the daemon does its work; route it to a service that raises the alarm when it stays away."
    return {
        "labels": {"alertname": "AiopsHeartbeat", "severity": "none", "instance": instance},
        "annotations": {"summary": f"{instance} is well", "description": said},
        "endsAt": rfc3339(until_s),
    }


def alert_of(message: Mapping[str, Any], now_s: float) -> dict[str, Any]:
    """The postableAlert of a message that is sent at `now_s`."""
    warning = message["warning"]
    ends = message["ends_at_s"]
    if message["event"] != "closed":
        ends = max(ends, now_s + ends - message["at_s"])
    over = message["event"] == "judged"
    identity = {_free(label_name(k)): v for k, v in warning["entity"].items()} | {name: str(warning[name]) for name in OWN}
    identity |= {"alertname": _name(warning), "warning_id": warning["id"]}
    if warning["kind"] == "rule":
        identity.pop("exported_alertname", None)
    begins = warning["opened_s"]
    if (about := message.get("response")) is not None:  # an alert of its own, which ends by itself
        identity |= {"alertname": f"Response_{about['runbook']}", "response_id": about["id"], "event": about["event"]}
        begins = int(message["at_s"])
    if over:  # the alert has ended, and Alertmanager would tell nobody what became of it
        identity |= {"alertname": f"Verdict_{warning['card']}", "event": "judged", "verdict": message["verdict"]}
        begins = int(message["at_s"])
    return {
        "labels": {k: cut(v, VALUE_AT_MOST) for k, v in identity.items() if v},
        "annotations": {k: cut(v, TEXT_AT_MOST) for k, v in _annotations(message).items() if v and not (over and k in TO_DO)},
        "startsAt": rfc3339(begins),
        "endsAt": rfc3339(max(ends, begins + 1)),  # an alert that ends as it begins is refused
        **({"generatorURL": str(message["episode_url"])} if message.get("episode_url") else {}),
    }


def _name(warning: Mapping[str, Any]) -> str:
    """`Early_` and the card; of a rule that will fire the rule's own, so that the real alert can inhibit it."""
    own = warning["entity"].get("alertname") if warning["kind"] == "rule" else None
    return str(own) if own else f"Early_{warning['card']}"


def _free(name: str) -> str:
    """As Prometheus does with a label of a target that is already taken."""
    return f"exported_{name}" if name in RESERVED else name


def _annotations(message: Mapping[str, Any]) -> dict[str, str]:
    warning, judged = message["warning"], message["judged_at_s"]
    crossing, books = warning["crossing"] or {}, warning["runbooks"]
    rule = warning["symptoms"][0]["evidence"] if warning["kind"] == "rule" and warning["symptoms"] else {}
    times = {name: rfc3339(crossing[f"{name}_s"]) for name in ("expected", "earliest", "latest") if f"{name}_s" in crossing}
    act, docs = warning["act_before_s"], next((book["docs"] for book in books if book.get("docs")), "")
    pending = message["verdict"] == "pending" and judged is not None
    return {
        "summary": message["title"],
        "description": message["text"],
        "confidence": f"{warning['confidence']:.2f}",
        "severity": warning["severity"],
        "record": message["record"],
        "impact": message["impact"],
        "runbook": ", ".join(str(book["name"]) for book in books),
        "runbook_url": str(rule.get("runbook_url") or docs or message.get("runbook_url", "")),
        "rule": str(rule.get("expr", "")),
        "rule_summary": str(rule.get("summary", "")),
        "plan": "\n".join(line for book in books for line in plan(book)),
        "act_before": "" if act is None else rfc3339(act),
        "episode_url": str(message.get("episode_url", "")),
        "wrong_url": str(message.get("wrong_url", "")),
        "verdict": message["verdict"],
        "judged_at": rfc3339(judged) if pending else "",
        **times,
    }
