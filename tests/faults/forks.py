"""A process that forks a child for every life it is ordered to live, and the fast folder such a life is lived in."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def obey(live: Callable[[dict[str, Any]], None]) -> None:
    """Fork a child for every order on stdin (one JSON object a line), and answer on stdout how it ended."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            status = 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the log goes there
            try:
                live(json.loads(line))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


@contextlib.contextmanager
def fast_folder(name: str, otherwise: Path) -> Iterator[Path]:
    """A folder in memory where there is one, since a kill needs no disk and a sweep has many syncs; gone afterwards."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix=f"aiops-{name}-", dir=shared if os.access(shared, os.W_OK) else otherwise))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
