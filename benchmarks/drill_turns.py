"""What the daemon would have told of recorded drills: its own turns, one a minute, on a clock that passes quickly."""

from __future__ import annotations

import json
import pathlib
from collections import defaultdict

from common import Server
from drill_courses import Drill
from drill_judge import Warned
from drill_stage import drill_of

from aiops.config.settings import load_settings
from aiops.models.card import load_cards
from aiops.pipeline import assemble, turn
from aiops.store import Store

CARD = {"kind": "ModelCard", "name": "existing_alerts", "alerts": {"match": ['severity="warning"']}, "stage": "ticket"}
STEP_S = 60


def by_daemon(
    server: Server, from_s: int, to_s: int, horizon_s: float, drills: dict[str, Drill], folder: pathlib.Path
) -> tuple[Warned, dict[str, int]]:
    """(warnings by drill, how many of a drill's are louder than shadow) of a card on the server's rules, turn by turn."""
    (folder / "card.yaml").write_text(json.dumps(CARD | {"horizon": f"{horizon_s:.0f}s"}))
    source = {"kind": "prometheus", "url": server.url, "data_class": "internal"}
    (folder / "aiops.yaml").write_text(json.dumps({"sources": {"drills": source}}))
    settings = load_settings(folder / "aiops.yaml", folder / "data")
    store = Store.open("sqlite://", None)
    rooms = assemble(settings, load_cards([folder / "card.yaml"]), (), store, None)
    for now_s in range(from_s, to_s + 1, STEP_S):
        for watch in rooms.watches:
            error = turn(watch, now_s, rooms).error
            if error is not None:
                raise error
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    loud: dict[str, int] = defaultdict(int)
    for warning in store.warnings(limit=10_000):
        name = drill_of(warning.labels, drills) or drill_of(warning.entity, drills)
        if name:
            found[name].append((warning.opened_s, max(warning.closed_s or to_s, warning.told_latest_s or 0.0)))
            loud[name] += warning.stage != "shadow"
    store.close()
    for link in rooms.links.values():
        link.close()
    return found, loud
