"""What is known besides the ledger: where a source is, whose a card is, what the policy says of telling it."""

from __future__ import annotations

from aiops.config.settings import Settings
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker
from aiops.governance.policy import Policy
from aiops.models.card import ModelCard
from aiops.pipeline.lineages import about_of
from tests.pipeline.made import card
from tests.store.samples import SYMPTOM


def test_sources_are_named_by_what_and_where_they_are_without_a_login() -> None:
    sources = {"eu": {"kind": "prometheus", "url": "http://me:secret@prom:9090/path?x=1"}, "here": {"kind": "host"}}
    settings = Settings.model_validate({"sources": sources})
    about = about_of(settings, Gate(Policy(), Masker(b"k")), [ModelCard.model_validate(card())])
    assert about.namespaces == {"eu": "prometheus://prom:9090", "here": "host://here"}
    assert about.owners == {"disk": "t"}


def test_the_policy_is_asked_of_exporting_to_the_place_of_lineage() -> None:
    rule = {"id": "R1", "action": "export", "when": {"location": ["eu"]}, "effect": "deny"}
    policy = Policy.model_validate({"locations": {"lineage": "eu"}, "rules": [rule]})
    about = about_of(Settings(), Gate(policy, Masker(b"k")), [])
    assert (about.decide([SYMPTOM.lineage]).effect, about.decide([SYMPTOM.lineage]).rule) == ("deny", "R1")
    assert about_of(Settings(), Gate(Policy(), Masker(b"k")), []).decide([SYMPTOM.lineage]).effect == "allow"
