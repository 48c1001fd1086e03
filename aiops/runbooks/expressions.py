"""`${{ }}` look-ups, CEL conditions and `{$target}` queries: checked when a file is loaded, evaluated in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from aiops.config.messages import did_you_mean
from aiops.config.promql import mistake_in
from aiops.core.labels import escape
from aiops.runbooks.cel_types import type_mistakes

LOOK_UP = re.compile(r"\$\{\{\s*((?:(?!\}\}|\$\{\{).)*?)\s*\}\}")
_ALIKE = re.compile(r"(?:(?<!\$)\{\{-?\s*\$?|\$\{\s*)(?:symptom|target|steps|labels|warning)\.")
"""A look-up as templates of other tools have it: it would be left as it stands, and nobody would know why nothing fits."""
_PATH = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*")
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")
_WHOLE = re.compile(r"(?<![\w.\[])\d+(?![\w.])")
_REFERENCE = re.compile(r"(?<![\w.])(symptom|steps|target)((?:\.[a-zA-Z_]\w*)+)")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
_CEL_ERROR = re.compile(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?(.+?)(?: expecting .*)?$", re.MULTILINE)
_TARGET = "$target"
_AS_MATCHER = re.compile(r"(?<=[{,])(\s*)\$target(?=\s*[},])")
MAX_CEL = 2000
ROOTS = ("symptom", "steps", "target")
SYMPTOM_FIELDS = (
    "labels",
    "kind",
    "signal",
    "lead_time",
    "confidence",
    "severity",
    "card",
    "expected_at",
    "value",
    "limit",
)
_LOOKED_AT = re.compile(r"(?<![\w.])(symptom|steps|target|response)((?:\.[a-zA-Z_]\w*)*)")
_SYMPTOM_TYPES: Mapping[str, Any] = {
    **{f"symptom.{name}": "a" for name in ("kind", "signal", "severity", "card")},
    **{f"symptom.{name}": 1.5 for name in ("lead_time", "confidence", "expected_at", "value", "limit")},
}
"""A value of the type of each part of a symptom; labels, and so targets, are text."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class NotKnown(Exception):
    """A look-up whose value exists only once an earlier step has run."""


class NotEvaluated(ValueError):
    """A CEL expression that is right in form and has no value for this data."""


def look_up_mistakes(text: str, step_ids: Collection[str], target_by: Collection[str]) -> Iterator[str]:
    """What is wrong with each look-up in `text`."""
    for found in LOOK_UP.finditer(text):
        why = path_mistake(found[1], step_ids, target_by)
        if why:
            yield f"${{{{ {found[1][:60]} }}}} {why}"
    rest = LOOK_UP.sub("", text)
    if "${{" in rest:
        yield "a look-up is not closed on its line; write ${{ name.name }}"
    elif alike := _ALIKE.search(rest):
        shown = rest[alike.start() :][:60]
        yield f"{shown!r} would be left as it stands, for it is no look-up; write it as ${{{{ symptom.labels.NAME }}}}"


def path_mistake(path: str, step_ids: Collection[str], target_by: Collection[str]) -> str:
    """Why a dotted path leads nowhere; empty when it may lead somewhere."""
    if not _PATH.fullmatch(path):
        return "is no look-up; only names joined by dots are allowed"
    root, *rest = path.split(".")
    if root == "secrets":
        return "would put a secret into plain text; name it under auth or secrets_env: {secret: name}"
    if root not in ROOTS:
        return f"has the unknown name {root}{did_you_mean(root, ROOTS)}"
    if root == "steps":
        known = rest and rest[0] in step_ids
        why = "" if known else f"names no step before this one{did_you_mean(rest[0] if rest else '', list(step_ids))}"
        return why or ("" if len(rest) > 1 else f"needs a part of what the step gives, for example steps.{rest[0]}.json")
    if root == "target":
        known = len(rest) == 1 and rest[0] in target_by
        return "" if known else f"is not in target_by{did_you_mean(rest[0] if rest else '', list(target_by))}"
    if not rest or rest[0] not in SYMPTOM_FIELDS:
        return f"is no part of a symptom{did_you_mean(rest[0] if rest else '', SYMPTOM_FIELDS)}"
    if len(rest) != (2 if rest[0] == "labels" else 1):
        return "needs one label, for example symptom.labels.instance" if rest[0] == "labels" else f"{rest[0]} has no parts"
    return ""


def references(text: str) -> list[str]:
    """The paths that a CEL expression names outside of quotes, without what is called on them.

    >>> references("steps.a.json.n.size() > 5 && symptom.signal == 'steps.b.x'")
    ['steps.a.json.n', 'symptom.signal']
    """
    bare = "".join(part for i, part in enumerate(_QUOTED.split(text)) if not i % 2)
    found = [(one.group(), bare[one.end() :].lstrip().startswith("(")) for one in _REFERENCE.finditer(bare)]
    return [path.rpartition(".")[0] if called else path for path, called in found]


def resolve(path: str, context: Mapping[str, Any]) -> Any:
    """The value at a dotted path. Raises NotKnown when a step's output is not there yet; an absent label is empty."""
    current: Any = context
    parts = path.split(".")
    for i, part in enumerate(parts):
        if isinstance(current, Mapping) and part in current:
            current = current[part]
        elif parts[:2] == ["symptom", "labels"] and i == 2:
            return ""
        else:
            raise NotKnown(f"from {parts[1]}" if parts[0] == "steps" and len(parts) > 1 else path)
    return current


def render(value: Any, context: Mapping[str, Any], convert: Callable[[str], str] = str) -> Any:
    """`value` with its look-ups replaced, in one pass: what comes out is never looked at again.

    A text that is one look-up keeps the type of what it finds. What is not known yet is shown as `<from step>`.
    """
    if isinstance(value, Mapping):
        return {k: render(v, context, convert) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [render(v, context, convert) for v in value]
    if not isinstance(value, str):
        return value
    whole = LOOK_UP.fullmatch(value)
    try:
        if whole and convert is str:
            return resolve(whole[1], context)
    except NotKnown as e:
        return f"<{e}>"

    def one(found: re.Match[str]) -> str:
        try:
            return convert(plain(resolve(found[1], context)))
        except NotKnown as e:
            return f"<{e}>"

    return LOOK_UP.sub(one, value)


def plain(value: Any) -> str:
    """A value as text: whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def cel_mistakes(
    text: str, names: Collection[str], step_ids: Collection[str], target_by: Collection[str],
    outputs: Mapping[str, Any] = _NOTHING, truth: bool = False,
) -> Iterator[str]:  # fmt: skip
    """What is wrong with a CEL expression that may use `names`, and of `steps` those with `step_ids`.

    `outputs`: values of the type that is known to stand at a path of a step's output; `truth`: it must give true or false.
    """
    import cel

    if "${{" in text:
        yield "CEL reads names as they are; write steps.x without ${{ }}"
        return
    if len(text) > MAX_CEL:
        yield f"has more than {MAX_CEL} characters; move parts of it into a compute step"
        return
    try:
        program = cel.compile(text)
    except ValueError as e:
        errors = _CEL_ERROR.findall(str(e))
        where = f"at character {errors[-1][0]}: {errors[-1][1]}" if errors else str(e).splitlines()[0]
        yield f"{text!r} is no CEL: {where}; correct it here"
        return
    bare = "".join(part for i, part in enumerate(_QUOTED.split(text)) if not i % 2)
    wrong = [*_unknown_names(text, bare, set(program.variables()), names), *_wrong_paths(text, step_ids, target_by)]
    yield from wrong or (f"in {text!r} {why}" for why in _types(text, bare, outputs, truth))


def _unknown_names(text: str, bare: str, used: Collection[str], names: Collection[str]) -> Iterator[str]:
    for name in sorted(set(used) - set(names) - set(_BOUND.findall(bare))):
        yield f"unknown name {name} in {text!r}{did_you_mean(name, list(names))}"


def _wrong_paths(text: str, step_ids: Collection[str], target_by: Collection[str]) -> Iterator[str]:
    for found in references(text):
        root, *parts = found.split(".")
        if not parts:
            continue  # a method of the whole
        path = ".".join([root, *(parts[:2] if root != "symptom" or parts[0] == "labels" else parts[:1])])
        why = path_mistake(path, step_ids, target_by)
        if why and not why.startswith("needs"):
            yield f"{path} in {text!r} {why}"


def _types(text: str, bare: str, outputs: Mapping[str, Any], truth: bool) -> Iterator[str]:
    """Types that can never fit. Of what steps give most is not known before."""
    found = [(one.group(), bare[one.end() :].lstrip().startswith("(")) for one in _LOOKED_AT.finditer(bare)]
    paths = sorted({path.rpartition(".")[0] if called else path for path, called in found})
    known = {path: outputs.get(path, _SYMPTOM_TYPES.get(path, "a")) for path in paths if _is_known(path, outputs)}
    unknown = tuple(path for path in paths if path not in known)
    yield from type_mistakes(text, unknown, known, _evaluated, truth)


def _is_known(path: str, outputs: Mapping[str, Any]) -> bool:
    return path in outputs or path in _SYMPTOM_TYPES or path.startswith(("symptom.labels.", "target."))


def _double_literals(text: str) -> str:
    """Whole numbers as doubles, outside of quotes and indexes."""
    parts = _QUOTED.split(text)
    return "".join(part if i % 2 else _WHOLE.sub(r"\g<0>.0", part) for i, part in enumerate(parts))


def evaluate_cel(text: str, context: Mapping[str, Any]) -> Any:
    """The value of a CEL expression, whole numbers as int. As CEL has it whole numbers stay whole: 5 / 2 is 2; where whole ones
    and others are mixed, which CEL refuses, and where they grow too large, all are taken for doubles.

    Raises NotEvaluated when a name is missing in `context` or types do not fit.
    """
    try:
        return _whole(_evaluated(text, context))
    except KeyError as e:
        raise NotEvaluated(f"{text!r}: there is no {e.args[0]}") from e
    except (RuntimeError, TypeError, ValueError, ArithmeticError, IndexError) as e:
        raise NotEvaluated(f"{text!r}: {str(e).splitlines()[0]}") from e


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Any:
    import cel

    return cel.compile(text)


def _evaluated(text: str, context: Mapping[str, Any]) -> Any:
    """Raises whatever CEL raises of the expression as it stands."""
    try:
        return _compiled(text).execute(dict(context))
    except (TypeError, OverflowError) as e:
        try:
            return _compiled(_double_literals(text)).execute(_doubles(dict(context)))
        except (RuntimeError, TypeError, ValueError, ArithmeticError, LookupError):
            raise e from None


def holds_true(text: str, context: Mapping[str, Any]) -> bool:
    """Whether a condition in CEL holds. Raises NotEvaluated also when it gives neither true nor false: `"false"` is a text."""
    found = evaluate_cel(text, context)
    if not isinstance(found, bool):
        raise NotEvaluated(f"{text!r} gave {str(found)[:60]!r}, not true or false")
    return found


def _doubles(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, Mapping):
        return {k: _doubles(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_doubles(v) for v in value]
    return value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def query_mistakes(text: str, target_by: Collection[str]) -> Iterator[str]:
    """What is wrong with a query; labels enter it through `{$target}` alone."""
    if "${{" in text:
        yield "a query takes labels through {$target} and target_by, never through ${{ }}"
        return
    bare = "".join(part for i, part in enumerate(_QUOTED.split(text)) if not i % 2)
    if text.count(_TARGET) != len(_AS_MATCHER.findall(bare)):
        yield "$target stands for matchers; write it inside braces and outside quotes: metric{$target}"
        return
    if _TARGET in text and not target_by:
        yield "$target is empty without target_by; write target_by: [instance]"
    found = mistake_in(text.replace(_TARGET, 't="abc"'))
    if found is not None:
        yield f"{text!r} {found[1]}"


def target_selector(labels: Mapping[str, str], target_by: Collection[str]) -> str:
    """What stands for `$target`: matchers on the target's labels, their values escaped as PromQL needs."""
    return ",".join(f'{name}="{escape(labels.get(name, ""))}"' for name in target_by)


def query_for(text: str, labels: Mapping[str, str], target_by: Collection[str]) -> str:
    """A query with `$target` replaced, in one pass."""
    return text.replace(_TARGET, target_selector(labels, target_by))
