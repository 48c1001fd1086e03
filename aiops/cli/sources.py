"""`aiops sources`: which there are, and what answers there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiops.config.settings import Settings
from aiops.core.durations import rfc3339, text
from aiops.core.errors import AiopsError, SourceError
from aiops.core.text import visible
from aiops.governance.decide import class_of
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker, key_of
from aiops.governance.policy import load_policy
from aiops.pipeline.plane import open_source, origin_of
from aiops.telemetry.source import Probe

Row = dict[str, Any]
LIMITS = ("series", "samples", "bytes", "seconds", "queries")


def listed(settings: Settings) -> Iterator[Row]:
    """One row a source, as configured; the policy's word counts. Raises FileError for a wrong policy."""
    gate = Gate(load_policy(settings.policy), Masker(key_of(None)))
    for name, one in settings.sources.items():
        data = gate.dataset(origin_of(settings, name))
        said = gate.policy.sources.get(name)
        owner = (said and said.owner) or one.owner
        own = {} if one.limits is None else one.limits.model_dump(exclude_none=True)
        limits = settings.limits.model_dump() | own
        yield {
            "source": name, "kind": one.kind, "url": _bare(str(one.params.get("url", ""))), "labels": dict(one.labels),
            "priority": one.priority, "step_s": one.step, "lateness_s": one.lateness, "class": class_of(data, gate.policy),
            "classified": bool(data.data_class), "residency": list(data.residency), "purpose": list(data.purpose),
            "owner": owner, "failure_domain": one.failure_domain or name, "limits": {k: limits[k] for k in LIMITS},
        }  # fmt: skip


def probed(settings: Settings, names: Sequence[str], query: str) -> Iterator[Row]:
    """One row a source: what answers there, or why nothing does; all are asked at once. Raises AiopsError for an unknown name."""
    unknown = [name for name in names if name not in settings.sources]
    if unknown:
        raise AiopsError(f"no source {unknown[0]!r}; known: {', '.join(settings.sources)}")
    chosen = list(names or settings.sources)
    with ThreadPoolExecutor(max(1, len(chosen))) as pool:
        yield from pool.map(lambda name: _probe(settings, name, query), chosen)


def _probe(settings: Settings, name: str, query: str) -> Row:
    try:
        source = open_source(settings, name)
    except AiopsError as e:
        return {"source": name, "ok": False, "error": visible(str(e))}
    try:
        found = source.look(query)
        return {"source": name, "ok": True, **_facts(found), "skew_s": source.skew_s}
    except SourceError as e:
        return {"source": name, "ok": False, "kind": e.kind, "error": visible(e.message)}
    finally:
        source.close()


def _facts(found: Probe) -> Row:
    return {
        "product": found.product, "version": found.version, "oldest_s": found.oldest_s, "newest_s": found.newest_s,
        "query_seconds": round(found.seconds, 4), "series": found.series, "bytes": found.bytes,
    }  # fmt: skip


def list_lines(rows: Sequence[Row]) -> Iterator[str]:
    """The sources for people, as a table."""
    heads = ("source", "kind", "class", "residency", "priority", "owner", "url")
    cells = [heads]
    for row in rows:
        told = row["class"] if row["classified"] else f"{row['class']} (not classified)"
        where = ",".join(row["residency"]) or "anywhere"
        cells.append((row["source"], row["kind"], told, where, str(row["priority"]), row["owner"] or "nobody", row["url"]))
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for one in cells:
        yield "  ".join(visible(cell).ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip()


def probe_lines(row: Row, now_s: float) -> Iterator[str]:
    """What answers at a source, for people."""
    if not row["ok"]:
        yield f"{row['source']}: {row.get('kind', 'not opened')}: {row['error']}"
        return
    yield f"{row['source']}: {row['product']} {row['version']}".rstrip()
    if row["oldest_s"] is not None and now_s - row["oldest_s"] < 3600:
        yield "  goes back less than an hour"
    elif row["oldest_s"] is not None:
        yield f"  goes back to {rfc3339(row['oldest_s'])}, {text(now_s - row['oldest_s'])} ago"
    if row["newest_s"] is not None:
        yield f"  newest scrape {text(max(0.0, now_s - row['newest_s']))} ago"
    if row["series"] is not None:
        each = row["bytes"] / row["series"] if row["series"] else 0
        cost = f"{row['series']} series, {row['bytes']} bytes, {each:.0f} a series"
        yield f"  a query took {1000 * row['query_seconds']:.1f} ms: {cost}"
    if row["skew_s"] is not None and abs(row["skew_s"]) >= 1:
        yield f"  its clock is {abs(row['skew_s']):.0f} s {'ahead' if row['skew_s'] > 0 else 'behind'}"


def _bare(url: str) -> str:
    """An address without a login in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
