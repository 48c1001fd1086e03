"""Exhaustion forecasts, ours beside the usual ones, on the same corpus and by the same scorer.

Usage: python benchmarks/exhaustion.py [BENCH] [--seeds 0-3] [--extra MODULE] [--ets] [--keep DIR]
BENCH   the folder with exhaustion.py, score_exhaustion.py and baselines_exhaustion.py (default ../shared/bench).
--extra a module with more kinds, passed on to the corpus writer; they are judged together with its own and alone
--ets   MSTL + ETS of statsmodels as well, on the first seed of every kind, and the others there again (minutes)
--keep  leaves corpus and warnings in DIR

Ours runs through `aiops backtest`, that is through the live turn. Prints a table, then what went wrong kind by kind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BASELINES = {
    "predict_linear[6h] to 24 h, guard 60 %, for 1 h": ["--window", "21600", "--horizon", "86400", "--guard", "0.6"],
    "predict_linear[6h] to 24 h, no guard, for 1 h": ["--window", "21600", "--horizon", "86400"],
    "predict_linear[1h] to 4 h, for 1 h": ["--window", "3600", "--horizon", "14400"],
}
COLUMNS = (
    ("recall_in_time", "in time", "{:.1%}"), ("false_per_100_series_weeks", "false/100 sw", "{:.1f}"),
    ("lead_share_median", "lead", "{:.0%}"), ("eta_error_median", "time wrong", "{:.0%}"), ("coverage", "covered", "{:.0%}"),
    ("flaps_per_case", "flaps", "{:.2f}"),
)  # fmt: skip


def done(*command: str | Path) -> str:
    """Standard output of a command; ends the benchmark when it fails."""
    found = os.environ | {"PYTHONPATH": str(HERE)}  # kinds of our own are looked for here
    ran = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, cwd=HERE.parent, env=found
    )
    if ran.returncode not in (0, 1):
        sys.exit(f"{' '.join(map(str, command))}\n{ran.stderr}")
    return ran.stdout


def score(bench: Path, corpus: Path, lines: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(done(bench / "score_exhaustion.py", corpus, lines, "-o", "json"))
    return result


def part(corpus: Path, folder: Path, wanted: Callable[[str], bool]) -> Path:
    """The corpus of some entities alone, in `folder`; the series stay where they are."""
    folder.mkdir()
    (folder / "series").symlink_to((corpus / "series").resolve())
    for name in ("truth.json", "limits.json"):
        all_of = json.loads((corpus / name).read_text())
        (folder / name).write_text(json.dumps({entity: value for entity, value in all_of.items() if wanted(entity)}))
    return folder


def own_kinds(bench: Path) -> set[str]:
    """The kinds of the corpus writer itself."""
    text = "import exhaustion as e; print(*e.KINDS)"
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=bench)
    return set(ran.stdout.split())


def extra_of(bench: Path, corpus: Path, folder: Path) -> Path:
    """The kinds of a module alone, of a corpus that has the writer's own as well."""
    own = own_kinds(bench)
    return part(corpus, folder / "extra", lambda entity: entity.rsplit("-", 1)[0] not in own)


def show(title: str, bench: Path, corpus: Path, files: dict[str, Path], seconds: dict[str, float]) -> None:
    rows = {name: score(bench, corpus, file) for name, file in files.items()}
    print(f"\n{title}: {rows['aiops']['cases']} crossings")
    print("\n".join(table(rows, seconds)))
    print("ours, kinds with a miss or a false warning:")
    print("\n".join(failures(rows["aiops"])), flush=True)


def table(rows: dict[str, dict[str, Any]], seconds: dict[str, float]) -> Iterator[str]:
    width = max(map(len, rows))
    yield " ".join([" " * width, *(f"{title:>13}" for _, title, _ in COLUMNS), f"{'seconds':>9}"])
    for name, result in rows.items():
        cells = ["-" if result[key] is None else form.format(result[key]) for key, _, form in COLUMNS]
        yield " ".join([f"{name:<{width}}", *(f"{cell:>13}" for cell in cells), f"{seconds[name]:9.0f}"])


def failures(result: dict[str, Any]) -> Iterator[str]:
    for kind, c in result["kinds"].items():
        if c["false"] or c["in_time"] < c["cases"]:
            yield f"  {kind:<32} in time {c['in_time']:3d}/{c['cases']:<3d} false {c['false']:3d} in {c['calm_weeks']} weeks"


def command(about: str | None, seeds: str) -> argparse.ArgumentParser:
    """What every benchmark of a corpus of limits is called with."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path, nargs="?", default=HERE.parent.parent / "shared" / "bench")
    parser.add_argument("--seeds", default=seeds)
    parser.add_argument("--extra")
    parser.add_argument("--keep", type=Path)
    return parser


def run(parser: argparse.ArgumentParser, measure: Callable[[argparse.Namespace, Path], None]) -> None:
    """Measure in the folder that is kept, or in one that is not."""
    args = parser.parse_args()
    if not (args.bench / "score_exhaustion.py").is_file():
        sys.exit(f"{args.bench}: no score_exhaustion.py there; give the folder of the bench as an argument")
    with tempfile.TemporaryDirectory() as scratch:
        measure(args, args.keep or Path(scratch))


def written(args: argparse.Namespace, corpus: Path) -> str:
    """The corpus that is asked for, in this folder, and what its writer says of it."""
    return done(args.bench / "exhaustion.py", corpus, "--seeds", args.seeds, *(["--extra", args.extra] if args.extra else []))


def measure(args: argparse.Namespace, folder: Path) -> None:
    corpus = folder / "corpus"
    print(written(args, corpus))
    files: dict[str, Path] = {}
    seconds: dict[str, float] = {}

    def lines_of(name: str, *command: str | Path, after: Sequence[str] = ()) -> None:
        files[name], begin = folder / f"{len(files)}.jsonl", time.monotonic()
        done(*command, files[name], *after)
        seconds[name] = time.monotonic() - begin

    lines_of("aiops", "-m", "aiops", "backtest", "--data", corpus, "--warnings")
    for name, arguments in BASELINES.items():
        lines_of(name, args.bench / "baselines_exhaustion.py", corpus, after=arguments)
    show(f"seeds {args.seeds}, {os.cpu_count()} cores", args.bench, corpus, files, seconds)
    if args.extra:
        extra = extra_of(args.bench, corpus, folder)
        show(f"the kinds of {args.extra} alone", args.bench, extra, files, seconds)
    if args.ets:
        seed = f"{int(args.seeds.split('-')[0]):04d}"
        first = part(corpus, folder / "first", lambda entity: entity.endswith(seed))
        lines_of("MSTL + ETS, a fit every 6 h", HERE / "exhaustion_ets.py", first)
        show(f"seed {seed} alone", args.bench, first, files, seconds)


def main() -> None:
    parser = command(__doc__, "0-3")
    parser.add_argument("--ets", action="store_true")
    run(parser, measure)


if __name__ == "__main__":
    main()
