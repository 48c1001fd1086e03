"""Arrays inside kernels, without the counting of references: where a small kernel takes an array it is most of the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic

_null: Any = cgutils.get_null_value


def _borrowed(context: Any, array: Any) -> tuple[Any, Callable[..., Any]]:
    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = target.make_array(signature.args[0])(target, builder, arguments[0])
        view.meminfo = _null(view.meminfo.type)
        return view._getvalue()

    return array(array), build


borrowed: Any = intrinsic(_borrowed)
"""Of an array the same one without its owner; the caller of the kernel keeps that alive. Places are checked, or not, as ever."""
