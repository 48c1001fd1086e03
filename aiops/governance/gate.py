"""The gate: every block passes it before anything sees it, and every warning before it leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.labels import Labels, key
from aiops.core.records import Block, EarlyWarning, Lineage, Symptom
from aiops.core.remembered import LabelSets, Remembered
from aiops.governance.decide import Dataset, Decision, class_of, decide
from aiops.governance.masking import Masker, key_of, text_masked
from aiops.governance.policy import LOCAL, Action, Policy, load_policy

PURPOSE = "operations"
"""What this daemon uses data for."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the configuration says of a source; "" and empty: nothing."""

    source: str
    data_class: str = ""
    residency: tuple[str, ...] = ()
    purpose: tuple[str, ...] = (PURPOSE,)
    owner: str = ""


class Gate:
    """Decides by one policy, masks under one key."""

    def __init__(self, policy: Policy, masker: Masker) -> None:
        self.policy, self.masker = policy, masker

    def dataset(self, origin: Origin) -> Dataset:
        """What a source holds: the policy's word counts before the configuration's."""
        said = self.policy.sources.get(origin.source)
        if said is None:
            return Dataset(origin.source, origin.data_class, origin.residency, origin.purpose)
        return Dataset(
            origin.source, said.class_ or origin.data_class,
            origin.residency if said.residency is None else tuple(said.residency),
            origin.purpose if said.purpose is None else tuple(said.purpose),
        )

    def admission(self, origin: Origin) -> Callable[[Block], Block]:
        """The gate of one source: a function that admits its blocks, or raises SourceError of kind policy."""
        data = self.dataset(origin)
        ruled: Remembered[LabelSets] = Remembered(lambda labels: self._ruled(origin.source, labels))
        decisions = [decide(action, data, LOCAL, self.policy, PURPOSE) for action in ("fetch", "train", "store")]
        denied = next((one for one in decisions if one.effect == "deny"), None)
        masked = any(one.effect == "mask" for one in decisions)
        whole: Remembered[LabelSets] = Remembered(lambda labels: tuple(self.masker.labels(one, tuple(one)) for one in labels))

        def admit(block: Block) -> Block:
            if denied is not None:
                message = f"{denied.reason} ({denied.rule}); change the policy, or leave the source out"
                raise SourceError(origin.source, "policy", message)
            labels = ruled(block.labels)
            labels = whole(labels) if masked else labels
            lineage = replace(
                block.lineage, data_class=class_of(data, self.policy), residency=data.residency, policy=self.policy.version,
                digest=hashlib.blake2b(np.ascontiguousarray(block.values).data, digest_size=8).hexdigest(),
            )
            return replace(block, labels=labels, lineage=lineage)

        return admit

    def _ruled(self, source: str, labels: LabelSets) -> LabelSets:
        """Label sets with the policy's rules for labels applied; the same tuple when none is about them."""
        names = {name for one in labels for name in one}
        rules = {name: rule for name in names if (rule := self.policy.label(name)) is not None and rule.action != "keep"}
        if not rules:
            return labels
        dropped = {name for name, rule in rules.items() if rule.action == "drop"}
        masked = rules.keys() - dropped
        out = tuple(self.masker.labels({k: v for k, v in one.items() if k not in dropped}, masked) for one in labels)
        if dropped and len({key(one) for one in out}) < len(out):
            said = f"without the label {', '.join(sorted(dropped))} several series are the same"
            raise SourceError(source, "policy", f"{said}; mask it instead, or aggregate")
        return out

    def joined(self, lineages: Sequence[Lineage]) -> Lineage:
        """The lineage of what was made of several blocks: the highest class, the places where all of them may be."""
        first = lineages[0]
        if len(lineages) == 1:
            return first
        limited = [set(one.residency) for one in lineages if one.residency]
        places = set.intersection(*limited) if limited else set()
        nowhere = ("nowhere",) if limited and not places else ()
        return replace(
            first, source="+".join(sorted({name for one in lineages for name in one.source.split("+")})),
            start_s=min(one.start_s for one in lineages), end_s=max(one.end_s for one in lineages),
            digest=hashlib.blake2b("".join(sorted(one.digest for one in lineages)).encode(), digest_size=8).hexdigest(),
            data_class=self.policy.joined(*(one.data_class for one in lineages)), residency=tuple(sorted(places)) + nowhere,
            partial=tuple(dict.fromkeys(note for one in lineages for note in one.partial)),
        )

    def decision(self, action: Action, lineages: Sequence[Lineage], location: str) -> Decision:
        """What may be done with what has these lineages."""
        if not lineages:
            return Decision("mask", "no-lineage", "nothing is known of where it came from")
        whole = self.joined(lineages)
        return decide(action, Dataset(whole.source, whole.data_class, whole.residency), location, self.policy, PURPOSE)

    def location(self, receiver: str, local: bool = False) -> str:
        """Where a receiver stands: LOCAL for what is in this process, "" when nobody said."""
        return LOCAL if local else self.policy.locations.get(receiver, "")

    def labels(self, labels: Labels, lineages: Sequence[Lineage], action: Action, location: str) -> Labels | None:
        """A label set as it may be told at a place; None when it may not."""
        decision = self.decision(action, lineages, location)
        if decision.effect == "deny":
            return None
        whole = decision.effect == "mask"
        names = {name for name in labels if whole or self._too_high(name, lineages, action, location)}
        return self.masker.labels(labels, names) if names else labels

    def outbound(self, warning: EarlyWarning, action: Action, location: str) -> tuple[EarlyWarning | None, Decision]:
        """The warning as it may be told at a place: whole, masked, or None. Card, severity, times and numbers always stay."""
        lineages = [s.lineage for s in warning.symptoms]
        decision = self.decision(action, lineages, location)
        if decision.effect == "deny":
            return None, decision
        if location == LOCAL:
            return warning, decision
        names = {name for one in _label_sets(warning) for name in one}
        if decision.effect != "mask":
            names = {name for name in names if self._too_high(name, lineages, action, location)}
        if warning.kind == "rule" and self.policy.label("alertname") is None:
            names.discard("alertname")  # the rule's name is its author's, as a card's is: it says what will happen
        return (masked(warning, self.masker, names) if names else warning), decision

    def _too_high(self, name: str, lineages: Sequence[Lineage], action: Action, location: str) -> bool:
        """Whether a label is of a class that may not be told where the rest of the data may."""
        said = self.policy.label(name)
        if said is None or said.class_ is None:
            return False
        higher = [replace(one, data_class=self.policy.joined(one.data_class, said.class_)) for one in lineages]
        return self.decision(action, higher, location).effect != "allow"


def masked(warning: EarlyWarning, masker: Masker, names: set[str]) -> EarlyWarning:
    """A warning with the values of some labels masked wherever they stand: labels, evidence, the plans of runbooks, the service
    of its record."""
    every = _label_sets(warning)
    masks = {value: masker.value(name, value) for one in every for name, value in one.items() if name in names and value}
    service = {**warning.labels, **warning.entity}.get("service", "")

    def symptom(one: Symptom) -> Symptom:
        return replace(one, labels=masker.labels(one.labels, names), evidence=_without(one.evidence, masks))

    return warning.having(
        labels=masker.labels(warning.labels, names), entity=masker.labels(warning.entity, names),
        symptoms=tuple(symptom(one) for one in warning.symptoms),
        runbooks=tuple(_without(one, masks) for one in warning.runbooks),
        record=_without(warning.record, {service: masks[service]} if service in masks else {}),
        members=tuple({**one, "entity": masker.labels(one["entity"], names)} for one in warning.members),
        beside=tuple({**one, "entity": masker.labels(one["entity"], names)} for one in warning.beside),
    )


def _label_sets(warning: EarlyWarning) -> list[Labels]:
    """Every label set that a warning tells."""
    also = (one["labels"] for s in warning.symptoms for one in s.evidence.get("also", ()))
    members = (one["entity"] for one in (*warning.members, *warning.beside))
    return [warning.labels, warning.entity, *(s.labels for s in warning.symptoms), *also, *members]


def _without(value: Any, masks: Mapping[str, str]) -> Any:
    """JSON values with every masked text replaced."""
    if isinstance(value, str):
        return text_masked(value, masks)
    if isinstance(value, Mapping):
        return {name: _without(one, masks) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without(one, masks) for one in value]
    return value


def open_gate(policy: Path | None, data_dir: Path | None) -> Gate:
    """The gate of a policy file (None: the built-in policy). Raises FileError and StoreError."""
    return Gate(load_policy(policy), Masker(key_of(data_dir)))
