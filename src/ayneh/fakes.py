"""The images of a run that are judged, with the classes that were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ayneh.errors import UserError
from ayneh.labels import same_classes
from ayneh.terminal.text import Say, few

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.engine.sampler import Sampler
    from ayneh.judge.scores import Score
    from ayneh.judge.verdict import Judge

CHUNK = 10_000  # images drawn at a time
FEW = 10  # names of classes in a sentence


class Fakes:
    """The images that a sampler draws for `ayneh evaluate`, by the run's own chance, of the classes that it draws."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler, self.labelled = sampler, sampler.labels is not None

    def draw(self, first: int, last: int) -> Iterator[Tensor]:
        """The images from number ``first`` to ``last`` - 1, a chunk at a time: uint8 (N, C, S, S)."""
        for start in range(first, last, CHUNK):
            yield self.sampler.draw(f"evaluate {start}", min(CHUNK, last - start))

    def asked(self, first: int, last: int) -> Tensor | None:
        """The classes of the same images, int64 (last - first,); None in a run without labels."""
        import torch

        if not self.labelled:
            return None
        starts = range(first, last, CHUNK)
        drawn = [self.sampler.classes(f"evaluate {start}", min(CHUNK, last - start)) for start in starts]
        return torch.cat([torch.empty(0, dtype=torch.int64), *drawn])

    def other_classes(self, judge: Judge) -> tuple[str, ...]:
        """A sentence if the data now have other classes than the run learned; empty if not."""
        labels, names = self.sampler.labels, judge.reference.names
        if labels is None or same_classes(labels.names, names):
            return ()
        return (
            f"Warning: {judge.data} now has other classes ({few(names or ('none',), FEW)}) than the run learned "
            f"({few(labels.names, FEW)}): scores of the classes asked for are left out.",
        )

    def refuse_cas(self, run: str, data: str) -> None:
        """Raise UserError where there can be no classification accuracy score: before the minutes of other scores."""
        from ayneh.judge.stacked import STACKED

        if not self.labelled:
            raise UserError(
                f"{run} was trained without labels, and the classification accuracy score needs the class of each "
                "image: leave --cas out, or train with --rules.labels."
            )
        if data == STACKED:
            raise UserError(f"There is no classification accuracy score for {STACKED}: leave --cas out.")

    def cas(self, judge: Judge, say: Say) -> dict[str, Score]:
        """The classification accuracy score, by its short name."""
        from ayneh.judge import cas

        n = cas.images_of(judge.reference, judge.data)
        say(f"drawing {n} images for the classification accuracy score")
        images = judge.unframed(self.sampler.draw("cas", n))
        return {"cas": cas.score(judge.reference, judge.data, images, self.sampler.classes("cas", n), say)}


def asked_for(labels: Tensor, names: tuple[str, ...], judge: Judge) -> tuple[Tensor | None, tuple[str, ...]]:
    """The labels of images from anywhere as numbers of the data's classes, by their names, and a sentence on it.

    None where a label is no class of the data. labels: int64 (N,); names: of the classes of these.
    """
    import torch

    known = judge.reference.names
    if known is not None and names == tuple(map(str, range(len(known)))) and same_classes(names, known):
        names = known
    used = tuple(names[number] for number in labels.unique().tolist())
    if known is None or not set(used) <= set(known):
        return None, (
            f"The labels of the images ({few(used, FEW)}) are no classes of {judge.data} "
            f"({few(known or ('none',), FEW)}), and are left out.",
        )
    numbers = torch.tensor([known.index(name) if name in used else -1 for name in names])
    return numbers[labels], ("The labels of the images are taken as the classes that were asked for.",)
