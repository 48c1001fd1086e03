"""What runs inside a worker process: one job after the other, with one thread, little memory and low priority.

Only here statsmodels and scikit-learn are imported. Over the pipe go bytes: a line of JSON, then the numbers.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""Set before numpy is imported: sums in one order, whatever the machine, and no more CPU than one core."""
NICE = 10
FAILURES = (ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError, TypeError, AttributeError)
"""What a fit may raise; anything else ends the worker, and the next job gets a new one."""


def serve(connection: Connection, memory_bytes: int, nice: int = NICE) -> None:
    """Answer jobs until the other side is gone, even amid a job that never ends."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    os.environ.update(ONE_THREAD)
    os.nice(nice)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when it ends
    _limit_memory(memory_bytes)
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            return
        connection.send_bytes(answer(request))


def _end_with_parent() -> None:
    """End this process at once when the one that started it has: who is killed outright cannot end its workers."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _limit_memory(memory_bytes: int) -> None:
    import resource

    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def packed(head: Mapping[str, Any], values: NDArray[Any]) -> bytes:
    """A line of JSON, then the values."""
    return json.dumps(head).encode() + b"\n" + values.tobytes()


def unpacked(message: bytes, dtype: str) -> tuple[dict[str, Any], NDArray[Any]]:
    """What `packed` packed, one-dimensional."""
    import numpy as np

    head, _, body = message.partition(b"\n")
    return json.loads(head), np.frombuffer(body, dtype)


def answer(request: bytes) -> bytes:
    """The answer to a request: {"cpu": seconds, "error": text} and float64 numbers, none when it failed."""
    import warnings

    import numpy as np

    begun = time.process_time()
    head, values = unpacked(request, "float32")
    module, _, name = head["kind"].partition(":")
    error, found = "", np.zeros(0)
    try:
        # warnings of convergence: what comes of it is judged by its errors; libraries set filters of their own as they load
        with warnings.catch_warnings(record=True), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = np.asarray(getattr(importlib.import_module(module), name)(values, **head["settings"]), np.float64)
    except FAILURES as e:
        error = f"{type(e).__name__}: {e}"[:200]
    return packed({"cpu": time.process_time() - begun, "error": error}, found)
