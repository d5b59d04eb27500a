"""A user's file: the StyleGAN-like nets, 8 channels wide, for grey images of 16x16 pixels and latents of 16 numbers."""

from stylegan import Discriminator, Generator

import ayneh

SIZE = {"width": 8, "channels": 1, "side": 16}
ayneh.add("net", "stylegan", (Generator, Discriminator), gen_args={**SIZE, "z_dim": 16}, dis_args=SIZE)
