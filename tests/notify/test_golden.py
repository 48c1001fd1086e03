"""What each kind of receiver is sent, whole: each case is a file in `golden_receivers/`. `python -m tests.notify.test_golden`
writes them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams
from aiops.notify.bundle import bundled
from aiops.notify.chat import ChatNotifier, ChatParams
from aiops.notify.stdout import block
from aiops.notify.webhook import WebhookNotifier, WebhookParams
from aiops.pipeline.respond import payload_of
from aiops.store.response_rows import Run
from tests.notify.hostile import answering, plain
from tests.notify.samples import HOSTILE, HOUR_S, OPENED_S, closed, message, warning

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
GOLDEN = Path(__file__).parent / "golden_receivers"
RUN = Run("r1", "k", "mend", "4f2c", "t", "w", "disk_full", "approve", "running", 0.0, 0.0, None, {}, {})
PLAN = ["fix: at: a1", "aiops responses approve r1"]
LINKS = {"episode_url": "https://aiops.example/warnings/1", "wrong_url": "https://aiops.example/feedback/1?key=2"}
HIT = closed(OPENED_S + 5 * HOUR_S, "crossed the limit", verdict="hit")
OTHER = warning(id="0" * 16, entity={"instance": "db2", "mountpoint": "/var"}, severity="critical")
EVENTS: dict[str, Mapping[str, Any]] = {
    "opened": {**message("opened", warning()), **LINKS},
    "closed": message("closed", HIT, OPENED_S + 5 * HOUR_S),
    "bundle": bundled([message("opened", warning()), message("opened", OTHER)]),
    "response": payload_of(RUN, "asked:0", "mend asks group:sre", PLAN, warning(), OPENED_S),
    "hostile": message("opened", warning(entity=HOSTILE)),
}
Sends = Callable[[str, Mapping[str, Any], Path], None]


def _alertmanager(url: str, said: Mapping[str, Any], folder: Path) -> None:
    AlertmanagerNotifier("am", AlertmanagerParams(url=url)).send(said, "key", OPENED_S)


def _webhook(url: str, said: Mapping[str, Any], folder: Path) -> None:
    (folder / "secret").write_text("secret")
    WebhookNotifier("hook", WebhookParams(url=url, secret_file=folder / "secret")).send(said, "key", OPENED_S)


def _apprise(url: str, said: Mapping[str, Any], folder: Path) -> None:
    (folder / "urls").write_text(url.replace("http://", "json://"))
    ChatNotifier("chat", ChatParams(urls_file=folder / "urls")).send(said, "key", OPENED_S)


SENDS: dict[str, Sends] = {"alertmanager": _alertmanager, "webhook": _webhook, "apprise": _apprise}
SHOWN = ("post", "content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


def sent(kind: str, said: Mapping[str, Any], folder: Path) -> str:
    """What goes over the wire, as text: the lines of the head that matter, and the body."""
    if kind == "stdout":
        return block(said) + "\n"
    with answering(plain("200 OK")) as server:
        SENDS[kind](server.url, said, folder)
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.decode().split("\r\n") if line.lower().startswith(SHOWN)]
    return "\n".join([*sorted(lines), "", json.dumps(json.loads(body), indent=1, ensure_ascii=True), ""])


@pytest.mark.parametrize("kind", ["stdout", *SENDS])
@pytest.mark.parametrize("event", EVENTS)
def test_what_a_receiver_gets_is_as_it_was_read_and_found_good(tmp_path: Path, kind: str, event: str) -> None:
    assert sent(kind, EVENTS[event], tmp_path) == (GOLDEN / f"{kind}_{event}.txt").read_text("utf-8")


def test_every_file_belongs_to_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == {f"{kind}_{event}" for kind in ("stdout", *SENDS) for event in EVENTS}


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    with TemporaryDirectory() as place:
        for kind in ("stdout", *SENDS):
            for event, said in EVENTS.items():
                (GOLDEN / f"{kind}_{event}.txt").write_text(sent(kind, said, Path(place)), "utf-8")
