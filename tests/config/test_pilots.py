"""Costs, pilots and services of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config.pilots import ServiceSettings
from aiops.config.settings import Settings, load_settings
from aiops.core.errors import FileError

PILOT = "pilots: {disks: {cards: [disk_full], owner: sre, since: 2026-09-01, goal: {precision_at_least: 0.7}}}\n"


def loaded(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "aiops.yaml").write_text(text)
    return load_settings(tmp_path / "aiops.yaml", data_dir=tmp_path)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(FileError) as e:
        loaded(tmp_path, text)
    return str(e.value)


def test_a_pilot_names_its_cards_its_owner_and_its_targets(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, PILOT).pilots.values()
    assert (one.cards, one.owner, one.since, one.goal.precision_at_least, one.goal.settled) == (
        ["disk_full"], "sre", "2026-09-01", 0.7, 10,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PILOT.replace("2026-09-01", "sometime"), "pilots.disks.since: 'sometime' is no day; write for example 2026-09-01"),
        (PILOT.replace("precision_at_least: 0.7", "settled: 5"), "give at least one figure that must be reached"),
        (PILOT.replace("[disk_full]", "[]"), "pilots.disks.cards"),
        (PILOT.replace("0.7", "70"), "must be at most 1, not 70"),
        ("services: {shop: {posture: shrink}}\n", "must be one of growth, sustain, decline"),
        ("costs: {cpu_hour: -1}\n", "must be at least 0"),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_a_service_is_told_by_its_label_or_by_its_matchers(tmp_path: Path) -> None:
    bank = "{match: ['namespace=~\"bank.*\"'], posture: decline, budget_factor: 0.25}"
    text = f"services: {{shop: {{posture: growth}}, bank: {bank}}}\n"
    services = loaded(tmp_path, text).services
    assert services["shop"].means("shop", {"service": "shop"})
    assert not services["shop"].means("shop", {"job": "shop"})
    assert services["bank"].means("bank", {"namespace": "bank-eu"})
    assert (services["shop"].factors, services["bank"].factors) == ((2.0, 1.0), (0.5, 0.25))
    assert ServiceSettings().factors == (1.0, 1.0)
