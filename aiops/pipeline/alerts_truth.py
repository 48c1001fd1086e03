"""Alerts of a source's own rules as the truth of a card: which of those that its `truth.alerts` names began to fire."""

from __future__ import annotations

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.labels import Labels, fingerprint, key
from aiops.core.records import Bools, Ints
from aiops.models.card import ModelCard
from aiops.outcomes.incidents import ALERTS, Incident
from aiops.pipeline.beyond import REARM_STEPS
from aiops.pipeline.desk import Desk
from aiops.pipeline.mask import masked_labels
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.watch import Watch

LONGEST_S = 14 * 86400
"""How far back firings are looked for after an outage of the daemon."""


def declare_alerts(watch: Watch, now_s: int, rooms: Rooms) -> None:
    """After a turn: what began to fire since the last one is declared, as an incident is, once over restarts. A source that
    cannot be asked is asked for the same time again."""
    if not watch.card.truth.alerts or not rooms.marks_turns or watch.card.challenges:
        return
    desk = Desk(rooms.store, [watch.card])
    for one in begun(watch, now_s):
        desk.incident(one, ALERTS, now_s)


def begun(watch: Watch, now_s: int) -> list[Incident]:
    """Alerts that began to fire since they were last asked for, each once until it was silent for REARM_STEPS steps.

    What fires at the first look ever began before, and what begins while its labels are masked is none.
    """
    since, start = since_of(watch), asked_from(watch, now_s)
    firing: dict[str, tuple[Labels, Bools]] = {}
    time_s: Ints = np.zeros(0, np.int64)
    try:
        for feed in watch.feeds:
            piece = feed.link.ask(query_of(watch.card, watch.step_s), start, now_s, watch.step_s)
            time_s = piece.time_s
            for rows, values in piece.layers:
                for i, row in enumerate(range(len(piece.labels)) if rows is None else rows.tolist()):
                    labels = {k: v for k, v in piece.labels[row].items() if k not in ("__name__", "alertstate")}
                    before = firing.get(key(labels))
                    fires = np.isfinite(values[i])
                    firing[key(labels)] = labels, fires if before is None else before[1] | fires
    except SourceError:
        return []
    found = [one for labels, fires in firing.values() for one in _begun(watch, labels, fires, time_s, since)]
    asked(watch, now_s)
    return sorted(found, key=lambda one: (one.at_s, one.id))


def since_of(watch: Watch) -> int | None:
    """Up to when it is known what fired; None at the first look ever."""
    return watch.alerts.asked_s if watch.alerts.asked_s is not None else watch.judged_s


def asked_from(watch: Watch, now_s: int) -> int:
    """From where on firings are asked for; after a start from a little earlier on, to know what had fired shortly before."""
    since, step = since_of(watch), watch.step_s
    if since is None:
        return now_s
    early = 0 if watch.alerts.asked_s is not None else REARM_STEPS * step
    return max(since - early, (now_s - LONGEST_S) // step * step)


def beginnings(watch: Watch, name: str, fires: Bools, time_s: Ints, since_s: int | None) -> list[int]:
    """When the alert called `name` began to fire after `since_s`, None = never: `fires` (t,) at `time_s` (t,).

    What was silent for no more than REARM_STEPS steps goes on. When each fired last is remembered in `watch.alerts`.
    """
    out, last = [], watch.alerts.fired_s.get(name)
    for j in np.flatnonzero(fires).tolist():
        at = int(time_s[j])
        if (last is None or at - last > REARM_STEPS * watch.step_s) and j > 0 and since_s is not None and at > since_s:
            out.append(at)
        last = at
    if last is not None:
        watch.alerts.fired_s[name] = last
    return out


def asked(watch: Watch, now_s: int) -> None:
    """Firings are known up to `now_s`; what was silent for long is forgotten."""
    watch.alerts.asked_s = now_s
    oldest = now_s - 2 * REARM_STEPS * watch.step_s
    watch.alerts.fired_s = {name: at for name, at in watch.alerts.fired_s.items() if at >= oldest}


def _begun(watch: Watch, labels: Labels, fires: Bools, time_s: Ints, since_s: int | None) -> list[Incident]:
    name, out = key(labels), []
    for at in beginnings(watch, name, fires, time_s, since_s):
        if not masked_labels(watch, [labels], at)[0]:
            mark = fingerprint(watch.card.name, name)
            out.append(Incident(f"{mark}@{at}", ALERTS, labels, at, labels.get("alertname", "")))
    return out


def query_of(card: ModelCard, step_s: int) -> str:
    """ALERTS that fire and that the card names, as they were within one step: shortly or long."""
    matchers = ",".join(['alertstate="firing"', *(str(one) for one in card.truth.alerts)])
    return f"max_over_time(ALERTS{{{matchers}}}[{step_s}s])"
