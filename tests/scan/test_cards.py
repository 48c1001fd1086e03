"""What the warnings of a card would have been worth, and how cards are seen on a server."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from aiops.core.records import Block, Lineage
from aiops.models.card import ModelCard
from aiops.models.card_parts import Promotion
from aiops.scan import cards as module
from aiops.scan.ask import Reader
from aiops.scan.cards import Worth, leaf_of, look, scraped_every_s, together, worth_of
from aiops.scan.parts import in_spans
from aiops.scan.past import Past
from aiops.scan.record import Judged
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests.scan.tanks import Tanks, tanks

HOUR, STEP = 3600.0, 300


def card(query: str, **more: Any) -> ModelCard:
    given: dict[str, Any] = {"apiVersion": "aiops/v1", "kind": "ModelCard", "name": query, "summary": "A tank runs over."}
    return ModelCard.model_validate({**given, "owner": {"team": "t"}, "query": query, **more})


def above(limit: float) -> dict[str, Any]:
    return {"forecast": {"limit": {"above": limit}, "horizon": "1d"}}


@pytest.mark.parametrize(
    ("hits", "false", "leads", "passes"),
    [
        (10, 0, [HOUR] * 10, True), (3, 0, [HOUR] * 3, False), (10, 3, [HOUR] * 10, False), (40, 6, [HOUR] * 40, False),
        (40, 3, [HOUR] * 40, True), (10, 0, [60.0] * 10, False), (0, 0, [], False),
    ],
)  # fmt: skip
def test_a_card_passes_by_the_bound_of_its_precision_its_lead_and_its_false_ones(
    hits: int, false: int, leads: list[float], passes: bool
) -> None:
    bar = Promotion(settled=20, precision_at_least=0.7, median_lead=1800.0, false_per_week_at_most=2)
    assert Worth(Judged(hits + false, hits, false, tuple(leads)), 14.0).passes(bar) is passes


def test_the_bound_is_that_of_wilson() -> None:
    assert Worth(Judged(5, 5, 5), 14.0).bound == pytest.approx(0.2693, abs=5e-4)  # Wilson 1927, n = 10, half of them
    assert math.isnan(Worth(Judged(0, 0, 0), 14.0).bound)


def test_series_are_judged_together() -> None:
    assert together([Judged(2, 1, 1, (5.0,)), Judged(3, 2, 0, (6.0, 7.0))]) == Judged(5, 3, 1, (5.0, 6.0, 7.0))


def test_the_sentence_says_what_is_open_too() -> None:
    said = Worth(Judged(4, 2, 1, (HOUR, 3 * HOUR)), 14.0).sentence()
    assert "warned 4 times: 2 came true, 1 did not, 1 still open; median 2h ahead; precision at least 0.2" in said
    assert Worth(Judged(0, 0, 0), 14.0).sentence() == "in the last 14 days it would not have warned"


def test_one_that_rises_to_its_limit_is_a_hit_and_one_that_turns_is_not() -> None:
    n, begin, end = 3 * 288, 400, 600
    risen = np.full(n, 0.2)
    risen[begin:end] = np.linspace(0.2, 1.0, end - begin)
    turned = np.where(np.arange(n) < begin + 130, risen, 0.2)
    time_s = 1_790_000_100 + STEP * np.arange(n)
    leaf = leaf_of(card("q", **above(0.9)))
    block = Block(({"i": "a"}, {"i": "b"}), time_s, np.array([risen, turned]), "1", Lineage("s", "q", 0, 0))
    worth = worth_of(Past.of([leaf], {leaf.expr: block}, time_s), 86400.0)
    assert worth is not None
    assert (worth.judged.warned, worth.judged.hits, worth.judged.false) == (2, 1, 1)
    assert worth.days == pytest.approx(3, abs=0.01)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tanks]:
    with tanks(tmp_path_factory.mktemp("tanks")) as found:
        yield found


def reader(url: str) -> Reader:
    source = PrometheusSource("p", PrometheusParams(url=url), ReadLimits(seconds=10, queries=4))
    source.query_api_only = True
    return Reader(source)


def test_cards_are_seen_as_they_are(server: Tanks) -> None:
    cards = [
        card("tank_open", detect={}), card("tank_nowhere", detect={}), card("tank_used_ratio", **above(0.9)),
        card("tank_free_litres", forecast={**above(1)["forecast"], "model": "harmonic"}),
    ]  # fmt: skip
    seen = look(reader(server.url), cards, server.now_s, time.monotonic() + 120)
    assert [one.series for one in seen] == [2, 0, 5, 1]
    assert [one.why for one in seen][:2] == ["what is unlike usual is judged while it runs", "no series"]
    assert seen[2].beyond == 1
    assert seen[2].worth is not None
    assert "harmonic" in seen[3].why


def test_of_very_many_series_the_nearest_are_replayed(server: Tanks, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[frozenset[str]] = []

    def remembered(*args: Any) -> Any:
        asked.append(args[3])
        return in_spans(*args)

    monkeypatch.setattr(module, "MOST_SERIES", 2)
    monkeypatch.setattr(module, "in_spans", remembered)
    (seen,) = look(reader(server.url), [card("tank_used_ratio", **above(0.9))], server.now_s, time.monotonic() + 120)
    assert asked == [frozenset({'{"tank":"full"}', '{"tank":"filling"}'})]
    assert seen.worth is not None
    assert seen.worth.judged.warned == 1


def test_without_time_nothing_is_asked_and_that_is_told(server: Tanks) -> None:
    (seen,) = look(reader(server.url), [card("tank_open", detect={})], server.now_s, time.monotonic() - 1)
    assert (seen.series, seen.why) == (0, "there was no time to look")


def test_how_often_it_is_scraped_is_unknown_where_nothing_is(server: Tanks) -> None:
    assert scraped_every_s(reader(server.url), server.now_s, time.monotonic() + 10) is None
