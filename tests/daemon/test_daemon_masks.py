"""Masks through the daemon: what lasts masks its series, what cannot be read is named, a real Alertmanager's silences count."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from aiops.core.durations import rfc3339
from aiops.daemon.metrics import exposition, make_registry
from tests import servers
from tests.daemon.rig import START_S, Rig, card, falling

HOUR = 3600


def ics(folder: Path, start_s: float, end_s: float) -> None:
    begins, ends = (rfc3339(at).replace("-", "").replace(":", "") for at in (start_s, end_s))
    event = f"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:{begins}\r\nDTEND:{ends}\r\nSUMMARY:Kernel upgrade\r\nEND:VEVENT\r\n"
    (folder / "ops.ics").write_text(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\n{event}END:VCALENDAR\r\n")


def calendar(rig: Rig, **more: Any) -> None:
    rig.more = {"masks": {"ops": {"kind": "ical", "file": "ops.ics", **more}}}
    rig.world.add("free", {"instance": "a"}, falling(0.001))


def turns(rig: Rig, *hours: float) -> None:
    """Every five minutes from the first hour to the last; masks are minded before each."""
    assert rig.daemon is not None
    for step in range(int(hours[0] * 12), int(hours[1] * 12) + 1):
        rig.at(300 * step)
        rig.daemon.mind_masks()
        rig.turn()


def states(rig: Rig) -> dict[str, int]:
    assert rig.daemon is not None
    return dict(rig.daemon.board.watches["disk@made"].states)


def metric(rig: Rig, name: str) -> str:
    assert rig.daemon is not None
    body = exposition(make_registry(rig.daemon), "")[0].decode()
    return next(line for line in body.splitlines() if line.startswith(name + "{"))


def test_a_series_that_is_masked_opens_no_warning_and_is_counted(rig: Rig) -> None:
    ics(rig.folder, START_S + 7 * HOUR, START_S + 10 * HOUR)
    calendar(rig)
    daemon = rig.start(card())
    turns(rig, 8, 9.5)
    assert (daemon.store.open_warnings(), states(rig)["masked"], states(rig)["active"]) == ([], 1, 0)
    assert metric(rig, "aiops_mask_windows") == 'aiops_mask_windows{mask="ops"} 1.0'
    turns(rig, 9.6, 11)
    assert (len(daemon.store.open_warnings()), states(rig)["masked"]) == (1, 0)


def test_a_mask_of_other_series_masks_nothing(rig: Rig) -> None:
    ics(rig.folder, START_S + 7 * HOUR, START_S + 10 * HOUR)
    calendar(rig, match=['instance="b"'])
    daemon = rig.start(card())
    turns(rig, 8, 9)
    assert (len(daemon.store.open_warnings()), states(rig)["masked"]) == (1, 0)


def test_what_is_open_when_a_mask_begins_stays_as_it_is(rig: Rig) -> None:
    ics(rig.folder, START_S + 10 * HOUR, START_S + 11 * HOUR)
    calendar(rig)
    rig.world.series["free"].clear()
    rig.world.add("free", {"instance": "a"}, lambda t: falling(0.001)(t).clip(falling(0.001)(START_S + 10.1 * HOUR), None))
    daemon = rig.start(card())
    turns(rig, 8, 9.9)
    (before,) = daemon.store.open_warnings()
    turns(rig, 10, 10.9)
    (still,) = daemon.store.open_warnings()
    assert (still.id, states(rig)["masked"]) == (before.id, 1)


def test_a_calendar_that_cannot_be_read_any_more_is_named_and_still_counts_for_a_while(rig: Rig) -> None:
    ics(rig.folder, START_S + 7 * HOUR, START_S + 30 * HOUR)
    calendar(rig, keep_for="1h")
    daemon = rig.start(card())
    turns(rig, 8, 8.1)
    (rig.folder / "ops.ics").unlink()
    turns(rig, 8.2, 9)
    ok, body = daemon.board.ready()
    assert ok
    assert "ops.ics: No such file or directory; it was last read 55m ago" in str(body["masks"])
    assert (states(rig)["masked"], metric(rig, "aiops_mask_up")) == (1, 'aiops_mask_up{mask="ops"} 0.0')
    assert metric(rig, "aiops_mask_age_seconds") == 'aiops_mask_age_seconds{mask="ops"} 3300.0'
    turns(rig, 9.1, 9.3)
    assert states(rig)["masked"] == 0
    assert "it masks nothing" in str(daemon.board.ready()[1]["masks"])


def test_a_restart_without_the_calendar_masks_on(rig: Rig) -> None:
    ics(rig.folder, START_S + 7 * HOUR, START_S + 30 * HOUR)
    calendar(rig)
    rig.start(card())
    turns(rig, 8, 8.1)
    rig.stop()
    (rig.folder / "ops.ics").unlink()
    rig.start()
    turns(rig, 8.2, 8.3)
    assert states(rig)["masked"] == 1


def silenced(url: str, *matchers: tuple[str, str]) -> str:
    """The id of a silence from now on for half a day."""
    now = time.time()
    told = {
        "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in matchers],
        "startsAt": rfc3339(now), "endsAt": rfc3339(now + 12 * HOUR), "createdBy": "ann", "comment": "disk swap",
    }  # fmt: skip
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v2/silences", json.dumps(told).encode(), head, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["silenceID"])


def open_on(rig: Rig) -> list[str]:
    assert rig.daemon is not None
    return sorted(w.entity["instance"] for w in rig.daemon.store.open_warnings())


def test_silences_of_a_real_alertmanager_mask_what_they_silence(rig: Rig, tmp_path: Path) -> None:
    now = int(time.time()) // 300 * 300
    begins = now - 8 * HOUR
    rig.world.begins_s = begins
    for name in "ab":
        rig.world.add("free", {"instance": name}, lambda t: 0.8 - 0.001 * (t - begins) / 60)
    with servers.webhook() as hook, servers.alertmanager(tmp_path / "am", hook.url) as url:
        rig.more = {"masks": {"silences": {"kind": "silences", "url": url, "every": "10s", "keep_for": "30d"}}}
        name = silenced(url, ("alertname", "Early_disk"), ("instance", "a"))
        rig.start(card())
        turns(rig, *((now + 300 * step - START_S) / HOUR for step in (1, 12)))
        assert (open_on(rig), states(rig)["masked"]) == (["b"], 1)
        urllib.request.urlopen(urllib.request.Request(f"{url}/api/v2/silence/{name}", method="DELETE"), timeout=30).close()
        turns(rig, *((now + 300 * step - START_S) / HOUR for step in (13, 24)))
        assert (open_on(rig), states(rig)["masked"]) == (["a", "b"], 0)
        silenced(url, ("card", "disk"))
    turns(rig, *((now + 300 * step - START_S) / HOUR for step in (25, 26)))
    assert rig.daemon is not None
    assert "unreachable" in str(rig.daemon.board.ready()[1]["masks"]), "it is gone, and the board says so"
