"""Label sets, their fingerprints, and Alertmanager matchers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
import re2

Labels: TypeAlias = Mapping[str, str]

_MATCHER = re.compile(
    r"""\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s{}!=~,\\"'`]+))\s*""", re.DOTALL
)
_UNESCAPE = {"n": "\n", '"': '"', "\\": "\\"}
_QUIET = re2.Options()
_QUIET.log_errors = False  # else the library writes what it refuses to stderr


def key(labels: Labels) -> str:
    """A canonical text of a label set: equal sets give equal text, whatever their order.

    >>> key({"b": "2", "a": "1"})
    '{"a":"1","b":"2"}'
    """
    try:
        return orjson.dumps(labels if type(labels) is dict else dict(labels), option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:  # half of a surrogate pair; the same text else, at ten times the cost
        return json.dumps(dict(sorted(labels.items())), ensure_ascii=False, separators=(",", ":"))


def fingerprint(*parts: str) -> str:
    """The first 16 hex digits of SHA-256 over the parts, each ended by a NUL: stable across processes and machines."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]


def subset(labels: Labels, names: Iterable[str]) -> dict[str, str]:
    """The labels called `names`, in that order; an absent one becomes the empty string, as in PromQL."""
    return {name: labels.get(name, "") for name in names}


def has_all(labels: Labels, wanted: Labels) -> bool:
    """Whether what has `labels` has every one of `wanted`; an absent one is the empty string, as in PromQL.

    >>> has_all({"instance": "a", "job": "node"}, {"instance": "a", "device": ""}), has_all({"instance": "a"}, {"instance": "b"})
    (True, False)
    """
    return all(labels.get(name, "") == value for name, value in wanted.items())


def escape(value: str) -> str:
    """A label value as it stands between double quotes in PromQL: one literal, whatever it holds."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


@dataclass(frozen=True, slots=True)
class Matcher:
    """One Alertmanager matcher `name op "value"`; regular expressions are anchored. An absent label is empty.

    They are those of RE2, as in Prometheus and Alertmanager, and are matched in time linear in the value: a label value that was
    made to stall a backtracking engine does not stall this one.
    """

    name: str
    op: str
    value: str
    _regex: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """Read `env=~"prod|stage"`; quotes may be left out where Alertmanager's old and new grammar agree on what is meant.

        In quotes \\n, \\" and \\\\ are escapes, any other backslash stands for itself. Raises ValueError naming the text when
        it is no matcher or no regular expression.
        """
        found = _MATCHER.fullmatch(text)
        if not found:
            raise ValueError(f'{text!r} is no matcher; write for example env="prod" or env=~"prod|stage"')
        name, op, quoted, bare = found.groups()
        value = bare if quoted is None else re.sub(r"(?s)\\(.)", lambda m: _UNESCAPE.get(m[1], m[0]), quoted)
        return cls.make(name, op, value)

    @classmethod
    def make(cls, name: str, op: str, value: str) -> Matcher:
        """A matcher from its parts. Raises ValueError when the value of =~ or !~ is no regular expression of RE2."""
        regex = None
        if op in ("=~", "!~"):
            try:
                regex = re2.compile(value.encode(), _QUIET)
            except UnicodeEncodeError as e:
                raise ValueError(f"{name}{op}: {value!r} holds half a character") from e
            except re2.error as e:
                why = e.args[0].decode("utf-8", "replace")
                raise ValueError(f"{name}{op}: {value!r} is no regular expression that Prometheus knows: {why}") from e
        return cls(name, op, value, regex)

    def matches(self, labels: Labels) -> bool:
        """Whether a label set fulfils this matcher."""
        value = labels.get(self.name, "")
        if self._regex is not None:
            return bool(self._regex.fullmatch(value.encode("utf-8", "surrogatepass"))) == (self.op == "=~")
        return (value == self.value) == (self.op == "=")

    def __str__(self) -> str:
        return f'{self.name}{self.op}"{escape(self.value)}"'


def matches_all(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether a label set fulfils every matcher; true for none."""
    return all(m.matches(labels) for m in matchers)
