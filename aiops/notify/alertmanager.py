"""Prometheus Alertmanager, API v2, as a receiver."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
from pydantic import Field

from aiops.core.durations import rfc3339
from aiops.core.errors import NotifyError, RetryLater
from aiops.core.params import Params
from aiops.core.text import visible
from aiops.notify.interface import Notifier
from aiops.notify.names import label_name

VALUE_AT_MOST, TEXT_AT_MOST, WAIT_AT_MOST_S = 1000, 8000, 600.0


class AlertmanagerParams(Params):
    """Parameters of `AlertmanagerNotifier`."""

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", description="where Alertmanager serves, without /api")
    timeout: float = Field(5.0, gt=0, le=60, description="seconds one request may take")
    username: str = Field("", description="for basic authentication")
    password_file: Path | None = Field(None, description="a file with the password")
    bearer_token_file: Path | None = Field(None, description="a file with a bearer token")
    ca_file: Path | None = Field(None, description="a private certificate authority")


class AlertmanagerNotifier(Notifier[AlertmanagerParams]):
    """Posts an alert per early warning: `startsAt` = opening, `endsAt` = now + 3 turns, renewed each turn; now when it ends.

    Labels are identity only: alertname = `Early_` + the card's name, card, kind, signal, stage, warning_id, and the entity.
    What changes while an episode lasts (severity, times, confidence, interval, record, plan) stands in annotations, so that
    Alertmanager sees one alert from opening to end; a severity label would make a worsened warning another alert. A label
    name Alertmanager would refuse is mended, an empty value is left out, an overlong one is cut with a mark.
    Refused for good (4xx but 408 and 429): NotifyError; anything else: RetryLater, honouring Retry-After.

    Source: Alertmanager API v2 (prometheus/alertmanager, api/v2/openapi.yaml), postableAlert.

    >>> AlertmanagerNotifier("am", AlertmanagerParams(url="http://127.0.0.1:9093")).local
    False
    """

    Params = AlertmanagerParams

    def __init__(self, name: str, params: AlertmanagerParams) -> None:
        super().__init__(name, params)
        self._client: httpx2.Client | None = None

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Post one message as an alert."""
        try:
            where = f"{self.params.url.rstrip('/')}/api/v2/alerts"
            answer = self._open().post(where, json=[alert_of(message)], headers=self._login())
        except httpx2.HTTPError as e:
            raise RetryLater(f"{self.params.url}: {type(e).__name__}: {e}") from e
        except OSError as e:
            raise RetryLater(f"{e.filename}: {e.strerror}") from e
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            raise RetryLater(f"{self.params.url}: HTTP {answer.status_code}", _seconds(answer.headers.get("Retry-After")))
        if answer.status_code >= 300:
            raise NotifyError(f"{self.params.url}: HTTP {answer.status_code}: {visible(answer.text)}")

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _open(self) -> httpx2.Client:
        if self._client is None:
            verify = ssl.create_default_context(cafile=str(self.params.ca_file)) if self.params.ca_file else True
            self._client = httpx2.Client(timeout=self.params.timeout, verify=verify, trust_env=False)
        return self._client

    def _login(self) -> dict[str, str]:
        if self.params.bearer_token_file:
            return {"Authorization": f"Bearer {self.params.bearer_token_file.read_text().strip()}"}
        if self.params.username and self.params.password_file:
            auth = httpx2.BasicAuth(self.params.username, self.params.password_file.read_text().strip())
            return {"Authorization": next(auth.auth_flow(httpx2.Request("GET", self.params.url))).headers["Authorization"]}
        return {}


def alert_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The postableAlert of a message."""
    warning = message["warning"]
    own = {name: str(warning[name]) for name in ("card", "kind", "signal", "stage")}
    identity = {label_name(k): v for k, v in warning["entity"].items()} | own
    identity |= {"alertname": f"Early_{warning['card']}", "warning_id": warning["id"]}
    labels = {k: _cut(v, VALUE_AT_MOST) for k, v in identity.items() if v}
    return {
        "labels": labels,
        "annotations": {k: _cut(v, TEXT_AT_MOST) for k, v in _annotations(message).items() if v},
        "startsAt": rfc3339(warning["opened_s"]),
        "endsAt": rfc3339(message["ends_at_s"]),
    }


def _annotations(message: Mapping[str, Any]) -> dict[str, str]:
    warning, judged = message["warning"], message["judged_at_s"]
    crossing = warning["crossing"] or {}
    times = {name: rfc3339(crossing[f"{name}_s"]) for name in ("expected", "earliest", "latest") if f"{name}_s" in crossing}
    act = warning["act_before_s"]
    pending = message["verdict"] == "pending" and judged is not None
    return {
        "summary": message["title"],
        "description": message["text"],
        "confidence": f"{warning['confidence']:.2f}",
        "severity": warning["severity"],
        "record": str(warning["record"].get("text", "new: unproven")),
        "runbook": ", ".join(str(book["name"]) for book in warning["runbooks"]),
        "runbook_url": next((str(book["docs"]) for book in warning["runbooks"] if book.get("docs")), ""),
        "act_before": "" if act is None else rfc3339(act),
        "verdict": message["verdict"],
        "judged_at": rfc3339(judged) if pending else "",
        **times,
    }


def _cut(value: str, most: int) -> str:
    text = value.encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def _seconds(header: str | None) -> float | None:
    return min(float(header), WAIT_AT_MOST_S) if header is not None and header.isdigit() else None
