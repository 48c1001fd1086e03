"""What lasts is no work for the collector of garbage: a full collection stops every thread while it looks at all there is."""

from __future__ import annotations

import gc

FIRST_S, EVERY_S = 90.0, 3600.0
"""After a start, when most of what lasts has been made; from then on."""


def settle() -> None:
    """Collect once, and leave out of later collections what is left: the state of all series, which goes on for days.

    With thousands of series a full collection takes longer than an answer may. What was left out and is
    no longer needed is still freed at once; what refers to itself in a circle is when this is called again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
