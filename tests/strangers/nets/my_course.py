"""A user's file: the exercise's perceptrons, 16 units wide, for images of 16x16 pixels."""

from course import Discriminator, Generator

import ayneh

SIZE = {"width": 16, "side": 16}
ayneh.add("net", "course", (Generator, Discriminator), gen_args=SIZE, dis_args=SIZE)
