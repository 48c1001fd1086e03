"""A real Alertmanager, and a webhook behind it that says what arrived."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aiops.core.durations import rfc3339
from aiops.core.records import EarlyWarning
from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams
from aiops.notify.message import Event
from aiops.notify.relay import Relay
from aiops.store import Store
from tests import servers
from tests.notify.samples import HOSTILE, closed, enqueue, memory, until, warning


@dataclass
class Chain:
    """Outbox, relay, Alertmanager, webhook."""

    store: Store
    relay: Relay
    url: str
    hook: servers.Webhook

    def tell(self, event: Event, about: EarlyWarning, step_s: float = 60) -> None:
        """As a turn that happens now."""
        enqueue(self.store, event, about, now_s=time.time(), step_s=step_s)
        self.relay.run_once(time.time())

    def told(self, about: EarlyWarning, status: str) -> list[dict[str, Any]]:
        """What the webhook got about a warning, in order."""
        alerts = [alert for body in self.hook.bodies() for alert in body["alerts"]]
        return [a for a in alerts if a["labels"]["warning_id"] == about.id and a["status"] == status]

    def held(self, about: EarlyWarning) -> list[dict[str, Any]]:
        """What Alertmanager itself holds as firing."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?filter=warning_id%3D%22{about.id}%22", timeout=30) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


def chain_to(stack: ExitStack, url: str, hook: servers.Webhook) -> Chain:
    store = stack.enter_context(memory())
    return Chain(store, Relay(store, {"am": AlertmanagerNotifier("am", AlertmanagerParams(url=url, timeout=20))}), url, hook)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with ExitStack() as stack:
        hook = stack.enter_context(servers.webhook())
        url = stack.enter_context(servers.alertmanager(tmp_path_factory.mktemp("am"), hook.url))
        yield chain_to(stack, url, hook)


def named(number: int, **changes: Any) -> EarlyWarning:
    """A warning that opened a little while ago."""
    return warning(**{"opened_s": int(time.time()) - 30, **changes}, id=f"{number:016x}", entity={"instance": f"db{number}"})


def test_an_opening_arrives_with_the_time_at_which_it_was_noticed(chain: Chain) -> None:
    about = named(1)
    chain.tell("opened", about)
    alert = until(lambda: chain.told(about, "firing"))[0]
    assert alert["startsAt"] == rfc3339(about.opened_s)
    assert alert["labels"]["alertname"] == "Early_disk_full"
    assert alert["labels"]["instance"] == "db1"
    assert alert["annotations"]["record"] == "36 of the last 40 came true; median 1h50m ahead"
    assert "2. [write] on db1: journalctl --vacuum-size=1G" in alert["annotations"]["description"]


def test_without_renewal_it_ends_by_itself_and_with_it_goes_on_until_it_ends(chain: Chain) -> None:
    silent, renewed = named(2), named(3)
    chain.tell("opened", silent, step_s=1)
    chain.tell("opened", renewed, step_s=1)
    until(lambda: chain.told(silent, "firing") and chain.told(renewed, "firing"))

    def turn() -> bool:
        chain.tell("updated", renewed, step_s=1)
        time.sleep(0.3)
        return bool(chain.told(silent, "resolved"))

    until(turn)
    assert chain.told(silent, "resolved")[0]["annotations"].get("verdict") is None
    assert chain.told(renewed, "resolved") == []
    assert [alert["status"]["state"] for alert in chain.held(renewed)] == ["active"]
    ended = int(time.time())
    done = renewed.having(state="closed", closed_s=ended, updated_s=ended, closed_why="the limit was crossed", verdict="hit")
    chain.tell("closed", done, step_s=1)
    alert = until(lambda: chain.told(renewed, "resolved"))[0]
    assert alert["annotations"]["verdict"] == "hit"
    assert alert["startsAt"] == rfc3339(renewed.opened_s)
    assert alert["fingerprint"] == chain.told(renewed, "firing")[0]["fingerprint"]
    assert chain.held(renewed) == []


def test_one_that_worsens_stays_one_alert_and_says_so(chain: Chain) -> None:
    about = named(4)
    chain.tell("opened", about)
    chain.tell("worsened", about.having(severity="critical"))
    held = until(lambda: [a for a in chain.held(about) if a["annotations"]["severity"] == "critical"])
    assert len(held) == len(chain.held(about)) == 1


def test_hostile_labels_are_not_refused(chain: Chain) -> None:
    hostile = named(5).having(entity=HOSTILE, labels=HOSTILE)
    many = named(6).having(entity={f"label-{i}": "v" * 2000 for i in range(300)})
    empty = named(7).having(entity={"instance": ""})
    for about in (hostile, many, empty):
        chain.tell("opened", about)
        assert len(chain.held(about)) == 1, about.id
    assert set(chain.store.counts()) == {"outbox.sent"}, "nothing waits, nothing is dead"
    labels = chain.held(hostile)[0]["labels"]
    assert labels["instance"] == HOSTILE["instance"]
    assert labels["stage"] == "ticket"


def looks(url: str) -> float:
    """How often a group looked into Alertmanager's log of what was told; it does so after the one before has been logged."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        found = re.search(r"^alertmanager_nflog_queries_total (\S+)", answer.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


def test_what_happens_while_it_is_away_arrives_when_it_is_back(tmp_path: Path) -> None:
    """Nothing is lost, the order is kept, and what still goes on is told as such, however old its opening is."""
    port = servers.free_port()
    with ExitStack() as stack:
        hook = stack.enter_context(servers.webhook())
        chain = chain_to(stack, f"http://127.0.0.1:{port}", hook)
        goes_on, over = named(8), named(9, opened_s=int(time.time()) - 600)
        with servers.alertmanager(tmp_path, hook.url, port=port) as url:
            chain.tell("opened", over)
            until(lambda: chain.told(over, "firing"))
            looked = looks(url)
            until(lambda: looks(url) > looked)  # only then what it told is in its log, which says later that an end is owed
        ended = int(time.time()) - 1
        enqueue(chain.store, "opened", goes_on, now_s=time.time() - 300, step_s=1)  # its three turns are long over
        enqueue(chain.store, "closed", closed(ended, id=over.id, entity=over.entity, opened_s=over.opened_s), now_s=ended)
        tried = sum(chain.relay.run_once(time.time() + i).retried for i in range(3))
        assert tried >= 1
        for turn in range(50):
            enqueue(chain.store, "updated", goes_on, now_s=time.time() - 50 + turn, step_s=60)
        assert chain.store.counts()["outbox.queued"] == 3, "of the renewals only the newest waits"
        with servers.alertmanager(tmp_path, hook.url, port=port):
            until(lambda: chain.relay.run_once(time.time() + 120) and not chain.store.counts().get("outbox.queued"))
            assert until(lambda: chain.told(goes_on, "firing"))[0]["startsAt"] == rfc3339(goes_on.opened_s)
            assert until(lambda: chain.told(over, "resolved"))[0]["annotations"]["verdict"] == "pending"
            assert chain.told(goes_on, "resolved") == []
        assert chain.store.counts() == {"outbox.sent": 3}
