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
    planes = [np.asarray(fit(Image.fromarray(plane), size)) for plane in pixels.flatten(0, 1).numpy()]
    return torch.from_numpy(np.stack(planes)).view(*pixels.shape[:2], size, size)
