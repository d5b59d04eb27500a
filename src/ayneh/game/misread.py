"""E ||read(D's features of G(z)) - z||^2: D learns to invert G, and G to draw images from which D can read z.

With a Gaussian of fixed width as the decoder this is, up to constants, the lower bound on the mutual information
I(z; G(z)) of InfoGAN (Chen et al. 2016), with all of z as the code; as there, D and G descend it together. Descended by
the encoder alone it is the latent regressor of BiGAN (Donahue et al. 2017), and it is the reconstruction of noise in
VEEGAN (Srivastava et al. 2017). Real images have no z, so they are not used.
"""

from __future__ import annotations

from torch import Tensor


def misread(read: Tensor, z: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """||read - (z - mean) / std||^2 / Z: read, z (R, B, Z); mean, std (R, 1), of a coordinate -> (R, B).

    In units of the prior's own variance: 1 where D always reads the mean, 0 where it reads z exactly, so that the mean
    over images is the share of z's variance that is not read, 1 - R^2.
    """
    return (read - (z - mean[..., None]) / std[..., None]).square().mean(2)
