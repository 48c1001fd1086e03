"""What runbooks would have done about warnings that were: which fit, which line refused, what their limits held back. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiops.core.records import EarlyWarning
from aiops.runbooks.held import Ran, held_back
from aiops.runbooks.match import Refusal, Subject, context_of, refusals
from aiops.runbooks.plan import plan
from aiops.runbooks.reach import Reach
from aiops.runbooks.schema import Mode, Runbook

Would = Literal["shadowed", "suggested", "asked", "started", "held back"]
_WOULD: Mapping[Mode, Would] = {"shadow": "shadowed", "suggest": "suggested", "approve": "asked", "auto": "started"}


Reaches = Callable[[Runbook, EarlyWarning, float], Reach]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a runbook would have done about one warning at `at_s`, its opening and the runbook's `for` after it.

    `mode`: how far it might go then, `by` whose word. `because`: the limit that held it back. `unknown`: requirements that only
    the past could have answered.
    """

    at_s: float
    warning_id: str
    card: str
    runbook: str
    target: Mapping[str, str]
    would: Would
    mode: Mode
    by: tuple[str, ...] = ()
    because: str = ""
    unknown: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        own = {name: getattr(self, name) for name in self.__slots__}
        return own | {"target": dict(self.target), "by": list(self.by), "unknown": list(self.unknown)}


@dataclass(frozen=True, slots=True)
class Change:
    """How two editions of runbooks differ about one warning: what each says, in words."""

    warning_id: str
    card: str
    runbook: str
    before: str
    after: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


def at_opening(warning: EarlyWarning) -> Subject:
    """A warning as it stood when it opened: its time left then; confidence, severity and labels are those kept last.

    `open_s` is how long it lasted in all, for that is what `for` waits for.
    """
    expected = None if warning.first_crossing is None else warning.first_crossing.expected_s
    ended = warning.updated_s if warning.closed_s is None else warning.closed_s
    kind = "forecast" if warning.kind in ("exhaustion", "rule") else warning.kind
    return Subject(
        kind, warning.signal, warning.card, {**warning.labels, **warning.entity},
        None if expected is None else expected - warning.opened_s, warning.confidence, warning.severity,
        ended - warning.opened_s, expected,
    )  # fmt: skip


def explained(runbooks: Iterable[Runbook], subject: Subject) -> Iterator[tuple[Runbook, list[Refusal]]]:
    """Every runbook with each line that refuses the subject; none: it fits."""
    for runbook in runbooks:
        off = [] if runbook.enabled else [Refusal("enabled", "true", "false")]
        yield runbook, off + refusals(runbook, subject)


def replayed(runbooks: Sequence[Runbook], warnings: Iterable[EarlyWarning], reach: Reaches) -> list[Decision]:
    """What would have been decided about each warning, oldest first, with cooldown and limits counted over those before it.

    `reach`: how far a runbook might go for a warning at a time, and who decides that. Queries under `require` cannot be asked
    any more: they are named as not known. How long a run took and how it ended is not known either: it counts, and ends at once.
    """
    runs: dict[str, list[Ran]] = defaultdict(list)
    out = []
    for warning in sorted(warnings, key=lambda w: (w.opened_s, w.id)):
        subject = at_opening(warning)
        for runbook, refused in explained(runbooks, subject):
            if refused:
                continue
            at_s = warning.opened_s + runbook.match.for_
            target = context_of(subject, runbook.target_by)["target"]
            allowed = reach(runbook, warning, at_s)
            held = held_back(runbook, target, at_s, runs[runbook.name])
            because = allowed.stopped or (held.why if held is not None else "")
            needs = tuple(one.name for one in runbook.guards.require) if runbook.guards else ()
            would: Would = "held back" if because else _WOULD[allowed.mode]
            found = (warning.id, warning.card, runbook.name, target, would, allowed.mode, allowed.by, because, needs)
            out.append(Decision(at_s, *found))
            if not because:
                runs[runbook.name].append(Ran(target, at_s, at_s))
    return sorted(out, key=lambda d: (d.at_s, d.warning_id, d.runbook))


def compared(before: Sequence[Runbook], after: Sequence[Runbook], warnings: Iterable[EarlyWarning]) -> list[Change]:
    """Where two editions say something else about a warning: who fits, in which mode, with which plan, and under which rules:
    guards, approval, verification, times, what a step says of itself."""
    out, rules = [], [{one.name: _rules(one) for one in edition} for edition in (before, after)]
    for warning in warnings:
        subject = at_opening(warning)
        old, new = _said(before, subject), _said(after, subject)
        for name in sorted(old.keys() | new.keys()):
            one, other = old.get(name, "is not there"), new.get(name, "is not there")
            fits = any(said.startswith("fits") for said in (one, other))
            if one != other and (fits or "is not there" not in (one, other)):
                out.append(Change(warning.id, warning.card, name, one, other))
            elif fits and one == other and rules[0][name] != rules[1][name]:
                out.append(Change(warning.id, warning.card, name, *_differing(rules[0][name], rules[1][name])))
    return out


def _rules(runbook: Runbook) -> dict[str, str]:
    """Everything that decides how a run goes on beside what its steps are given, by its place in the file."""
    whole = runbook.model_dump(mode="json", by_alias=True, exclude_none=True)
    steps = {step["id"]: {key: value for key, value in step.items() if key not in ("id", "with")} for step in whole["steps"]}
    parts = {key: whole[key] for key in ("target_by", "guards", "approval", "verify", "notify") if key in whole}
    return dict(_flat({**parts, "steps": steps}, ""))


def _flat(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key_, one in value.items():
            yield from _flat(one, f"{place}.{key_}" if place else str(key_))
    elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
        for i, one in enumerate(value):
            yield from _flat(one, f"{place}[{i}]")
    else:
        yield place, str(value)


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, str]:
    """What differs, as each edition has it."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    one, other = ("; ".join(f"{name}: {said.get(name, 'not there')}" for name in names) for said in (old, new))
    return one, other


def _said(runbooks: Sequence[Runbook], subject: Subject) -> dict[str, str]:
    found: dict[str, str] = defaultdict(str)
    for runbook, refused in explained(runbooks, subject):
        if refused:
            found[runbook.name] = "refuses: " + "; ".join(f"{r.line} wants {r.wanted}, got {r.got or 'none'}" for r in refused)
            continue
        steps, _ = plan(runbook, context_of(subject, runbook.target_by))
        shown = "; ".join(f"{s['id']} [{s['effect']}] {s['what']}" for s in steps)
        found[runbook.name] = f"fits, {runbook.mode}: {shown or 'no steps'}"
    return found
