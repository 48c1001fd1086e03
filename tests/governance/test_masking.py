"""Masks: the same for the same, another for everything else, and once is enough."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.core.errors import StoreError
from aiops.governance.masking import Masker, key_of, text_masked

MASKER = Masker(b"k" * 32)


@given(st.text(min_size=1), st.text(min_size=1))
def test_masking_keeps_identity_and_masks_once(name: str, value: str) -> None:
    once = MASKER.value(name, value)
    assert once != value
    assert MASKER.value(name, once) == once
    assert MASKER.value(name, value) == once
    assert Masker(b"other" * 8).value(name, value) != once


def test_only_the_named_labels_are_masked_and_nothing_is_made_of_nothing() -> None:
    found = MASKER.labels({"instance": "db-1", "job": "node", "zone": ""}, {"instance", "zone"})
    assert found["job"] == "node"
    assert found["zone"] == ""
    assert found["instance"].startswith("masked:")


def test_a_value_inside_a_text_is_replaced_the_longest_first() -> None:
    assert text_masked("df -h /var/lib on /var", {"/var": "A", "/var/lib": "B"}) == "df -h B on A"
    assert text_masked("as it is", {}) == "as it is"


def test_no_mask_is_looked_into_and_no_number_is_torn() -> None:
    masks = {"db-1": "masked:0123456789ab", "1": "masked:111111111111", "a": "masked:aaaaaaaaaaaa"}
    assert text_masked("db-1 cpu 1.", masks) == "masked:0123456789ab cpu masked:111111111111."
    assert text_masked("in 15 min at 0.1", masks) == "in 15 min masked:aaaaaaaaaaaat 0.1"


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = key_of(tmp_path / "data")
    assert len(key) == 32
    assert key_of(tmp_path / "data") == key
    assert stat.S_IMODE((tmp_path / "data" / "mask.key").stat().st_mode) == 0o600
    assert key_of(None) != key_of(None)


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mask.key").write_bytes(b"short")
    with pytest.raises(StoreError, match="too short"):
        key_of(tmp_path)
