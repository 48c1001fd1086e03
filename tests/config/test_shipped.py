"""Where shipped files are, in a checkout and in an installed package (see also test_packaging)."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.config import shipped

ROOT = Path(__file__).parents[2]


def test_in_a_checkout_the_folders_at_the_top_are_used() -> None:
    assert shipped.models_dir() == ROOT / "models"
    assert shipped.runbooks_dir() == ROOT / "runbooks"


def test_in_an_installed_package_its_own_folders_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "aiops")
    (tmp_path / "models").mkdir()
    (tmp_path / "aiops" / "_shipped" / "models").mkdir(parents=True)
    assert shipped.models_dir() == tmp_path / "aiops" / "_shipped" / "models"


def test_the_demo_is_inside_the_package() -> None:
    assert shipped.demo_dir() == ROOT / "aiops" / "backtest" / "incident"
