"""How far the compiler of alerting rules agrees with a reader: `python -m benchmarks.rules_margin [--rules ../shared/rules]`.

`rules_truth.csv` says of each rule, by file and alert name, whether it can be anticipated or for which reason not. It was
written by reading the rules, before the compiler ran on them; the rules themselves are data of others and stand elsewhere.
Exit 1 when a goal is missed: ≥ 97 % of what can be anticipated gets a margin, ≤ 2 % of the rest is claimed, every rule is
compiled or refused for a reason of the closed list.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

from aiops.rules.compiler import Compiled, compile_rule
from aiops.rules.files import read_rules
from aiops.rules.judge import REASONS

HERE = Path(__file__).parent
YES = "forecastable"


def truths() -> dict[tuple[str, str], str]:
    """(file, alert) to `forecastable` or the reason."""
    with open(HERE / "rules_truth.csv", newline="") as file:
        return {(row["file"], row["alert"]): row["truth"] for row in csv.DictReader(file)}


def compiled(folder: Path) -> dict[tuple[str, str], tuple[str, Compiled]]:
    """(file, alert) to the rule's expression and what became of it."""
    return {
        (path.relative_to(folder).as_posix(), rule.alert): (rule.expr, compile_rule(rule.expr, rule.labels))
        for path in sorted(folder.rglob("*.yml"))
        for rule in read_rules(path).rules
    }


def main() -> int:
    """Compare, print, judge."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rules", type=Path, default=HERE.parent.parent / "shared" / "rules")
    folder = asked.parse_args().rules
    truth, found = truths(), compiled(folder)
    missing = truth.keys() ^ found.keys()
    missed, claimed, reasons, agreed = [], [], Counter[str](), 0
    for key in sorted(truth.keys() & found.keys()):
        says, (_, result) = truth[key], found[key]
        reasons[result.reason or YES] += 1
        agreed += says == (result.reason or YES)
        if says == YES and not result.forecastable:
            missed.append(f"{result.reason}: {' '.join(key)}")
        if says != YES and result.forecastable:
            claimed.append(f"{says}: {' '.join(key)}")
    yes = sum(says == YES for says in truth.values())
    no = len(truth) - yes
    unknown = set(reasons) - {*REASONS, YES}
    print(*(f"missed   {line}" for line in missed), *(f"claimed  {line}" for line in claimed), sep="\n")
    print(*(f"{n:5} {reason}" for reason, n in reasons.most_common()), sep="\n")
    print(f"{len(found)} rules, {len(missing)} only on one side, {agreed} with the very reason of the reader")
    print(f"margin for {yes - len(missed)} of {yes} ({1 - len(missed) / yes:.1%})")
    print(f"claimed {len(claimed)} of {no} others ({len(claimed) / no:.1%})")
    return int(bool(missing or unknown) or len(missed) > 0.03 * yes or len(claimed) > 0.02 * no)


if __name__ == "__main__":
    sys.exit(main())
