"""Everything the page of one early warning shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiops.core.durations import rfc3339
from aiops.core.quantity import quantities
from aiops.core.records import EarlyWarning, Lineage
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.notify.arrays import Arrays
from aiops.notify.evidence import series_text, told
from aiops.notify.plot import picture
from aiops.notify.wording import data_age, impact, look, of_card, plan, rule, stated, still_to_do, sure
from aiops.outcomes.settle import deadline_s
from aiops.pipeline.arrays import arrays
from aiops.pipeline.hush import hush_of
from aiops.store.about import spoken_for
from aiops.web.access.sight import Sight
from aiops.web.pages.asked import asked
from aiops.web.pages.thread import thread
from aiops.web.pages.view import clock, judged, line, masked, seen

TEXT_AT_MOST = 400
STANDS = {
    "hit": "It came true, and was told in time.", "averted": "It was averted: something was done, and it did not come.",
    "late": "It came true, but was told too late.", "false": "It did not come: this warning was wrong.",
    "expired": "Nobody said in time what became of it.", "unjudgeable": "What became of it cannot be known.",
}  # fmt: skip


def page(daemon: Daemon, warning_id: str, sight: Sight) -> dict[str, Any] | None:
    """The facts of the page of one warning; None when there is none with this id that may be seen."""
    found = seen(daemon, warning_id, sight)
    stored = daemon.store.warning(warning_id)
    if found is None or stored is None:
        return None
    now, whole = daemon.clock(), found == stored
    outcome = next(sight.outcomes(o for o in [daemon.store.outcome_of(found.id)] if o is not None), None)
    failed = None if outcome is None else outcome.failed_s
    deadline = deadline_s(found)
    card = next((watch.card for watch in daemon.rooms.watches if watch.card.name == found.card), None)
    members = list(_members(daemon, found))
    over = bool(members) and all(one["verdict"] for one in members)
    return {
        "w": found, "line": line(found, now),
        "summary": _summary(found, "" if card is None else card.summary),
        "outcome": None if outcome is None else judged(outcome),
        "stands": "" if outcome is None else STANDS.get(outcome.verdict, ""),
        "judged_at": None if deadline is None else rfc3339(deadline), "now": rfc3339(now),
        "symptoms": told(found.symptoms, now), "look": look(found), "still": "" if over else still_to_do(found),
        "beside": [_beside(one) for one in found.beside], "members": members,
        "rule": list(rule(found)) if found.kind == "rule" and found.symptoms and not found.members else [],
        "level": stated(found), "sure": sure(found), "late": found.act_before_s is not None and found.act_before_s <= now,
        "masked": [visible(str(one), TEXT_AT_MOST) for one in masked(daemon, found)],
        "old": data_age(found, now), "impact": visible(impact(found, "" if card is None else card.impact), TEXT_AT_MOST),
        "hush": _hush(daemon, stored, now),
        "asked": asked(daemon, found) if whole else [], "hidden": not whole,
        "books": [_book(one) for one in found.runbooks], "thread": thread(daemon, found, outcome, whole),
        "lineage": [_lineage(one) for one in dict.fromkeys(s.lineage for s in found.symptoms)],
        "plot": _plot(arrays(daemon.rooms.watches, stored, failed_s=failed), found, now),
    }  # fmt: skip


def _summary(warning: EarlyWarning, of_its_card: str) -> str:
    """What happens: what its card is of, or, where nothing or two things are measured, that."""
    known = warning.symptoms[0].evidence if warning.symptoms else {}
    said = of_its_card if of_card(warning) else str(known.get("reason", ""))
    return visible(said[:1].upper() + said[1:] + ("." if said and not said.endswith(".") else ""), TEXT_AT_MOST)


def _hush(daemon: Daemon, warning: EarlyWarning, now_s: float) -> str:
    """That its series is not told for a while, and who said so; empty when it is."""
    hush = hush_of(daemon.store, warning, now_s)
    return "" if hush is None else f"{visible(hush.who, 80)} called it wrong: {hush}"


def _plot(arrays_: Arrays | None, seen_: EarlyWarning, now_s: float) -> dict[str, Any] | None:
    """The picture of the leading series, named as it may be seen."""
    if arrays_ is None:
        return None
    labels = seen_.symptoms[0].labels if seen_.symptoms else {}
    return {**picture(arrays_), "series": series_text(labels), "says": _says(arrays_, seen_, now_s)}


def _says(found: Arrays, warning: EarlyWarning, now_s: float) -> str:
    """The picture in words, for whoever does not see it."""
    now = warning.symptoms[0].evidence.get("now") if warning.symptoms else None
    parts = [f"{warning.signal.replace('_', ' ')} from {rfc3339(found.time_s[0])} to {rfc3339(found.now_s)}"]
    now_said, limit_said = quantities((now, found.limit), found.unit)
    if now is not None:
        parts.append(f"{now_said} now")
    if found.limit == found.limit:
        parts.append(f"limit {limit_said}")
    if found.crossing is not None:
        c = found.crossing
        word = "expected" if warning.state == "open" else "expected when it opened"
        first, middle, last = (clock(at, warning) for at in (c.earliest_s, c.expected_s, c.latest_s))
        parts.append(f"{word} {middle}, between {first} and {last}")
    return "; ".join(parts)


def _members(daemon: Daemon, warning: EarlyWarning) -> Iterator[dict[str, Any]]:
    """What a warning lists, each with what became of it, as far as that is known."""
    listed = [str(one["id"]) for one in warning.members]
    verdicts = {one.id: one.verdict for one in spoken_for(daemon.store, warning.id, listed)} if listed else {}
    for one in warning.members:
        yield {**_beside(one), "verdict": verdicts.get(one["id"]) or ""}


def _beside(other: Mapping[str, Any]) -> dict[str, Any]:
    """Another warning, named in one: what it is, where, since when, and when it is expected."""
    expected = other.get("expected_s")
    return {
        "id": other["id"], "card": other.get("card", ""), "entity": visible(" ".join(v for v in other["entity"].values() if v)),
        "since": rfc3339(other["opened_s"]), "expected": "" if expected is None else rfc3339(expected),
    }  # fmt: skip


def _book(book: Mapping[str, Any]) -> dict[str, Any]:
    """A runbook that matches: how far it goes, what it would do, what the failure means."""
    docs = str(book.get("docs") or "")
    return {
        "name": str(book["name"]), "sha": str(book.get("sha", "")), "mode": str(book["mode"]),
        "capped": str(book.get("capped_from") or ""), "summary": visible(str(book["summary"]), TEXT_AT_MOST),
        "docs": docs if docs.startswith(("https://", "http://")) else "",
        "plan": [visible(step, TEXT_AT_MOST) for step in plan(book)], "owner": visible(str(book.get("owner", "")), 80),
    }  # fmt: skip


def _lineage(one: Lineage) -> list[tuple[str, str]]:
    """Where the evidence comes from and what may be done with it, as (name, text)."""
    facts = {
        "source": visible(one.source), "partial": visible("; ".join(one.partial), TEXT_AT_MOST), "card": visible(one.card),
        "query": visible(one.query, 2000), "read": f"{rfc3339(one.start_s)} to {rfc3339(one.end_s)}", "digest": one.digest,
        "class": one.data_class, "may be in": ", ".join(one.residency) or "anywhere", "policy": one.policy,
    }  # fmt: skip
    return [(name, said) for name, said in facts.items() if said]
