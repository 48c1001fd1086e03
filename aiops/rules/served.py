"""The alerting rules that a server evaluates, as it tells of them, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field, ValidationError

from aiops.core.errors import SourceError
from aiops.rules.compiler import Compiled, Leaf, compile_rule
from aiops.rules.files import MAX_RULES, AlertingRule
from aiops.rules.labels import NAME, template
from aiops.rules.parse import NotPromQL, parse
from aiops.rules.tree import COMPARISONS, SET_OPERATORS, Binary, Call, Node, children, is_scalar

PATH = "/api/v1/rules"
RELABELS = ("label_replace", "label_join")


class _Alert(BaseModel):
    labels: dict[str, str] = Field(default_factory=dict)
    state: str = ""
    activeAt: datetime | None = None


class _Rule(BaseModel):
    type: str = ""
    name: str = ""
    query: str = ""
    duration: float = 0.0
    keepFiringFor: float = 0.0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    alerts: list[_Alert] | None = None


class _Group(BaseModel):
    name: str = ""
    file: str = ""
    interval: float = 0.0
    rules: list[_Rule] | None = None


class _Data(BaseModel):
    groups: list[_Group] | None = None


class _Answer(BaseModel):
    data: _Data


@dataclass(frozen=True, slots=True)
class Active:
    """One alert that the server has now: `state` firing or pending; since when its condition holds, epoch seconds."""

    labels: Mapping[str, str]
    state: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Served:
    """One alerting rule of a server, its margin or the reason why there is none, and its alerts of now."""

    rule: AlertingRule
    compiled: Compiled
    active: tuple[Active, ...] = ()

    @property
    def hold_s(self) -> float:
        """How long the condition must hold until it fires: `for`, rounded up to the group's interval."""
        interval_s = self.rule.interval_s or 1.0
        return -(-self.rule.for_s // interval_s) * interval_s


def served_in(body: bytes, source: str) -> list[Served]:
    """Every alerting rule that an answer of `source` under PATH tells of, in its order; none for an empty one.

    Raises SourceError bad_data for an answer of another shape.
    """
    if not body:
        return []
    try:
        groups = _Answer.model_validate_json(body).data.groups or []
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SourceError(source, "bad_data", f"{PATH}: {where}: {first['msg']}") from e
    found = [(group, rule) for group in groups for rule in group.rules or [] if rule.type == "alerting"]
    if len(found) > MAX_RULES:
        raise SourceError(source, "bad_data", f"{PATH}: {len(found)} rules, more than {MAX_RULES}")
    return [_served(group, rule) for group, rule in found]


def _served(group: _Group, rule: _Rule) -> Served:
    written = AlertingRule(
        group.file, 0, group.name, rule.name, rule.query, rule.duration, rule.keepFiringFor, group.interval or None,
        tuple((rule.labels or {}).items()), tuple((rule.annotations or {}).items()),
    )  # fmt: skip
    active = tuple(
        Active(one.labels, one.state, one.activeAt.timestamp()) for one in rule.alerts or [] if one.activeAt is not None
    )
    try:
        return Served(written, as_a_whole(rule.query, compile_rule(rule.query, written.labels)), active)
    except NotPromQL as e:
        return Served(written, Compiled(reason="unsupported_syntax", detail=str(e)), active)


def as_a_whole(query: str, found: Compiled) -> Compiled:
    """Labels that a rule makes itself are not those of its leaves: such a rule is one leaf, its margin against 0.

    0 itself counts as its operator says; a target is reached there.
    """
    text = found.target or found.margin
    if text is None or not _relabels(parse(query)):
        return found
    inclusive = found.target is not None or (len(found.leaves) == 1 and found.leaves[0].op in (">=", "<="))
    return Compiled(found.margin, found.target, Leaf(text, ">=" if inclusive else ">", 0.0, "forecast"))


def _relabels(node: Node) -> bool:
    """Whether it makes labels of what comes out of a comparison, or joins some; what is compared has them in its leaf."""
    if isinstance(node, Binary) and node.op in COMPARISONS:
        return False
    joins = isinstance(node, Binary) and node.op not in SET_OPERATORS and not (is_scalar(node.left) or is_scalar(node.right))
    return joins or (isinstance(node, Call) and node.name in RELABELS) or any(map(_relabels, children(node)))


class Naming:
    """Which alerts belong to which series of a rule's result: the labels that both must have.

    Labels that come from `$value` say nothing: they are left out of account. So is the name of the rule's group, which vmalert
    gives each of its alerts as `alertgroup`. Raises UnsupportedTemplate for a rule that the compiler refuses for its labels.
    """

    def __init__(self, rule: AlertingRule) -> None:
        self._own, self._unsure = [], set[str]()
        self._alert, self._group = rule.alert, ("alertgroup", rule.group)
        for name, text in rule.labels:
            made = template(text)
            self._own.append((name, made))
            if made.tells_value:
                self._unsure.add(name)

    def of_series(self, labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        """What names the alert of a series with these labels."""
        found = dict(labels)
        for name, made in self._own:
            found[name] = made.filled(labels)
        return self._kept(found | {"alertname": self._alert})

    def of_alert(self, labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        """What names an alert with these labels."""
        return self._kept(labels)

    def _kept(self, labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        out = (NAME, "alertstate", *self._unsure)
        return frozenset(one for one in labels.items() if one[1] and one[0] not in out and one != self._group)
