"""Which units there are: the form of UCUM, so that a word that is none is told where it was written."""

from __future__ import annotations

import re

LONGEST = 60
_METRIC = "m s g l L rad K Cel mol sr Hz N Pa J W A V F Ohm S Wb H T C cd lm lx Bq Gy Sv kat eq osm bar ar t u eV pc cal bit By"
_METRICS = frozenset([*_METRIC.split(), "Bd", "Np", "U", "m[Hg]", "m[H2O]"])
_PLAIN = frozenset(["dB", "%", "deg", "'", "''", "min", "h", "d", "wk", "mo", "a", "atm", "AU", "10*", "10^"])
_PREFIX = "Y Z E P T G M k h da d c m u n p f a z y Ki Mi Gi Ti"
_PREFIXES = ("", *_PREFIX.split())
_COMPONENT = re.compile(
    r"(?:(?P<number>[1-9][0-9]*)|(?P<unit>\[[^\s\[\]{}]+\]|10[*^]|[A-Za-z%']+(?:\[\w+\])?)(?:[+-]?[1-9][0-9]*)?)?"
    r"(?P<note>\{[^\s{}]+\})?"
)
_BETWEEN = re.compile(r"[./](?![^{\[]*[}\]])")
_MEANT = {
    "b": "By", "byte": "By", "bytes": "By", "kb": "kBy", "mb": "MBy", "gb": "GBy", "tb": "TBy", "kib": "KiBy", "mib": "MiBy",
    "gib": "GiBy", "tib": "TiBy", "bits": "bit", "second": "s", "seconds": "s", "sec": "s", "milliseconds": "ms",
    "minutes": "min", "hours": "h", "days": "d", "percent": "%", "ratio": "{ratio}", "share": "{ratio}", "celsius": "Cel",
    "°c": "Cel", "hertz": "Hz", "volts": "V", "watts": "W", "amperes": "A", "joules": "J", "meters": "m", "none": "1",
}  # fmt: skip


def mistaken(unit: str) -> str:
    """Why a unit has not the form of UCUM (https://ucum.org/ucum section 2, parentheses left out), and what to write; empty when
    it has: atoms with their prefixes and powers, joined by `.` and `/`; words in braces, units of other systems in brackets.

    >>> [mistaken(one) for one in ("1", "%", "By/s", "{requests}/s", "1/{CPU}", "m.s-2", "[degF]", "{ratio}")]
    ['', '', '', '', '', '', '', '']
    >>> mistaken("bytes/s")
    "'bytes' is no unit of UCUM, so its numbers are told as they are; write By"
    """
    if len(unit) > LONGEST:
        return f"must have at most {LONGEST} characters"
    for part in _BETWEEN.split(unit.removeprefix("/")):
        found = _COMPONENT.fullmatch(part)
        if not part or found is None or not _is_atom(found["unit"]):
            return _wrong(part or unit)
    return ""


def _is_atom(atom: str | None) -> bool:
    if atom is None or atom in _PLAIN or atom.startswith("["):
        return True
    return any(atom.startswith(one) and atom[len(one) :] in _METRICS for one in _PREFIXES)


def _wrong(part: str) -> str:
    meant = _MEANT.get(part.lower())
    if meant is None:
        word = re.sub(r"\W", "", part) or "requests"
        meant = f"one such as 1, %, s, By/s, 1/s or {{ratio}}, or a word for what is counted, in braces: {{{word}}}, {{{word}}}/s"
    return f"{part!r} is no unit of UCUM, so its numbers are told as they are; write {meant}"
