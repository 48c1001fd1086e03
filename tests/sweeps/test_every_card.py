"""Every shipped card: answered by a runbook, evaluable on this host, its tests able to fail."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aiops.backtest import card_tests
from aiops.backtest.card_tests import failure
from aiops.cli.check_match import refusal
from aiops.models.card import ModelCard
from aiops.models.card_parts import CardTest
from aiops.telemetry.host import HostParams, HostSource
from aiops.telemetry.source import ReadLimits
from tests.shipped import BOOKS, CARDS, HOST_CARDS

HOSTS = {card.name for card in HOST_CARDS}
every = pytest.mark.parametrize("card", CARDS, ids=lambda c: c.name)


def cases() -> Iterator[Any]:
    """Every test of every card: what fires always, of what stays silent one of each name and model, the others in the long
    sweep."""
    seen = set()
    for card in CARDS:
        for test in card.tests:
            of = test.name, *(part and part.model for part in (card.forecast, card.detect))
            known = test.expect.symptom == "none" and of in seen
            seen.add(of)
            yield pytest.param(card, test, marks=pytest.mark.long if known else ())


each_case = pytest.mark.parametrize(("card", "test"), list(cases()), ids=lambda x: x.name.replace(" ", "_"))


@cache
def host() -> tuple[HostSource, int]:
    """This host, collected for a while, at its five second step: (source, newest instant)."""
    source = HostSource("host", HostParams(), ReadLimits())
    now = int(time.time()) // 5 * 5
    for at in range(now - 600, now + 1, 5):
        source.collect(float(at))
    return source, now


@every
def test_some_runbook_says_what_to_do(card: ModelCard) -> None:
    assert [b.name for b in BOOKS if not refusal(b, card)]


@every
def test_its_file_is_called_as_it_is(card: ModelCard) -> None:
    assert Path(card.path).stem == card.name


@each_case
def test_a_test_fails_when_it_expects_something_else(card: ModelCard, test: CardTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_tests, "LIVE_S", 3600)  # `aiops test` takes the whole of it
    other = "none" if test.expect.symptom != "none" else "exhaustion" if card.forecast else "anomaly"
    wrong = test.model_copy(update={"expect": test.expect.model_copy(update={"symptom": other, "crossing": {}})})
    why = failure(card, wrong)
    assert re.fullmatch(rf"symptom: expected {other}, got {test.expect.symptom}( \(.+\))?", why), why
    assert why.endswith(")") is (other == "exhaustion"), "why a forecaster is silent is said"


@pytest.mark.parametrize("card", [card for card in CARDS if card.name in HOSTS], ids=lambda c: c.name)
def test_the_host_source_can_evaluate_its_query(card: ModelCard) -> None:
    source, now = host()
    block = source.fetch(card.query, now - 30, now, 5).block
    for labels in block.labels:
        assert "__name__" not in labels
        assert set(labels) >= set(card.entity)


def test_on_this_host_a_card_watches_something_and_a_runbook_answers_it() -> None:
    source, now = host()
    watched = [c for c in CARDS if c.name in HOSTS and source.fetch(c.query, now - 30, now, 5).block.labels]
    answered = [c.name for c in watched if any(not refusal(b, c) for b in BOOKS)]
    assert {"disk_full", "memory_exhaustion", "load_anomaly"} <= set(answered)
