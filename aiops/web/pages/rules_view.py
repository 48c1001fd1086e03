"""The alerting rules that cards follow, each with its record; and those that cannot be foreseen, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from aiops.core.durations import rfc3339, text
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.pipeline.rules_record import record_of
from aiops.pipeline.rules_watch import RulesWatch
from aiops.rules.judge import REASONS
from aiops.rules.served import Served


def rules(daemon: Daemon) -> list[dict[str, Any]]:
    """One row a rule and card: those that are followed first, what is open and what has a record on top."""
    watches = [watch for watch in daemon.rooms.watches if isinstance(watch, RulesWatch)]
    found = [row for watch in watches for row in (*_followed(watch, daemon), *_refused(watch))]
    return sorted(found, key=lambda row: (not row["followed"], -row["open"], -row["record"].get("settled", 0), row["alert"]))


def _followed(watch: RulesWatch, daemon: Daemon) -> Iterator[dict[str, Any]]:
    built, book = watch.built, watch.book
    rows = Counter(row.rule.name for row in built.rows) if built is not None else Counter[str]()
    told = Counter(w.symptoms[0].evidence.get("rule") for w in list(watch.open.values()) if w.symptoms and not w.members)
    errors = {query: error for feed in watch.feeds for query, error in getattr(feed.link, "errors", {}).items()}
    for one in book.followed:
        record = record_of(watch, one, daemon.rooms)
        failed = next((errors[leaf.expr] for leaf in one.served.compiled.leaves if leaf.expr in errors), None)
        yield {
            **_about(watch, one.served), "sources": [watch.feeds[i].name for i in sorted(one.sources)], "followed": True,
            "reason": f"not read: {failed.kind}: {failed.message}" if failed is not None else "", "series": rows[one.name],
            "open": told[one.name], "stage": "shadow" if record.quiet else watch.stage, "record": record.as_json(),
        }  # fmt: skip


def _refused(watch: RulesWatch) -> Iterator[dict[str, Any]]:
    for served, reason, detail in watch.book.refused:
        why = f"{reason}: {REASONS.get(reason, '')}" + (f" ({visible(detail, 300)})" if detail else "")
        yield {
            **_about(watch, served), "sources": [], "followed": False, "reason": why, "series": 0, "open": 0, "stage": "shadow",
            "record": {},
        }  # fmt: skip


def _about(watch: RulesWatch, served: Served) -> dict[str, Any]:
    rule = served.rule
    return {
        "card": watch.card.name, "alert": rule.alert, "group": rule.group, "file": rule.file, "expr": rule.expr,
        "for_s": rule.for_s, "labels": dict(rule.labels),
    }  # fmt: skip


def page(daemon: Daemon) -> dict[str, Any]:
    """Everything the page of rules shows, as text."""
    shown = [
        {
            **row, "alert": visible(row["alert"]), "expr": visible(row["expr"], 400), "hold": text(row["for_s"]),
            "labels": visible(", ".join(f"{k}={v}" for k, v in row["labels"].items()), 300),
            "said": row["record"].get("text", ""),
        }
        for row in rules(daemon)
    ]  # fmt: skip
    followed, refused = ([row for row in shown if row["followed"] == which] for which in (True, False))
    return {"now": rfc3339(daemon.clock()), "followed": followed, "refused": refused}
