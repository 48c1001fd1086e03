"""Masks: a keyed hash in the place of a value, so that what was equal stays equal and nobody can read it.

The key lives in the data directory. Another key makes other masks: what is open then looks new to whoever only sees masks.

Source: HMAC (RFC 2104) with SHA-256, truncated to 48 bits: two of 2**20 values meet with a chance of 0.2 %.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from aiops.core.errors import StoreError
from aiops.core.labels import Labels

NAME = "mask.key"
_MASKED = re.compile(r"masked:[0-9a-f]{12}")


class Masker:
    """Masks values under one key.

    >>> masker = Masker(b"k" * 32)
    >>> masker.value("instance", "db-1") == masker.value("instance", "db-1") != masker.value("host", "db-1")
    True
    >>> masker.value("instance", masker.value("instance", "db-1")) == masker.value("instance", "db-1")
    True
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def value(self, name: str, value: str) -> str:
        """The mask of a label's value; an empty value, and a mask, stay as they are."""
        if not value or _MASKED.fullmatch(value):
            return value
        digest = hmac.new(self._key, f"{name}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"masked:{digest[:12]}"

    def labels(self, labels: Labels, names: Collection[str]) -> dict[str, str]:
        """A label set with the values of some names masked."""
        return {name: self.value(name, value) if name in names else value for name, value in labels.items()}


def text_masked(text: str, masks: Mapping[str, str]) -> str:
    """A text with every value that has a mask replaced by it, in one pass, so that no mask is looked into; the longest first.

    A value of digits alone is replaced where it stands alone: the 1 of a label is not the 1 of 15 min.
    """
    values = sorted((v for v in masks if v), key=len, reverse=True)
    if not values:
        return text
    each = (rf"(?<![\w.]){v}(?!\w|\.\w)" if v.isdecimal() else re.escape(v) for v in values)
    return re.sub("|".join(each), lambda found: masks[found[0]], text)


def key_of(data_dir: Path | None) -> bytes:
    """The key of a data directory, made at first; None: one of this process's own. Raises StoreError when it cannot be kept."""
    if data_dir is None:
        return secrets.token_bytes(32)
    path = data_dir / NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as f:
                f.write(secrets.token_bytes(32))
        key = path.read_bytes()
    except OSError as e:
        raise StoreError(f"{path}: the key of masks cannot be read or made: {e.strerror}") from e
    if len(key) < 16:
        raise StoreError(f"{path}: is too short for a key; delete it, and masks change")
    return key
