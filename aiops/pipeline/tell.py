"""Step 7 of a turn: what goes to whom. Only what has earned a stage above shadow leaves this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from aiops.core.records import CAME, EarlyWarning
from aiops.core.text import visible
from aiops.early_warnings.cause import retold
from aiops.notify.fates import PENDING
from aiops.notify.message import OVER, Audience, News, OutboxEntry, outbox_rows, repeats, wrong_line
from aiops.notify.message import Event as Kind
from aiops.notify.wording import still_to_do
from aiops.outcomes.settle import deadline_s
from aiops.pipeline.arrays import arrays
from aiops.pipeline.changes import Changes, Event, EventKind
from aiops.pipeline.fates import concluded, fates_of
from aiops.pipeline.rooms import Rooms
from aiops.pipeline.watch import Watch

PICTURES_AT_MOST, PICTURE_COLUMNS = 20, 90
"""How many warnings of one turn are told with a picture, for each is read from the window; of how many columns it is at most."""


def tell(watch: Watch, now_s: int, rooms: Rooms, changes: Changes) -> None:
    """Put a message into the outbox for every episode that opened, worsened, spread, goes on or ended in this turn, or that had
    ended and is judged now.

    What a challenger says is judged and told to nobody.
    """
    if watch.card.challenges:
        return
    stopped, pictures = rooms.killed() if changes.events else "", PICTURES_AT_MOST
    ended = {e.warning.id for e in changes.events if e.kind == "closed" and e.warning is not None}
    to = Audience(rooms.routes, rooms.local_receivers, rooms.renewed_receivers, rooms.working_hours, rooms.clocks)
    for event in list(changes.events):
        warning = event.warning
        if warning is None or (kind := _told_as(event, ended)) is None:
            continue
        if (kind := _unless_hushed(kind, warning, now_s, rooms)) is None:
            continue
        folded = bool(warning.cause)  # it is told with another; what was told before as itself is kept from looking resolved
        if folded and (kind != "updated" or warning.told_s is None):
            continue
        first = warning.id in changes.worse and kind in ("opened", "worsened") and warning.told_s is None
        kind = "opened" if first else kind
        fates = fates_of(warning, rooms, changes) if kind in OVER and rooms.routes else ()
        news = News(kind, warning, now_s, watch.step_s, deadline_s(warning), event.outcome, fates, watch.card.impact)
        rows = outbox_rows(news, to, partial(_seen, rooms, changes, event.kind, warning))
        told = [replace(row, payload=_linked(row.payload, rooms, warning, stopped)) for row in rows if row.renewal or not folded]
        if first:  # under the key of its opening, so that it is told once
            told = [replace(row, payload={**row.payload, "event": "worsened"}) for row in told]
        if pictures and kind != "judged" and any(row.receiver in rooms.pictured_receivers for row in told):
            told, pictures = _pictured(told, watch, warning, rooms.pictured_receivers), pictures - 1
        changes.outbox += told
        _mark_told(watch, news, bool(told), now_s, to, changes)
    if rooms.routes:
        _conclude(watch, now_s, rooms, changes, stopped, to)


def _conclude(watch: Watch, now_s: int, rooms: Rooms, changes: Changes, stopped: str, to: Audience) -> None:
    """Let a thread that had ended say what became of all that it told of, once that is known."""
    for speaker, outcome, fates in list(concluded(rooms, changes)):
        news = News("judged", speaker, now_s, watch.step_s, None, outcome, fates, watch.card.impact)
        rows = outbox_rows(news, to, partial(_seen, rooms, changes, "judged", speaker))
        changes.outbox += [replace(row, payload=_linked(row.payload, rooms, speaker, stopped)) for row in rows]


def _told_as(event: Event, ended: Collection[str]) -> Kind | None:
    """What an event is told as, None: not at all. A verdict is told alone only of what had ended before: what ends with its
    verdict, or goes on, says it when it ends."""
    if event.kind == "outcome" or event.kind == "judged":
        about = event.warning
        late = about is not None and about.state == "closed" and about.told_s is not None and about.id not in ended
        return "judged" if late else None
    return event.kind if event.kind in ("opened", "updated", "worsened", "spread", "closed") else None


def _unless_hushed(kind: Kind, warning: EarlyWarning, now_s: int, rooms: Rooms) -> Kind | None:
    """Nothing of what begins or lasts while its series is hushed; what is still open when that is over, and nobody was told of,
    is told as opened then."""
    hush = rooms.hushes.get(warning.fingerprint)
    if hush is None or kind in OVER:
        return kind
    if hush.holds(warning, now_s):
        return None
    return "opened" if warning.told_s is None else kind


def _pictured(rows: list[OutboxEntry], watch: Watch, warning: EarlyWarning, receivers: frozenset[str]) -> list[OutboxEntry]:
    """The same messages, with the arrays of the leading series for whoever shows pictures; its labels are not among them."""
    found = arrays([watch], warning, columns=PICTURE_COLUMNS)
    if found is None:
        return rows
    picture = {"picture": {**found.as_json(), "labels": {}}}
    return [replace(row, payload={**row.payload, **picture}) if row.receiver in receivers else row for row in rows]


def _linked(payload: Mapping[str, Any], rooms: Rooms, warning: EarlyWarning, stopped: str) -> Mapping[str, Any]:
    """A message with why nothing may be done about the warning, and with where its reader sees the runbooks and the episode and
    calls it wrong: by links, where it is known under which address people reach this daemon, else on the command line."""
    lines, links = [f"The kill switch is on, nothing is begun: {visible(stopped)}"] if stopped else [], dict[str, str]()
    verdict = payload["verdict"]
    wanted = payload["event"] not in OVER or verdict in CAME or (verdict == PENDING and still_to_do(warning))
    books = payload["warning"]["runbooks"] if wanted else ()
    if rooms.episode_url is None or rooms.wrong_url is None:
        lines += [f"Runbook: aiops runbooks show {book['name']}" for book in books]
        lines += _wrong(payload, wrong_line(warning.id))
    else:
        links = {"episode_url": rooms.episode_url(warning.id), "wrong_url": rooms.wrong_url(warning.id)}
        pages = [rooms.runbook_url(book["name"]) for book in books] if rooms.runbook_url is not None else []
        links |= {"runbook_url": pages[0]} if pages else {}
        lines += [f"Runbook: {page}" for page in pages]
        lines += [f"Episode: {links['episode_url']}", *_wrong(payload, links["wrong_url"])]
    return {**payload, **links, "text": "\n".join([payload["text"], *lines])}


def _wrong(payload: Mapping[str, Any], where: str) -> list[str]:
    return [] if payload["event"] == "judged" else [f"Wrong: {where}"]


def _mark_told(watch: Watch, news: News, told: bool, now_s: int, to: Audience, changes: Changes) -> None:
    """Remember what somebody was told: from the first time on taking it back counts, and what has spread is compared with what
    was repeated to all."""
    warning = news.warning
    if told and warning.told_s is None and news.event != "judged":
        warning = warning.having(told_s=now_s)
    elif news.event == "updated" and warning.members and not warning.cause and repeats(news, to):
        warning = retold(warning, now_s)
    else:
        return
    changes.replace(warning)
    if warning.state == "open":
        (watch.causes if warning.members else watch.open)[warning.fingerprint] = warning
    if warning.id in watch.pending:
        watch.pending[warning.id].warning = warning


def _seen(rooms: Rooms, changes: Changes, kind: EventKind, warning: EarlyWarning, receiver: str) -> EarlyWarning | None:
    """The warning as a receiver may see it; what was withheld stands in the ledger, once for each thing that happened."""
    place = rooms.gate.location(receiver, receiver in rooms.local_receivers)
    seen, decision = rooms.gate.outbound(warning, "notify", place)
    if decision.effect != "allow" and kind != "updated":
        facts = {"receiver": receiver, "rule": decision.rule, "why": decision.reason, "policy": rooms.gate.policy.version}
        changes.ledger.append((f"notify.{'denied' if seen is None else 'masked'}", warning.id, facts))
    return seen
