"""What a reader found in a person's files: the images asked for, and the line on what was understood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Found:
    """One split of a folder or an array, with the numbers of the whole set."""

    pixels: np.ndarray  # uint8 (N, C, H, W), of the split that was asked for
    labels: np.ndarray | None  # int64 (N,)
    names: tuple[str, ...] | None  # of the classes, in the order of the labels
    train: int  # images for training, before a limit
    test: int
    how: str = ""  # how the test images were chosen, if nothing in the files says which they are
    notes: tuple[str, ...] = ()  # further parts of the line: what was left out, what was converted

    def counts(self) -> str:
        """ "1,800 to train, 200 to test (a tenth, by content)"."""
        return f"{self.train:,} to train, {self.test:,} to test" + (f" ({self.how})" if self.how else "")
