"""Prometheus Alertmanager, API v2, as a receiver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx2
from pydantic import Field, model_validator

from aiops.core.durations import rfc3339
from aiops.core.errors import NotifyError, RetryLater
from aiops.core.params import Params
from aiops.core.text import visible
from aiops.notify.interface import Notifier
from aiops.notify.names import label_name
from aiops.notify.wording import plan

VALUE_AT_MOST, TEXT_AT_MOST, ANSWER_AT_MOST, WAIT_AT_MOST_S = 1000, 8000, 4000, 600.0
OWN = ("card", "kind", "signal", "stage")
RESERVED = {*OWN, "alertname", "severity", "warning_id"}


class AlertmanagerParams(Params):
    """Parameters of `AlertmanagerNotifier`."""

    url: str = Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", description="where Alertmanager serves, without /api")
    timeout: float = Field(5.0, gt=0, le=60, description="seconds one request may take")
    username: str = Field("", description="for basic authentication")
    password_file: Path | None = Field(None, description="a file with the password")
    bearer_token_file: Path | None = Field(None, description="a file with a bearer token")
    ca_file: Path | None = Field(None, description="a private certificate authority")

    @model_validator(mode="after")
    def _one_whole_login(self) -> Self:
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file belong together: set both or neither")
        if self.username and self.bearer_token_file:
            raise ValueError("username and bearer_token_file exclude each other: remove one")
        return self


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

    `timeout` bounds a whole request. Refused for good (3xx, and 4xx but 408 and 429): NotifyError; anything else: RetryLater,
    honouring Retry-After up to 10 min.

    Source: Alertmanager API v2 (prometheus/alertmanager, api/v2/openapi.yaml), postableAlert.

    >>> AlertmanagerNotifier("am", AlertmanagerParams(url="http://127.0.0.1:9093")).renewed
    True
    """

    Params = AlertmanagerParams
    renewed: ClassVar[bool] = True

    def __init__(self, name: str, params: AlertmanagerParams) -> None:
        super().__init__(name, params)
        self._trusted: ssl.SSLContext | None = None

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Post one message as an alert."""
        url = self.params.url
        try:
            status, after, said = asyncio.run(self._post(alert_of(message, now_s)))
        except TimeoutError as e:
            raise RetryLater(f"{url}: no answer within {self.params.timeout:g} s") from e
        except httpx2.HTTPError as e:
            raise RetryLater(f"{url}: {type(e).__name__}: {e}") from e
        except OSError as e:
            raise RetryLater(f"{e.filename or url}: {e.strerror or e}") from e
        if status in (408, 429) or status >= 500:
            raise RetryLater(f"{url}: HTTP {status}", _seconds(after, now_s))
        if status >= 300:
            raise NotifyError(f"{url}: HTTP {status}: {visible(said)}")

    async def _post(self, alert: Mapping[str, Any]) -> tuple[int, str, str]:
        """(status, Retry-After, the beginning of the answer), all of it within the timeout."""
        where = f"{self.params.url.rstrip('/')}/api/v2/alerts"
        async with (
            asyncio.timeout(self.params.timeout),
            httpx2.AsyncClient(verify=self._trust(), trust_env=False, timeout=self.params.timeout) as client,
            client.stream("POST", where, json=[alert], headers=self._login()) as answer,
        ):
            said = b""
            async for chunk in answer.aiter_raw():
                said += chunk
                if len(said) >= ANSWER_AT_MOST:
                    break
            return answer.status_code, answer.headers.get("Retry-After", ""), said[:ANSWER_AT_MOST].decode("utf-8", "replace")

    def _trust(self) -> ssl.SSLContext | bool:
        """Whom to believe; costly to make, so made once, and only where the address asks for it."""
        if not self.params.url.startswith("https"):
            return False
        if self._trusted is None:
            ca = self.params.ca_file  # read here, so that an error names it
            self._trusted = (
                ssl.create_default_context(cadata=ca.read_text()) if ca else httpx2.create_ssl_context(trust_env=False)
            )
        return self._trusted

    def _login(self) -> dict[str, str]:
        if self.params.bearer_token_file:
            return {"Authorization": f"Bearer {self.params.bearer_token_file.read_text().strip()}"}
        if self.params.username and self.params.password_file:
            auth = httpx2.BasicAuth(self.params.username, self.params.password_file.read_text().strip())
            return {"Authorization": next(auth.auth_flow(httpx2.Request("GET", self.params.url))).headers["Authorization"]}
        return {}


def alert_of(message: Mapping[str, Any], now_s: float) -> dict[str, Any]:
    """The postableAlert of a message that is sent at `now_s`."""
    warning = message["warning"]
    ends = message["ends_at_s"]
    if message["event"] != "closed":
        ends = max(ends, now_s + ends - message["at_s"])
    identity = {_free(label_name(k)): v for k, v in warning["entity"].items()} | {name: str(warning[name]) for name in OWN}
    identity |= {"alertname": _name(warning), "warning_id": warning["id"]}
    if warning["kind"] == "rule":
        identity.pop("exported_alertname", None)
    return {
        "labels": {k: _cut(v, VALUE_AT_MOST) for k, v in identity.items() if v},
        "annotations": {k: _cut(v, TEXT_AT_MOST) for k, v in _annotations(message).items() if v},
        "startsAt": rfc3339(warning["opened_s"]),
        "endsAt": rfc3339(max(ends, warning["opened_s"] + 1)),  # an alert that ends as it begins is refused
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
    act = warning["act_before_s"]
    pending = message["verdict"] == "pending" and judged is not None
    return {
        "summary": message["title"],
        "description": message["text"],
        "confidence": f"{warning['confidence']:.2f}",
        "severity": warning["severity"],
        "record": message["record"],
        "impact": message["impact"],
        "runbook": ", ".join(str(book["name"]) for book in books),
        "runbook_url": str(rule.get("runbook_url") or next((book["docs"] for book in books if book.get("docs")), "")),
        "rule": str(rule.get("expr", "")),
        "rule_summary": str(rule.get("summary", "")),
        "plan": "\n".join(line for book in books for line in plan(book)),
        "act_before": "" if act is None else rfc3339(act),
        "verdict": message["verdict"],
        "judged_at": rfc3339(judged) if pending else "",
        **times,
    }


def _cut(value: str, most: int) -> str:
    text = value.encode("utf-8", "replace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def _seconds(header: str, now_s: float) -> float | None:
    """Retry-After, in seconds or as a date; None when it says neither."""
    try:
        wait = float(header) if header.isdecimal() else parsedate_to_datetime(header).replace(tzinfo=UTC).timestamp() - now_s
    except ValueError:
        return None
    return min(max(wait, 0.0), WAIT_AT_MOST_S)
