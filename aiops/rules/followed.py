"""The rules that are followed: which of what servers tell of, and the comparisons to be read for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aiops.core.labels import Labels, Matcher, fingerprint, matches_all
from aiops.rules.compiler import Leaf
from aiops.rules.labels import UnsupportedTemplate, template
from aiops.rules.served import Naming, Served

RUNBOOK = "runbook_url"


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A rule, and the numbers of the sources that serve it. `name` stays while nothing of the rule changes."""

    served: Served
    sources: frozenset[int]
    name: str
    naming: Naming
    own: Mapping[str, str]
    """The labels that it sets to the same text for every alert."""

    @property
    def alert(self) -> str:
        """Its name."""
        return self.served.rule.alert

    @property
    def predicts(self) -> bool:
        """Whether it predicts by itself: then what it predicts counts, not its own word."""
        return self.served.compiled.target is not None

    def entity(self, labels: Labels) -> dict[str, str]:
        """What names the alert of a series of its result."""
        return dict(sorted(self.naming.of_series(labels)))

    def annotation(self, name: str, labels: Labels) -> str:
        """An annotation for a series of its result; empty where there is none, or one that does more than name labels."""
        text = dict(self.served.rule.annotations).get(name, "")
        try:
            made = template(text)
        except UnsupportedTemplate:
            return ""
        return "" if made.tells_value else made.filled(labels)


@dataclass(frozen=True, slots=True, eq=False)
class Rulebook:
    """All rules: those that are followed, and those that cannot be, each with its reason and more about it."""

    followed: tuple[Followed, ...] = ()
    refused: tuple[tuple[Served, str, str], ...] = ()
    parts: Mapping[str, Leaf] = field(default_factory=dict)
    """The comparisons of all of them, by the name under which they are read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the rules that are followed, in order: the same while nothing changes."""
        return tuple(one.name for one in self.followed)

    def parts_of(self, source: int) -> dict[str, str]:
        """Name to expression of what one source is asked for."""
        wanted = (leaf for one in self.followed if source in one.sources for leaf in one.served.compiled.leaves)
        return {part_name(leaf): leaf.expr for leaf in wanted}


def part_name(leaf: Leaf) -> str:
    """The name under which a comparison is read: the same over restarts."""
    return fingerprint(leaf.expr, leaf.op, repr(leaf.limit), leaf.role)


def rulebook(served: Mapping[int, Sequence[Served]], match: Sequence[Matcher]) -> Rulebook:
    """The rules of some sources (by number) that match; one that several of them serve alike is one."""
    found: dict[str, Followed] = {}
    refused: dict[str, tuple[Served, str, str]] = {}
    for source, rules in served.items():
        for one in rules:
            if not matches_all(match, {**dict(one.rule.labels), "alertname": one.rule.alert}):
                continue
            name = _name(one)
            if not one.compiled.forecastable:
                refused[name] = one, one.compiled.reason or "", one.compiled.detail
            elif name in found:
                found[name] = replace(found[name], sources=found[name].sources | {source})
            else:
                found[name] = Followed(one, frozenset([source]), name, Naming(one.rule), _static(one.rule.labels))
    leaves = dict.fromkeys(leaf for one in found.values() for leaf in one.served.compiled.leaves)
    return Rulebook(tuple(found.values()), tuple(refused.values()), {part_name(leaf): leaf for leaf in leaves})


def _name(one: Served) -> str:
    rule = one.rule
    words = (rule.group, rule.alert, rule.expr, repr(rule.for_s), repr(rule.interval_s))
    return fingerprint(*words, *(part for pair in sorted(rule.labels) for part in pair))


def _static(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: text for name, text in labels if "{{" not in text}
