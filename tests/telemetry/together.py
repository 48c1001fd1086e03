"""What a made-up source needs to answer queries that are asked together."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from aiops.core.records import Block
from aiops.telemetry.parts import QUERY

_ONE = re.compile(rf'label_replace\((.*?), "{QUERY}", "(\d+)", "", ""\)(?: or |$)')


def answered(query: str, one: Callable[[str], Block]) -> Block:
    """The block of a query, which may be several: each of them by `one`."""
    found = _ONE.findall(query)
    if not found:
        return one(query)
    blocks = [(one(text), number) for text, number in found]
    labels = tuple({**labels, QUERY: number} for block, number in blocks for labels in block.labels)
    first = blocks[0][0]
    return Block(labels, first.time_s, np.concatenate([block.values for block, _ in blocks]), first.unit, first.lineage)
