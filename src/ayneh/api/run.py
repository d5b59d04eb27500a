"""A run of ayneh as Python sees it: its settings, metrics, pictures, samples, scores, findings and nets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.api.folder import RunFolder
from ayneh.api.own import with_nets
from ayneh.arguments import checked
from ayneh.config import Config
from ayneh.errors import UserError, need_replica
from ayneh.record.record import Record
from ayneh.terminal.progress import Terminal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ayneh.api.asked import Classes
    from ayneh.api.checkpoint import Checkpoint
    from ayneh.api.diagnosis import Diagnosed
    from ayneh.api.findings import Finding
    from ayneh.api.images import Images
    from ayneh.api.metrics import Metrics
    from ayneh.api.pictures import Animation, Curves, Picture
    from ayneh.api.prior import Prior
    from ayneh.api.scores import Scores
    from ayneh.api.window import Window


class Run(RunFolder):
    """A run folder: `ayneh.train` and `ayneh.open` give it. In a notebook it shows its last picture and its losses.

    What it gives is read from the folder when it is asked for, so that a run may be in training meanwhile. Epochs and
    replicas are counted from 0. Bad input raises UserError.

    >>> import ayneh
    >>> run = ayneh.open("runs/mine")
    >>> run
    Run('runs/mine': mirror on digits, finished, 3 of 3 epochs)
    >>> run.metrics["loss_d"].shape, run.metrics.epochs.tolist()
    ((3,), [0, 1, 2])
    >>> run.sample(4, seed=1).shape
    (4, 1, 8, 8)
    >>> run.picture(epoch=1).save("picture.png").name
    'picture.png'
    >>> [finding.name for finding in run.findings]
    ['few images']
    >>> run.evaluate(n=100)["fd"].protocol
    'fd_100_digits_test'
    """

    @checked
    def __init__(
        self,
        folder: str | os.PathLike[str],
        images: Images | None = None,
        nets: Any = None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        """images: those in memory that it learns from; nets, callbacks: as for `ayneh.train`. UserError for no run."""
        super().__init__(folder)
        self._images, self._nets, self._callbacks = images, nets, callbacks

    # -- what it measured ------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> Metrics:
        """What training measured, as arrays: ``run.metrics["loss_d"]``; ``run.metrics.frame()`` for pandas."""
        from ayneh.api.metrics import Metrics

        return Metrics(self._record.lines(), self.config.seeds)

    @checked
    def curves(self, *names: str, replica: int = 0) -> Curves:
        """The metrics of these names over the steps, a panel each.

        By default losses, D's probabilities, gradients, variety and Fréchet distance. Raises UserError for an unknown
        name or replica.
        """
        from ayneh.api.curves import curves_of

        return curves_of(self.metrics, names, self._checked(replica))

    @property
    def findings(self) -> list[Finding]:
        """What the doctor finds in the first replica, the most severe first; each with its beginning and what to do."""
        from ayneh import doctor
        from ayneh.api.findings import findings_of

        return findings_of(doctor.diagnose(self._record, 0))

    @checked
    def diagnose(self, replica: int = 0) -> Diagnosed:
        """The doctor's page: shown in a notebook, ``.show()`` opens it in a browser. It is also written to the folder.

        Raises UserError for a replica that the run does not have, and where ayneh[study] is not installed.
        """
        from ayneh import doctor
        from ayneh.api.diagnosis import Diagnosed

        return Diagnosed(self._record, doctor.diagnose(self._record, replica))

    @checked
    def evaluate(
        self,
        n: int | None = None,
        epoch: int | None = None,
        replica: int = 0,
        inception: bool = False,
        quiet: bool = True,
        cas: bool = False,
    ) -> Scores:
        """Score generated images against the test images, by the judge of these data; what `ayneh evaluate` does.

        n: images (10,000; at most as many as there are test images); epoch: of the checkpoint (None: the newest);
        inception: also FID; cas: also the classification accuracy score of a run with labels, which takes minutes. The
        report is also written into the folder, as evaluation.json. ``scores["fd"]`` is the Fréchet distance, its
        interval, and its floor: that of as many real images. Raises UserError where these data have no judge.
        """
        from ayneh import scoring
        from ayneh.api.scores import Scores

        record, say = self.with_its_nets(), Terminal(quiet).say
        return Scores(scoring.evaluate(record, epoch, replica, n, inception, say=say, cas=cas))

    # -- what it makes ---------------------------------------------------------------------------------------------

    @checked
    def picture(self, epoch: int | None = None, replica: int = 0) -> Picture:
        """The images from the fixed noise after this epoch (None: the last that was pictured), with its losses.

        Raises UserError if there is none, with those that there are.
        """
        from ayneh.api.drawn import picture_of

        return picture_of(self._record, epoch, self._checked(replica))

    @checked
    def animation(self, replica: int = 0, milliseconds: int = 150) -> Animation:
        """The pictures of all epochs one after another, each shown for so long. Raises UserError if there is none."""
        from ayneh.api.drawn import animation_of

        return animation_of(self._record, self._checked(replica), milliseconds)

    @checked
    def sample(
        self, n: int | None = None, seed: int = 0, epoch: int | None = None, replica: int = 0, classes: Classes = None
    ) -> NDArray[np.uint8]:
        """n new images (None: 64), uint8 (n, C, S, S), of G (its moving average, where the run has one).

        seed: another gives other images, as `ayneh sample --draw SEED`; epoch: of the checkpoint (None: the newest).
        classes: ``7`` or ``"cat"``; a list, each equally often in its order; an array with one for each image; None:
        ``run.prior.classes``. Raises UserError for a checkpoint, replica or class that the run does not have.
        """
        from ayneh.api.draws import draw

        return draw(self.with_its_nets(), n, seed, epoch, replica=replica, classes=classes).images.numpy()

    @checked
    def at(self, epoch: int | str | None = None, replica: int = 0) -> Checkpoint:
        """The run after this epoch (None: the newest checkpoint; "best": the one with the best score).

        ``gen, dis = run.at(epoch=4).nets()``. Raises UserError for one that is not kept, with those that are.
        """
        from ayneh.api.checkpoint import Checkpoint

        if isinstance(epoch, str) and epoch != "best":
            raise UserError(f"epoch is {epoch!r}; it is a number, 'best', or None for the newest.")
        self.with_its_nets()
        kept = self._record.checkpoints.at_epoch("best" if isinstance(epoch, str) else epoch)
        return Checkpoint(kept, self._checked(replica))

    @property
    def prior(self) -> Prior:
        """The distribution of z, and of classes: ``run.prior.sample(2, seed=0)``, ``run.prior.path(a, b, n=9)``."""
        from ayneh.api.prior import Prior

        return Prior(self.config, self.labels)

    # -- what goes on ----------------------------------------------------------------------------------------------

    @checked
    def resume(
        self,
        epochs: int | None = None,
        images: Any = None,
        device: str | None = None,
        callbacks: Sequence[Any] | None = None,
        threads: int | None = None,
        quiet: bool = False,
    ) -> Run:
        """Go on from the last whole checkpoint, to so many epochs in all; this run.

        images: those it was trained on, where none holds them any more or files have moved; others are refused. device,
        callbacks, threads: other than before. An interrupt saves, as in `ayneh.train`.
        """
        from ayneh.api.train import resumed

        how = callbacks is not None, Terminal(quiet), threads
        asked = self._callbacks if callbacks is None else callbacks
        self._images = resumed(self.with_its_nets(), epochs, images, self._images, device, asked, *how)
        self._callbacks = asked
        return self

    @checked
    def export(
        self,
        to: str = "onnx",
        out: str | os.PathLike[str] | None = None,
        epoch: int | None = None,
        replica: int = 0,
        overwrite: bool = False,
        quiet: bool = True,
        small: bool = False,
    ) -> Path:
        """Write the nets for other programs, with a model card; the folder. `ayneh.load` reads an ONNX export.

        to: onnx or safetensors; out: the folder (None: export-onnx in the run folder); small: G alone, in half
        precision. Raises UserError where the folder is taken and ``overwrite`` is not set.
        """
        from ayneh.export.write import export

        record, say = self.with_its_nets(), Terminal(quiet).say
        place = Path(out) if out is not None else record.export_path(to)
        return export(record, record.checkpoints.at_epoch(epoch), place, to, replica, overwrite, small, say).folder

    def show(self) -> None:
        """Show it: in a notebook below the cell, elsewhere as a table in the terminal."""
        from ayneh.api.pictures import shown_in_notebook
        from ayneh.api.show import show

        if not shown_in_notebook(self):
            show(self._record)

    @checked
    def explore(self, *others: Run, port: int = 0) -> Window:
        """The explorer on this run, and on others beside it: in a notebook a frame; elsewhere open its ``url``."""
        from ayneh.api.window import Window

        return Window([self.folder, *(other.folder for other in others)], port)

    def _repr_html_(self) -> str:
        from ayneh.api.summary import summary_of

        return summary_of(self)

    def __repr__(self) -> str:
        from ayneh.api.summary import line_of

        return line_of(self, self._place.given)

    def with_its_nets(self) -> Record:
        """The record, as verbs open it; the run's own nets are those under their name again."""
        with_nets(Config(), self._nets)
        return Record.open(self.folder)

    def _checked(self, replica: int) -> int:
        need_replica(replica, self.config.seeds)
        return replica
