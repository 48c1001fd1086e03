"""Workers of a backtest over cards: each records its share of scores and forecasts; what is recorded outlives a kill."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from aiops.backtest.question import Question, close, grid, read_all, rooms_of
from aiops.backtest.tape import play, reasons_in, record
from aiops.backtest.tape_scores import PART
from aiops.backtest.workers import each
from aiops.pipeline import Watch
from aiops.pipeline.mask_rows import own_name

Mark = Callable[[float], None]


def recorded(
    asked: Question, folder: Path, watches: Sequence[Watch], since_s: int, workers: int, mark: Mark
) -> None:
    """Record what the models of every watch say from `since_s` on, a share a worker, and let it be played.

    Left out are those of rules, and those whose history depends on what was judged: they are asked in the ordered pass. Raises
    AiopsError when a worker is killed; what was recorded by then need not be recorded again. Raises BadQuestion, before anything
    is recorded, where what is there cannot be read.
    """
    shares = workers
    mine = [w for w in watches if w.card.alerts is None and not w.mask.book.follows_verdicts(own_name(w.card))]
    for left in folder.glob(f"tape-*{PART}"):  # by a run that was killed
        left.unlink(missing_ok=True)
    jobs = [(w.name, share) for share in range(shares) for w in mine if not _recorded(path_of(folder, w.name, share, shares))]
    turns = {w.name: len(grid([w], since_s, asked.until_s)) for w in mine}
    whole = max(1, sum(turns[name] for name, _ in jobs))
    asks = [(asked, folder, name, since_s, share, shares) for name, share in jobs]
    each(work, asks, workers, lambda done: mark(min(1.0, done / whole)))
    for watch in mine:
        play(watch, [path_of(folder, watch.name, share, shares) for share in range(shares)])


def _recorded(path: Path) -> bool:
    if path.exists():
        reasons_in(path)
        return True
    return False


def path_of(folder: Path, name: str, share: int, shares: int) -> Path:
    """Where one share of a watch's forecasts is recorded."""
    return folder / f"tape-{hashlib.sha256(name.encode()).hexdigest()[:16]}-{share + 1}of{shares}.json"


def work(
    asked: Question, folder: Path, name: str, since_s: int, share: int, shares: int,
    count: Callable[[int], None] = lambda _: None,
) -> None:  # fmt: skip
    """Record one share of one watch, in rooms of its own over what was read already."""
    rooms = rooms_of(asked, folder)
    try:
        watch = next(one for one in read_all(rooms, lambda _: None, only=name) if one.name == name)
        turns = [now for now, _ in grid([watch], since_s, asked.until_s)]
        record(rooms, watch, turns, share, shares, path_of(folder, name, share, shares), count)
    finally:
        close(rooms)
