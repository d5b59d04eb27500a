"""A user's file: the tutorial's nets, 4 channels wide, for grey images."""

from dcgan import Discriminator, Generator

import ayneh

SIZE = {"width": 4, "channels": 1}
ayneh.add("net", "dcgan", (Generator, Discriminator), gen_args=SIZE, dis_args=SIZE)
