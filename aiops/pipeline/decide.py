"""Step 5 of a turn: one episode per entity and kind, its record, its runbooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aiops import runbooks
from aiops.config.responses import Mode
from aiops.core.labels import key
from aiops.core.records import FORETELLING, GONE, STAYED, TIMED, Bools, EarlyWarning, SymptomKind
from aiops.early_warnings.episode import Rules, as_it_is, next_state, warning_fingerprint
from aiops.notify.message import facts_of
from aiops.pipeline import limits
from aiops.pipeline.calibrations import allowance, telling
from aiops.pipeline.changes import Changes
from aiops.pipeline.find import Found
from aiops.pipeline.pending import Pending
from aiops.pipeline.proving import keep
from aiops.pipeline.respond import earned
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.rules_record import record_of
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.tell import tell
from aiops.pipeline.watch import Watch


def stay(watch: Watch, now_s: int, rooms: Rooms, changes: Changes) -> None:
    """No source could be asked: what is open stays open, stale, and is told on: an alert that nobody renews looks resolved."""
    changes.judged = False
    for known in (watch.open, watch.causes):
        for warning in list(known.values()):
            stale = warning if warning.stale_since_s is not None else warning.having(stale_since_s=now_s)
            if stale is not warning:
                changes.warnings.append(stale)
            known[warning.fingerprint] = stale
            changes.event("updated", stale)
    tell(watch, now_s, rooms, changes)
    if changes.warnings or changes.outbox:
        rooms.journal.write(changes)


def decide(
    watch: Watch, found: Found, failed: Mapping[int, int], now_s: int, rooms: Rooms, changes: Changes, held: Bools | None = None
) -> None:
    """Bring every episode of this watch to its next state; `failed` maps an entity's number to when it failed, `held` (n,) are
    rows of which nothing new is known."""
    rules = rules_of(watch, rooms)
    away = set() if held is None else set(np.flatnonzero(watch.held_entities(held)).tolist())
    for kind, by_entity in found.by_kind.items():
        numbers = set(by_entity) | watch.open_entities(kind)
        rules = _learnt(watch, kind, rules, rooms) if numbers else rules
        leasts: dict[float, float] = {}
        for number in sorted(numbers, key=lambda one: key(watch.entities[one])):  # whatever the order of the series
            entity = watch.entities[number]
            mark = warning_fingerprint(watch.card.name, kind, entity, watch.source_name)
            current = watch.open.get(mark)
            at = watch.entity_now(number, now_s)
            crossing = kind in TIMED and number in failed
            labels = watch.labels_of(number) if watch.services.known else entity
            mine, record = _of_rule(watch, number, watch.services.rules(rules, labels), rooms)
            symptoms = by_entity.get(number, [])
            least = _least(watch, kind, watch.services.budget(labels), leasts, now_s, rooms)
            if current is None and max((s.confidence for s in symptoms), default=1.0) < least:
                continue  # the budget of false warnings is spent on surer ones
            over = _over(watch, current, number) if current is not None and not symptoms else GONE
            result = next_state(current, symptoms, entity, at, mine, crossing, over)
            if result is None:
                continue
            warning, event = result
            if number in away and current is not None:
                warning = warning.having(stale_since_s=current.stale_since_s or at)
            warning = watch.services.marked(warning, labels)
            if event == "opened":
                warning = warning.having(record=_record(warning, record, rooms))
            elif event != "closed":
                warning = limits.follow(watch, warning, number)
            if event != "closed":  # a runbook may fit only once the time left is short enough
                warning = warning.having(runbooks=_matched(rooms, warning, at))
            _remember(watch, warning, number)
            if event in ("opened", "worsened", "closed") or rooms.marks_turns:
                changes.warnings.append(warning)
            proof = keep(watch, warning, number) if event == "opened" else {}
            changes.event(event, warning, **proof)


def _over(watch: Watch, current: EarlyWarning, number: int) -> str:
    """Why a warning without symptoms ends: what an anomaly told of may have stayed where it went, and only score less by now."""
    if current.kind != "anomaly" or watch.detector is None:
        return GONE
    told = {key(symptom.labels) for symptom in current.symptoms}
    rows = [row for row in watch.rows_of(number).tolist() if key(watch.window.labels[row]) in told]
    return STAYED if watch.detector.stays(watch.detector_state, np.array(rows, np.int64)).any() else GONE


def rules_of(watch: Watch, rooms: Rooms) -> Rules:
    """What a watch's card says about its warnings."""
    return Rules(
        watch.card.name, watch.card.signal, rooms.stage_of(watch.card), source=watch.source_name, horizon_s=watch.horizon_s,
        step_s=watch.step_s,
    )


def _learnt(watch: Watch, kind: SymptomKind, rules: Rules, rooms: Rooms) -> Rules:
    """The rules with what verdicts teach of this kind."""
    known, card = rooms.calibrations, watch.card
    if known is None or kind not in FORETELLING:
        return replace(rules, tell=as_it_is)
    return replace(rules, tell=telling(known.of(card.name, kind, rooms.family_of(card.name)), kind))


def _least(watch: Watch, kind: SymptomKind, factor: float, found: dict[float, float], now_s: int, rooms: Rooms) -> float:
    """What a model must say for a warning to open whose budget is `factor` times the card's; `found` holds what is known."""
    known, card = rooms.calibrations, watch.card
    if known is None or kind not in TIMED:  # an anomaly has a threshold of its own that holds the budget
        return 0.0
    if factor not in found:
        found[factor] = known.floor(card.name, kind, factor * allowance(card, *rooms.watched(card.name)), now_s)
    return found[factor]


def _of_rule(watch: Watch, number: int, rules: Rules, rooms: Rooms) -> tuple[Rules, dict[str, Any]]:
    """What holds for the alert of one rule, and that rule's own record: one that cannot be foreseen stays in shadow."""
    rule = watch.rule_of(number) if isinstance(watch, RulesWatch) else None
    if rule is None or not isinstance(watch, RulesWatch):
        return rules, {}
    record = record_of(watch, rule, rooms)
    return (replace(rules, stage="shadow") if record.quiet else rules), record.as_json()


def _record(warning: EarlyWarning, of_rule: Mapping[str, Any], rooms: Rooms) -> dict[str, Any]:
    """The record that a new warning carries: of its rule or its card, beside it those of its service and its team."""
    own = of_rule or rooms.record_of(warning.card, warning.entity)
    return rooms.with_groups(own, warning.card, {**warning.labels, **warning.entity}.get("service", ""))


def _matched(rooms: Rooms, warning: EarlyWarning, now_s: int) -> tuple[Mapping[str, Any], ...]:
    """The runbooks that fit, with their plans, as far as the configuration and the stage let them go."""
    if not rooms.runbooks:
        return ()

    def ceiling(runbook: runbooks.Runbook) -> Mode:
        most = rooms.responses.ceiling_of({**facts_of(warning), "team": runbook.owner.team, "runbook": runbook.name})
        return earned(rooms.store, runbook.name, most, warning.stage)

    return tuple(m.as_json() for m in runbooks.match(rooms.runbooks, warning, now_s, ceiling, rooms.refuses))


def _remember(watch: Watch, warning: EarlyWarning, number: int) -> None:
    if warning.state == "open":
        watch.open[warning.fingerprint] = warning
    else:
        watch.open.pop(warning.fingerprint, None)
    if warning.kind in TIMED:
        watch.stood[key(warning.entity)] = warning.opened_s, warning.updated_s
    if warning.id in watch.pending:
        watch.pending[warning.id].warning = warning
        return
    for earlier in watch.pending.values():
        earlier.again |= earlier.warning.fingerprint == warning.fingerprint
    if warning.verdict is None and warning.kind in FORETELLING:  # an episode may last on after its verdict: it is judged once
        limited = warning.kind == "exhaustion"  # a card without a forecast has no limits
        limits = watch.limit.value[watch.rows_of(number)].tolist() if limited else ()
        watch.pending[warning.id] = Pending(warning, tuple(limits))
