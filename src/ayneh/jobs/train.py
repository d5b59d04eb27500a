"""The verbs `train` and `resume`: play a config from its first step, or from its last checkpoint, to its last epoch."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ayneh.checkpoint import Checkpoint
from ayneh.config import Config, differences
from ayneh.errors import Stopped, UserError
from ayneh.judging import Scorer
from ayneh.record import BEST, INTERRUPTED, Record, epoch_name
from ayneh.terminal import Clock, Interrupt, Watch

if TYPE_CHECKING:  # torch takes seconds to import: only once a verb really works
    from ayneh.engine.loop import Moment
    from ayneh.engine.match import Match


def train(
    config: Annotated[Config, tyro.conf.arg(name="")],
    out: Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Train a preset, with any of its settings changed.

    Args:
        config: the settings, from the preset.
        out: the run folder (default: runs/ and the time).
        overwrite: replace the run that is there already.
        quiet: say nothing but the result.
    """
    from ayneh.engine.device import describe
    from ayneh.engine.stacks import choose_workers

    watch = Watch(quiet)
    folder = out or Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    replaced = Record.open(folder) if overwrite and (folder / "config.json").is_file() else None
    if replaced:
        replaced.config()  # refuses what is not a run
    else:
        Record.refuse_taken(folder, config)
    match = lay_out(config, config.device)
    workers = choose_workers(match, config.epochs * match.steps_per_epoch)
    how = f"{workers} processes" if workers else "one process"
    watch.say(f"{folder}: {config.seeds} x {config.net.name} on {config.data.name}, {describe(match.device)}, {how}")
    if replaced:
        with replaced.locked():
            replaced.remove()
    engine = {"device": str(match.device), "threads": _threads(), "workers": workers}
    record = Record.create(folder, config, engine)
    with record.locked():
        _fit(record, config, match, None, watch)


def resume(run: tyro.conf.Positional[Path], epochs: int | None = None, quiet: bool = False) -> None:
    """Go on with a run exactly where its last whole checkpoint stands.

    Args:
        run: the run folder.
        epochs: go on to this many epochs in all (default: those the run was started with).
        quiet: say nothing but the result.
    """
    watch = Watch(quiet)
    record = Record.open(run)
    with record.locked():
        config = record.config()
        checkpoint, damaged = record.newest()
        for problem in damaged:
            watch.say(f"{problem} Going on from the one before it.")
        if checkpoint and (changed := differences(replace(checkpoint.config, epochs=config.epochs), config)):
            raise UserError(
                f"{run}/config.json is not what this run was trained with ({changed}): undo the change, or start a new "
                "run with `ayneh train`."
            )
        if epochs is not None and epochs < config.epochs:
            raise UserError(f"--epochs is {epochs}, but this run is to have {config.epochs} already; it can only grow.")
        if epochs is not None and epochs != config.epochs:
            config = replace(config, epochs=epochs)
            record.set_config(config)
        engine = record.engine()
        match = lay_out(config, engine["device"], engine["threads"])
        watch.say(f"{run}: going on from step {checkpoint.step if checkpoint else 0}")
        _fit(record, config, match, checkpoint, watch)


def lay_out(config: Config, device: str, threads: int | None = None) -> Match:
    """The config's match on its data. Raises UserError for whatever the data, nets or device cannot bear."""
    import torch

    from ayneh.data.sources import load
    from ayneh.engine.device import choose_device
    from ayneh.engine.match import Match, replicas_of

    chosen = choose_device(device)
    if threads:
        torch.set_num_threads(threads)  # a sum of floats depends on how it is split among threads
    images = load(config.data.name, resize=config.data.resize, limit=config.data.limit)
    return Match(replicas_of(config), images.pixels, chosen)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _fit(record: Record, config: Config, match: Match, checkpoint: Checkpoint | None, watch: Watch) -> None:
    from ayneh.engine.loop import run
    from ayneh.engine.meter import Diverged

    story = Story(record, config, match, checkpoint, watch)
    total = config.epochs * match.steps_per_epoch
    try:
        with Interrupt() as interrupt, watch.bar(total, story.stack.step) as move:
            for moment in run(match, story.stack, story.meter, config.epochs, config.keep.tick_steps, interrupt.heard):
                last = {name: float(story.meter.last[name].mean()) for name in ("loss_d", "loss_g")}
                story.tell(moment)
                move(moment.step, epoch=moment.epoch, images_per_s=moment.images_per_s, best=story.best(), **last)
            if story.stack.step < total:
                story.save(INTERRUPTED)
                raise Stopped(
                    f"Stopped at step {story.stack.step} of {total}, and saved: `ayneh resume {record.folder}` goes on."
                )
        story.end()
    except Diverged as error:
        raise Stopped(
            f"The game broke down: {error}. The last good checkpoint stays in {record.checkpoints}; try a smaller "
            "--optimizer.lr, or a penalty on D's gradient."
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise Stopped(
            f"No room left for {record.folder} at step {story.stack.step} ({error.strerror}); its last checkpoint is "
            f"whole: free some space, then `ayneh resume {record.folder}` goes on."
        ) from error
    finally:
        story.stack.close()


class Story:
    """What a run writes down as it goes: metrics at each tick, pictures and checkpoints at the ends of epochs."""

    def __init__(
        self, record: Record, config: Config, match: Match, checkpoint: Checkpoint | None, watch: Watch
    ) -> None:
        from ayneh.engine.meter import Meter
        from ayneh.engine.stacks import Inline, Processes
        from ayneh.engine.vitals import Vitals

        self.record, self.config, self.match, self.watch = record, config, match, watch
        self.meter = Meter()
        if checkpoint:
            state, step = match.restored(checkpoint.tensors), checkpoint.step
            sums = {k.removeprefix("meter/"): v for k, v in checkpoint.tensors.items() if k.startswith("meter/")}
            self.meter = Meter(sums, checkpoint.meter_steps)
        else:
            state, step = match.start(), 0
        record.rewind(step)
        lines = record.lines()
        self.clock = Clock(lines[-1]["wall_s"] if lines else 0.0)
        self.told = lines[-1]["step"] if lines else 0  # the step of the last line
        self.vitals = Vitals(match, checkpoint.tensors if checkpoint else {})
        workers = record.engine()["workers"]
        self.stack = Processes(match, state, step, workers) if workers else Inline(match, state, step)
        self.scorer = self._scorer(lines) if config.keep.score_epochs else None
        self.board = Board(record.folder / "events", step) if config.keep.tensorboard else None

    def tell(self, moment: Moment) -> None:
        """Write what is due at this moment."""
        keep, epoch = self.config.keep, moment.epoch
        last = epoch == self.config.epochs - 1
        if moment.tick:
            place = {"epoch": epoch, "step": moment.step, "images": moment.images}
            speed = {"images_per_s": round(moment.images_per_s, 1), "wall_s": round(self.clock.seconds(), 3)}
            line: dict[str, Any] = place | speed | self.meter.read()
            if self.vitals.due(self.told, moment.step):
                line["vitals"] = self.vitals.look(self.stack.state)
            self.told = moment.step
            if moment.epoch_ended and self.scorer and self.scorer.due(epoch):
                line["scores"] = self.scorer.score(self.stack.state)
            self.record.append(line)
            if self.board:
                self.board.write(line)
        if not moment.epoch_ended:
            return
        for r in range(self.config.seeds):
            seed = f"seed {self.config.seed + r}      " if self.config.seeds > 1 else ""
            self.watch.say(seed + self._caption(epoch, r))
        if (epoch + 1) % keep.sample_epochs == 0 or last:
            self.picture(epoch)
        if self.scorer and self.scorer.improved():
            self.save(BEST)
        if (epoch + 1) % keep.checkpoint_epochs == 0 or last:
            self.save(epoch_name(epoch))
            self.record.thin_out(keep.keep_epochs)

    def picture(self, epoch: int) -> None:
        """The fixed noise of each replica as a grid with the report's caption (R2)."""
        import torch

        from ayneh.data.images import grid, save_png, to_uint8
        from ayneh.engine.sampler import Sampler

        for r, config in enumerate(self.match.replicas):
            sampler = Sampler(self.match.gen, self.stack.state["ema"][r], config)
            pixels = to_uint8(torch.cat(list(sampler.images("samples", config.keep.sample_images))))
            path = self.record.sample_path(epoch, r, self.config.seeds)
            save_png(path, grid(pixels), self._caption(epoch, r), zoom=max(1, 64 // self.match.size))

    def save(self, name: str) -> None:
        """A checkpoint of everything."""
        tensors = self.match.named(self.stack.state) | {f"meter/{k}": v for k, v in self.meter.sums.items()}
        self.record.write_checkpoint(
            name,
            self.stack.step,
            self.config,
            self.match.image_shape,
            tensors | self.vitals.tensors(),
            self.meter.steps,
        )

    def end(self) -> None:
        """The animation of the fixed noise, and where everything is."""
        from ayneh.data.images import load_png, save_animation

        for r in range(self.config.seeds):
            paths = self.record.sample_paths(r, self.config.seeds)
            save_animation(
                self.record.animation_path(r, self.config.seeds),
                [load_png(p) for p in paths],
                milliseconds=150,
            )
        print(f"{self.record.folder}: {self.config.epochs} epochs in {self.clock.seconds():.0f} s")
        print(f"pictures: {self.record.samples}")

    def _scorer(self, lines: list[dict[str, Any]]) -> Scorer | None:
        try:
            return Scorer(self.config, self.match, self.clock, lines)
        except UserError as error:  # no judge knows these images: worth a word, not worth the run
            self.watch.say(f"Training goes on without scores. {error}")
            return None

    def best(self) -> str:
        """The best Fréchet distance so far, for the bar."""
        return f"best fd {self.scorer.best:.2f}" if self.scorer and self.scorer.best < float("inf") else ""

    def _caption(self, epoch: int, replica: int) -> str:
        loss_d, loss_g = (float(self.meter.last[name][replica]) for name in ("loss_d", "loss_g"))
        return f"epoch: {epoch}      last batch loss D: {loss_d}      last batch loss G: {loss_g}"


class Board:
    """metrics.jsonl once more, as TensorBoard's event files."""

    def __init__(self, folder: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError("--keep.tensorboard needs TensorBoard: pip install 'ayneh[tensorboard]'.") from error
        self.writer = SummaryWriter(str(folder), purge_step=step)

    def write(self, line: Mapping[str, object]) -> None:
        """One line of metrics; a value for each replica."""
        for name, values in line.items():
            for r, value in enumerate(values if isinstance(values, list) else []):
                self.writer.add_scalar(f"{name}/{r}", value, line["step"])
        self.writer.flush()
