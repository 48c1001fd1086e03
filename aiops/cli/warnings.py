"""`aiops warnings` and `aiops audit`: read the store beside a running daemon, changing nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from aiops.core.durations import rfc3339, text
from aiops.core.errors import AiopsError
from aiops.core.records import EarlyWarning, Outcome
from aiops.core.text import json_of, visible
from aiops.notify.evidence import told
from aiops.notify.wording import data_age, members, plan, still_to_do, sure
from aiops.outcomes.settle import deadline_s
from aiops.pipeline.mask_said import Masked
from aiops.store import Statement, Store
from aiops.store.codec import to_json
from aiops.store.ledger import GENESIS, LedgerRow
from aiops.store.paging import Pages
from aiops.store.tx import ms

LEDGER_PAGE, SAID_AT_MOST = 1000, 1000


def list_warnings(store: Store, limit: int, as_json: bool) -> Iterator[str]:
    """One line a warning, newest first."""
    found = store.warnings(limit=limit)
    if as_json:
        yield from (json_of(to_json(w)).decode() for w in found)
        return
    if not found:
        yield "no warnings yet"
        return
    yield f"{'ID':16}  {'STATE':8}  {'VERDICT':11}  {'OPENED':20}  {'EXPECTED':20}  {'SURE':>4}  WHAT"
    yield from (_line(w) for w in found)


def _line(w: EarlyWarning) -> str:
    expected = "" if w.crossing is None else rfc3339(w.crossing.expected_s)
    record = "shadow: unproven" if w.stage == "shadow" else f"{w.stage}; {w.record.get('text', 'new, unproven')}"
    columns = f"{w.id:16}  {w.state:8}  {w.verdict or '-':11}  {rfc3339(w.opened_s):20}  {expected:20}  {w.confidence:4.0%}"
    return f"{columns}  {w.card} {_where(w)}  [{record}]"


def _where(w: EarlyWarning) -> str:
    """The values of the entity's labels, and of how many entities they are shared; many may share none."""
    many = f"({len(w.members)} entities)" if w.members else ""
    return " ".join(filter(None, (visible(" ".join(v for v in w.entity.values() if v)), many)))


def show_warning(
    store: Store, warning_id: str, as_json: bool, masks: Callable[[EarlyWarning], list[Masked]] = lambda _: []
) -> list[str] | None:
    """One warning whole, with the times that mask it; None when no id, or more than one, begins so."""
    w = store.warning(warning_id)
    if w is None:
        return None
    outcome, deadline, said = store.outcome_of(w.id), deadline_s(w), store.statements(warning_id=w.id)
    if as_json:
        whole = {**to_json(w), "judged_at": deadline, "outcome": None if outcome is None else to_json(outcome)}
        whole["masked"] = [one.as_json() for one in masks(w)]
        whole["said"] = [{"kind": s.kind, "who": s.who, "said_s": s.said_s, **s.body} for s in said]
        return [json_of(whole).decode()]
    verdict = [f"  lists      {members(w)}"] if w.members else _verdict(outcome, deadline)
    masked = [visible(f"  masked     {one}", 400) for one in masks(w)]
    return [*_head(w), *masked, *verdict, *map(_said, said), *_why(w), *_what_to_do(w)]


def _said(one: Statement) -> str:
    """What a person did, thought or judged, and when."""
    body, at = one.body, rfc3339(one.body.get("at_s", one.said_s))
    quiet = "" if body.get("hush_until_s") is None else f"(hushed until {rfc3339(body['hush_until_s'])})"
    what = {"action": body.get("what"), "feedback": " ".join(filter(None, (body.get("word"), body.get("note"), quiet)))}
    what["unhush"] = "told again"
    shown = what.get(one.kind) or " ".join(filter(None, (body.get("verdict"), body.get("why"))))
    return visible(f"  {one.kind:10} {shown}, by {one.who}, {at}")


def _head(w: EarlyWarning) -> list[str]:
    closed = f", closed {rfc3339(w.closed_s)}: {visible(w.closed_why)}" if w.closed_s else ""
    lines = [
        f"{w.card}: {_where(w)}",
        f"  state      {w.state}, {w.severity}, stage {w.stage}{' (unproven)' if w.stage == 'shadow' else ''}",
        f"  opened     {rfc3339(w.opened_s)}{closed}",
    ]
    if w.crossing is not None:
        lines.append(f"  expected   {rfc3339(w.crossing.expected_s)}")
        lines.append(f"  between    {rfc3339(w.crossing.earliest_s)} and {rfc3339(w.crossing.latest_s)}")
    if w.cause:
        lines.append(f"  one of     {w.cause}: it was told with others")
    lines += [f"  beside     {one['card']} since {rfc3339(one['opened_s'])} ({one['id']})" for one in w.beside]
    if w.act_before_s is not None:
        lines.append(f"  act before {rfc3339(w.act_before_s)}")
    if old := data_age(w, time.time()):
        lines.append(f"  data       {old}")
    return [*lines, f"  how sure   {sure(w)}; {w.record.get('text', 'new, unproven')}"]


def _verdict(outcome: Outcome | None, deadline: float | None) -> list[str]:
    if outcome is not None:
        lead = "" if outcome.lead_s is None else f", {text(outcome.lead_s)} before the failure"
        return [visible(f"  verdict    {outcome.verdict}{lead}: {outcome.detail} (judged by {outcome.judged_by})", SAID_AT_MOST)]
    when = "a person's, or expired after 7 days" if deadline is None else f"at the latest {rfc3339(deadline)}"
    return [f"  verdict    not yet: {when}"]


def _why(w: EarlyWarning) -> list[str]:
    """The evidence of every series: one fact a line, those of one kind under one name."""
    lines, found = [], told(w.symptoms, time.time())
    for one in found:
        lines.append(f"  because    {one.series}")
        lines += [f"             {'' if name == 'why' else name + ': '}{fact}" for name, fact in one.facts]
        lines += [f"             also over {window}" for window in one.windows]
    for name, kind in (("also moved", "also"), ("against", "against")):
        lines += [f"  {name:10} {text_}" for one in found for text_ in getattr(one, kind)]
    return lines


def _what_to_do(w: EarlyWarning) -> list[str]:
    lines, first = [], [f"  do         {still_to_do(w)}"] if still_to_do(w) else []
    for book in w.runbooks:
        capped = f", the file asks for {book['capped_from']}" if book.get("capped_from") else ""
        lines.append(f"  runbook    {book['name']} ({book['mode']}{capped}): {book['summary']}")
        lines.append(f"             impact: {book['impact']}")
        lines += [f"             {step}" for step in plan(book)]
    return [*first, *(lines or ["  runbook    none matches"])]


def kept_check(path: Path) -> tuple[int, str]:
    """(rows, head) of a check that was kept in a file; of several lines the last. Raises AiopsError when there is none."""
    try:
        found = orjson.loads(path.read_bytes().rstrip().rpartition(b"\n")[2])
        rows, head = int(found["rows"]), str(found["head"])
    except OSError as e:
        raise AiopsError(f"{path}: cannot be read: {e.strerror}") from e
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as e:
        raise AiopsError(f"{path}: is not what `aiops audit verify -o json` printed") from e
    if not found.get("ok"):
        raise AiopsError(f"{path}: that check had found the ledger changed; name one that was good")
    return rows, head


def ledger_lines(store: Store, since_s: float, as_json: bool) -> Iterator[str]:
    """One line a row of the ledger, oldest first, of those since `since_s`; as JSON with all that its hash is made of."""
    pages, prev, seq = Pages(store), GENESIS, 0
    while rows := pages.ledger_after(seq, LEDGER_PAGE):
        for row in rows:
            if row.at_s >= since_s:
                yield json_of(ledger_row(row, prev)).decode() if as_json else ledger_text(row)
            prev, seq = row.hash, row.seq


def ledger_row(row: LedgerRow, prev: str) -> dict[str, Any]:
    """A row with all that its hash is made of."""
    fields = {"seq": row.seq, "prev_hash": prev, "hash": row.hash, "at_ms": ms(row.at_s), "actor": row.actor}
    return {**fields, "action": row.action, "object": row.object, "detail": row.detail}


def ledger_text(row: LedgerRow) -> str:
    """A row on one line, for people."""
    detail = json_of(row.detail).decode()
    return f"{row.seq:>7}  {rfc3339(row.at_s)}  {visible(f'{row.actor}  {row.action}  {row.object}  {detail}')}"
