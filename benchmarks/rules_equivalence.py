"""Rules and their margins side by side on Debian's Prometheus: `python -m benchmarks.rules_equivalence [--odd N]`.

For each rule that has a margin, samples are made from the rule itself (tests/rules/scene.py), loaded, and both expressions
asked at some 500 instants. A rule is proven when it was seen firing and silent at least 20 times each and the margin was never
wrong; one not seen often enough is tried again on other samples. With `--odd N` the rules are N drawn from a grammar of
constructs that hardly anybody writes (tests/rules/odd.py). Exit 1 when one is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.rules_margin import HERE, compiled
from tests.rules.engine import Verdict, prove
from tests.rules.odd import odd

BATCH, ROUNDS = 60, 12


def main() -> int:
    """Prove all, print what is not proven."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rules", type=Path, default=HERE.parent.parent / "shared" / "rules")
    asked.add_argument("--only", default="", help="only rules whose file or alert holds this text")
    asked.add_argument("--odd", type=int, default=0, help="so many odd rules instead of a collection's")
    asked.add_argument("--seed", type=int, default=1, help="of the odd rules")
    asked.add_argument("--rounds", type=int, default=ROUNDS, help="times a rule is tried on other samples until it is proven")
    options = asked.parse_args()
    rules = {expr: expr for expr in odd(options.seed, options.odd)} if options.odd else collected(options.rules, options.only)
    verdicts = {key: Verdict() for key in rules}
    for seed in range(options.rounds):
        left = [key for key in rules if not verdicts[key].proven and not verdicts[key].wrong]
        for begin in range(0, len(left), BATCH):
            batch = {str(i): rules[left[i]] for i in range(begin, min(begin + BATCH, len(left)))}
            with tempfile.TemporaryDirectory() as folder:
                for tag, verdict in prove(Path(folder), batch, seed).items():
                    verdicts[left[int(tag)]].add(verdict)
            print(f"round {seed + 1}: {begin + len(batch)} of {len(left)}", file=sys.stderr)
    return report(verdicts)


def collected(folder: Path, only: str) -> dict[str, str]:
    """File and alert to the expression of each rule of a collection that has a margin."""
    found = compiled(folder)
    rules = {" ".join(key): expr for key, (expr, result) in found.items() if result.forecastable}
    return {name: expr for name, expr in rules.items() if only in name}


def report(verdicts: dict[str, Verdict]) -> int:
    """What was not proven and why, then the sums."""
    wrong = {key: v for key, v in verdicts.items() if v.wrong}
    unseen = {key: v for key, v in verdicts.items() if not v.wrong and not v.proven}
    for key, v in wrong.items():
        print(f"wrong       {key}: {len(v.wrong)} instants, first {v.wrong[0]}")
    for key, v in unseen.items():
        print(f"not proven  {key}: {v.firing} times firing, {v.silent} silent, {v.failed} refused by the engine")
    seen = sum(v.firing + v.silent for v in verdicts.values())
    undecided = sum(v.undecided for v in verdicts.values())
    proven = len(verdicts) - len(wrong) - len(unseen)
    print(
        f"{len(verdicts)} rules: {proven} proven, {len(unseen)} not proven, {len(wrong)} wrong; "
        f"{seen} judgements, {undecided} zeros undecided ({undecided / max(1, seen + undecided):.2%})"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
