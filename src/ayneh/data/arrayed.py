"""What other libraries call an array, as a plain array of NumPy; and a share, of whatever type its number is."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.data.bounded import check_size
from ayneh.errors import UserError, brief
from ayneh.ranges import unmasked

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_VALUES = {  # properties of tensors that are no array of numbers, what they mean, and what to give instead
    "is_meta": ("lies on the device meta, without values", "give one with values"),
    "is_nested": ("is nested, so that its items may differ in size", "give a list of its items, list(tensor.unbind())"),
    "is_quantized": ("is quantised", "give tensor.dequantize()"),
}


def array_of(source: Any, where: str) -> NDArray[Any] | None:
    """An array or a tensor as NumPy's; None for anything else. where: begins the sentence that refuses one."""
    if isinstance(source, np.ndarray):
        return unmasked(source, where)
    if hasattr(source, "detach") and hasattr(source, "cpu"):
        return _of_tensor(source, where)
    if hasattr(source, "__array__") and not hasattr(source, "convert"):  # other libraries' arrays; not a picture
        try:
            return np.asarray(source)
        except (TypeError, ValueError) as error:
            kind = type(source).__name__
            raise UserError(f"{where} is a {kind} that NumPy does not take ({brief(error)}): convert it.") from error
    return None


def _of_tensor(tensor: Any, where: str) -> NDArray[Any]:
    """A tensor's values. Types that NumPy lacks, as bfloat16 and those of 8 bits, become float32, sparse ones dense."""
    for property, (what, instead) in NO_VALUES.items():
        if getattr(tensor, property, False):
            raise UserError(f"{where} is a tensor that {what}: {instead}.")
    if str(tensor.layout) != "torch.strided":
        check_size(where, tensor.numel() * tensor.element_size())
        tensor = tensor.to_dense()
    found = tensor.detach().cpu().resolve_conj().resolve_neg()  # views that only note a conjugate or a sign
    try:
        short = found.dtype.is_floating_point and str(found.dtype) not in ("torch.float16", "torch.float64")
        array: NDArray[Any] = (found.float() if short else found).numpy()
    except (TypeError, RuntimeError) as error:
        raise UserError(
            f"{where} is a tensor of the type {found.dtype}, which NumPy lacks: convert it, for example by .float()."
        ) from error
    return array


def share_in(test: Any) -> float | None:
    """The share that ``test`` is, also as a number of NumPy or a tensor with one; None if it is no number.

    Raises UserError for a number that is no share, and for one value that is no number.
    """
    value = test
    if getattr(test, "shape", None) == () and (array := array_of(test, "test")) is not None:
        value = array[()]
    elif not isinstance(test, Real):
        return None
    number = str(value) if isinstance(value, np.floating) else value  # 0.2 of float32, and not 0.20000000298
    share = float(number) if isinstance(value, Real) else 0.0
    if not 0 < share < 1:
        raise UserError(f"test is {value}; a share of the images lies between 0 and 1 (0.2 is a fifth).")
    return share
