"""Who shows pictures is told with one, from the very window that decided; the others and renewals do without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.notify.arrays import Arrays
from aiops.pipeline import tell
from tests.daemon.rig import Rig, card, falling

# Apprise imports a module of the standard library that Python 3.13 leaves out
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
HOSTS = 3


def told(rig: Rig, tmp_path: Path, pictures: bool = True) -> list[tuple[str, Mapping[str, Any]]]:
    (tmp_path / "urls").write_text("json://127.0.0.1:9/")
    rig.more = {
        "receivers": {
            "chat": {"kind": "apprise", "urls_file": str(tmp_path / "urls"), "pictures": pictures},
            "hook": {"kind": "webhook", "url": "http://127.0.0.1:9/"},
        },
        "routes": [{"receiver": "chat", "continue": True}, {"receiver": "hook"}],
        "stages": {"disk": "ticket"},
        "episodes": {"together": 99},
    }
    for host in range(HOSTS):
        rig.world.add("free", {"instance": f"<b>{host}"}, falling(0.001 + 0.0001 * host))
    rig.start(card())
    rig.until_warned()
    assert rig.daemon is not None
    return [(row.receiver, row.payload) for row in rig.daemon.store.due(rig.clock.now + 1, 100)]


def test_the_picture_is_of_the_window_and_names_nobody(rig: Rig, tmp_path: Path) -> None:
    rows = told(rig, tmp_path)
    assert {receiver for receiver, _ in rows} == {"chat", "hook"}
    for receiver, payload in rows:
        assert ("picture" in payload) == (receiver == "chat")
    found = Arrays.from_json(next(payload["picture"] for receiver, payload in rows if receiver == "chat"))
    window = rig.watch("disk@made").window
    assert found.labels == {}
    assert found.limit == 0.05
    assert found.now_s == window.end_s
    assert np.isclose(found.values[-1], window.value_at(np.array([0, 1, 2]), found.time_s[-1:])).any()
    assert len(found.time_s) <= 2 * tell.PICTURE_COLUMNS


def test_a_turn_draws_only_so_many(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "PICTURES_AT_MOST", 1)
    rows = [payload for receiver, payload in told(rig, tmp_path) if receiver == "chat"]
    assert len(rows) > 1
    assert sum("picture" in payload for payload in rows) == 1


def test_who_wants_text_alone_is_kept_no_picture(rig: Rig, tmp_path: Path) -> None:
    rows = told(rig, tmp_path, pictures=False)
    assert {receiver for receiver, _ in rows} == {"chat", "hook"}
    assert not any("picture" in payload for _, payload in rows)
