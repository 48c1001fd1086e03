"""Cards that forecast the rules a team already has: as short as in the design, strict all the same."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from aiops.core.errors import FileError
from aiops.models.alerts_card import FIRING
from aiops.models.card import json_schema, load_card, load_cards, with_challengers

SHORT = """
kind: ModelCard
name: existing_alerts
alerts: {match: ['severity=~"critical|warning"']}
horizon: 6h
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "existing_alerts.yaml"
    path.write_text(text)
    return path


def test_the_short_form_is_a_whole_card(tmp_path: Path) -> None:
    card = load_card(written(tmp_path, SHORT))
    assert card.alerts is not None
    assert [str(one) for one in card.alerts.match] == ['severity=~"critical|warning"']
    assert card.forecast is not None
    assert (card.forecast.model, card.forecast.horizon_s, card.detect) == ("exhaustion", 6 * 3600.0, None)
    assert (card.query, card.step_s, card.stage, card.signal) == (FIRING, 60, "shadow", "existing_alerts")
    assert len(card.sha) == 12
    assert list(with_challengers(load_cards([tmp_path]))) == [card]


def test_what_can_be_set_is_kept(tmp_path: Path) -> None:
    more = "sources: [prod]\nstep: 30s\nhistory: 7d\nstage: ticket\nsignal: any_alert\nguards: {persistence: 2/3}\n"
    card = load_card(written(tmp_path, SHORT + more))
    assert (card.sources, card.step_s, card.history_s, card.stage, card.signal) == (["prod"], 30, 604800, "ticket", "any_alert")
    assert (card.guards.need, card.guards.of) == (2, 3)


def test_a_card_with_a_query_has_no_alerts(tmp_path: Path) -> None:
    text = "apiVersion: aiops/v1\nkind: ModelCard\nname: a\nsummary: Something breaks soon.\nowner: {team: t}\n"
    card = load_card(written(tmp_path, text + "query: a_bytes\ndetect: {}\n"))
    assert card.alerts is None


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [("query: up", "6:1", "query"), ("alarms: []", "6:1", "alarms"), ("step: 5", "6:1", "step"), ("unit: s", "6:1", "unit")],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, line: str, place: str, said: str) -> None:
    with pytest.raises(FileError) as found:
        load_card(written(tmp_path, SHORT + line + "\n"))
    assert f":{place}: {said}: " in str(found.value)


@pytest.mark.parametrize("good", [True, False])
def test_the_schema_knows_both_forms(good: bool) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    short = {"kind": "ModelCard", "name": "existing_alerts", "alerts": {"match": ['a="b"']}, "horizon": "6h"}
    first = {"apiVersion": "aiops/v1", "kind": "ModelCard", "name": "a", "summary": "Something breaks.", "owner": {"team": "t"}}
    if good:
        judge.validate(short)
        judge.validate({**first, "query": "x_bytes", "detect": {}})
    else:
        assert list(judge.iter_errors({**short, "query": "x"}))
        assert list(judge.iter_errors(first))


def test_rules_are_told_out_of_calm_and_the_cards_own_parameters_come_first(tmp_path: Path) -> None:
    def params(text: str) -> dict[str, object]:
        card = load_card(written(tmp_path, SHORT + text))
        assert card.forecast is not None
        return card.forecast.params

    assert params("") == {"calm_times": 1.5, "touched_s": 0}
    assert params("params: {calm_times: 0, pending_s: 60}\n") == {"calm_times": 0, "touched_s": 0, "pending_s": 60}


def test_parameters_that_the_forecaster_does_not_have_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r":6:\d+: params.haste: "):
        load_card(written(tmp_path, SHORT + "params: {haste: 1}\n"))
