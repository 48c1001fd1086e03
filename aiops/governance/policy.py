"""The data policy: classes, what labels and sources are, where receivers stand, and rules; a file, closed and versioned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from aiops.config.fields import Duration, Found, Strict, at, items, schema_of_file
from aiops.config.yaml_file import Document, load, validate
from aiops.core.durations import seconds

Action = Literal["fetch", "store", "train", "serve", "notify", "export", "*"]
Effect = Literal["allow", "mask", "deny"]
BUILT_IN = "built-in"
LOCAL = "local"
"""This process and its data directory."""
_CLASS = r"^(>=|<=)[a-z][a-z0-9_-]*$"


class SourcePolicy(Strict):
    """What is said here of a source counts before what its own settings say."""

    class_: str | None = Field(None, alias="class", description="classification of everything that comes from it")
    residency: list[str] | None = Field(None, description="places where its data may be")
    owner: str | None = Field(None, description="who answers for it")
    purpose: list[str] | None = Field(None, description="what its data may be used for")


class LabelPolicy(Strict):
    """What a label holds, and what happens to it before anything sees it."""

    class_: str | None = Field(None, alias="class", description="class of its values, masked apart from the rest")
    action: Literal["keep", "mask", "drop"] = Field(
        "keep", description="at every fetch: keep it, put a keyed hash in its place, or leave it out"
    )


class When(Strict):
    """All that is written must hold. Deny and mask look upward in class, allow downward, so that a rule is never passed by by
    raising a class."""

    class_: Annotated[str, Field(pattern=_CLASS)] | None = Field(None, alias="class", description=">=CLASS, or for allow <=CLASS")
    residency_mismatch: bool | None = Field(None, description="whether the place is none of those where the data may be")
    location: list[str] | None = Field(None, description="places")
    source: list[str] | None = Field(None, description="names of sources")


class PolicyRule(Strict):
    """One rule; of all that match the strongest effect counts: deny, then mask, then allow."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")] = Field(description="shown wherever it decides")
    action: Action = Field(description="what it is about; * is everything")
    when: When = Field(default_factory=lambda: When(), description="none: always")
    effect: Effect = Field(description="allow, mask or deny")


class Defaults(Strict):
    """What counts where nothing else is said."""

    unclassified: str = Field("restricted", description="class of a source that has none")
    effect: Effect = Field("deny", description="for what no rule is about")


KEPT_S = 35 * 86400.0
"""How long windows keep history, s."""


class Retention(Strict):
    """How long things may be kept."""

    samples: Duration | None = Field(None, gt=0, description="history in the window store")
    symptoms: Duration | None = Field(None, gt=0, description="early warnings and outcomes")
    audit: Duration | None = Field(None, gt=0, description="the ledger")


class Policy(Strict):
    """A policy file. Rules of it count before the built-in ones."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    apiVersion: Literal["aiops/v1"] = "aiops/v1"
    kind: Literal["Policy"] = "Policy"
    classes: list[str] = Field(
        default_factory=lambda: ["public", "internal", "confidential", "restricted"], min_length=2,
        description="from what anybody may see to what almost nobody may",
    )  # fmt: skip
    sources: dict[str, SourcePolicy] = Field(default_factory=dict, description="by name")
    labels: dict[str, LabelPolicy] = Field(default_factory=dict, description="by name, with * for anything; the first that fits")
    locations: dict[str, str] = Field(default_factory=dict, description="receiver, or `web`, to the place where it stands")
    rules: list[PolicyRule] = Field(default_factory=list, description="what is decided otherwise than built in")
    defaults: Defaults = Field(default_factory=lambda: Defaults(), description="what counts where nothing else is said")
    retention: Retention = Field(default_factory=lambda: Retention(), description="how long things may be kept")
    version: str = Field(BUILT_IN, exclude=True, description="set when it is read")

    @classmethod
    def mistakes(cls, raw: Mapping[str, Any]) -> Found:
        """Classes that are none, rules that could be passed by, an id twice, a promise that is not kept."""
        classes = raw.get("classes", ["public", "internal", "confidential", "restricted"])
        known = [c for c in classes if isinstance(c, str)] if isinstance(classes, list) else []
        if len(set(known)) < len(known):
            yield ("classes",), "names a class twice; each once, in order"
        yield from _unknown_classes(raw, known)
        samples = at(raw, "retention", "samples")
        with suppress(ValueError):
            if isinstance(samples, str) and seconds(samples) < KEPT_S:
                yield ("retention", "samples"), "windows keep 35d, and no less; write 35d or more, or leave it out"
        seen: set[str] = set()
        for i, rule in enumerate(items(raw, "rules")):
            yield from _rule_mistakes(rule, i, known)
            one = at(rule, "id")
            if isinstance(one, str) and one in seen:
                yield ("rules", i, "id"), f"{one!r} is there twice; rename one of them"
            seen.add(str(one))

    def rank(self, class_: str) -> int:
        """The place of a class in their order; what is none is taken for the highest."""
        return self.classes.index(class_) if class_ in self.classes else len(self.classes) - 1

    def joined(self, *classes: str) -> str:
        """The class of what was made of things of these classes: the highest. Of nothing: the lowest.

        >>> Policy().joined("public", "confidential", "internal")
        'confidential'
        """
        return self.classes[max((self.rank(c) for c in classes), default=0)]

    def label(self, name: str) -> LabelPolicy | None:
        """What is said of a label; None when nothing is."""
        return next((rule for pattern, rule in self.labels.items() if fnmatchcase(name, pattern)), None)


def _unknown_classes(raw: Mapping[str, Any], known: list[str]) -> Found:
    for part in ("sources", "labels"):
        found = at(raw, part)
        for name, one in found.items() if isinstance(found, dict) else ():
            said = at(one, "class")
            if isinstance(said, str) and said not in known:
                yield (part, name, "class"), f"no class {said!r}; known: {', '.join(known)}"
    said = at(raw, "defaults", "unclassified")
    if isinstance(said, str) and said not in known:
        yield ("defaults", "unclassified"), f"no class {said!r}; known: {', '.join(known)}"


def _rule_mistakes(rule: Any, i: int, known: list[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    said, effect = at(rule, "when", "class"), at(rule, "effect")
    if isinstance(said, str) and said[:2] in (">=", "<="):
        if said[2:] not in known:
            yield ("rules", i, "when", "class"), f"no class {said[2:]!r}; known: {', '.join(known)}"
        elif effect in ("allow", "mask", "deny") and (said[:2] == "<=") != (effect == "allow"):
            sign, way = ("<=", "down") if effect == "allow" else (">=", "up")
            yield ("rules", i, "when", "class"), f"{effect} looks {way}ward; write {sign}{said[2:]}"
    mismatch = at(rule, "when", "residency_mismatch")
    if isinstance(mismatch, bool) and effect in ("allow", "mask", "deny") and mismatch == (effect == "allow"):
        yield ("rules", i, "when", "residency_mismatch"), f"{effect} goes with {str(effect != 'allow').lower()}"


def load_policy(path: Path | None) -> Policy:
    """The policy of a file, None: the built-in one. Raises FileError with every mistake in it."""
    return Policy() if path is None else _load(path)[0]


def _load(path: Path) -> tuple[Policy, Document]:
    document = load(path)
    policy: Policy = validate(document, Policy, [])
    return policy.model_copy(update={"version": hashlib.sha256(document.text.encode()).hexdigest()[:12]}), document


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a policy file."""
    return schema_of_file(Policy)
