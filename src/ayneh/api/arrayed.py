"""What other libraries call an array, as a plain array of NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.ranges import unmasked

if TYPE_CHECKING:
    from numpy.typing import NDArray


def array_of(source: Any, where: str) -> NDArray[Any] | None:
    """An array or a tensor as NumPy's; None for anything else. where: begins the sentence that refuses one."""
    if isinstance(source, np.ndarray):
        return unmasked(source, where)
    if hasattr(source, "detach") and hasattr(source, "cpu"):  # a tensor; bfloat16 has no type in NumPy
        tensor = source.detach().cpu()
        array: NDArray[Any] = (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
        return array
    if hasattr(source, "__array__") and not hasattr(source, "convert"):  # other libraries' arrays; not a picture
        return np.asarray(source)
    return None
