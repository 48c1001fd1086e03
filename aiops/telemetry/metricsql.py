"""PromQL written for VictoriaMetrics, so that it means there what it means to Prometheus.

Where the two differ: a window of VictoriaMetrics leaves its left edge out, `rate` and its like start from the sample before the
window and do not extrapolate, functions of one sample answer, `_over_time` keeps the metric's name, and a plain selector looks
back as far as the series' own interval suggests. Source: VictoriaMetrics, MetricsQL; Prometheus, promql/functions.go.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from aiops.config.counters import metrics_of
from aiops.config.promql import plain_strings
from aiops.core import durations

LOOK_BACK = "300001ms"
"""Prometheus' look-back, its left edge included."""
EXTRAPOLATED = {"rate": "increase_prometheus", "increase": "increase_prometheus", "delta": "delta_prometheus"}
OF_TWO = frozenset({"irate", "idelta", "deriv", "predict_linear"})
"""Functions that say nothing of a single sample in Prometheus."""
NAMELESS = frozenset({"avg_over_time", "min_over_time", "max_over_time", "quantile_over_time", "predict_linear"})
"""Functions that keep a metric's name in VictoriaMetrics and drop it in Prometheus."""
OTHERWISE = {"changes": "changes_prometheus"}
FUNCTIONS = frozenset({*EXTRAPOLATED, *OF_TWO, *NAMELESS, *OTHERWISE})
_STRING = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_MATCHERS = rf"""\{{(?:{_STRING}|[^{{}}"'])*\}}"""
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"


def translated(query: str, whole_windows: bool = True) -> str:
    """`query`, which is PromQL, as VictoriaMetrics has to be asked; with `whole_windows` functions of a window too.

    Left as they are: `resets`, `absent` with an offset, windows with `@`. Raises ValueError if it is no PromQL.

    >>> translated('a{x="1"} / max_over_time(b[1m])')
    'default_rollup(a{x="1"}[300001ms]) / (max_over_time(b[60001ms]) * 1)'
    >>> translated('a{x="1"} / max_over_time(b[1m])', whole_windows=False)
    'default_rollup(a{x="1"}[300001ms]) / max_over_time(b[1m])'
    """
    text = plain_strings(query)
    return _pattern(frozenset(metrics_of(query))).sub(lambda found: _rewritten(found, whole_windows), text)


def _range(prefix: str) -> str:
    """A selector of a range, its parts in groups that are called `prefix`selector, window and offset."""
    return (
        rf"(?P<{prefix}selector>(?:(?<![\w:.])[A-Za-z_:][\w:]*)?(?:\s*{_MATCHERS})?)"
        rf"\s*\[\s*(?P<{prefix}window>{_DURATION})\s*(?P<{prefix}steps>:[\w\s]*)?\](?P<{prefix}offset>\s*offset\s+-?{_DURATION})?"
    )


def _pattern(names: Collection[str]) -> re.Pattern[str]:
    """Whatever has to be read as one: strings, comments, functions of a window, windows, plain selectors of `names`."""
    functions, metrics = ("|".join(map(re.escape, sorted(some, key=len, reverse=True))) for some in (FUNCTIONS, names))
    before, after = r"[^\s,()\[\]{}\"']+\s*,\s*", r",[^()\[\]{}\"']*"
    call = rf"(?<![\w:])(?P<function>{functions})\s*\(\s*(?P<before>{before})?{_range('of_')}\s*(?P<after>{after})?\)"
    selector = rf"(?:{metrics})(?![\w:])(?:\s*{_MATCHERS})?"
    moved = rf"\s+offset\s+-?{_DURATION}"
    missing = rf"(?<![\w:])absent\s*\(\s*(?P<missing>{selector})(?P<missing_moved>{moved})?\s*\)"
    plain = rf"(?<![\w:])(?P<plain>{selector})(?!\s*[\[{{])(?P<moved>{moved})?"
    ways = [rf"(?P<text>#[^\n]*|{_STRING})", call, _range(""), *([missing, plain] if metrics else [])]
    return re.compile("|".join(ways))


def _rewritten(found: re.Match[str], whole_windows: bool) -> str:
    part = found.groupdict()
    if part["text"] is not None:
        return "" if part["text"].startswith("#") else found[0]
    if part.get("plain"):
        return f"default_rollup({part['plain']}[{LOOK_BACK}]{part['moved'] or ''})"
    if part.get("missing"):  # absent(default_rollup(…)) would lose the labels that are missing
        return found[0] if part["missing_moved"] else f"absent_over_time({part['missing']}[{LOOK_BACK}])"
    if not whole_windows:
        return found[0]
    if part["window"]:
        return _window(part, "")
    window = _window(part, "of_")
    name, arguments = part["function"], f"{part['before'] or ''}{window}{part['after'] or ''}"
    if name in EXTRAPOLATED:
        return _extrapolated(name, window, durations.seconds(part["of_window"]), part["of_offset"] or "")
    called = f"{OTHERWISE.get(name, name)}({arguments})"
    if name in NAMELESS:
        called = f"({called} * 1)"
    return f"({called} and count_over_time({window}) > 1)" if name in OF_TWO else called


def _window(part: dict[str, str], prefix: str) -> str:
    """A window, or a subquery, that begins a millisecond, the resolution of samples, earlier: its left edge is left out."""
    selector, window, steps, offset = (part[prefix + name] or "" for name in ("selector", "window", "steps", "offset"))
    if steps and selector:
        selector = f"default_rollup({selector.strip()}[{LOOK_BACK}])"
    return f"{selector}[{round(durations.seconds(window) * 1000) + 1}ms{steps}]{offset}"


def _extrapolated(name: str, window: str, window_s: float, offset: str) -> str:
    """rate, increase and delta as Prometheus has them.

    With N samples from A to B in the window of `window_s` that ends at T, F the first value and I the rise with resets: I
    (1 + s + e), where g = 1 / (N - 1), s = min((A - T + window) / (B - A), F / I) and e = (T - B) / (B - A) count where they are
    below 1.1 g, else as g / 2; F / I, where a counter was 0, only for counters and F >= 0. Per second for rate.
    """
    first, last = f"tfirst_over_time({window})", f"tlast_over_time({window})"
    sampled = f"duration_over_time({window}, 100y)"  # counts gaps below its second argument: all of them
    rise = f"{EXTRAPOLATED[name]}({window})"
    back = offset.split()[-1] if offset else ""
    end = "time()" if not back else f"(time() {'+' if back[0] == '-' else '-'} {durations.seconds(back.lstrip('-')):g})"
    between = f"(1 / ((count_over_time({window}) > 1) - 1))"
    to_start = f"(({first} - ({end} - {window_s:g})) / {sampled})"
    if name != "delta":
        to_start = f"min({to_start}, (first_over_time({window}) >= 0) / {rise}) without ()"
    to_end = f"(({end} - {last}) / {sampled})"
    reaches = " + ".join(f"(({reach} < 1.1 * {between}) default ({between} / 2))" for reach in (to_start, to_end))
    stretched = f"{rise} * (1 + {reaches})"
    return f"({stretched} / {window_s:g})" if name == "rate" else f"({stretched})"
