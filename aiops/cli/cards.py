"""`aiops cards`: the cards and their live figures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from aiops.cli.said import ConfigPath, DataDir, Out, Who, emit, fail, failing, settings_of, span_of, stored, tell, user

if TYPE_CHECKING:
    from aiops.config.settings import Settings
    from aiops.core.records import Stage
    from aiops.models.card import ModelCard
    from aiops.outcomes.ladder import Move
    from aiops.outcomes.scorecard import Figures
    from aiops.store import Store

cards_app = typer.Typer(no_args_is_help=True, help="Model cards: their figures, and how loud they may be.")
CardName = Annotated[str, typer.Argument(help="the card")]
Why = Annotated[str, typer.Option(help="one sentence")]
Since = Annotated[str, typer.Option(help="how far back, for example 30d")]


@cards_app.command("list")
def list_(config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """List the cards: where each stands, what it watches with which models, and who answers for it; after each its challenger."""
    from aiops.core.text import visible

    with failing():
        found = list(_listed(settings_of(config, data_dir)))
    if output == "json":
        for one in found:
            emit(one)
        return
    width = max([4, *(len(one["card"]) for one in found)])
    typer.echo(f"{'CARD':{width}}  STAGE   MODELS                  SUMMARY")
    for one in found:
        models = visible(" + ".join(one["models"]), 22)
        what = f"tried beside {one['challenges']}" if one["challenges"] else visible(one["summary"], 100)
        typer.echo(f"{one['card']:{width}}  {one['stage']:6}  {models:22}  {what}")


def _listed(settings: Settings) -> Iterator[dict[str, Any]]:
    """One row a card. Raises AiopsError for a mistake in a card."""
    from aiops.models.card import CHALLENGER, load_cards, with_challengers

    cards = load_cards(settings.card_paths)
    declared = {card.name: settings.stages.get(card.name, card.stage) for card in cards}
    stands = stands_at(settings, cards)
    for card in with_challengers(cards):
        models = [one.model for one in (card.forecast, card.detect) if one is not None]
        alerts = None if card.alerts is None else [str(one) for one in card.alerts.match]
        yield {
            "card": card.name, "summary": card.summary, "stage": stands.get(card.name, "shadow"),
            "declared": declared.get(card.name, "shadow"), "models": models,
            "challenges": card.name.removesuffix(CHALLENGER) if card.challenges else None,
            "query": card.query if alerts is None else None, "alerts": alerts, "sources": list(card.sources), "step_s": card.step,
            "horizon_s": card.forecast.horizon_s if card.forecast else None, "owner": card.owner.team,
        }  # fmt: skip


def stands_at(settings: Settings, cards: Sequence[ModelCard]) -> dict[str, Stage]:
    """Where each card stands: by its moves, and before a daemon has run by what is declared; what the configuration holds in
    shadow there. Raises StoreError."""
    from aiops.outcomes.ladder import stage_of
    from aiops.pipeline.rooms import loudest_declared
    from aiops.pipeline.stages import held, moves_of
    from aiops.store import Store
    from aiops.store.engine import is_there

    stands = {card.name: loudest_declared(settings.stages.get(card.name, card.stage)) for card in cards}
    if is_there(settings.store.url, settings.data_dir):  # else no daemon has run yet
        with closing(Store.reading(settings.store.url, settings.data_dir)) as store:
            moves = {card.name: moves_of(store, card.name) for card in cards}
        stands |= {name: stage_of(found) for name, found in moves.items() if found}
    return stands | dict.fromkeys(held(settings.stages), "shadow")


@cards_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="one card, rule, entity, service or team; none: all")] = "",
    by: Annotated[str, typer.Option(help="card, rule, entity, service or team")] = "card",
    since: Since = "30d",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Show how warnings came out: precision, recall, leads, false warnings against the budget, intervals against nominal; and
    which times mask a card's series in the next week."""
    from aiops.outcomes.scorecard import BY

    if by not in BY:
        fail(f"--by: {by!r}; known: {', '.join(BY)}", 2)
    found = [one for one in _figures(config, data_dir, by, since) if name in ("", one.name)]
    if by == "card" and name and not found:
        _check_name(config, data_dir, name)
    if output == "json":
        for one in found:
            emit(one.as_json())
        return
    for line in table(found):
        typer.echo(line)
    for line in [*_told(config, data_dir, name), *_masks(config, data_dir, name)] if by == "card" else ():
        typer.echo(line)


def _check_name(config: Path | None, data_dir: Path | None, name: str) -> None:
    """End the command where there is no such card: that nothing was judged of it is no answer then."""
    from aiops.config.messages import did_you_mean
    from aiops.models.card import load_cards, with_challengers

    known = [card.name for card in with_challengers(load_cards(settings_of(config, data_dir).card_paths))]
    if name not in known:
        fail(f"no card {name!r}{did_you_mean(name, known)}", 1)


def _masks(config: Path | None, data_dir: Path | None, name: str) -> Iterator[str]:
    """The times that mask the series of a card, or of all, now and in the next week."""
    from aiops.cli.masks import lines
    from aiops.models.card import load_cards

    settings = settings_of(config, data_dir)
    cards = load_cards(settings.card_paths)
    yield from lines(settings, [card for card in cards if name in ("", card.name)], time.time())


@cards_app.command("promote")
def promote(
    card: CardName, by: Who = "", why: Why = "", config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text"
) -> None:  # fmt: skip
    """Take a card one rung up, if its record passes `promote_when`; else exit 1 and say what is missing."""
    from aiops.pipeline.stages import promote as up

    with _ladder(config, data_dir, card) as (store, found, cards):
        move = up(store, found, by or user(), why or "promoted", time.time(), cards, _held(config, card))
    _moved(output, card, move)


@cards_app.command("demote")
def demote(
    card: CardName,
    to: Annotated[str, typer.Option(help="shadow or ticket")] = "shadow",
    by: Who = "",
    why: Why = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Take a card down; its record begins anew."""
    from aiops.pipeline.stages import demote as down

    if to not in ("shadow", "ticket"):
        fail(f"--to: {to!r}; known: shadow, ticket", 2)
    with _ladder(config, data_dir, card) as (store, found, _):
        move = down(store, found.name, cast(Any, to), by or user(), why or "demoted", time.time())
    _moved(output, card, move)


def _moved(output: str, card: str, move: Move) -> None:
    said = f"{card}: {move.before} -> {move.after}, by {move.who}"
    tell(output, said, card=card, before=move.before, stage=move.after, who=move.who, why=move.why)


@cards_app.command("why-not")
def why_not(card: CardName, config: ConfigPath = None, data_dir: DataDir = None, output: Out = "text") -> None:
    """Say where a card stands, what is missing for the next rung and when it will be reached at this pace."""
    from aiops.core.durations import rfc3339
    from aiops.core.text import visible
    from aiops.pipeline.stages import as_json
    from aiops.pipeline.stages import why_not as asked

    with _ladder(config, data_dir, card) as (store, one, cards):
        found = asked(store, one, time.time(), cards, _held(config, card))
    if output == "json":
        emit(as_json(card, found))
        return
    stage, record, lacking, moves = found
    lent = f", {record.replayed} of them in a replay of the past" if record.replayed else ""
    lent += f"; {record.borrowed} more are lent by cards like it" if record.borrowed else ""
    typer.echo(f"{card} stands at {stage}; {record.came} of {record.settled} distinct incidents came true{lent}")
    for line in lacking:
        typer.echo(f"  missing    {line}")
    if not lacking and stage != "page":
        typer.echo(f"  nothing is missing: aiops cards promote {card}")
    for move in moves:
        told = f"{move.before} -> {move.after}, {move.kind} by {move.who}: {move.why}"
        typer.echo(visible(f"  {rfc3339(move.at_s)}  {told}"))


@cards_app.command("compare")
def compare(
    card: CardName,
    since: Since = "90d",
    replayed: Annotated[bool, typer.Option(help="count outcomes of replays too, of the time before what was lived")] = False,
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Say from the record whether the challenger of a card is better, and what then to write into the card."""
    from aiops.cli.compared import as_object, lines
    from aiops.pipeline.stages import challenged

    span, now = span_of(since), time.time()
    with _ladder(config, data_dir, card) as (store, found, _):
        if found.challenger is None:
            fail(f"{card} has no challenger; write `challenger: {{forecast: {{model: …}}}}` into {found.path}", 1)
        told = challenged(store, found, now, now - span, replayed)
    if output == "json":
        emit(as_object(found, told))
        return
    for line in lines(found, told, now):
        typer.echo(line)


@cards_app.command("record")
def record(
    source: Annotated[Path, typer.Option("--from", help="outcomes of a replay of the past, one JSON object a line")],
    by: Who = "",
    config: ConfigPath = None,
    data_dir: DataDir = None,
    output: Out = "text",
) -> None:
    """Take the outcomes of a backtest of your own past into the record: they count up to ticket, and teach calibration."""
    from aiops.cli.said import writing
    from aiops.outcomes.replayed import read
    from aiops.pipeline.desk import Desk

    try:
        with source.open("rb") as f:
            found = read(f, time.time())
    except OSError as e:
        fail(f"{source}: cannot be read: {e.strerror}", 2)
    except ValueError as e:
        fail(f"{source}: {e}", 2)
    with writing(config, data_dir) as (store, cards):
        kept = Desk(store, cards).replayed(found, by or user(), time.time())
    for card, count in kept.items():
        tell(output, f"{card}: {count} outcomes of a replay", card=card, outcomes=count)
    if not kept and output != "json":
        typer.echo("nothing new")


def _told(config: Path | None, data_dir: Path | None, name: str) -> Iterator[str]:
    """What confidence and intervals of a card's warnings rest on, or of all of those that have outcomes."""
    from aiops.models.card import load_cards
    from aiops.pipeline.calibrations import shown

    with stored(config, data_dir) as store:
        cards = load_cards(settings_of(config, data_dir).card_paths)
        for one in shown(store, cards, time.time()):
            if one.card == name or (not name and one.found.outcomes):
                about, anomaly = one.found.about, one.kind == "anomaly"
                interval = "" if anomaly else f"; interval {about['interval']}"
                yield f"{one.card}, {one.kind}: confidence {about['confidence']}{interval}"


def _held(config: Path | None, card: str) -> bool:
    """Whether the configuration keeps a card in shadow."""
    from aiops.pipeline.stages import held

    return card in held(settings_of(config).stages)


@contextmanager
def _ladder(config: Path | None, data_dir: Path | None, card: str) -> Iterator[tuple[Store, ModelCard, list[ModelCard]]]:
    from aiops.cli.said import writing

    with writing(config, data_dir) as (store, cards):
        found = next((one for one in cards if one.name == card), None)
        if found is None:
            fail(f"no card {card!r}; there are {', '.join(one.name for one in cards)}", 1)
        yield store, found, list(cards)


def _figures(config: Path | None, data_dir: Path | None, by: str, since: str) -> list[Figures]:
    from aiops.models.card import load_cards
    from aiops.pipeline.figures import figures, watched_last

    span, now = span_of(since), time.time()
    with failing():
        cards = load_cards(settings_of(config, data_dir).card_paths)
    with stored(config, data_dir) as store:
        return figures(store, cards, [cast(Any, by)], now, now - span, watched_last(store))


def table(found: Sequence[Figures]) -> Iterator[str]:
    """One line each, under a head."""
    from aiops.core.text import visible

    if not found:
        yield "no verdicts yet"
        return
    width = max(4, *(len(visible(one.name, 40)) for one in found))
    yield (
        f"{found[0].by.upper():{width}}  SETTLED  PRECISION (90 %)   RECALL  LEAD p10/p50/p90        "
        "FALSE/WEEK  PER 100 (BUDGET)  TOLD  IN INTERVAL  OFF BY    ASIDE  ALONE"
    )
    for one in found:
        yield _line(one, visible(one.name, 40), width)


def _line(one: Figures, name: str, width: int) -> str:
    from aiops.core.durations import text
    from aiops.core.quantity import rough

    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    leads = "/".join("-" if (lead := one.lead_s(q)) is None else text(lead) for q in (0.1, 0.5, 0.9)) if one.leads_s else "-"
    bounds = "-" if one.precision is None else f"{one.precision:.0%} ({share(one.low)} to {share(one.high)})"
    inside = "-" if one.coverage is None else f"{one.coverage:.0%} of {one.timed}"
    off = "-" if one.off_s is None else text(one.off_s)
    alone = "-" if one.cleared_alone is None else f"{one.cleared} of {one.untouched}"
    return (
        f"{name:{width}}  {one.settled:7}  {bounds:17}  {share(one.recall):6}  {leads:22}  {rough(one.false_per_week):>10}  "
        f"{_per_100(one):16}  {share(one.promised):4}  {inside:11}  {off:8}  {share(one.aside):5}  {alone}"
    )


def _per_100(one: Figures) -> str:
    """False warnings a week for a hundred series, and how many the card allows."""
    from aiops.core.quantity import rough

    allowed = "" if one.budget is None else f" ({rough(one.budget)})"
    return "-" if one.false_per_100 is None else f"{rough(one.false_per_100)}{allowed}"
