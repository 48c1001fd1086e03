"""The pages that are tables: scorecard, cards, runbooks, sources, responses. An empty one says what it would show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiops.core.durations import rfc3339, text
from aiops.core.quantity import rough
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.outcomes.report import by_name
from aiops.outcomes.scorecard import Figures
from aiops.pipeline import stages as ladder
from aiops.pipeline.plane import origin_of
from aiops.pipeline.report import Report
from aiops.runbooks import Runbook
from aiops.store.response_rows import Run
from aiops.web.access.sight import Sight
from aiops.web.pages import view

ROWS_AT_MOST, WORD_AT_MOST = 200, 28
PILOT = ("averted", "pages_avoided_net", "manual_minutes", "cost_per_averted")
"""Figures of a pilot that stand beside its verdict; all of them are on the report."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: text, a quiet line below it, where it leads; `mark`: good, bad, or nothing."""

    said: str
    below: str = ""
    to: str = ""
    mark: str = ""

    @property
    def long(self) -> bool:
        """Whether a word of it is longer than a column may be made for: it is broken wherever it must."""
        return any(len(word) > WORD_AT_MOST for word in f"{self.said} {self.below}".split())

    @property
    def none(self) -> bool:
        """Whether it says that there is nothing."""
        return self.said in ("", "-") and not self.below


@dataclass(frozen=True, slots=True)
class Board:
    """One table with its heading. `empty`: what is said in place of no rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str
    says: str = ""


def scorecard(daemon: Daemon, sight: Sight, reports: Sequence[Report] = ()) -> dict[str, Any]:
    """What became of warnings, by card, then by whatever else has verdicts; and pilots, if there are `reports` of some."""
    found = daemon.figures(["card", "service", "team", "rule"], view.SINCE_S, sight.outcomes)
    stages = {watch.card.name: watch.stage for watch in daemon.rooms.watches}
    says = (
        "What was settled in the last 30 days. The share that came true stands with its 90% bounds: a card gets louder by the "
        "lower one, and quieter by the upper one."
    )
    boards = [_figures("Cards", [f for f in found if f.by == "card"], stages, says)]
    for by, title in (("rule", "Alerting rules"), ("service", "Services"), ("team", "Teams")):
        some = [f for f in found if f.by == by]
        if some:
            boards.append(_figures(title, some, {}))
    if pilots := [one for one in reports if one.name]:
        boards.append(_pilots(pilots))
    return {"heading": "Scorecard", "boards": boards}


def _pilots(found: Sequence[Report]) -> Board:
    """Each pilot with its verdict and the numbers that a budget is argued with."""
    rows = []
    for one in found:
        numbers = by_name(one.numbers)
        verdict = one.verdict.word if one.verdict is not None else "not judged"
        shown = [Cell(numbers[name].shown(one.currency), numbers[name].note) for name in PILOT]
        why = "; ".join(one.verdict.reasons) if one.verdict is not None else ""
        rows.append([Cell(visible(one.name, 80), visible(one.owner, 80), "/report"), Cell(verdict, visible(why, 300)), *shown])
    columns = ("Pilot", "Verdict", "Incidents averted", "Pages avoided", "Minutes saved", "Cost of one averted")
    return Board("Pilots", columns, rows, "")


def _figures(title: str, some: Sequence[Figures], stages: dict[str, str], says: str = "") -> Board:
    columns = ("Name", "Came true", "Warned of", "Ahead", "False a week", "Budget", "In the interval", "Time off")
    rows = [_figure(f, stages.get(f.name, "")) for f in sorted(some, key=lambda f: (-f.settled, f.name))]
    empty = "Nothing is settled yet: a warning is judged when its limit is crossed, or when its time has passed."
    return Board(title, columns, rows, empty, says)


def _figure(f: Figures, stage: str) -> list[Cell]:
    bounds = "" if f.precision is None else f"{f.low:.0%} to {f.high:.0%}"
    missed = f.verdicts.get("missed", 0)
    over = f.budget is not None and f.false_per_100 is not None and f.false_per_100 > f.budget
    leads = f.lead_s(0.1)
    return [
        Cell(visible(f.name, 80), stage, "/cards" if f.by == "card" else ""),
        Cell("new, unproven" if not f.settled else f"{f.came_true} of {f.settled}", bounds),
        Cell("-" if f.recall is None else f"{f.recall:.0%}", f"{missed} missed" if missed else ""),
        Cell("-" if f.median_lead_s is None else text(f.median_lead_s), "" if leads is None else f"nine in ten {text(leads)}"),
        Cell(rough(f.false_per_week)),
        Cell("-" if f.budget is None or f.false_per_100 is None else f"{rough(f.false_per_100)} of {rough(f.budget)}",
             "a week for 100 series" if f.budget is not None else "", mark="bad" if over else ""),
        Cell("-" if f.coverage is None else f"{f.coverage:.0%}", f"of {f.timed}; 80% promised" if f.timed else ""),
        Cell("-" if f.off_s is None else text(f.off_s)),
    ]  # fmt: skip


def cards(daemon: Daemon) -> dict[str, Any]:
    """Every card: what it watches, how loud it is, and what it lacks for the next rung."""
    by_name = {watch.card.name: watch.card for watch in daemon.rooms.watches}
    now, rows = daemon.clock(), []
    for row in view.cards(daemon):
        card = by_name[row["card"]]
        stage, _, lacking, _ = ladder.why_not(
            daemon.store, card, now, [*by_name.values()], card.name in daemon.rooms.held
        )
        counts = ", ".join(f"{n} {state}" for state, n in row["series"].items() if n) or "no such series here"
        lacks = "; ".join(f"{one.what} {one.has}, needs {one.needs}" for one in lacking) or "nothing: see aiops cards promote"
        rows.append([
            Cell(card.name, card.summary), Cell(row["source"]), Cell(counts, row["error"], mark="bad" if row["error"] else ""),
            Cell(stage, row["record"]["text"]), Cell(lacks), Cell(card.owner.team), Cell(", ".join(row["models"])),
        ])  # fmt: skip
    says = (
        "A card is one way in which something fails. It begins in shadow, judged and told to nobody, and gets louder by its "
        "record."
    )
    columns = ("Card", "Source", "Series", "Stage", "Lacks for the next", "Owner", "Models")
    empty = "No card is loaded: name a folder under `cards` in the configuration."
    return {"heading": "Cards", "boards": [Board("All cards", columns, rows, empty, says)]}


def runbooks(daemon: Daemon, sight: Sight) -> dict[str, Any]:
    """Every runbook, and what was done of late."""
    runs = daemon.responding.runs.newest(ROWS_AT_MOST)
    counted = Counter((run.runbook, run.state) for run in runs)
    rows = [_runbook(one, counted) for one in sorted(daemon.rooms.runbooks, key=lambda one: one.name)]
    columns = ("Runbook", "For", "Mode", "Steps", "Guards", "Tests", "Runs", "Owner")
    empty = "No runbook is loaded: name a folder under `runbooks` in the configuration."
    says = "Mode is how far the file wants to go; the configuration, the card's stage and the kill switch may hold it back."
    boards = [Board("All runbooks", columns, rows, empty, says), responses_board(runs, daemon, sight)]
    return {"heading": "Runbooks", "boards": boards}


def _runbook(one: Runbook, counted: Counter[tuple[str, str]]) -> list[Cell]:
    writes = sum(step.effect == "write" for step in one.steps)
    guards = [f"rests {text(one.guards.cooldown)}"] if one.guards and one.guards.cooldown else []
    guards += [f"needs: {need.name}" for need in one.guards.require] if one.guards else []
    ran = ", ".join(f"{n} {state.replace('_', ' ')}" for (name, state), n in counted.items() if name == one.name)
    m = one.match
    return [
        Cell(one.name, one.summary, f"/runbooks/{one.name}"), Cell(m.signal or m.card or "", m.kind),
        Cell(one.mode if one.enabled else "off"), Cell(f"{len(one.steps)}", f"{writes} write" if writes else "all read"),
        Cell("; ".join(guards) or "-"), Cell(f"{len(one.tests)}"), Cell(ran or "-"), Cell(one.owner.team, one.owner.contact),
    ]  # fmt: skip


def responses_board(runs: Iterable[Run], daemon: Daemon, sight: Sight) -> Board:
    """Responses that may be seen, newest first; what each is about only where that may be seen too."""
    rows = [
        [
            Cell(rfc3339(run.made_s)), Cell(run.runbook, _target(run) if whole else "", f"/runbooks/{run.runbook}"),
            Cell(run.state.replace("_", " "), visible(str(run.body.get("why", "")), 200) if whole else ""), Cell(run.mode),
            Cell(run.warning_id, "", f"/warnings/{run.warning_id}"),
        ]
        for run in runs if (whole := _whole(daemon, run, sight)) is not None
    ]  # fmt: skip
    empty = "Nothing was done yet. Runbooks may go as far as `responses.ceiling` says; by default they are shown only."
    return Board("Responses", ("Began", "Runbook", "State", "Mode", "Warning"), rows, empty)


def _whole(daemon: Daemon, run: Run, sight: Sight) -> bool | None:
    """Whether all of it may be seen, as its warning may; None: nothing of it."""
    warning = daemon.store.warning(run.warning_id)
    seen = None if warning is None else sight.warning(warning)
    return None if seen is None else seen == warning


def _target(run: Run) -> str:
    return visible(" ".join(run.facts["context"]["target"].values()), 80)


def sources(daemon: Daemon) -> dict[str, Any]:
    """Every source: how it is, what its data is, what reading it costs."""
    rows, wrong = [], daemon.board.sources()
    for name, settings in daemon.settings.sources.items():
        link, data = daemon.rooms.links.get(name), daemon.rooms.gate.dataset(origin_of(daemon.settings, name))
        why, spent = wrong.get(name, ""), None if link is None else link.source.spent
        age = "" if link is None or not link.newest_s else f"newest {text(max(0.0, daemon.clock() - link.newest_s))} old"
        read = "" if spent is None else f"{spent.samples:,} samples, {spent.seconds:.1f} s"
        cost = Cell("-" if spent is None else f"{spent.queries:,} queries", read)
        classified = Cell(data.data_class) if data.data_class else Cell("not classified", "leaves masked", mark="bad")
        rows.append([
            Cell(name, settings.kind), Cell(why or "answers", age, mark="bad" if why else "good"), classified,
            Cell(", ".join(data.residency) or "anywhere"), Cell(", ".join(daemon.rooms.cards_on(name))), cost,
        ])  # fmt: skip
    columns = ("Source", "Health", "Class", "May be in", "Cards", "Cost since the start")
    says = "All sources are one plane: copies of a series count once; a lasting difference between them is a warning of its own."
    return {"heading": "Sources", "boards": [Board("All sources", columns, rows, "No source is configured.", says)]}
