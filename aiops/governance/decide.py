"""What may be done with data: one pure function, total, the same on every replica that has the same policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiops.governance.policy import LOCAL, Action, Effect, Policy, PolicyRule

_STRENGTH: dict[Effect, int] = {"allow": 0, "mask": 1, "deny": 2}


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is asked about: its `source` (several: joined by +), its class ("" = unclassified), where it may be (empty: anywhere),
    what it is for."""

    source: str
    data_class: str = ""
    residency: tuple[str, ...] = ()
    purpose: tuple[str, ...] = ("operations",)


@dataclass(frozen=True, slots=True)
class Decision:
    """`allow`, `mask` or `deny`, the id of the rule that said so, and why."""

    effect: Effect
    rule: str
    reason: str


def decide(action: Action, data: Dataset, location: str, policy: Policy, purpose: str = "operations") -> Decision:
    """What `policy` says of doing `action` with `data` at `location` ("" = unknown, LOCAL = this process).

    Deny wins over mask, mask over allow, among the policy's rules that match and what is built in, or the default where nothing
    is; a rule that allows takes the place of what is built in. Never raises. Raising the class of the data, or taking a place out
    of its residency, never turns deny into anything else.
    """
    if purpose not in data.purpose:
        return Decision("deny", "purpose", f"{data.source} is not for {purpose}")
    matching = [rule for rule in policy.rules if _about(rule, action) and _holds(rule, data, location, policy)]
    found = [Decision(one.effect, one.id, f"rule {one.id} of policy {policy.version}") for one in matching]
    if not any(one.effect == "allow" for one in matching):
        found.append(_default(action, data, location, policy))
    return max(found, key=lambda one: _STRENGTH[one.effect])


def _default(action: Action, data: Dataset, location: str, policy: Policy) -> Decision:
    """What is built in: at home everything may be read, learnt from, kept and shown; what may only be in certain places goes to
    no other; of the highest class, and so of what has none, nothing leaves unmasked."""
    highest = policy.rank(class_of(data, policy)) == len(policy.classes) - 1
    if location == LOCAL:
        return Decision("allow", "built-in-home", "it stays in this process")
    if action in ("serve", "notify", "export"):
        if mismatch(data, location):
            return Decision("deny", "built-in-residency", f"it may be in {', '.join(data.residency)}, not in {location}")
        if highest:
            said = "it is not classified" if not data.data_class else f"it is {data.data_class}"
            return Decision("mask", "built-in-highest", f"{said}: it leaves masked")
        return Decision("allow", "built-in-leave", f"{class_of(data, policy)} may leave")
    return Decision(policy.defaults.effect, "default", "no rule is about it")


def class_of(data: Dataset, policy: Policy) -> str:
    """The class of a dataset: its own, or that of everything unclassified."""
    return data.data_class or policy.defaults.unclassified


def mismatch(data: Dataset, location: str) -> bool:
    """Whether a place is known to be none of those where the data may be; this process is where it is read."""
    return bool(data.residency) and location not in ("", LOCAL, *data.residency)


def _about(rule: PolicyRule, action: Action) -> bool:
    return rule.action in ("*", action)


def _holds(rule: PolicyRule, data: Dataset, location: str, policy: Policy) -> bool:
    when = rule.when
    if when.class_ is not None:
        mine, its = policy.rank(class_of(data, policy)), policy.rank(when.class_[2:])
        if not (mine >= its if when.class_[:2] == ">=" else mine <= its):
            return False
    if when.residency_mismatch is not None and when.residency_mismatch != mismatch(data, location):
        return False
    return (when.location is None or location in when.location) and (when.source is None or _of(rule, when.source, data))


def _of(rule: PolicyRule, named: Sequence[str], data: Dataset) -> bool:
    """Whether a rule about these sources is about what was made of several: deny and mask of any of them, allow of all."""
    sources = data.source.split("+")
    return (all if rule.effect == "allow" else any)(one in named for one in sources)
