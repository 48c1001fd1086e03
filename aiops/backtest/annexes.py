"""What may lie beside the series of a recording: `limits.json` and the `train_end` of `labels.json`, checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aiops.core.errors import FileError, Mistake
from aiops.core.text import visible

BEFORE_ALL = -(2**62)
RESETS = {"daily": 1, "monthly": 2}
Place = tuple[str, ...]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:\n]')
KEYS = ("above", "below", "unit", "capacity", "resets", "steps")


@dataclass(frozen=True, slots=True)
class LimitRule:
    """The limit of one metric: `value` until the first of `steps` says otherwise; where there are steps they alone count.

    `steps` ((epoch s, limit), …) in time order; `resets` as in `Limit`; `capacity` NaN = unknown; `ignored`: keys that say
    nothing.
    """

    above: bool
    value: float
    capacity: float = math.nan
    resets: int = 0
    steps: tuple[tuple[float, float], ...] = ()
    ignored: tuple[str, ...] = ()

    def at(self, own_s: int) -> float:
        """The limit in force at an instant; NaN before the first step."""
        if not self.steps:
            return self.value
        known = [value for at, value in self.steps if at <= own_s]
        return known[-1] if known else math.nan


Limits = Mapping[str, Mapping[str, LimitRule]]


def read_limits(folder: Path) -> Limits:
    """Limits by entity and metric; none without the file. Raises FileError with every mistake in it."""
    path = folder / "limits.json"
    wrong: dict[Place, str] = {}
    out: dict[str, dict[str, LimitRule]] = {}
    for entity, metrics in _json(path).items():
        if not isinstance(metrics, dict):
            wrong[entity,] = "must be an object: metric to limit"
            continue
        bare = [key for key in KEYS if key in metrics and not isinstance(metrics[key], dict)]
        nameless = bare if {"above", "below"} & set(bare) else []
        if nameless:
            side = next(key for key in nameless if key in ("above", "below"))
            wrong[entity, side] = f'no metric is named between {entity!r} and "{side}"; write {{METRIC: {{"{side}": …}}}} there'
        for metric, rule in metrics.items():
            if metric in nameless:
                continue
            try:
                out.setdefault(entity, {})[metric] = _rule(rule)
            except ValueError as e:
                wrong[entity, metric] = str(e)
    _refuse(path, wrong)
    return out


def ignored_keys(folder: Path, limits: Limits) -> list[str]:
    """A line for each key of limits that says nothing, most likely written wrongly, with where it stands first."""
    places: dict[str, list[str]] = {}
    for entity, metrics in limits.items():
        for metric, rule in metrics.items():
            for name in rule.ignored:
                places.setdefault(name, []).append(f"{entity}.{metric}")
    return [
        f"{folder / 'limits.json'}: {visible(at[0], 80)}{f' and {len(at) - 1} more' if len(at) > 1 else ''}: "
        f"no key {visible(name, 80)!r}, it is not used; there are {', '.join(KEYS)}"
        for name, at in sorted(places.items())
    ]


def read_train_ends(folder: Path) -> Mapping[str, int]:
    """The first instant of each entity at which a line may be written. Raises FileError with every mistake in it."""
    path = folder / "labels.json"
    entities = _json(path).get("entities", {})
    if not isinstance(entities, dict):
        _refuse(path, {("entities",): "must be an object: entity to its labels"})
    out: dict[str, int] = {}
    wrong: dict[Place, str] = {}
    for entity, labels in entities.items():
        end = labels.get("train_end") if isinstance(labels, dict) else None
        if end is None:
            continue
        try:
            out[entity] = math.ceil(_number(end))
        except ValueError as e:
            wrong["entities", entity, "train_end"] = str(e)
    _refuse(path, wrong)
    return out


def _rule(rule: Any) -> LimitRule:
    if not isinstance(rule, dict) or ("above" in rule) == ("below" in rule):
        raise ValueError('must be an object with either "above" or "below"')
    side = "above" if "above" in rule else "below"
    steps = rule.get("steps")
    value = math.nan if steps else _number(rule[side])
    capacity = _number(rule["capacity"]) if rule.get("capacity") is not None else math.nan
    resets = rule.get("resets")
    if resets is not None and resets not in list(RESETS):
        raise ValueError(f'resets: must be "daily" or "monthly", not {resets!r}')
    ignored = tuple(sorted(set(rule) - set(KEYS)))
    return LimitRule(side == "above", value, capacity, RESETS.get(resets or "", 0), _steps(steps), ignored)


def _steps(steps: Any) -> tuple[tuple[float, float], ...]:
    if steps is None:
        return ()
    if not isinstance(steps, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in steps):
        raise ValueError("steps: must be a list of pairs [epoch seconds, limit]")
    return tuple(sorted(((_number(at), _number(value)) for at, value in steps), key=lambda pair: pair[0]))


def _number(x: Any) -> float:
    if isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x):
        raise ValueError(f"must be a finite number, not {x!r}")
    return float(x)


def _refuse(path: Path, wrong: Mapping[Place, str]) -> None:
    """Raise FileError with what is wrong at each place of a JSON file, if anything is."""
    if wrong:
        at = dict(_places(path.read_text("utf-8")))
        raise FileError(Mistake(str(path), *at.get(place, (1, 1)), ".".join(place), why) for place, why in wrong.items())


def _places(text: str) -> Iterator[tuple[Place, tuple[int, int]]]:
    """Each key of a text that is JSON, with its line and column; inside lists none is told."""
    keys: list[str] = []
    line, begin, lists, last = 1, 0, 0, ""
    where = (1, 1)
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == "\n":
            line, begin = line + 1, token.end()
        elif mark in "[]":
            lists += 1 if mark == "[" else -1
        elif lists:
            continue
        elif mark == ":":
            keys[-1] = json.loads(last)
            yield tuple(keys), where
        elif mark == "{":
            keys.append("")
        elif mark == "}":
            keys.pop()
        else:
            last, where = mark, (line, token.start() - begin + 1)


def _mistake(path: Path, message: str) -> Mistake:
    return Mistake(str(path), 1, 1, "", message)


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise FileError([_mistake(path, f"cannot be read: {e.strerror}")]) from e
    except orjson.JSONDecodeError as e:
        raise FileError([Mistake(str(path), e.lineno, e.colno, "", f"no JSON: {e.msg}")]) from e
    if not isinstance(found, dict):
        raise FileError([_mistake(path, "must be a JSON object")])
    return found
