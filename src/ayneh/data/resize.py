"""Images at another size: the central square, scaled by Lanczos."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def fit(image: Image.Image, size: int) -> Image.Image:
    """A Pillow image cropped to its central square and scaled (Lanczos) to size x size pixels."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.LANCZOS)


def resized(pixels: Tensor, size: int) -> Tensor:
    """(N, C, H, W) -> (N, C, size, size), plane by plane."""
    if pixels.shape[2:] == (size, size):
        return pixels
    planes = np.empty((pixels.shape[0] * pixels.shape[1], size, size), np.uint8)  # filled: a list would need it twice
    for to, plane in zip(planes, pixels.flatten(0, 1).numpy(), strict=True):
        to[:] = np.asarray(fit(Image.fromarray(plane), size))
    return torch.from_numpy(planes).view(*pixels.shape[:2], size, size)
