"""Inhibit rules for Alertmanager: where the real alert fires, its early warning says nothing more."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aiops.core.labels import Matcher
from aiops.notify.alertmanager import RESERVED
from aiops.notify.names import label_name

SEVERITIES = ("critical", "error", "warning", "info", "page", "ticket")
"""Severities that alerting rules have: a pair of rules for each, for a real alert silences only its own."""
TELL_APART = ("cluster", "namespace", "job", "instance", "pod", "container", "service", "node", "device", "mountpoint")
HEAD = """# For Alertmanager: paste into its configuration, or join with what stands there under inhibit_rules.
# While the real alert fires, the early warning of the same thing is not told.
"""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a card foresees: the labels of its entity, and the matchers of the alerts that are its truth."""

    card: str
    entity: Sequence[str]
    alerts: Sequence[Matcher] = ()


def inhibit_rules(cards: Iterable[Foreseen]) -> str:
    """The block `inhibit_rules` of an Alertmanager's configuration, as YAML.

    A rule for each card that names alerts as its truth: those alerts silence its warnings where all labels of the entity are
    the same. Of rules that are foreseen each real alert silences its own early warning, for each of the usual severities. An
    early warning itself silences nothing: it has a `warning_id`.

    Source: Alertmanager's configuration, inhibit_rule.
    """
    known = list(cards)
    rules = [rule for one in known for rule in _of_card(one)] + list(_of_rules())
    return HEAD + _silent([one.card for one in known if not one.alerts]) + "inhibit_rules:\n" + "".join(rules)


def _silent(cards: Sequence[str]) -> str:
    """A comment on the cards of which no rule can be made."""
    if not cards:
        return ""
    said = f"Cards that name no alert (truth: {{alerts: [...]}}): {', '.join(cards)}."
    return textwrap.fill(said, 118, initial_indent="# ", subsequent_indent="#   ") + "\n"


def _of_card(one: Foreseen) -> Iterator[str]:
    if one.alerts:
        equal = [label_name(name) for name in one.entity if label_name(name) not in RESERVED]
        source = [*map(str, one.alerts), 'warning_id=""']
        yield _rule(f"{one.card}: the alert that its card names", source, [f'alertname="Early_{one.card}"'], equal)


def _of_rules() -> Iterator[str]:
    for severity in SEVERITIES:
        source = ['kind=""', 'warning_id=""', f'severity="{severity}"']
        target = ['kind="rule"', f'exported_severity="{severity}"']
        yield _rule(f"alerts that are foreseen, of severity {severity}", source, target, ["alertname", *TELL_APART])


def _rule(about: str, source: Sequence[str], target: Sequence[str], equal: Sequence[str]) -> str:
    lists = {"source_matchers": source, "target_matchers": target, "equal": equal}
    lines = [f"    {name}: [{', '.join(map(_quoted, values))}]\n" for name, values in lists.items()]
    return f"  # {about}\n" + "  - " + "".join(lines).lstrip()


def _quoted(value: str) -> str:
    """As YAML takes it whole: a matcher stands on one line."""
    return value if value.isidentifier() else "'" + value.replace("'", "''") + "'"
