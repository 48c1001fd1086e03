"""How a warning is judged: pure functions of what was told, what failed, and what is known at `now`.

A warning opened at O tells an interval [earliest, latest]; its horizon ends at H = the larger of O + how far its card looks
ahead and that latest. slack(x) = max(10 % of x, 2 steps); the deadline D = H + slack(H - O). With a failure at T:

    hit          O <= T <= D, and opened in time: O <= T - max(2 steps, min(1 h, 10 % of T - trend start)). Well timed when
                 earliest - slack(T - O) <= T <= latest + slack(T - O), badly timed else: right about what, not about when
    late         O <= T <= D, but it opened nearer to T than that
    false        D has passed with >= 90 % of the samples, over all of it and over the interval that was told, and no T; or
                 it was withdrawn and no T came within 2 steps of that
    averted      somebody acted while it stood, what is measured then left its course, and it did not come back up to D
    expired      no declared truth and no person's verdict for 7 d; or withdrawn within 2 steps and told to nobody
    unjudgeable  too few samples, its limit changed, its failure was counted for another warning of the card, or its series was
                 gone when every time that was ever told had passed
    missed       a failure with no warning standing open at it

Where a query gives the limit and it moves while the warning stands, the interval is what was told of the limit there is then.
What told no time (an anomaly) has a horizon of a day, and ends without being withdrawn. One failure settles at most one warning
of a card, one warning is settled by at most one failure. A person's verdict stands above the daemon's. Until 30 d after H a
verdict may be superseded, then it stands.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from aiops.core.labels import Labels, has_all
from aiops.core.records import BY_DAEMON, CAME, GONE, EarlyWarning, Outcome, Verdict

SLACK_SHARE, SLACK_STEPS = 0.10, 2
ENOUGH_SAMPLES = 0.90
EXPIRES_AFTER_S = 7 * 86400
UNTIMED_HORIZON_S = 86400.0
CLOSES_AFTER_S = 30 * 86400.0
SERIES_GONE = "the series is gone"


@dataclass(frozen=True, slots=True)
class Failure:
    """That a thing failed at `at_s`; `truth`: what says so. An empty `entity` is everything that the card watches; `labels`: what
    else is known of it."""

    card: str
    entity: Labels
    at_s: int
    truth: str = "crossing"
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known when nothing failed. `coverage` 0-1: the share of samples present, the lesser of that over the whole time
    and that over the interval told. `declared`: a failure would have been seen. `acted`: somebody did something while it
    stood; `changed`: what is measured left its course after that; `again`: it was foreseen anew since; `alone`: of the card's
    warnings that nobody touched, (how many cleared by themselves, how many there were)."""

    coverage: float = 1.0
    gone: bool = False
    limit_changed: bool = False
    declared: bool = True
    acted: bool = False
    changed: bool = False
    again: bool = False
    alone: tuple[int, int] = (0, 0)


def slack_s(span_s: float, step_s: int) -> float:
    """How far off a time may be that was told `span_s` ahead, seconds."""
    return max(SLACK_SHARE * span_s, float(SLACK_STEPS * step_s))


def horizon_end_s(warning: EarlyWarning) -> float:
    """H, epoch seconds."""
    if warning.first_crossing is None:
        return warning.opened_s + UNTIMED_HORIZON_S
    return max(warning.opened_s + warning.horizon_s, warning.first_crossing.latest_s)


def until_s(warning: EarlyWarning) -> float:
    """D, epoch seconds: no later failure is one that it warned of."""
    end = horizon_end_s(warning)
    return end + slack_s(end - warning.opened_s, warning.step_s)


def deadline_s(warning: EarlyWarning) -> float | None:
    """When a warning that nobody acted on is judged at the latest, epoch seconds; None for one that told no time."""
    withdrawn = withdrawn_s(warning)
    if withdrawn is not None:
        return float(withdrawn + SLACK_STEPS * warning.step_s)
    return None if warning.first_crossing is None else until_s(warning)


def closes_s(warning: EarlyWarning) -> float:
    """From when on its verdict stands for good, epoch seconds."""
    return horizon_end_s(warning) + CLOSES_AFTER_S


def required_lead_s(warning: EarlyWarning, failed_s: int) -> float:
    """How long before a failure it must have opened to be a hit; a trend begins with the warning at the latest."""
    opened = float(warning.opened_s)
    start = opened if warning.trend_start_s is None else min(opened, warning.trend_start_s)
    return max(2.0 * warning.step_s, min(3600.0, 0.1 * (failed_s - start)))


def withdrawn_s(warning: EarlyWarning) -> int | None:
    """When a told time was taken back; None when it was not."""
    told = warning.first_crossing is not None and warning.state == "closed" and warning.closed_why == GONE
    return warning.closed_s if told else None


def may_avert(warning: EarlyWarning, at_s: float) -> bool:
    """Whether what was done at an instant can have averted what it told of: not once that was taken back already."""
    withdrawn = withdrawn_s(warning)
    return withdrawn is None or at_s <= withdrawn


def stands_at(warning: EarlyWarning, at_s: int) -> bool:
    """Whether it is open at an instant, or ended less than 2 steps before it."""
    return warning.opened_s <= at_s and (warning.closed_s is None or at_s <= warning.closed_s + SLACK_STEPS * warning.step_s)


def warned_of(warning: EarlyWarning, failed_s: int, acted: bool = False) -> bool:
    """Whether a failure is one that it warned of: in the horizon, and before it was withdrawn, unless somebody acted on it."""
    withdrawn = withdrawn_s(warning)
    kept = withdrawn is None or acted or failed_s <= withdrawn + SLACK_STEPS * warning.step_s
    return kept and warning.opened_s <= failed_s <= until_s(warning)


def on_failure(
    failure: Failure, warnings: Sequence[EarlyWarning], now_s: int, acted: Collection[str] = (), standing: bool = False
) -> list[Outcome]:
    """The verdicts that a failure gives, in the order of `warnings`: those of its card on its entity that no failure has
    settled and no person has judged.

    One is a hit or late, the one that told a time and opened first; any other that warned of it is unjudgeable. Without one the
    failure is missed, unless a warning that is judged already was `standing`. `acted`: ids of warnings that were acted on.
    """
    fits = [w for w in warnings if warned_of(w, failure.at_s, w.id in acted)]
    if not fits:
        return [] if standing else [missed(failure, now_s)]
    first = min(fits, key=lambda w: (w.first_crossing is None, w.opened_s, w.id))
    return [
        _came(w, failure, now_s, w.id in acted) if w is first
        else _outcome(w, "unjudgeable", now_s, detail=f"its failure was counted for warning {first.id}")
        for w in fits
    ]  # fmt: skip


def again(failure: Failure, truth: str, entity: Labels, at_s: int, again_s: float) -> bool:
    """Whether it goes on with one that the same truth declared of the same entity up to `again_s` before: what fires again and
    again is one failure."""
    same = truth == failure.truth and bool(failure.entity) and has_all(entity, failure.entity)
    return same and 0 < failure.at_s - at_s <= again_s


def missed(failure: Failure, now_s: int) -> Outcome:
    """The outcome of a failure that nobody warned of."""
    return Outcome(
        "", failure.card, failure.entity, "missed", now_s, None, failure.at_s, None, None, None, detail="no warning was open",
        truth=failure.truth, about=_about({**failure.labels, **failure.entity}),
    )  # fmt: skip


def due(warning: EarlyWarning, now_s: int, acted: bool = False) -> bool:
    """Whether time alone may judge it now, so that `at_deadline` is worth asking."""
    deadline = until_s(warning) if acted else deadline_s(warning)
    return now_s > (until_s(warning) if deadline is None else deadline)


def told_over_s(warning: EarlyWarning) -> float | None:
    """When every time that was ever told has passed, with its slack: what was gone before will not come true any more."""
    latest = warning.told_latest_s
    return None if latest is None else latest + slack_s(latest - warning.opened_s, warning.step_s)


def at_deadline(warning: EarlyWarning, now_s: int, evidence: Evidence) -> Outcome | None:
    """The verdict that time gives when nothing failed; None while it may still come true, or be judged by somebody."""
    if evidence.limit_changed:
        return _outcome(warning, "unjudgeable", now_s, detail="the limit changed", acted=evidence.acted)
    if not due(warning, now_s, evidence.acted):
        over = told_over_s(warning)
        lost = evidence.gone and over is not None and now_s > over
        return _outcome(warning, "unjudgeable", now_s, detail=SERIES_GONE, acted=evidence.acted) if lost else None
    withdrawn = withdrawn_s(warning)
    if not evidence.declared:
        old = now_s - warning.opened_s >= EXPIRES_AFTER_S
        detail = "no declared truth and no verdict for 7 d"
        return _outcome(warning, "expired", now_s, detail=detail, acted=evidence.acted) if old else None
    quick = withdrawn is not None and withdrawn - warning.opened_s < SLACK_STEPS * warning.step_s
    if quick and warning.told_s is None and not warning.cause and not evidence.acted:
        return _outcome(warning, "expired", now_s, detail="withdrawn at once, before anybody was told")
    verdict, detail = _without_failure(evidence, withdrawn is not None)
    return _outcome(warning, verdict, now_s, detail=detail, acted=evidence.acted)


def _without_failure(evidence: Evidence, withdrawn: bool) -> tuple[Verdict, str]:
    if evidence.gone:
        return "unjudgeable", SERIES_GONE
    if evidence.coverage < ENOUGH_SAMPLES:
        return "unjudgeable", f"only {evidence.coverage:.0%} of the samples were there"
    if evidence.acted and evidence.changed and withdrawn and not evidence.again:
        return "averted", f"somebody acted, what was measured changed its course, and it did not come back{_base(evidence)}"
    if withdrawn:
        return "false", "it was withdrawn and nothing failed before"
    return "false", "the deadline passed and nothing failed"


def _base(evidence: Evidence) -> str:
    """The base rate that averted is held against."""
    cleared, untouched = evidence.alone
    return f"; of {untouched} that nobody touched {cleared} cleared by themselves" if untouched else ""


def by_person(
    warning: EarlyWarning, verdict: Verdict, who: str, now_s: int, failed_s: int | None = None, detail: str = "",
    acted: bool = False,
) -> Outcome:  # fmt: skip
    """What a person judged; `failed_s`: when it failed, where it did.

    Raises ValueError for a verdict that nobody can give, a failure before the warning, or *averted* where nothing was done.
    """
    if verdict not in ("hit", "late", "false", "averted", "unjudgeable"):
        raise ValueError("a person's verdict is hit, late, false, averted or unjudgeable")
    if verdict == "averted" and not acted:
        raise ValueError("averted needs what was done about it while it stood, when, and by whom: record that first")
    if failed_s is not None and verdict not in CAME:
        raise ValueError("a time of failure goes with hit or late")
    if failed_s is not None and failed_s < warning.opened_s:
        raise ValueError("it failed before the warning opened: then it was not warned of")
    if failed_s is not None and failed_s > now_s:
        raise ValueError("it failed in the future: say when it did once it has")
    if now_s > closes_s(warning):
        raise ValueError("its verdict stands for good: 30 days have passed since its horizon")
    detail = detail or f"judged by {who}"
    if failed_s is None:
        return _outcome(warning, verdict, now_s, detail=detail, judged_by=who, acted=acted)
    failure = Failure(warning.card, warning.entity, failed_s, "person")
    return _came(warning, failure, now_s, acted, verdict, who, detail)


def _came(
    warning: EarlyWarning, failure: Failure, now_s: int, acted: bool, verdict: Verdict | None = None, who: str = BY_DAEMON,
    detail: str = "",
) -> Outcome:  # fmt: skip
    at, told = failure.at_s, warning.first_crossing
    in_time = warning.opened_s <= at - required_lead_s(warning, at)
    slack = slack_s(at - warning.opened_s, warning.step_s)
    well = None if told is None else told.earliest_s - slack <= at <= told.latest_s + slack
    bad = "" if well is not False or not in_time else ", outside the time told"
    return _outcome(
        warning, verdict or ("hit" if in_time else "late"), now_s, failed_s=at, judged_by=who, acted=acted, truth=failure.truth,
        well_timed=well, detail=detail or f"failed {at - warning.opened_s} s after the warning opened{bad}",
    )  # fmt: skip


def _outcome(
    warning: EarlyWarning, verdict: Verdict, now_s: int, *, detail: str, failed_s: int | None = None, judged_by: str = BY_DAEMON,
    acted: bool = False, truth: str = "", well_timed: bool | None = None,
) -> Outcome:  # fmt: skip
    told = warning.first_crossing
    lead = off = covered = None
    if failed_s is not None:
        lead = float(failed_s - warning.opened_s)
        if told is not None:
            off, covered = told.expected_s - failed_s, told.earliest_s <= failed_s <= told.latest_s
    return Outcome(
        warning.id, warning.card, warning.entity, verdict, now_s, warning.opened_s, failed_s, lead, off, covered, judged_by,
        detail, told, well_timed, truth, _about({**warning.labels, **warning.entity}, warning.kind), acted, warning.raw,
    )  # fmt: skip


def _about(labels: Labels, kind: str = "") -> dict[str, str]:
    """What figures are grouped by: rule and service where it has them, and the kind of a warning."""
    found = {"kind": kind, "rule": labels.get("alertname", ""), "service": labels.get("service", "")}
    return {name: value for name, value in found.items() if value}
