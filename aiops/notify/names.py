"""Label names as Alertmanager takes them."""

from __future__ import annotations

import re

_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_]")


def label_name(name: str) -> str:
    """`name` with every character that a label name cannot hold replaced by `_`.

    >>> label_name("host.name"), label_name("9lives"), label_name("")
    ('host_name', '_9lives', '_')
    """
    mended = _NOT_ALLOWED.sub("_", name) or "_"
    return f"_{mended}" if mended[0].isdigit() else mended
