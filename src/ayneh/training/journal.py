"""A run's story: what `train` and `resume` write down as the game goes, what the doctor says of it, and its rescues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.checkpoint import Checkpoint
from ayneh.config import Config
from ayneh.doctor import rescue
from ayneh.doctor.doctor import Doctor, Event
from ayneh.errors import UserError
from ayneh.evaluation import Scorer
from ayneh.record import BEST, HEALTHY, RESCUES, Record, epoch_name
from ayneh.terminal import Clock, Watch

if TYPE_CHECKING:  # torch takes seconds to import: only once a verb really works
    from ayneh.engine.loop import Moment
    from ayneh.engine.match import Match
    from ayneh.engine.meter import Diverged
    from ayneh.engine.stacks import Inline, Processes


class Story:
    """What a run writes down as it goes: metrics at each tick, pictures and checkpoints at the ends of epochs."""

    def __init__(
        self, record: Record, config: Config, match: Match, checkpoint: Checkpoint | None, watch: Watch
    ) -> None:
        """match: of the config as it was asked for; what earlier rescues changed is done here."""
        self.record, self.config, self.watch = record, config, watch
        self.asked = match
        self.rescues = rescue.from_dict(record.report(RESCUES))
        record.rewind(checkpoint.step if checkpoint else 0)
        lines = record.lines()
        self.clock = Clock(lines[-1]["wall_s"] if lines else 0.0)
        self._begin(checkpoint)
        self.board = Board(record.folder / "events", self.stack.step) if config.keep.tensorboard else None

    def _begin(self, checkpoint: Checkpoint | None) -> None:
        """From this checkpoint on, or from the first step."""
        from ayneh.doctor.vitals import Vitals
        from ayneh.engine.match import Match, replicas_of
        from ayneh.engine.meter import Meter
        from ayneh.engine.stacks import Processes, in_process

        treated = rescue.treated(self.config, self.rescues)
        self.match = self.asked
        if self.rescues:
            self.match = Match(replicas_of(treated), self.asked.pixels, self.asked.device, rescues=len(self.rescues))
        match, tensors = self.match, checkpoint.tensors if checkpoint else {}
        state, step = (match.restored(tensors), checkpoint.step) if checkpoint else (match.start(), 0)
        sums = {k.removeprefix("meter/"): v for k, v in tensors.items() if k.startswith("meter/")}
        self.meter = Meter(sums, checkpoint.meter_steps if checkpoint else 0)
        self.vitals = Vitals(match, tensors)
        self.record.rewind(step)
        lines = self.record.lines()
        self.told = lines[-1]["step"] if lines else 0  # the step of the last line
        self.scorer = self._scorer(lines) if self.config.keep.score_epochs else None
        self.doctor, self.healthy_looks = Doctor(treated), 0
        for line in lines:  # as if just played, so that the next healthy checkpoint falls where it would have
            self.doctor.look(line)
            self._healthy(line)
        workers = self.record.engine()["workers"]
        self.stack: Inline | Processes = (
            Processes(match, state, step, workers) if workers else in_process(match, state, step)
        )

    def tell(self, moment: Moment) -> None:
        """Write what is due at this moment."""
        keep, epoch = self.config.keep, moment.epoch
        last = epoch == self.config.epochs - 1
        if moment.tick:
            given_up = sum(one.images for one in self.rescues)
            place = {"epoch": epoch, "step": moment.step, "images": moment.images + given_up}
            place |= {"images_given_up": given_up} if given_up else {}
            speed = {"images_per_s": round(moment.images_per_s, 1), "wall_s": round(self.clock.seconds(), 3)}
            line: dict[str, Any] = place | speed | self.meter.read()
            if self.vitals.due(self.told, moment.step):
                line["vitals"] = self.vitals.look(self.stack.state)
            self.told = moment.step
            if moment.epoch_ended and self.scorer and self.scorer.due(epoch):
                line["scores"] = self.scorer.score(self.stack.state)
            self.record.append(line)
            self._note(self.doctor.look(line))
            if self._healthy(line):
                self.save(f"{HEALTHY}-{epoch:04d}")
                self.record.thin_healthy(rescue.RING)
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

    def _healthy(self, line: dict[str, Any]) -> bool:
        """Count the healthy looks in a row; whether a healthy checkpoint is due after this line, at an epoch's end."""
        if not self.config.rescue:
            return False
        if "vitals" in line:
            self.healthy_looks = self.healthy_looks + 1 if self.doctor.content() else 0
        due = self.healthy_looks >= rescue.APART_LOOKS and line["step"] % self.match.steps_per_epoch == 0
        self.healthy_looks = 0 if due else self.healthy_looks
        return due

    def fall(self, diverged: Diverged) -> None:
        """The numbers are not finite any more: the doctor's last word."""
        self._note(self.doctor.fell(diverged.step + 1, diverged.step // self.match.steps_per_epoch, diverged.replica))

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            self.watch.say(event.words)
            self.record.note_finding(event.as_dict())

    def may_rescue(self) -> bool:
        """Whether another rescue is allowed."""
        return len(self.rescues) < self.config.rescue

    def wants_rescue(self) -> bool:
        """Whether the run is severely ill, and may be brought back."""
        return self.may_rescue() and bool(self.doctor.treatable())

    def rescue(self, finding: str = "", words: str = "") -> None:
        """Go back to the last healthy moment before the illness began, change something, and write it all down."""
        since = self.stack.step
        if not finding:
            worst = min(self.doctor.treatable(), key=lambda found: found.since_step)
            finding, words, since = worst.name, worst.evidence, worst.since_step
        back = self.record.healthy_before(since)
        to_step = back.step if back else 0
        _, change = rescue.lever(self.match.replicas[0], len(self.rescues), finding)
        given_up = (self.stack.step - to_step) * self.match.images_per_step
        to_epoch = to_step // self.match.steps_per_epoch - 1
        one = rescue.Rescue(finding, words, self.stack.step, to_step, to_epoch, given_up, change)
        self.watch.say(one.sentence())
        self.record.abandon(to_step, len(self.rescues) + 1)  # first, since a resumed run takes the newest checkpoint
        self.rescues.append(one)
        self.record.write_report(RESCUES, rescue.to_dict(self.rescues))
        self.stack.close()
        self._begin(back)
        if self.board:
            self.board = Board(self.record.folder / "events", to_step)  # forgets what came after

    def picture(self, epoch: int) -> None:
        """The fixed noise of each replica as a grid with the report's caption (report R2)."""
        from ayneh.engine.sampler import Sampler
        from ayneh.pictures import grid, save_png

        for r, config in enumerate(self.match.replicas):
            sampler = Sampler(self.match.gen, self.stack.state["ema"][r], config)
            pixels = sampler.draw("samples", config.keep.sample_images)
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
        from ayneh.pictures import load_png, save_animation

        for r in range(self.config.seeds):
            paths = self.record.sample_paths(r, self.config.seeds)
            save_animation(
                self.record.animation_path(r, self.config.seeds),
                [load_png(p) for p in paths],
                milliseconds=150,
            )
        print(f"{self.record.folder}: {self.config.epochs} epochs in {self.clock.seconds():.0f} s")
        if self.rescues:
            images = sum(one.images for one in self.rescues)
            epochs = images / self.match.images_per_step / self.match.steps_per_epoch
            print(
                f"rescued {len(self.rescues)} times; {epochs:.1f} more epochs were played and given up: {RESCUES}.json"
            )
        print(f"pictures: {self.record.samples}")

    def _scorer(self, lines: list[dict[str, Any]]) -> Scorer | None:
        try:
            scorer = Scorer(self.config, self.match, self.clock, lines)
            if not (self.record.checkpoints / f"{BEST}.safetensors").exists():
                scorer.best = float("inf")  # a rescue gave it up
            return scorer
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
        self.writer = SummaryWriter(str(folder), purge_step=step + 1)  # itself was kept

    def write(self, line: Mapping[str, object]) -> None:
        """One line of metrics; a value for each replica."""
        for name, values in line.items():
            for r, value in enumerate(values if isinstance(values, list) else []):
                for part, number in value.items() if isinstance(value, dict) else [("", value)]:
                    if number is not None:
                        self.writer.add_scalar("/".join(filter(None, (name, part, str(r)))), number, line["step"])
        self.writer.flush()
