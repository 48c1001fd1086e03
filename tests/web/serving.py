"""An application on a real server, on a free port of this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """Serve it as long as the block lasts; gives the port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", loop="asyncio", http="h11", ws="none",
                            timeout_graceful_shutdown=3)  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="serving")
    thread.start()
    end = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        app.state.feed.close()
        server.should_exit = True
        thread.join(60)
