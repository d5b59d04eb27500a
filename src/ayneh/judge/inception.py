"""FID with Inception features, by torch-fidelity: the score in papers. Its weights are not shipped."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset

from ayneh.errors import UserError
from ayneh.judge.scores import Score

FILE = "weights-inception-2015-12-05-6726825d.pth"  # its SHA-256 begins with the last part of its name
SOURCE = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"


class _Grey(Dataset[Tensor]):
    """Images uint8 (N, 1 or 3, H, W) one by one as (3, H, W): grey is repeated in three channels."""

    def __init__(self, images: Tensor) -> None:
        self.images = images.expand(-1, 3, -1, -1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def inception_fid(real: Tensor, fake: Tensor, folder: Path) -> Score:
    """FID of fakes against real images, uint8 (N, C, H, W); weights in ``folder``.

    The counts and greys are those of Lucic et al. 2018: 10,000 fakes against the 10,000 test images, grey tiled to RGB,
    TensorFlow's Inception. Raises UserError if torch-fidelity or its weights are missing.
    """
    try:
        import torch_fidelity  # type: ignore[import-not-found,unused-ignore]
    except (ImportError, RuntimeError) as error:  # a torchvision built for another torch raises RuntimeError
        raise UserError(
            f"--inception needs torch-fidelity, which cannot be imported ({error}): pip install torch-fidelity, with a "
            "torchvision that fits the installed torch."
        ) from error
    weights = folder / FILE
    if not weights.exists():
        raise UserError(f"--inception needs Inception's weights: put {SOURCE} at {weights}.")
    expected, found = FILE.removesuffix(".pth").rpartition("-")[2], hashlib.sha256(weights.read_bytes()).hexdigest()
    if not found.startswith(expected):
        raise UserError(
            f"{weights} is damaged: its SHA-256 begins with {found[:8]}, not {expected}; fetch {SOURCE} again."
        )
    result = torch_fidelity.calculate_metrics(
        input1=_Grey(fake),
        input2=_Grey(real),
        fid=True,
        cuda=False,
        verbose=False,
        feature_extractor_weights_path=str(weights),
    )
    return Score(float(result["frechet_inception_distance"]), len(fake))
