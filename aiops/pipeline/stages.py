"""The stage of each card: its moves as the store keeps them, each with the figures it rests on and its ledger row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiops.core.errors import AiopsError
from aiops.core.records import CAME, SETTLED, STAGES, Outcome, Stage
from aiops.models.card import CHALLENGER, ModelCard
from aiops.outcomes import ladder
from aiops.outcomes.challenge import Comparison, compare
from aiops.outcomes.ladder import Family, Gate, Lack, Move, Standing
from aiops.store import Statement, Store

VERDICTS_AT_MOST = 10_000
HELD = Lack("stages of the configuration", "shadow", "ticket, or nothing said of it", None, never="not while it says so")


class NotMoved(AiopsError):
    """A card stays where it is, and why."""


def gate_of(card: ModelCard) -> Gate:
    """What a card says it must have shown."""
    p = card.promote_when
    return Gate(p.settled, p.precision_at_least, p.median_lead, p.false_per_week_at_most)


def family_of(card: ModelCard, cards: Iterable[ModelCard]) -> list[str]:
    """The other ones of `cards` that use the same models, challengers aside."""
    return [c.name for c in cards if c.name != card.name and not c.challenges and _models(c) == _models(card)]


def _models(card: ModelCard) -> tuple[str | None, ...]:
    return tuple(None if one is None else one.model for one in (card.forecast, card.detect))


def _family(store: Store, card: ModelCard, cards: Iterable[ModelCard], now_s: float) -> Family:
    """What the cards of the same models have shown in the last 90 days."""
    since = now_s - ladder.RECORD_S
    found = [o for name in family_of(card, cards) for o in store.outcomes(card=name, limit=VERDICTS_AT_MOST, since_s=since)]
    return Family(sum(o.verdict in CAME for o in found), sum(o.verdict in SETTLED for o in found))


def moves_of(store: Store, card: str) -> list[Move]:
    """The moves of a card, oldest first."""
    return [move_from(said) for said in store.statements(kind="stage", card=card)]


def move_from(said: Statement) -> Move:
    """The move that a statement holds."""
    return Move(**dict(said.body))


def enter(
    store: Store, cards: Iterable[ModelCard], declared: Mapping[str, Stage], who: str, why: str, now_s: float
) -> dict[str, Stage]:
    """Where each card stands at a start: by its moves, after what the configuration, else the card's file, declares.

    `ticket` and `page` declare ticket, once for each text of `why`; page takes the record. A configured `shadow` holds a card
    there.
    """
    out: dict[str, Stage] = {}
    for card in cards:
        wanted: Stage = declared.get(card.name, card.stage)
        if card.challenges:
            continue
        moves, outcomes = moves_of(store, card.name), _outcomes(store, card.name)
        move: Move | None = None
        by, reason = (who, why) if card.name in declared else (f"card {card.name}", card.owner.team)
        if wanted != "shadow":
            mark = hashlib.sha256("\0".join((by, reason, "ticket")).encode()).hexdigest()[:16]
            move = ladder.declare(outcomes, moves, now_s, by, reason or "declared in the configuration", mark)
        elif card.name in declared and ladder.stage_of(moves) != "shadow":
            move = ladder.demote(outcomes, moves, "shadow", now_s, by, reason or "declared in the configuration")
        if move is not None and keep(store, card.name, moves, move):
            moves.append(move)
        out[card.name] = ladder.stage_of(moves)
    return out


def held(declared: Mapping[str, Stage]) -> frozenset[str]:
    """The cards that the configuration keeps in shadow."""
    return frozenset(name for name, stage in declared.items() if stage == "shadow")


def keep(store: Store, card: str, moves: list[Move], move: Move) -> bool:
    """Keep one more move; False when somebody moved the card in the meantime."""
    body = {name: getattr(move, name) for name in move.__slots__}
    with store.transaction() as tx:
        kept = tx.put_statement(Statement("stage", card, f"{card}:{len(moves)}", "", move.at_s, move.who[:128], body))
        if kept:
            tx.record(move.who[:128], f"stage.{move.kind}", card, body, move.at_s)
    return kept


def promote(
    store: Store, card: ModelCard, who: str, why: str, now_s: float, cards: Sequence[ModelCard] = (), held: bool = False
) -> Move:
    """One rung up by a person. `cards`: all there are, for those of the same models; `held`: the configuration keeps it in
    shadow. Raises NotMoved with what is missing."""
    if card.challenges:
        raise NotMoved(f"{card.name} is a challenger: it is told to nobody")
    if held:
        raise NotMoved(f"{card.name} stays at shadow:\n{HELD}")
    moves = moves_of(store, card.name)
    try:
        move = _up(store, card, moves, now_s, who, why, cards)
    except ladder.Refused as e:
        raise NotMoved("\n".join((f"{card.name} stays at {ladder.stage_of(moves)}:", *e.lines))) from None
    return _kept(store, card.name, moves, move)


def demote(store: Store, card: str, to: Stage, who: str, why: str, now_s: float) -> Move:
    """Down by a person. Raises NotMoved when that is not down."""
    moves = moves_of(store, card)
    try:
        move = ladder.demote(_outcomes(store, card), moves, to, now_s, who, why)
    except ladder.Refused as e:
        raise NotMoved(f"{card}: {e}") from None
    return _kept(store, card, moves, move)


def review(
    store: Store, card: ModelCard, up_to: Stage, now_s: float, cards: Sequence[ModelCard] = (), budget: float | None = None,
    held: bool = False,
) -> Move | None:  # fmt: skip
    """What the rule does with a card now: down at a breach; up where its record allows it, no louder than `up_to`.

    `budget`: false warnings that the card allows a week for all that it watches; None = not known. `held`: the configuration
    keeps it in shadow.
    """
    if card.challenges:
        return None
    moves = moves_of(store, card.name)
    move = ladder.breach(_outcomes(store, card.name), moves, gate_of(card), now_s, budget)
    if move is None and not held and STAGES.index(ladder.stage_of(moves)) < STAGES.index(up_to):
        try:
            move = _up(store, card, moves, now_s, "rule", f"promote_when of {card.name}", cards)
        except ladder.Refused:
            return None
    return move if move is not None and keep(store, card.name, moves, move) else None


def _up(
    store: Store, card: ModelCard, moves: Sequence[Move], now_s: float, who: str, why: str, cards: Sequence[ModelCard]
) -> Move:
    family = _family(store, card, cards, now_s)
    return ladder.promote(_outcomes(store, card.name), moves, gate_of(card), now_s, who, why, family)


def why_not(
    store: Store, card: ModelCard, now_s: float, cards: Sequence[ModelCard] = (), held: bool = False
) -> tuple[Stage, Standing, list[Lack], list[Move]]:
    """Where a card stands, by which record, what is missing for the next rung, and its moves. `held`: the configuration keeps it
    in shadow."""
    moves, family = moves_of(store, card.name), _family(store, card, cards, now_s)
    found = ladder.for_next(_outcomes(store, card.name), moves, gate_of(card), now_s, family)
    lacks = [*([HELD] if held else []), *ladder.lacks(found, gate_of(card), moves, now_s)]
    return "shadow" if held else ladder.stage_of(moves), found, lacks, moves


def _kept(store: Store, card: str, moves: list[Move], move: Move) -> Move:
    if not keep(store, card, moves, move):
        raise NotMoved(f"{card} was moved in the meantime; look again")
    return move


def _outcomes(store: Store, card: str) -> list[Outcome]:
    return store.outcomes(card=card, limit=VERDICTS_AT_MOST, replayed=True)


def as_json(card: str, found: tuple[Stage, Standing, list[Lack], list[Move]]) -> dict[str, Any]:
    """`why_not` as plain values."""
    stage, standing, lacking, moves = found
    return {
        "card": card, "stage": stage, "record": standing.as_json(),
        "missing": [{"what": x.what, "has": x.has, "needs": x.needs, "at": x.at_s, "only_if": x.only_if} for x in lacking],
        "moves": [{name: getattr(m, name) for name in m.__slots__} for m in moves],
    }  # fmt: skip


def challenged(
    store: Store, card: ModelCard, now_s: float, since_s: float, replayed: bool = False
) -> Comparison | None:
    """What the verdicts say of a card and its challenger, on what both do; None: there is none of the challenger yet."""
    tried = card.challenger
    kinds = {"": True, "anomaly": tried is not None and tried.detect is not None}
    forecasts = tried is not None and tried.forecast is not None

    def counts(one: Outcome) -> bool:
        kind = one.about.get("kind", "")
        return kinds.get(kind, forecasts)

    own = [o for o in store.outcomes(card=card.name, limit=VERDICTS_AT_MOST, replayed=replayed) if counts(o)]
    others = store.outcomes(card=card.name + CHALLENGER, limit=VERDICTS_AT_MOST, replayed=replayed)
    return compare(own, others, since_s, now_s)
