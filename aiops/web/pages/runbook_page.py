"""The page of one runbook: what it is for, its steps as they are written, its guards, how its tests come out, its last runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiops.core.durations import rfc3339, text
from aiops.core.text import several, visible
from aiops.daemon.daemon import Daemon
from aiops.runbooks import Runbook
from aiops.runbooks.plan import plan
from aiops.runbooks.simulate import Verdict, run_tests
from aiops.web.access.sight import Sight
from aiops.web.pages.boards import responses_board

TEXT_AT_MOST, RUNS_LOOKED_AT = 600, 500
_tested: dict[str, tuple[str, list[Verdict]]] = {}
"""By name: the content that was tested, and what came out: the same until it changes."""


def page(daemon: Daemon, name: str, sight: Sight) -> dict[str, Any] | None:
    """The facts of the page; None when there is no such runbook."""
    book = next((one for one in daemon.rooms.runbooks if one.name == name), None)
    if book is None:
        return None
    steps, impact = plan(book, {})
    runs = [run for run in daemon.responding.runs.newest(RUNS_LOOKED_AT) if run.runbook == name]
    return {
        "book": book, "facts": list(_facts(book)), "guards": list(_guards(book)), "verify": list(_verify(book)),
        "impact": impact, "tests": _tests(book), "board": responses_board(runs, daemon, sight),
        "steps": [{**step, "what": visible(str(step["what"]), TEXT_AT_MOST)} for step in steps], "now": rfc3339(daemon.clock()),
    }  # fmt: skip


def _tests(book: Runbook) -> list[Verdict]:
    if not book.sha or _tested.get(book.name, ("",))[0] != book.sha:
        _tested[book.name] = (book.sha, run_tests(book))
    return _tested[book.name][1]


def _facts(book: Runbook) -> Iterator[tuple[str, str]]:
    m = book.match
    lead = m.lead_time
    yield "for", f"{m.kind} of {m.signal or m.card or 'anything'}"
    if m.labels:
        yield "where", visible(", ".join(map(str, m.labels)), TEXT_AT_MOST)
    if lead is not None:
        least, most = (None if one is None else text(one) for one in (lead.min, lead.max))
        yield "time left", " and ".join(filter(None, (least and f"at least {least}", most and f"at most {most}")))
    if m.confidence is not None:
        low, high = m.confidence.min, m.confidence.max
        yield "how sure", " and ".join(filter(None, (
            None if low is None else f"at least {low:.0%}", None if high is None else f"at most {high:.0%}",
        )))  # fmt: skip
    yield "goes as far as", f"{book.mode}" if book.enabled else "nothing: it is off"
    if book.approval is not None:
        asks = book.approval
        who, what = ", ".join(asks.from_), asks.for_.replace("_", " ")
        yield "asks", f"{book.quorum} of {who}, for {what}, {text(asks.expires)} long"
    yield "owner", " ".join(filter(None, (book.owner.team, book.owner.contact)))
    if book.owner.reviewed:
        yield "last read", book.owner.reviewed
    if book.manual_minutes:
        yield "by hand", f"{book.manual_minutes:g} min"


def _guards(book: Runbook) -> Iterator[str]:
    guards = book.guards
    if guards is None:
        return
    if guards.cooldown:
        yield f"rests {text(guards.cooldown)} after a run on the same target"
    if guards.max_runs is not None:
        yield f"at most {several(guards.max_runs.count, 'run')} per target in {text(guards.max_runs.per)}"
    if guards.max_targets is not None:
        t = guards.max_targets
        share = f"{t.percent:g}% of {t.of or 'all targets'}" if t.percent is not None else several(t.count or 0, "target")
        yield f"at most {share} in {text(t.per)}"
    yield from (f"not during {visible(one)}" for one in guards.skip_during)
    yield from (f"needs: {visible(one.name)} ({visible(one.promql, TEXT_AT_MOST)} {one.expect})" for one in guards.require)


def _verify(book: Runbook) -> Iterator[str]:
    if book.verify is None:
        return
    for one in book.verify.all:
        asks = "the forecast no longer crosses" if one.forecast else f"{visible(one.promql or '', TEXT_AT_MOST)} {one.expect}"
        yield f"{visible(one.name)}: {asks}, within {text(book.verify.within)}"
