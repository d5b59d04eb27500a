"""The game in one's own loop: nothing is written."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ayneh.api.own import Parts
from ayneh.api.train import laid_out
from ayneh.arguments import checked
from ayneh.config import Config
from ayneh.errors import Stopped, UserError, in_a_sentence
from ayneh.pytorch import as_imported

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ayneh.api.asked import Classes
    from ayneh.engine.loop import Moment as Progress
    from ayneh.engine.match import Match
    from ayneh.engine.sampler import Sampler


class Moment:
    """The game between two steps. Replicas are counted from 0; what it gives is of this moment alone.

    >>> import ayneh
    >>> moment = next(ayneh.play(ayneh.preset("digits"), every=1))
    >>> moment.step, moment.epoch, sorted(moment.losses)
    (1, 0, ['loss_d', 'loss_g'])
    >>> gen, dis = moment.nets()
    """

    def __init__(
        self, progress: Progress, match: Match, state: Mapping[str, Tensor], measures: Mapping[str, list[float]]
    ) -> None:
        """progress, measures: of the loop and of its meter; match, state: the game, and where it is."""
        self._progress, self._match, self._state = progress, match, dict(state)
        self.measures: dict[str, NDArray[np.float64]] = {name: np.array(row) for name, row in measures.items()}
        """Of the last step, and means since the moment before ("mean_loss_d"), (R,) each."""

    @property
    def step(self) -> int:
        """Steps played so far."""
        return self._progress.step

    @property
    def epoch(self) -> int:
        """The epoch of the last step, from 0."""
        return self._progress.epoch

    @property
    def images(self) -> int:
        """Images seen by each replica's D."""
        return self._progress.images

    @property
    def epoch_ended(self) -> bool:
        """Whether the last step was the last of its epoch."""
        return self._progress.epoch_ended

    @property
    def losses(self) -> dict[str, NDArray[np.float64]]:
        """{"loss_d": (R,), "loss_g": (R,)} of the last step."""
        return {name: self.measures[name] for name in ("loss_d", "loss_g")}

    @property
    def state(self) -> dict[str, Tensor]:
        """The whole state by name, a row for each replica: ``gen/0.weight`` (R, ...), ``gen_m/0.weight``, ..."""
        return self._match.named(self._state)

    @checked
    def samples(
        self, n: int | None = None, seed: int = 0, replica: int = 0, classes: Classes = None
    ) -> NDArray[np.uint8]:
        """n images (None: 64), uint8 (n, C, S, S), as `Run.sample` draws them."""
        from ayneh.api.asked import USUAL, classes_of
        from ayneh.api.draws import drawn, refuse

        refuse(n, seed)
        sampler = self._sampler(replica)
        chosen = None if classes is None else classes_of(classes, n, sampler.labels, "This game")
        return drawn(sampler, len(chosen) if chosen else n or USUAL, seed, chosen).images.numpy()

    @checked
    def nets(self, replica: int = 0) -> tuple[nn.Module, nn.Module]:
        """(G, D) as plain modules, as `Checkpoint.nets` gives them."""
        from typing import cast

        from ayneh.api.nets import nets_of
        from ayneh.engine.critic import Critic
        from ayneh.game.nets import Discriminator

        sampler = self._sampler(replica)
        dis = cast(
            Discriminator, self._match.dis.filled(self._state["dis"][replica], self._match.dis.of(self._state, replica))
        )
        return nets_of(Critic(dis, sampler))

    def _sampler(self, replica: int) -> Sampler:
        from ayneh.engine.sampler import sampler_in

        if not 0 <= replica < len(self._match.replicas):
            raise UserError(f"--replica is {replica}; there are {len(self._match.replicas)}, counted from 0.")
        return sampler_in(self._match, self._state, replica)

    def __repr__(self) -> str:
        losses = ", ".join(f"{name} {float(row.mean()):.4g}" for name, row in self.losses.items())
        return f"Moment(step {self.step:,}, epoch {self.epoch}, {losses})"


@checked
def play(
    config: Config | str, images: Any = None, *, nets: Any = None, parts: Parts = (), every: int | None = None
) -> Iterator[Moment]:
    """The game of these settings step by step, in one's own loop; end it by ``break``. Nothing is written.

    Yields a `Moment` after ``every`` steps (None: `keep.tick_steps` of the settings) and at each epoch's end, until the
    last epoch is done. The other arguments are those of `ayneh.train`, whose numbers come out. Raises UserError for bad
    input and for settings with a rescue, which takes a run in a folder, and Stopped where a number is no longer finite.

    >>> import ayneh
    >>> for moment in ayneh.play(ayneh.preset("digits"), ayneh.images("digits", resize=16), every=2):
    ...     break
    >>> moment.step, moment.samples(9).shape
    (2, (9, 1, 16, 16))
    """
    if every is not None and every < 1:
        raise UserError(f"every is {every}; a moment comes after at least 1 step.")
    config, given = laid_out(config, images, nets, parts)
    if config.rescue:  # it would end in "broke down" without a word on it
        raise UserError(
            f"rescue is {config.rescue}, and ayneh.play writes no checkpoint to go back to: play "
            "config.changed(rescue=0), or train with ayneh.train."
        )
    return _each(_moments(config, every or config.keep.tick_steps, given))


def _each(moments: Generator[Moment]) -> Iterator[Moment]:
    """The same; the code between two of them has its own settings of PyTorch."""
    try:
        while True:
            with as_imported():
                moment = next(moments, None)
            if moment is None:
                return
            yield moment
    finally:
        with as_imported():
            moments.close()


def _moments(config: Config, every: int, given: object) -> Generator[Moment]:
    """given: what is held while the game is played."""
    from ayneh.engine.loop import run
    from ayneh.engine.meter import Diverged, Meter
    from ayneh.engine.stacks import stack_of
    from ayneh.training.begin import lay_out

    with in_a_sentence():
        match, *_ = lay_out(config, config.device)
        stack, meter = stack_of(match, match.start(), 0), Meter()
    try:
        for progress in run(match, stack, meter, config.epochs, every):
            if progress.tick:
                yield Moment(progress, match, stack.state, meter.read())
    except Diverged as error:
        raise Stopped(f"The training broke down: {error}.") from error
    finally:
        stack.close()
        del given
