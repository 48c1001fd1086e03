"""What each kind of receiver is sent, whole, as a turn makes it: each case is a file in `golden_receivers/`.
`python -m tests.notify.test_golden` writes them again."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aiops.config.settings import Settings
from aiops.core.durations import rfc3339
from aiops.core.records import EarlyWarning, Outcome
from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams
from aiops.notify.bundle import bundled
from aiops.notify.chat import ChatNotifier, ChatParams
from aiops.notify.interface import Notifier
from aiops.notify.stdout import block
from aiops.notify.webhook import WebhookNotifier, WebhookParams
from aiops.pipeline.assemble import assemble
from aiops.pipeline.changes import Changes
from aiops.pipeline.respond import Around, Surroundings
from aiops.pipeline.tell import tell
from aiops.pipeline.watch import Watch
from aiops.store.response_rows import Run
from tests.notify.hostile import answering, plain
from tests.notify.samples import HOSTILE, HOUR_S, OPENED_S, closed, memory, outcome, warning
from tests.notify.sinks import smtp, wire

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
GOLDEN = Path(__file__).parent / "golden_receivers"
HOME = "https://aiops.example"
RUN = Run("r1", "k", "mend", "4f2c", "t", warning().id, "disk_full", "approve", "running", 0.0, 0.0, None, {}, {})
PLAN = [
    "fix [write] on db1: journalctl --vacuum-size=1G (cannot be undone: Logs older than 7 d are gone.)",
    "look found: 12 GB of logs", "Impact: Writes to /var on db1 will fail.", "Approve: aiops responses approve r1",
]  # fmt: skip
WORSE = warning(severity="critical", updated_s=OPENED_S + HOUR_S, told_s=OPENED_S)
OTHER = warning(id="0" * 16, entity={"instance": "db2", "mountpoint": "/var"}, severity="critical")
HIT = closed(OPENED_S + 5 * HOUR_S, "crossed the limit", verdict="hit", told_s=OPENED_S)
GONE = closed(OPENED_S + HOUR_S, told_s=OPENED_S)
AVERTED = outcome(GONE, detail="somebody acted, what was measured changed its course, and it did not come back", acted=True)
Told = Callable[[str], dict[str, Any]]
EVENTS: dict[str, Told] = {
    "opened": lambda to: turned(to, "opened", warning()),
    "worsened": lambda to: turned(to, "worsened", WORSE, OPENED_S + HOUR_S),
    "repeated": lambda to: turned(to, "updated", warning(told_s=OPENED_S), OPENED_S + 4 * HOUR_S),
    "closed": lambda to: turned(to, "closed", GONE, OPENED_S + HOUR_S),
    "came_true": lambda to: turned(to, "closed", HIT, OPENED_S + 5 * HOUR_S),
    "judged": lambda to: turned(to, "outcome", GONE.having(verdict="averted"), OPENED_S + 8 * HOUR_S, AVERTED),
    "bundle": lambda to: bundled([turned(to, "opened", warning()), turned(to, "opened", OTHER)], OPENED_S),
    "response": lambda to: asked(to),
    "hostile": lambda to: turned(to, "opened", warning(entity=HOSTILE)),
}
CHATS = {"chat": "Europe/Berlin", "slack": "Europe/Berlin", "teams": "Europe/Berlin", "mail": "Asia/Kolkata"}
PLAIN = ("stdout", "alertmanager", "webhook")
SETTINGS = Settings.model_validate(
    {
        "receivers": {
            "stdout": {"kind": "stdout"}, "alertmanager": {"kind": "alertmanager", "url": "http://127.0.0.1:9"},
            "webhook": {"kind": "webhook", "url": "http://127.0.0.1:9"},
            **{name: {"kind": "apprise", "urls_file": "/none", "time_zone": zone} for name, zone in CHATS.items()},
            "pagerduty": {"kind": "apprise", "urls_file": "/none"},
        },
        "routes": [{"receiver": name, "continue": True, "repeat": "4h"} for name in (*PLAIN, "pagerduty", *CHATS)],
    }
)  # fmt: skip
KINDS = tuple(SETTINGS.receivers)
ALONE = {("alertmanager", "bundle")}
"""Alertmanager puts together by itself: each stays an alert of its own there."""


def turned(
    receiver: str, event: Any, about: EarlyWarning, now_s: float = OPENED_S, judged: Outcome | None = None
) -> dict[str, Any]:
    """What a turn puts into the outbox for a receiver."""
    with memory() as store:
        rooms = assemble(SETTINGS, [], [], store, None)
        rooms.pictured_receivers = frozenset()  # there is no window
        rooms.episode_url, rooms.runbook_url = lambda one: f"{HOME}/warnings/{one}", lambda name: f"{HOME}/runbooks/{name}"
        rooms.wrong_url = lambda one: f"{HOME}/feedback/{one}?key=2"
        changes = Changes(about.card, "prod-eu", int(now_s))
        changes.event(event, about, judged)
        bare = SimpleNamespace(step_s=60, card=SimpleNamespace(challenges=False, impact=""), open={}, causes={}, pending={})
        tell(cast(Watch, bare), int(now_s), rooms, changes)
        return dict(next(row.payload for row in changes.outbox if row.receiver == receiver))


def asked(receiver: str) -> dict[str, Any]:
    """What the engine of responses puts there when it asks."""
    with memory() as store:
        with store.transaction() as tx:
            tx.put_warning(warning())
        rooms = assemble(SETTINGS, [], [], store, None)
        around = Surroundings(
            store, SETTINGS.responses, None, SETTINGS.routes, rooms.gate, {}, rooms.local_receivers,
            episode_url=lambda one: f"{HOME}/warnings/{one}", wrong_url=lambda one: f"{HOME}/feedback/{one}?key=2",
            clocks=rooms.clocks,
        )  # fmt: skip
        asks = f"mend asks group:sre for a yes until {rfc3339(OPENED_S + 1200)}"
        told = Around(around).messages(RUN, "asked:0", asks, PLAN, OPENED_S)
        return dict(next(one.payload for one in told if one.receiver == receiver))


def sent(kind: str, said: Mapping[str, Any], folder: Path) -> str:
    """What goes over the wire, as text: the lines of the head that matter, and the body."""
    if kind == "stdout":
        return block(said) + "\n"
    if kind == "mail":
        return mailed(said, folder)
    if kind in ADDRESSES:
        with wire() as taken:
            chat(folder, ADDRESSES[kind]).send(said, "key", OPENED_S)
        (request,) = taken
        return shown([f"POST {request.url}"], request.body or b"")
    with answering(plain("200 OK")) as server:
        receiver(kind, server.url, folder).send(said, "key", OPENED_S)
    return requested(server.requests[0])


ADDRESSES = {
    "slack": f"slack://TTTTTTTTT/BBBBBBBBB/{'c' * 24}/#sre?image=no",
    "teams": "workflows://prod-1.westeurope.logic.azure.example:443/workflow/signature?image=no",
    "pagerduty": f"pagerduty://{'a' * 32}@{'b' * 20}?image=no",
}
HEAD = ("post", "content-type", "webhook-id", "webhook-timestamp", "webhook-signature")
MAIL = ("subject", "from", "to", "references", "in-reply-to")


def receiver(kind: str, url: str, folder: Path) -> Notifier[Any]:
    if kind == "alertmanager":
        return AlertmanagerNotifier("am", AlertmanagerParams(url=url))
    if kind == "webhook":
        (folder / "secret").write_text("secret")
        return WebhookNotifier("hook", WebhookParams(url=url, secret_file=folder / "secret"))
    return chat(folder, url.replace("http://", "json://"))


def chat(folder: Path, address: str) -> ChatNotifier:
    (folder / "urls").write_text(address)
    return ChatNotifier("chat", ChatParams(urls_file=folder / "urls"))


def requested(request: bytes) -> str:
    head, _, body = request.partition(b"\r\n\r\n")
    return shown(sorted(line for line in head.decode().split("\r\n") if line.lower().startswith(HEAD)), body)


def shown(head: list[str], body: bytes | str) -> str:
    found = json.loads(body)
    for one in found.get("attachments", []) if isinstance(found, dict) else ():
        one.pop("ts", None)  # Slack is told when it was sent
    return "\n".join([*head, "", json.dumps(found, indent=1, ensure_ascii=True), ""])


def mailed(said: Mapping[str, Any], folder: Path) -> str:
    with smtp() as server:
        address = f"mailto://127.0.0.1:{server.port}?from=aiops@a.example&to=sre@a.example&mode=insecure"
        chat(folder, address).send(said, "key", OPENED_S)
    (one,) = server.got
    mail = email.message_from_bytes(one, policy=email.policy.default)
    head = [f"{name}: {value}" for name, value in mail.items() if name.lower() in MAIL]
    texts = [part.get_content().replace("\r\n", "\n").rstrip() for part in mail.walk() if not part.is_multipart()]
    return "\n".join([*sorted(head), "", *texts, ""])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", EVENTS)
def test_what_a_receiver_gets_is_as_it_was_read_and_found_good(tmp_path: Path, kind: str, event: str) -> None:
    if (kind, event) not in ALONE:
        assert sent(kind, EVENTS[event](kind), tmp_path) == (GOLDEN / f"{kind}_{event}.txt").read_text("utf-8")


BEATS = ("alertmanager", "webhook")


def beaten(kind: str, folder: Path) -> str:
    with answering(plain("200 OK")) as server:
        receiver(kind, server.url, folder).beat("aiops-1", OPENED_S + 180.0, OPENED_S)
    return requested(server.requests[0])


@pytest.mark.parametrize("kind", BEATS)
def test_a_heartbeat_is_as_it_was_read_and_found_good(tmp_path: Path, kind: str) -> None:
    assert beaten(kind, tmp_path) == (GOLDEN / f"{kind}_heartbeat.txt").read_text("utf-8")


def test_every_file_belongs_to_a_case() -> None:
    cases = {f"{kind}_{event}" for kind in KINDS for event in EVENTS if (kind, event) not in ALONE}
    assert {path.stem for path in GOLDEN.iterdir()} == cases | {f"{kind}_heartbeat" for kind in BEATS}


if __name__ == "__main__":
    for old in GOLDEN.glob("*.txt"):
        old.unlink()
    with TemporaryDirectory() as place:
        for kind in KINDS:
            for event, told in EVENTS.items():
                if (kind, event) not in ALONE:
                    (GOLDEN / f"{kind}_{event}.txt").write_text(sent(kind, told(kind), Path(place)), "utf-8")
        for kind in BEATS:
            (GOLDEN / f"{kind}_heartbeat.txt").write_text(beaten(kind, Path(place)), "utf-8")
