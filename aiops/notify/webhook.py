"""Any HTTP endpoint as a receiver: every message is a CloudEvent, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent
from pydantic import Field

from aiops.core.errors import RetryLater
from aiops.notify.interface import Notifier
from aiops.notify.post import Post, PostParams

EVENTS = ("opened", "updated", "worsened", "spread", "repeated", "closed", "judged", "bundle", "response")
TYPES = {event: f"io.aiops.warning.{event}.v1" for event in EVENTS}
"""The types of events: what became of the early warning that is the event's subject, of a bundle the most urgent one; or what a
response to it came to."""
HEARTBEAT = "io.aiops.heartbeat.v1"


class WebhookParams(PostParams):
    """Parameters of `WebhookNotifier`."""

    secret_file: Path | None = Field(None, description="a file with the secret that signs every request; none: unsigned")
    source: str = Field("/aiops", pattern=r"^\S+$", description="what the events name as their source, a URI reference")


class WebhookNotifier(Notifier[WebhookParams]):
    """Posts every message as a CloudEvent in structured JSON: `id` is the dedup key, `subject` the warning, `data` the message.

    A receiver that has seen an `id` has seen the message: retries and restarts send the same one. With a secret the request is
    signed: `webhook-signature: v1,base64(HMAC-SHA256(secret, id.timestamp.body))` beside `webhook-id` and `webhook-timestamp`;
    a secret that begins with `whsec_` is base64 after it. Raises as `aiops.notify.post.Post` does; RetryLater when the secret
    cannot be read.

    Source: CloudEvents 1.0.2 and its HTTP protocol binding; Standard Webhooks 1.0.0, signature scheme v1.

    >>> signed(b"{}", "k1", 1700000000, b"secret")["webhook-id"]
    'k1'
    """

    Params = WebhookParams
    local: ClassVar[bool] = False

    def __init__(self, name: str, params: WebhookParams) -> None:
        super().__init__(name, params)
        self._to = Post(params)

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        """Post one message."""
        self._post(event_of(message, dedup_key, self.params.source), dedup_key, now_s)

    def beat(self, instance: str, until_s: float, now_s: float) -> None:
        """Post a heartbeat, which is an event of its own type."""
        key = f"heartbeat:{instance}:{int(now_s)}"
        attributes = {
            "id": key, "source": self.params.source, "type": HEARTBEAT, "subject": instance,
            "time": datetime.fromtimestamp(now_s, UTC), "datacontenttype": "application/json",
        }  # fmt: skip
        self._post(CloudEvent(attributes, {"instance": instance, "until_s": until_s}), key, now_s)

    def _post(self, event: CloudEvent, key: str, now_s: float) -> None:
        sent = to_structured_event(event)
        headers = dict(sent.headers)
        if self.params.secret_file is not None:
            headers |= signed(sent.body, key, int(now_s), _secret(self.params.secret_file))
        self._to.send(self.params.url, sent.body, headers, now_s)


def event_of(message: Mapping[str, Any], dedup_key: str, source: str) -> CloudEvent:
    """The event that a message is."""
    attributes = {
        "id": dedup_key, "source": source, "type": TYPES[message["event"]], "subject": message["warning"]["id"],
        "time": datetime.fromtimestamp(message["at_s"], UTC), "datacontenttype": "application/json",
    }  # fmt: skip
    return CloudEvent(attributes, dict(message))


def signed(body: bytes, key: str, at_s: int, secret: bytes) -> dict[str, str]:
    """The headers that prove who sent `body`, and when."""
    digest = hmac.new(secret, b".".join((key.encode(), str(at_s).encode(), body)), hashlib.sha256).digest()
    mark = base64.b64encode(digest).decode()
    return {"webhook-id": key, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{mark}"}


def _secret(file: Path) -> bytes:
    try:
        text = file.read_text().strip()
        return base64.b64decode(text.removeprefix("whsec_"), validate=True) if text.startswith("whsec_") else text.encode()
    except OSError as e:
        raise RetryLater(f"{file}: {e.strerror or e}") from e
    except ValueError as e:
        raise RetryLater(f"{file}: what follows whsec_ is no base64") from e
