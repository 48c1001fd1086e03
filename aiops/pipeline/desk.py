"""Where people and other systems say what they know: verdicts, actions, incidents. Each is kept with what follows from it and its
ledger row in one transaction, beside a running daemon or inside it; the daemon hears of it in its next turn (`pipeline.hear`)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from aiops.core.errors import AiopsError
from aiops.core.labels import Labels, has_all
from aiops.core.records import BY_DAEMON, CAME, FORETELLING, EarlyWarning, Outcome, Verdict
from aiops.core.text import json_of
from aiops.models.card import ModelCard, with_challengers
from aiops.outcomes import settle as law
from aiops.outcomes.feedback import HUSHING, WORDS, Word
from aiops.outcomes.incidents import AHEAD_S, Incident, claimed
from aiops.pipeline.beyond import REARM_STEPS
from aiops.pipeline.hush import hush_of
from aiops.store import Statement, Store
from aiops.store.codec import to_json

LOOKS_BACK_S = 45 * 86400.0
"""No warning that opened longer ago can be settled by a failure of now."""
SAME_FAILURE_S = 3600
"""What two kinds of truth say of one entity within this time is one failure."""
VERDICTS_AT_MOST = 10_000
WHO_AT_MOST, WHAT_AT_MOST = 100, 500
TOO_LATE = "too_late"
"""In the body of an action: its warning had been taken back before, so it averted nothing."""
MISSED = "missed"
"""In the body of a person's verdict: the failure that counted as missed until then, as `Missed`."""
Missed = dict[str, Any]
"""Its `entity` and `failed_s`."""
HUSH_S = 86400.0
"""How long nothing is told of a series that was called wrong, where nobody says otherwise."""


class Unsaid(AiopsError):
    """What was said cannot be taken, and why."""


class Desk:
    """Takes statements into a store. `cards`: those whose truth incidents may be; `hush_s`: how long a series is not told that
    was called wrong."""

    def __init__(self, store: Store, cards: Iterable[ModelCard] = (), hush_s: float = HUSH_S) -> None:
        self._store, self._cards, self._hush_s = store, tuple(cards), hush_s

    def verdict(
        self, warning_id: str, verdict: Verdict, who: str, now_s: float, failed_s: int | None = None, why: str = ""
    ) -> Outcome:
        """A person judges a warning; it stands above the daemon's verdict. `failed_s` None: when it came is what is known of it
        already. Raises Unsaid."""
        warning = self._warning(warning_id)
        who, why = _said(who, "who", WHO_AT_MOST), _said(why, "why", WHAT_AT_MOST) if why else ""
        if failed_s is None and verdict in CAME:
            failed_s = self._failed_at(warning)
        acted = bool(_acted([warning], self._store.statements(kind="action", warning_id=warning.id)))
        try:
            outcome = law.by_person(warning, verdict, who, int(now_s), failed_s, why, acted)
        except ValueError as e:
            raise Unsaid(str(e)) from None
        missed, back = self._missed_by(warning, outcome)
        facts = {"verdict": verdict, "failed_s": failed_s, "why": why} | ({} if missed is None else {MISSED: missed})
        said = Statement("verdict", warning.card, _key(warning.id, now_s, who, verdict), warning.id, now_s, who, facts)
        self._keep(said, [outcome], now_s, missed, back)
        return outcome

    def _missed_by(self, warning: EarlyWarning, outcome: Outcome) -> tuple[Missed | None, Missed | None]:
        """(the failure that counted as missed and that a verdict of a person is of, the one that an earlier verdict was of and
        this one is not: it is missed again)."""
        before = self._store.statements(kind="verdict", warning_id=warning.id)
        known: Missed | None = before[-1].body.get(MISSED) if before else None
        if known is not None and outcome.failed_s is not None and abs(known["failed_s"] - outcome.failed_s) <= SAME_FAILURE_S:
            return known, None
        return None if outcome.failed_s is None else self._missed(outcome), known

    def acted(
        self, warning_id: str, what: str, who: str, at_s: float, now_s: float, within_s: float | None = None
    ) -> Statement:
        """Something was done about a warning at `at_s`, after it opened and not in the future. Raises Unsaid.

        By a person, or by a step of a runbook that changed something and succeeded; `within_s`: how soon it must show, see
        `verify.within`; None: as the runbooks say that match the warning.
        """
        warning = self._warning(warning_id)
        what, who = _said(what, "what", WHAT_AT_MOST), _said(who, "who", WHO_AT_MOST)
        if not warning.opened_s <= at_s <= now_s:
            raise Unsaid("what was done about a warning was done after it opened and not in the future")
        if now_s > law.closes_s(warning):
            raise Unsaid("its verdict stands for good: 30 days have passed since its horizon")
        facts: dict[str, Any] = {"what": what, "at_s": at_s} | ({} if within_s is None else {"within_s": within_s})
        if not law.may_avert(warning, at_s):
            facts[TOO_LATE] = True
        said = Statement("action", warning.card, _key(warning.id, at_s, who, what), warning.id, now_s, who, facts)
        self._keep(said, [], now_s)
        return said

    def feedback(
        self, warning_id: str, word: Word, who: str, now_s: float, note: str = "", once: bool = False
    ) -> Statement:
        """What a person thinks of a warning; the last word of each counts. A word of HUSHING lets its series not be told for a
        while: `hush_until_s`. `once`: no second word of theirs. Raises Unsaid."""
        found = self._any(warning_id)
        if word not in WORDS:
            raise Unsaid(f"{word!r} is none of {', '.join(WORDS)}")
        who, note = _said(who, "who", WHO_AT_MOST), _said(note, "note", WHAT_AT_MOST) if note else ""
        key = _key(found.id, who) if once else _key(found.id, now_s, who, word)
        facts: dict[str, Any] = {"word": word, "note": note, "series": found.fingerprint}
        if word in HUSHING and self._hush_s:
            facts |= {"hush_until_s": now_s + self._hush_s, "severity": found.severity}
        said = Statement("feedback", found.card, key, found.id, now_s, who, facts)
        if not self._keep(said, [], now_s) and once:
            raise Unsaid("this was said before")
        return said

    def unhush(self, warning_id: str, who: str, now_s: float) -> Statement:
        """Let the series of a warning be told again at once. Raises Unsaid where it is not hushed."""
        found = self._any(warning_id)
        if hush_of(self._store, found, now_s) is None:
            raise Unsaid("nothing is hushed here: its series is told as any other")
        who = _said(who, "who", WHO_AT_MOST)
        facts = {"series": found.fingerprint}
        said = Statement("unhush", found.card, _key(found.id, now_s, who, "unhush"), found.id, now_s, who, facts)
        self._keep(said, [], now_s)
        return said

    def ack(self, warning_id: str, who: str, now_s: float) -> Statement:
        """A person looks at a warning from now on; the first time of each counts. Raises Unsaid."""
        found = self._any(warning_id)
        who = _said(who, "who", WHO_AT_MOST)
        said = Statement("ack", found.card, _key(found.id, who), found.id, now_s, who, {})
        self._keep(said, [], now_s)
        return said

    def incident(self, incident: Incident, who: str, now_s: float) -> list[Outcome]:
        """What an incident makes of the warnings of every card that claims it; told before: only that it is over."""
        outcomes, cards = [], []
        for card in self._cards:
            failure = claimed(incident, card.name, card.entity, (card.truth.incidents, card.truth.alerts))
            if failure is not None and not card.challenges:
                cards.append(card.name)
                outcomes += self._failed(failure, now_s, REARM_STEPS * card.step_s)
        facts = {"system": incident.system, "id": incident.id, "labels": dict(incident.labels), "at_s": incident.at_s,
                 "title": incident.title, "cards": cards}  # fmt: skip
        mark = f"{incident.system}:{_key(incident.id)}"
        said = Statement("incident", "", mark, "", now_s, _said(who, "who", WHO_AT_MOST), facts)
        kept = self._keep(said, outcomes, now_s)
        if incident.end_s is not None:
            facts = {"of": mark, "end_s": incident.end_s}
            self._keep(Statement("incident", "", f"{mark}:end", "", now_s, said.who, facts), [], now_s)
        return outcomes if kept else []

    def replayed(self, outcomes: Sequence[Outcome], who: str, now_s: float) -> dict[str, int]:
        """Take what a causal backtest of the past found: how many outcomes of each card. Raises Unsaid.

        They are marked as replayed, stand in the place of those of an earlier replay of the same card, teach its calibration, and
        count for its stage up to ticket as far as they lie before what was lived. The same ones again change nothing.
        """
        names = {card.name for card in with_challengers(card for card in self._cards if not card.challenges)}
        unknown = sorted({o.card for o in outcomes} - names)
        if unknown:
            raise Unsaid(f"no card {unknown[0]}; there are {', '.join(sorted(names))}")
        if any(o.settled_s > now_s for o in outcomes):
            raise Unsaid("a replay is of the past: one of its outcomes was settled in the future")
        who, kept = _said(who, "who", WHO_AT_MOST), dict[str, int]()
        for card in sorted({o.card for o in outcomes}):
            mine = sorted((o for o in outcomes if o.card == card), key=lambda o: (o.settled_s, o.warning_id, str(o.failed_s)))
            if self._put_replayed(card, [replace(o, origin="replay") for o in mine], who, now_s):
                kept[card] = len(mine)
        return kept

    def _put_replayed(self, card: str, mine: Sequence[Outcome], who: str, now_s: float) -> bool:
        digest = _key(card, *(json_of(to_json(o)).decode() for o in mine))
        verdicts = dict(sorted(Counter(o.verdict for o in mine).items()))
        facts = {"outcomes": len(mine), "verdicts": verdicts, "from_s": mine[0].settled_s, "until_s": mine[-1].settled_s}
        with self._store.transaction() as tx:
            if not tx.put_statement(Statement("replay", card, digest, "", now_s, who, facts)):
                return False
            tx.record(who, "said.replay", card, {**facts, "digest": digest}, now_s)
            tx.drop_replayed(card)
            for outcome in mine:
                tx.put_outcome(outcome)
        return True

    def _failed(self, failure: law.Failure, now_s: float, again_s: float) -> list[Outcome]:
        if known_already(self._store, failure, again_s):
            return []
        opened = self._store.warnings_opened(failure.card, failure.at_s - LOOKS_BACK_S, failure.at_s)
        told = (w for w in opened if not w.members and w.kind in FORETELLING)
        here = [w for w in told if has_all({**w.labels, **w.entity}, failure.entity)]
        free = [w for w in here if self._may_be_settled(w, now_s)]
        standing = any(law.stands_at(w, failure.at_s) for w in here if w not in free)
        acted = _acted(free, self._store.statements(kind="action", card=failure.card))
        found = law.on_failure(failure, free, int(now_s), acted, standing)
        since = self._store.watched_since(failure.card)
        return [one for one in found if one.warning_id or since is None or failure.at_s >= since]

    def _may_be_settled(self, warning: EarlyWarning, now_s: float) -> bool:
        """Whether a failure may still give it its verdict: no other failure has, no person, and it is not too late."""
        current = self._store.outcome_of(warning.id)
        if current is None:
            return True
        return current.judged_by == BY_DAEMON and current.failed_s is None and now_s <= law.closes_s(warning)

    def _failed_at(self, warning: EarlyWarning) -> int | None:
        """When what it warned of came, by the verdict that stands; None: not known."""
        current = self._store.outcome_of(warning.id)
        return None if current is None else current.failed_s

    def _any(self, warning_id: str) -> EarlyWarning:
        found = self._store.warning(warning_id)
        if found is None:
            raise Unsaid(f"no warning {warning_id}; `aiops warnings list` shows what there is")
        return found

    def _warning(self, warning_id: str) -> EarlyWarning:
        found = self._any(warning_id)
        if found.members or found.kind not in FORETELLING:
            raise Unsaid("it lists others or foretells nothing, so it has no verdict; name one of those it lists")
        return found

    def _missed(self, outcome: Outcome) -> Missed | None:
        """The failure that counted as missed and that a verdict is of: at that instant, or by another truth the nearest to it."""
        at = outcome.failed_s or 0
        near = [
            o for o in _near(self._store, outcome.card, outcome.entity, at)
            if o.verdict == "missed" and (o.truth != outcome.truth or (o.failed_s, o.entity) == (at, outcome.entity))
        ]  # fmt: skip
        found = min(near, key=lambda o: abs((o.failed_s or 0) - at), default=None)
        return None if found is None else {"entity": dict(found.entity), "failed_s": found.failed_s}

    def _keep(
        self, said: Statement, outcomes: Sequence[Outcome], now_s: float, missed: Missed | None = None, back: Missed | None = None
    ) -> bool:
        """All of it in one transaction; False when it was said before. `missed`: a failure that counted as missed and does not
        any more, `back`: one that does again."""
        before = {o.warning_id: self._store.outcome_of(o.warning_id) for o in outcomes if o.warning_id}
        with self._store.transaction() as tx:
            if not tx.put_statement(said):
                return False
            tx.record(said.who, f"said.{said.kind}", said.warning_id or said.key, said.body, now_s)
            for outcome in outcomes:
                if outcome.failed_s is not None and outcome.warning_id:
                    tx.retract_missed(outcome.card, outcome.entity, outcome.failed_s)
                if missed is not None:
                    tx.retract_missed(outcome.card, missed["entity"], missed["failed_s"])
                if back is not None:
                    tx.restore_missed(outcome.card, back["entity"], back["failed_s"])
                if tx.put_outcome(outcome):
                    old = before.get(outcome.warning_id)
                    more = {name: one for name, one in (("missed_before", missed), ("missed_again", back)) if one is not None}
                    tx.record(outcome.judged_by, "outcome", outcome.warning_id, _facts(outcome, old) | more, now_s)
            for card in sorted({o.card for o in outcomes} - {said.card}):
                tx.put_statement(Statement("incident", card, f"{said.key}:{card}", "", now_s, said.who, {"of": said.key}))
        return True


def known_already(store: Store, failure: law.Failure, again_s: float = -1.0) -> bool:
    """Whether another truth said of an entity, within SAME_FAILURE_S, that it failed; or the same one did up to `again_s` before,
    though not at that instant: what fires again and again is one failure."""
    near = _near(store, failure.card, failure.entity, failure.at_s)
    return any(
        o.truth != failure.truth or law.again(failure, o.truth, o.entity, o.failed_s or 0, again_s) for o in near
    )


def _near(store: Store, card: str, entity: Labels, at_s: int) -> list[Outcome]:
    """Verdicts on failures of an entity, or of what is more or less than it, within SAME_FAILURE_S of an instant."""
    since = at_s - SAME_FAILURE_S - AHEAD_S  # no failure was settled before it came, by any clock
    return [
        o for o in store.outcomes(card=card, limit=VERDICTS_AT_MOST, since_s=since)
        if o.failed_s is not None and abs(o.failed_s - at_s) <= SAME_FAILURE_S
        and (has_all(o.entity, entity) or has_all(entity, o.entity))
    ]  # fmt: skip


def _acted(warnings: Iterable[EarlyWarning], said: Iterable[Statement]) -> set[str]:
    """Ids of those about which something was done that may have averted them."""
    of = {w.id: w for w in warnings}
    return {s.warning_id for s in said if s.warning_id in of and law.may_avert(of[s.warning_id], begun_s(s))}


def begun_s(said: Statement) -> float:
    """When something was begun that was done, epoch seconds: a step of a runbook says that beside when it had succeeded."""
    return float(said.body.get("begun_s", said.body["at_s"]))


def _facts(outcome: Outcome, old: Outcome | None) -> dict[str, Any]:
    supersedes = None if old is None else {"verdict": old.verdict, "settled_s": old.settled_s, "judged_by": old.judged_by}
    return {"card": outcome.card, "entity": dict(outcome.entity), "verdict": outcome.verdict, "lead_s": outcome.lead_s,
            "why": outcome.detail, "supersedes": supersedes}  # fmt: skip


def _said(text: str, what: str, at_most: int) -> str:
    if not 0 < len(text.strip()) <= at_most:
        raise Unsaid(f"{what}: 1 to {at_most} characters")
    return text.strip()


def _key(*parts: Any) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
