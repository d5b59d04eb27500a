"""Golden values of the judge's tests from prdc and torch-fidelity, on which ayneh does not depend.

In a separate environment: ``pip install prdc torch-fidelity && python bench/golden_metrics.py``.
Writes tests/judge/golden/metrics.json. The features come from NumPy's frozen RandomState streams, so they
need no file.
"""

from __future__ import annotations

import contextlib
import io
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from prdc import compute_prdc
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kernel_poly, mmd2

from ayneh.__main__ import in_sentences

OUT = Path(__file__).parent.parent / "tests" / "judge" / "golden" / "metrics.json"
SEED, N, M, F = 20, 500, 400, 16


def features() -> tuple[np.ndarray, np.ndarray]:
    """Correlated, skewed, on different means: real (500, 16) and fake (400, 16)."""
    random = np.random.RandomState(SEED)
    mix = random.standard_normal((F, F))
    real = np.maximum(random.standard_normal((N, F)) @ mix, 0)
    fake = np.maximum(random.standard_normal((M, F)) @ mix * 0.8 + 0.5, 0)
    return real, fake


def main() -> None:
    import torch

    real, fake = features()
    # torch-fidelity stores only the options that are given; these are its defaults.
    options = {
        "kid_kernel_poly_degree": 3,
        "kid_kernel_poly_gamma": None,
        "kid_kernel_poly_coef0": 1,
        "verbose": False,
    }
    stats = [fid_features_to_statistics(torch.from_numpy(x)) for x in (real, fake)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        distance = fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]
        neighbours = compute_prdc(real, fake, nearest_k=5)
    half = real[:M]  # torch-fidelity's estimator takes sets of one size
    kernels = [kernel_poly(a, b, **options) for a, b in ((half, half), (half, fake), (fake, fake))]
    golden = {
        "made_with": {name: version(name) for name in ("prdc", "torch-fidelity", "numpy", "torch")},
        "seed": SEED,
        "shape": {"real": [N, F], "fake": [M, F], "kid_real": [M, F]},
        "frechet": float(distance),
        "kid": float(mmd2(*kernels)),
        **{name: float(value) for name, value in neighbours.items()},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(golden, indent=2) + "\n")
    print(OUT.read_text())


if __name__ == "__main__":
    in_sentences(main)
