"""What a report has on images that were asked for by class: class by class, and the floors of their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.judge import classes, within
from ayneh.judge.features import see
from ayneh.judge.scores import Plain, Score, named
from ayneh.judge.shelf import key_of
from ayneh.judge.within import Labelled, OfClasses

if TYPE_CHECKING:
    from ayneh.judge.inputs import Inputs, Reference

MOST = 200  # classes of a confusion matrix that is kept
WORST = 3  # confusions in a sentence
Floats = tuple[float | None, ...]


@dataclass(frozen=True)
class ByClass:
    """A number for each class, in their order; ``confusion[a][b]``: images asked for as a in which b is found.

    ``test``: the same of real test images, by their labels. None where there is no classifier of these classes.
    """

    names: tuple[str, ...]
    asked: tuple[int, ...]
    net: str  # the classifier, and the net behind the distances
    confusion: tuple[tuple[int, ...], ...] | None = None
    test: tuple[tuple[int, ...], ...] | None = None
    accuracy: Floats | None = None
    accuracy_floor: Floats | None = None
    fd: Floats | None = None
    fd_floor: Floats | None = None
    spread: Floats | None = None
    spread_floor: Floats | None = None
    of: str = "images"  # in which the classes are found
    notes: tuple[str, ...] = ()  # what else is to be said, as what could not be measured

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the fields that are set."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}

    def words(self) -> list[str]:
        """Sentences: how many show the class asked for, which classes are taken for which, what is left out."""
        said = list(self.notes)
        if self.confusion is None:
            return said
        table = torch.tensor(self.confusion)
        right, chance = classes.share_right(table), classes.by_chance(table)
        interval = classes.class_accuracy(table).interval
        at = f"{self.net} finds the class that was asked for in {right:.2%} of {int(table.sum()):,} {self.of}"
        if interval and interval[0] <= chance <= interval[1] and int((table.sum(1) > 0).sum()) > 1:
            said.append(f"{at}, and would in {chance:.2%} if they had nothing to do with it: labels are ignored.")
            return said
        worst = ", ".join(self._confusions(table))
        said.append(f"{at}. Most often another one: {worst}." if worst else f"{at}.")
        return said

    def _confusions(self, table: Tensor) -> list[str]:
        """The pairs of classes that are confused in the largest shares of the images asked for, worst first."""
        shares = table.double() / table.sum(1, keepdim=True).clamp_min(1)
        off = shares - shares.diagonal().diag()
        if self.test is not None:
            real = torch.tensor(self.test).double()
            of_real = real / real.sum(1, keepdim=True).clamp_min(1)
            off = torch.where(off > of_real, off, 0)
        found = []
        for flat in off.flatten().argsort(descending=True, stable=True)[:WORST].tolist():
            a, b = divmod(flat, len(self.names))
            if off[a, b] > 0 and table[a, b] > 1:
                beside = "" if self.test is None else f" (real ones: {of_real[a, b]:.1%})"
                found.append(f"{off[a, b]:.1%} of those asked for as {self.names[a]} are {self.names[b]}{beside}")
        return found


def checked(asked: Tensor, n: int, reference: Reference) -> Tensor:
    """The classes asked for of n images. Raises UserError where they are not n numbers of the data's classes."""
    names = reference.names
    if names is None:
        raise UserError("These data have no classes, so none can have been asked for.")
    if asked.shape != (n,) or asked.dtype != torch.int64:
        raise UserError(f"The classes asked for must be int64 ({n},); got {asked.dtype} {tuple(asked.shape)}.")
    if n and not 0 <= int(asked.min()) <= int(asked.max()) < len(names):
        raise UserError(
            f"The classes asked for go from {int(asked.min())} to {int(asked.max())}; these data have classes 0 to "
            f"{len(names) - 1}."
        )
    return asked


class Floors(NamedTuple):
    """What real images score: by short name, and the Fréchet distance and the spread of each class."""

    scores: dict[str, Plain]
    fd: OfClasses | None
    spread: OfClasses | None


def floors(inputs: Mapping[str, Inputs], short: Mapping[str, str]) -> Floors:
    """The floors of the scores of classes. inputs: by net, the leading one first; short: the nets' short names."""
    lead = next(iter(inputs.values()))
    found: dict[str, Score | None] = {
        named("class_accuracy", short[net]): _accuracy_floor(one) for net, one in inputs.items()
    }
    fd, spread = _fd_floor(lead), _spread_floor(lead)
    for name, which, of in (("fd", max, fd), ("spread", min, spread)):
        if of is not None:
            found |= {f"{name}_within_class": within.mean(of), f"{name}_worst_class": within.worst(which, of)}
    return Floors({name: score.as_dict() for name, score in found.items() if score is not None}, fd, spread)


def by_class(lead: Inputs, real: Floors) -> ByClass:
    """What came of each class that was asked for, beside real images."""
    names, asked = lead.reference.names, lead.asked
    assert names is not None  # `checked` has seen them
    assert asked is not None
    table = lead.confusion
    of_real = None if table is None else lead.reference.confusion(lead.net)
    small = len(names) <= MOST
    return ByClass(
        names, tuple(torch.bincount(asked, minlength=len(names)).tolist()), lead.net,
        confusion=classes.rows(table) if small else None,
        test=classes.rows(of_real) if small else None,
        accuracy=classes.right(table), accuracy_floor=classes.right(of_real),
        fd=_values(lead.fd_of_classes), fd_floor=_values(real.fd),
        spread=_values(lead.spread_of_classes), spread_floor=_values(real.spread),
        notes=tuple(_missing(lead)),
    )  # fmt: skip


def _values(of: OfClasses | None) -> Floats | None:
    return None if of is None else of.values


def _missing(lead: Inputs) -> list[str]:
    """Sentences on what cannot be measured of these data and this judge."""
    of, said = lead.reference, []
    known, there = of.nets[lead.net].classes, len(of.names or ())
    if not known:
        said.append("The judge has no classes: whether the class asked for comes out is not measured.")
    elif known != there:
        said.append(f"The judge has {known} classes and the data {there}: their accuracy is not measured.")
    if of.test_labels is None:
        said.append("The test images have no labels: scores within classes are not measured.")
    elif known == there > MOST:
        said.append(f"Of {there:,} classes no confusion matrix is kept; of {MOST} it is.")
    return said


def _accuracy_floor(given: Inputs) -> Score | None:
    """By test images: the classifier has learned the training images."""
    if given.confusion is None or (real := given.reference.confusion(given.net)) is None:
        return None
    return classes.accuracy_of_real(given.confusion.sum(1), real)


def _fd_floor(lead: Inputs) -> OfClasses | None:
    """Of as many training images of each class."""
    of, found = lead.reference, lead.fd_of_classes
    if found is None or not found.n or of.train_labels is None or of.test_labels is None:
        return None
    each = [0 if value is None else found.n for value in found.values]
    chosen = Labelled(torch.arange(len(of.train)), of.train_labels).some(each)
    key = key_of(chosen.images, chosen.classes, of.test_labels)

    def measure() -> Plain:
        seen = Labelled(see(of.nets[lead.net], of.train[chosen.images]).features, chosen.classes)
        assert of.test_labels is not None  # checked above
        made = within.frechet_of_classes(Labelled(lead.real, of.test_labels), seen, found.names)
        return {"values": made.values, "errors": made.errors}

    kept = of.shelf.table(f"floors-class-{found.n}-{key}", measure)
    return OfClasses(found.names, tuple(kept["values"]), tuple(kept["errors"]), found.n)


def _spread_floor(lead: Inputs) -> OfClasses | None:
    """Of as many training images of each class as fakes, or of all that there are."""
    of, found = lead.reference, lead.spread_of_classes
    if found is None or of.train_labels is None or of.test_labels is None or lead.asked is None:
        return None
    each = torch.bincount(lead.asked, minlength=len(found.names)).tolist()
    real = Labelled(of.train, of.train_labels).some(each)
    return within.spread_of_classes(Labelled(of.test, of.test_labels), real, found.names)
