"""Whether warnings of a card can ever fit a runbook, and why not: judged by what both declare."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from aiops.config.messages import did_you_mean
from aiops.core.durations import text
from aiops.models.card import ModelCard
from aiops.runbooks import Runbook


def refusal(runbook: Runbook, card: ModelCard) -> str:
    """Why no warning of a card can ever fit a runbook; empty when one can. Labels and confidence are not judged."""
    m = runbook.match
    if m.signal is not None and m.signal != card.signal:
        return f"its signal is {card.signal}, not {m.signal}"
    if m.card is not None and not fnmatchcase(card.name, m.card):
        return f"its name does not fit {m.card}"
    forecast = card.forecast is not None and m.kind in ("any", "forecast")
    anomaly = card.detect is not None and m.kind in ("any", "anomaly")
    if m.lead_time is not None and (m.lead_time.min is not None or m.lead_time.max is not None):
        anomaly = False  # an anomaly has no time left
    if not (forecast or anomaly):
        return f"it gives no warning of kind {m.kind} that match accepts"
    if forecast and not anomaly and m.lead_time is not None and card.forecast is not None:
        shortest = m.lead_time.min or 0.0
        if shortest > card.forecast.horizon_s:
            return f"it looks {text(card.forecast.horizon_s)} ahead, not {text(shortest)}"
    possible = {"warning"} if anomaly else set()
    if forecast:
        possible |= {"info", "warning"} | ({"critical"} if card.severity.critical_within_s > 0 else set())
    if m.severity and not possible & set(m.severity):
        return f"its severity is one of {', '.join(sorted(possible))}"
    return ""


def nearest(runbook: Runbook, cards: Sequence[ModelCard], signals: Sequence[str]) -> str:
    """Why not, told of the card that comes nearest."""
    m = runbook.match
    if m.signal is not None and m.signal not in signals:
        return f"no card has the signal {m.signal}{did_you_mean(m.signal, signals)}"
    near = [card for card in cards if m.signal in (None, card.signal)]
    near = [card for card in near if m.card is None or fnmatchcase(card.name, m.card)] or near
    return f"{near[0].name}: {refusal(runbook, near[0])}" if near else "there are no cards"
