"""Labels that a runbook looks at, held against what the cards give that lead to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.cli.check_labels import label_hints
from aiops.models.card import ModelCard, load_card
from aiops.runbooks import Runbook
from tests.cli.test_check import POOL_CARD
from tests.runbooks.samples import POOL, loaded


@pytest.fixture
def runbook(tmp_path: Path) -> Runbook:
    return loaded(tmp_path)


def card(folder: Path, query: str, entity: str = "[instance]", name: str = "pool_used_up") -> ModelCard:
    file = folder / f"{name}.yaml"
    text = POOL_CARD.replace("query: workers_free", f"query: '{query}'").replace("name: pool_used_up", f"name: {name}")
    file.write_text(text.replace("entity: [service]", f"entity: {entity}"))
    return load_card(file)


@pytest.mark.parametrize(
    ("query", "entity"),
    [
        ("workers_free", "[service]"),
        ("workers_free", "[instance, service]"),
        ("sum by (service, instance) (workers_free)", "[service]"),
        ('workers_free{service!=""}', "[instance]"),
    ],
)
def test_a_label_of_entity_or_query_is_there(tmp_path: Path, runbook: Runbook, query: str, entity: str) -> None:
    assert list(label_hints(runbook, [card(tmp_path, query, entity)], ())) == []


@pytest.mark.parametrize("query", ["workers_free", "sum by (instance) (workers_free)", "workers_free_by_service"])
def test_another_label_is_told_of_with_card_and_entity(tmp_path: Path, runbook: Runbook, query: str) -> None:
    ((place, said),) = label_hints(runbook, [card(tmp_path, query)], ())
    assert place == ("target_by", 0)
    wanted = "warnings of pool_used_up may have no label service: the entity is instance, and the query does not name it"
    assert said == wanted


def test_the_cards_that_lack_it_are_named(tmp_path: Path, runbook: Runbook) -> None:
    lacking = [card(tmp_path, "workers_free", name=f"lacks_{i}") for i in range(5)]
    cards = [card(tmp_path, "workers_free", "[service]", "has"), *lacking]
    ((_, said),) = label_hints(runbook, cards, ())
    assert said.startswith("warnings of lacks_0, lacks_1, lacks_2 and 2 more cards may have no label service")


def test_what_sources_and_matchers_give_is_there(tmp_path: Path, runbook: Runbook) -> None:
    one = card(tmp_path, "workers_free")
    assert list(label_hints(runbook, [one], ["service"])) == []
    matched = loaded(tmp_path, POOL.replace("['env=~\"prod|stage\"']", "['env=~\"prod|stage\"', 'service!=\"\"']"))
    assert list(label_hints(matched, [one], ())) == []


def test_what_prometheus_gives_every_series_is_there_without_an_aggregation(tmp_path: Path) -> None:
    book = loaded(tmp_path, POOL.replace("target_by: [service]", "target_by: [job]").replace("target.service", "target.job"))
    told = {query: [said for _, said in label_hints(book, [card(tmp_path, query)], ["service"])] for query in ("x", "sum(x)")}
    assert (told["x"], len(told["sum(x)"])) == ([], 1)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("if: steps.look.json.idle > 3", "if: symptom.labels.zone == 'a'", ("steps", 2, "if")),
        ("Requests to ", "${{ symptom.labels.zone }}: requests to ", ("notify", "impact")),
    ],
)
def test_a_look_up_and_a_condition_look_at_labels_too(tmp_path: Path, old: str, new: str, place: tuple[object, ...]) -> None:
    assert POOL.count(old) == 1
    book = loaded(tmp_path, POOL.replace(old, new))
    ((found, said),) = label_hints(book, [card(tmp_path, "workers_free", "[service]")], ())
    assert (found, "no label zone" in said) == (place, True)
