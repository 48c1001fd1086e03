"""Several messages to one receiver as one, and what is said of one that leaves late: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiops.core.durations import about
from aiops.core.records import SEVERITIES
from aiops.core.text import visible
from aiops.notify.message import OVER, wrong_line

SHOWN_AT_MOST, TEXT_AT_MOST, LATE_S = 20, 5500, 600.0
Message = Mapping[str, Any]


def as_of(message: Message, now_s: float) -> dict[str, Any]:
    """A message as it leaves at `now_s`: one that waited, for its digest or for a receiver that was away, says how old what it
    says is. What is over stays over."""
    waited = now_s - float(message["at_s"])
    if waited < LATE_S or message["event"] in OVER:
        return dict(message)
    note = f"Late: this is what was known {about(waited)} ago, look whether it still holds"
    return {**message, "title": f"as of {about(waited)} ago: {message['title']}", "text": f"{note}\n{message['text']}"}


def bundled(messages: Sequence[Message], now_s: float) -> dict[str, Any]:
    """One message for all of `messages`, oldest first, one or more, as they leave at `now_s`; alone a message stays itself.

    Of each warning only what was said last counts, for what is over is over. Those that are open come first, by severity and by
    the time that is left.
    """
    last = {str(message["warning"]["id"]): as_of(message, now_s) for message in messages}
    told = sorted(last.values(), key=_order)
    if len(told) == 1 and len(messages) == 1:
        return dict(told[0])
    first, by = told[0], told[0].get("bundle", {})
    where = " ".join(visible(str(value)) for value in by.values() if value)
    over = sum(message["event"] in OVER for message in told)
    count = f"{len(told)} early warnings" + (f" of {where}" if where else "") + (f", {over} of them over" if over else "")
    return {
        **first,
        "event": "bundle",
        "title": f"{count}: {first['title']}" if len(told) > 1 else str(first["title"]),
        "text": "\n".join(_lines(told)),
        "record": "",
        "impact": "",
        "act_before": "",
        "verdict": "",
        "judged_at_s": None,
        "messages": [{"event": one["event"], "title": one["title"], "warning_id": one["warning"]["id"]} for one in told],
    }


def _order(message: Message) -> tuple[bool, int, float, str]:
    warning = message["warning"]
    crossing = warning.get("crossing") or {}
    severity = SEVERITIES.index(warning["severity"])
    return message["event"] in OVER, -severity, float(crossing.get("expected_s", float("inf"))), str(warning["id"])


def _lines(told: Sequence[Message]) -> list[str]:
    """Each warning with where it is, until when to act and how to call it wrong; as many as a message holds."""
    out: list[str] = []
    for one in told[:SHOWN_AT_MOST]:
        where = one.get("episode_url") or f"aiops warnings show {one['warning']['id']}"
        lines = [f"- {one['title']} [{one['record']}] ({where})"]
        if before := one.get("act_before"):
            lines.append(f"  Act before: {before}")
        if one["event"] not in OVER:
            lines.append(f"  Wrong: {one.get('wrong_url') or wrong_line(one['warning']['id'])}")
        if sum(map(len, out)) + sum(map(len, lines)) > TEXT_AT_MOST:
            break
        out += lines
    shown = sum(line.startswith("-") for line in out)
    if len(told) > shown:
        out.append(f"and {len(told) - shown} more: aiops warnings list")
    return out
