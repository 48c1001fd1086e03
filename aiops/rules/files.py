"""Prometheus rule files: read as Prometheus reads them, each mistake where it stands.

They are not files of this project, so what Prometheus allows is allowed: anchors, merge keys, documents after the first, which
alone is read, and keys that Thanos, Mimir and Cortex add to a group. What Prometheus would refuse to load is a mistake. Manifests
of Kubernetes may hold rules too: of each PrometheusRule its `spec` is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from aiops.config.messages import did_you_mean
from aiops.config.yaml_file import Document
from aiops.config.yaml_strict import PARSER_ERRORS, Loc, dotted, read, yaml_mistake
from aiops.core.durations import LONGEST_S, seconds
from aiops.core.errors import FileError, Mistake
from aiops.rules.go_template import template_mistake
from aiops.rules.parse import NotPromQL, Unsupported, parse

MAX_BYTES, MAX_RULES = 4 * 1024 * 1024, 20_000
FILE_KEYS = ("groups", "namespace")
GROUP_KEYS = (
    "name", "interval", "query_offset", "limit", "rules", "labels", "partial_response_strategy", "source_tenants",
    "evaluation_delay", "align_evaluation_time_on_interval",
)  # fmt: skip
OBJECT_KEYS = ("apiVersion", "kind", "metadata", "spec", "status")
RULE_KEYS = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_AS_PROMETHEUS = re.compile(r"0|(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?", re.ASCII)
"""Durations of rule files: also a bare 0, and units from large to small alone; `core.durations` takes them in any order."""
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_WHOLE = re.compile(r"[-+]?[0-9][0-9_]*|0x[0-9a-fA-F_]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """One alerting rule as it is written; times in seconds, `interval_s` None: the server's own."""

    file: str
    line: int
    group: str
    alert: str
    expr: str
    for_s: float
    keep_firing_for_s: float
    interval_s: float | None
    labels: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The alerting rules of a file in order, and the mistakes inside expressions and templates, of recording rules too."""

    rules: tuple[AlertingRule, ...]
    mistakes: tuple[Mistake, ...]


def read_rules(path: Path) -> RuleFile:
    """The alerting rules of a file.

    Raises FileError for what is no rule file: every mistake in its YAML, keys and durations, and those in its expressions.
    """
    name, text = str(path), read(path, MAX_BYTES)
    readers: list[_Reader] = []
    rules: list[AlertingRule] = []
    try:
        for node in _documents(text):
            readers.append(_Reader(Document(name, text, None, node)))
            rules += readers[-1].file(node)
    except PARSER_ERRORS as e:
        raise FileError([yaml_mistake(name, text, e)]) from e
    inside = [one for reader in readers for one in reader.inside]
    if any(reader.mistakes for reader in readers):
        raise FileError([one for reader in readers for one in reader.mistakes] + inside)
    return RuleFile(tuple(rules), tuple(inside))


def _documents(text: str) -> Iterator[Node | None]:
    """The first document; of a manifest every PrometheusRule, those in a List too, or its first object where it has none."""
    documents = YAML(typ="safe", pure=True).compose_all(text)
    first = next(documents, None)
    if not _kind(first):
        yield first
        return
    objects = [one for document in [first, *documents] for one in _objects(document)]
    yield from [one for one in objects if _kind(one) == "PrometheusRule"] or [first]


def _objects(node: Node | None) -> Iterator[Node | None]:
    """The object, or those in it: `kubectl get prometheusrules -o yaml` writes a List."""
    items = _keys(node).get("items") if isinstance(node, MappingNode) and _kind(node).endswith("List") else None
    yield from items.value if isinstance(items, SequenceNode) else [node]


def _kind(node: Node | None) -> str:
    """The `kind` of an object of Kubernetes; empty for anything else."""
    if not isinstance(node, MappingNode):
        return ""
    named = _keys(node)
    kind = named.get("kind")
    return str(kind.value) if "apiVersion" in named and isinstance(kind, ScalarNode) else ""


def _keys(node: MappingNode) -> dict[str, Node]:
    return {key.value: value for key, value in node.value if isinstance(key, ScalarNode)}


class _Reader:
    """Walks the file's own nodes: values are texts, as they stand."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.mistakes: list[Mistake] = []
        self.inside: list[Mistake] = []
        self.count = 0

    def file(self, node: Node | None) -> Iterator[AlertingRule]:
        if node is None:  # an empty file is a rule file without rules
            return
        at: Loc = ()
        kind = _kind(node)
        if kind and kind != "PrometheusRule":
            self._wrong(("kind",), f"{kind} holds no rules; give a rule file of Prometheus, or a PrometheusRule")
            return
        if kind:
            node, at = self._mapping(node, (), OBJECT_KEYS, "").get("spec", node), ("spec",)
        keys = self._mapping(node, at, FILE_KEYS, "a rule file is a mapping with `groups:`")
        names: set[str] = set()
        for i, group in enumerate(self._items(keys.get("groups"), (*at, "groups"))):
            yield from self._group(group, (*at, "groups", i), names)

    def _group(self, node: Node, loc: Loc, names: set[str]) -> Iterator[AlertingRule]:
        keys = self._mapping(node, loc, GROUP_KEYS, "a group is a mapping with `name:` and `rules:`")
        name = self._text(keys.get("name"), (*loc, "name"))
        if not name:
            self._wrong((*loc, "name"), "a group needs a name")
        elif name in names:
            self._wrong((*loc, "name"), f"a group named {name!r} is there already; group names are unique in a file")
        names.add(name)
        interval_s = self._duration(keys.get("interval"), (*loc, "interval"))
        for key in ("query_offset", "evaluation_delay"):
            self._duration(keys.get(key), (*loc, key))
        limit = self._text(keys.get("limit"), (*loc, "limit"))
        if limit and not _WHOLE.fullmatch(limit):
            self._wrong((*loc, "limit"), f"{limit!r} is no whole number")
        common = dict(self._pairs(keys.get("labels"), (*loc, "labels")))
        for i, rule in enumerate(self._items(keys.get("rules"), (*loc, "rules"))):
            self.count += 1
            if self.count == MAX_RULES + 1:
                self._wrong((*loc, "rules", i), f"has more than {MAX_RULES} rules; split the file")
            if self.count > MAX_RULES:
                return
            found = self._rule(rule, (*loc, "rules", i), name, interval_s or None, common)
            if found is not None:
                yield found

    def _rule(
        self, node: Node, loc: Loc, group: str, interval_s: float | None, common: dict[str, str]
    ) -> AlertingRule | None:
        keys = self._mapping(node, loc, RULE_KEYS, "a rule is a mapping with `alert:` or `record:`, and `expr:`")
        alert, record = (self._text(keys.get(k), (*loc, k)) for k in ("alert", "record"))
        if bool(alert) == bool(record):
            self._wrong(loc, "a rule has one of `alert` and `record`" + (", not both" if alert else ""))
        expr = self._text(keys.get("expr"), (*loc, "expr"))
        if not expr.strip():
            self._wrong((*loc, "expr"), "an expression is needed")
        else:
            self._expression(expr, (*loc, "expr"))
        for_s, keep_s = (self._duration(keys.get(k), (*loc, k)) for k in ("for", "keep_firing_for"))
        labels, annotations = (self._templates(self._pairs(keys.get(k), (*loc, k)), (*loc, k)) for k in ("labels", "annotations"))
        if record and not _METRIC.fullmatch(record):
            self._wrong((*loc, "record"), f"{record!r} is no metric name; use letters, digits, _ and :, and no digit first")
        if record and not alert:
            for key in ("for", "keep_firing_for", "annotations"):
                if key in keys and (key == "annotations" or self._text(keys[key], (*loc, key)) not in ("0", "0s")):
                    self._wrong((*loc, key), "belongs to an alerting rule, not to a recording rule")
            return None
        line, _ = self.document.where(loc)
        return AlertingRule(
            self.document.path, line, group, alert, expr.strip(), for_s, keep_s, interval_s,
            tuple((common | dict(labels)).items()), tuple(annotations),
        )  # fmt: skip

    def _expression(self, expr: str, loc: Loc) -> None:
        try:
            parse(expr)
        except NotPromQL as e:
            self._inside(loc, e.offset, str(e))
        except Unsupported:
            pass  # a server may load it; the compiler says that it does not understand it

    def _templates(self, pairs: list[tuple[str, str]], loc: Loc) -> list[tuple[str, str]]:
        for name, text in pairs:
            if (wrong := template_mistake(text)) is not None:
                self._inside((*loc, name), *wrong)
        return pairs

    def _inside(self, loc: Loc, offset: int, message: str) -> None:
        line, column = self.document.inside(loc, offset)
        self.inside.append(Mistake(self.document.path, line, column, dotted(loc), message))

    def _mapping(self, node: Node, loc: Loc, known: tuple[str, ...], what: str) -> dict[str, Node]:
        if not isinstance(node, MappingNode):
            self._wrong(loc, what)
            return {}
        found = self._pairs_of(node, loc)
        for key in found:
            if key not in known:
                self._wrong((*loc, key), f"is no key that Prometheus knows here{did_you_mean(key, known)}")
        return found

    def _pairs_of(self, node: MappingNode, loc: Loc) -> dict[str, Node]:
        """Key to value, merge keys resolved: what is written here wins over what is merged in."""
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._wrong(loc, "a key must be text")
            elif key.tag == "tag:yaml.org,2002:merge" or (key.value == "<<" and not key.style):
                for one in value.value if isinstance(value, SequenceNode) else [value]:
                    if isinstance(one, MappingNode) and one is not node:
                        merged = {**dict(self._shallow(one)), **merged}
            elif key.value in own:
                self._wrong((*loc, key.value), "is there twice; keep one")
            else:
                own[key.value] = value
        return merged | own

    def _shallow(self, node: MappingNode) -> Iterator[tuple[str, Node]]:
        return ((key.value, value) for key, value in node.value if isinstance(key, ScalarNode))

    def _items(self, node: Node | None, loc: Loc) -> list[Node]:
        if node is None or _null(node):
            return []
        if isinstance(node, SequenceNode):
            return list(node.value)
        self._wrong(loc, "must be a list")
        return []

    def _pairs(self, node: Node | None, loc: Loc) -> list[tuple[str, str]]:
        if node is None or _null(node):
            return []
        if not isinstance(node, MappingNode):
            self._wrong(loc, "must be a mapping of names to texts")
            return []
        found = self._pairs_of(node, loc)
        for key in found:
            if not _LABEL.fullmatch(key) or key == "__name__":
                self._wrong((*loc, key), f"{key!r} is no label name; use letters, digits and _, and no digit first")
        return [(key, self._text(value, (*loc, key))) for key, value in found.items()]

    def _text(self, node: Node | None, loc: Loc) -> str:
        if node is None or _null(node):
            return ""
        if isinstance(node, ScalarNode):
            return str(node.value)
        self._wrong(loc, "must be a text")
        return ""

    def _duration(self, node: Node | None, loc: Loc) -> float:
        text = self._text(node, loc)
        if not text:
            return 0.0
        if not _AS_PROMETHEUS.fullmatch(text):
            self._wrong(loc, f"{text!r} is no duration; write for example 30s, 5m or 1h30m")
            return 0.0
        try:
            return 0.0 if text == "0" else seconds(text)
        except ValueError:  # Prometheus counts on to 292 years
            return LONGEST_S

    def _wrong(self, loc: Loc, message: str) -> None:
        self.mistakes.append(self.document.mistake(loc, message))


def _null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"
