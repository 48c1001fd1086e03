"""The policy file: closed, versioned, and every mistake where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.core.errors import FileError
from aiops.governance.policy import BUILT_IN, Policy, load_policy

GOOD = """
classes: [public, internal, confidential, restricted]
sources: {prom-eu: {class: internal, residency: [eu], owner: sre, purpose: [operations]}}
labels: {user_email: {class: restricted}, "customer_*": {class: confidential}, token: {action: drop}}
locations: {am-eu: eu, slack-us: us}
rules:
  - {id: R1, action: notify, when: {class: ">=confidential", location: [us]}, effect: mask}
  - {id: R2, action: "*", when: {residency_mismatch: true}, effect: deny}
defaults: {unclassified: restricted, effect: deny}
retention: {samples: 35d, symptoms: 400d, audit: 2555d}
"""


def test_a_file_is_read_and_its_text_is_its_version(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(GOOD)
    first = load_policy(tmp_path / "policy.yaml")
    assert first.rules[0].when.class_ == ">=confidential"
    assert len(first.version) == 12
    (tmp_path / "policy.yaml").write_text(GOOD + "# said otherwise\n")
    assert load_policy(tmp_path / "policy.yaml").version != first.version


def test_without_a_file_the_built_in_one_counts() -> None:
    assert load_policy(None).version == BUILT_IN


def test_the_first_pattern_that_fits_a_label_counts() -> None:
    policy = Policy.model_validate({"labels": {"customer_id": {"action": "drop"}, "customer_*": {"action": "mask"}}})
    found = [policy.label(name) for name in ("customer_id", "customer_name", "job")]
    assert [one and one.action for one in found] == ["drop", "mask", None]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("clases: [a, b]", "1:1: clases"),
        ("sources: {a: {class: secret}}", "1:15: sources.a.class"),
        ("labels:\n  x: {action: hide}", "2:7: labels.x.action"),
        ("rules:\n  - {id: R1, action: notify, when: {class: '>=secret'}, effect: deny}", "2:37: rules[0].when.class"),
        ("rules:\n  - {id: R1, action: notify, when: {class: '<=internal'}, effect: deny}", "2:37: rules[0].when.class"),
        ("rules:\n  - {id: R, action: notify, when: {residency_mismatch: true}, effect: allow}", "when.residency_mismatch"),
        ("rules:\n  - {id: R, action: notify, effect: deny}\n  - {id: R, action: serve, effect: deny}", "rules[1].id"),
        ("defaults: {unclassified: secret}", "defaults.unclassified"),
        ("classes: [a, a]", "classes"),
        ("retention: {samples: 7d}", "1:13: retention.samples: windows keep 35d"),
    ],
)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(FileError) as error:
        load_policy(tmp_path / "policy.yaml")
    assert where in str(error.value)
