"""A webhook is sent CloudEvents that say who sent them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat

from aiops.core.errors import NotifyError, RetryLater
from aiops.core.labels import fingerprint
from aiops.notify.webhook import TYPES, WebhookNotifier, WebhookParams
from tests.notify.hostile import answering, plain
from tests.notify.samples import HOSTILE, OPENED_S, closed, message, warning

KEY = "w1:opened"


def posted(tmp_path: Path, said: Any = None, secret: str = "", key: str = KEY) -> tuple[dict[str, str], bytes]:
    """Headers (lower case) and body of what a receiver was sent."""
    with answering(plain("204 No Content")) as server:
        given: dict[str, Any] = {"url": f"{server.url}/hook"}
        if secret:
            (tmp_path / "secret").write_text(secret + "\n")
            given["secret_file"] = tmp_path / "secret"
        WebhookNotifier("hook", WebhookParams(**given)).send(said or message("opened", warning()), key, OPENED_S + 5)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook HTTP/1.1"
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}, body


def test_a_message_is_a_cloud_event_that_any_sdk_reads(tmp_path: Path) -> None:
    headers, body = posted(tmp_path)
    assert headers["content-type"].startswith("application/cloudevents+json")
    event = from_structured_event(HTTPMessage(headers, body), JSONFormat())
    assert (event.get_id(), event.get_type(), event.get_subject()) == (KEY, "io.aiops.warning.opened.v1", warning().id)
    assert event.get_time() is not None
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["title"] == "disk full on db1 /var in 6h10m (14:20 UTC, 13:40 to 15:10), 91% sure"


@pytest.mark.parametrize("event", list(TYPES))
def test_every_event_has_its_type(tmp_path: Path, event: Any) -> None:
    about = closed(OPENED_S + 60, verdict="hit") if event == "closed" else warning()
    assert json.loads(posted(tmp_path, message(event, about))[1])["type"] == f"io.aiops.warning.{event}.v1"


def test_the_same_message_is_the_same_event(tmp_path: Path) -> None:
    assert posted(tmp_path)[1] == posted(tmp_path)[1]


@pytest.mark.parametrize("secret", ["hunter2", "whsec_" + base64.b64encode(b"hunter2").decode()])
def test_it_is_signed_with_the_secret(tmp_path: Path, secret: str) -> None:
    headers, body = posted(tmp_path, secret=secret)
    what = b".".join((KEY.encode(), str(OPENED_S + 5).encode(), body))
    wanted = base64.b64encode(hmac.new(b"hunter2", what, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (KEY, str(OPENED_S + 5))
    assert "hunter2" not in str(headers) + body.decode()


def test_without_a_secret_it_says_nothing_of_one(tmp_path: Path) -> None:
    assert not [name for name in posted(tmp_path)[0] if name.startswith("webhook-")]


@pytest.mark.row("N11")
def test_whatever_a_label_holds_the_event_stays_one(tmp_path: Path) -> None:
    labels = {name: value.encode("utf-8", "replace").decode() for name, value in HOSTILE.items()}
    hostile = warning(entity=labels, labels=labels, id=fingerprint("x"))
    event = json.loads(posted(tmp_path, message("opened", hostile))[1])
    assert event["type"] == "io.aiops.warning.opened.v1"
    assert event["data"]["warning"]["entity"]["instance"] == HOSTILE["instance"]


@pytest.mark.parametrize(("status", "error"), [("400 Bad", NotifyError), ("302 Found", NotifyError), ("503 Busy", RetryLater)])
def test_refusals_and_trouble_are_told_apart(status: str, error: type[Exception]) -> None:
    with answering(plain(status)) as server, pytest.raises(error, match=f"HTTP {status[:3]}"):
        WebhookNotifier("hook", WebhookParams(url=server.url)).send(message("opened", warning()), KEY, OPENED_S)


@pytest.mark.parametrize("content", [None, "whsec_***"])
def test_a_secret_that_cannot_be_used_is_waited_for(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    hook = WebhookNotifier("hook", WebhookParams(url="http://127.0.0.1:1/", secret_file=tmp_path / "secret"))
    with pytest.raises(RetryLater, match="secret: "):
        hook.send(message("opened", warning()), KEY, OPENED_S)
