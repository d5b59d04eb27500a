"""A user's file: SNGAN's nets, 8 channels wide, for grey images and latents of 16 numbers."""

from sngan import Discriminator, Generator

import ayneh

SIZE = {"width": 8, "channels": 1}
ayneh.add("net", "sngan", (Generator, Discriminator), gen_args={**SIZE, "z_dim": 16}, dis_args=SIZE)
