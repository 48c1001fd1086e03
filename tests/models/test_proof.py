"""What a warning rested on is computed again to the bit, and what was touched is seen."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from aiops import plugins
from aiops.core.records import Limit
from aiops.models import proof
from aiops.models.proof import Proof, Proofs, look_of, made_by, replay
from tests.models.ways import NOON, history

LOOKS = 12


def kept(folder: Path, model: str = "exhaustion") -> tuple[Proofs, int]:
    """Every row of a block of falling ones that speaks, each kept under its number; how many."""
    kind = plugins.load("forecasters", model)
    made = kind(kind.Params(), 300)
    rng = np.random.default_rng(3)
    hours = np.arange(288 * 3) / 12
    values = 0.9 - np.linspace(0.004, 0.011, 40)[:, None] * hours + rng.normal(0, 0.002, (40, len(hours)))
    limit, state = Limit.uniform(40, 0.05, False), made.initial(40)
    for back in range(LOOKS, -1, -1):  # it takes more than one look until a row speaks
        seen = history(values[:, : values.shape[1] - back], NOON - 300 * back)
        before = {name: array.copy() for name, array in state.items()}
        found = made.crossings(state, seen, limit, 3 * 86400.0)
    proofs, count = Proofs(folder), 0
    for i in np.flatnonzero(np.isfinite(found.time_s[:, 1])).tolist():
        mine = {name: array[i : i + 1] for name, array in before.items()}
        one = look_of(made_by(model, made), mine, seen, limit, i, 3 * 86400.0, found)
        assert one is not None
        proof.put(proofs.looks, str(i), one)
        proofs.keep(f"w{i}", str(i), anomaly=False)
        count += 1
    return proofs, count


def test_one_row_alone_comes_out_as_it_did_among_others(tmp_path: Path) -> None:
    _, count = kept(tmp_path)
    assert count > 10
    names = {path.stem for path in tmp_path.glob("*.json")}
    assert len(names) == count
    for name in names:
        again = replay(tmp_path, name)
        assert again.same, again
        assert again.digest == proof.digest_of(tmp_path, name) != ""


def test_what_was_changed_is_told(tmp_path: Path) -> None:
    proofs, _ = kept(tmp_path)
    name = next(path.stem for path in tmp_path.glob("*.json"))
    before = proof.digest_of(tmp_path, name)
    arrays = proof.read_state(tmp_path, name, {})
    assert isinstance(arrays, dict)
    meta = proof.read_meta(tmp_path, name)
    proofs.looks["x"] = Proof(arrays | {"found.time_s": arrays["found.time_s"] + 1.0}, meta)
    assert proofs.keep(name, "x", anomaly=False) != before
    assert replay(tmp_path, name).differs == ("time_s",)
    proofs.looks["x"] = Proof({k: v for k, v in arrays.items() if k != "limit.value"}, meta)
    proofs.keep(name, "x", anomaly=False)
    assert "cannot be computed any more" in replay(tmp_path, name).why
    (data,) = tmp_path.glob(f"{name}.*.npz")
    data.write_bytes(data.read_bytes()[:-1])
    assert "damaged" in replay(tmp_path, name).why


@pytest.mark.parametrize("name", ["none", "../etc", "", "a" * 65])
def test_what_is_not_kept_is_said(tmp_path: Path, name: str) -> None:
    again = replay(tmp_path, name)
    assert not again.same
    assert again.why


def test_a_limit_that_starts_anew_with_a_calendar_is_not_kept(tmp_path: Path) -> None:
    kind = plugins.load("forecasters", "exhaustion")
    made = kind(kind.Params(), 300)
    seen, limit = history(np.ones((1, 12))), Limit.uniform(1, 0.05, False)
    limit.resets[0] = 3
    found = made.crossings(made.initial(1), seen, Limit.uniform(1, 0.05, False), 3600.0)
    assert look_of(made_by("exhaustion", made), made.initial(1), seen, limit, 0, 3600.0, found) is None


def test_in_a_storm_the_oldest_gives_way(tmp_path: Path) -> None:
    proofs = Proofs(tmp_path)
    for i in range(proof.AT_MOST + 3):
        proof.put(proofs.looks, str(i), Proof({}, {}))
    assert list(proofs.looks) == [str(i) for i in range(3, proof.AT_MOST + 3)]
    assert proofs.keep("w", "0", anomaly=False) == ""


def test_what_is_old_is_deleted(tmp_path: Path) -> None:
    kept(tmp_path)
    files = sorted(tmp_path.iterdir())
    os.utime(files[0], (1000, 1000))
    assert proof.prune(tmp_path, 2000.0) == 1
    assert sorted(tmp_path.iterdir()) == files[1:]
    assert proof.prune(tmp_path / "none", 2000.0) == 0
