"""A user's file: the tutorial's nets, 4 channels wide, for grey images."""

import ayneh
from dcgan import Discriminator, Generator

SIZE = {"width": 4, "channels": 1}
ayneh.add("net", "dcgan", (Generator, Discriminator), gen_args=SIZE, dis_args=SIZE)
