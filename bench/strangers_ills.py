"""The doctor on kinds of runs by which no threshold was set: ``python bench/strangers_ills.py``; it resumes.

Plays kinds of runs that bench/ills.py does not have, by which no threshold was set, on the digits, MNIST and the
Persian digits. Whether a run is ill is decided by the judge's scores alone, whatever it was meant to be
(bench/strangers.py, which also measures the detectors). Raw numbers go into two CSVs (bench/strangers_csv.py);
the runs in them are not played again, so that another machine goes on from them. Needs AYNEH_DATA or a network.
docs/findings/preregistered.md has what was predicted.
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

import doctor
from ayneh.__main__ import in_sentences
from ills import BARE, MIRROR, MLP, U01, Arm
from strangers import Ward

Changes = Mapping[str, Any]
SETS: dict[str, Changes] = {
    "digits": {},
    "mnist": {"data.name": "mnist", "data.resize": None, "data.limit": 2500},
    "hoda": {"data.name": "hoda", "data.resize": None, "data.limit": 2500},
}
EPOCHS = {"mlp": 32, "mirror": 20}  # on mnist and hoda, of 39 steps; the judge looks at the end of an epoch
NETS = {"mlp": MLP, "mirror": MIRROR}


def half_one_image(pixels: Tensor) -> Tensor:
    """Every second image is the first one."""
    return torch.where(torch.arange(len(pixels))[:, None, None, None] % 2 == 0, pixels[:1], pixels)


def kind(nets: str, **fields: Any) -> tuple[str, Arm]:
    """The nets that it is for, and the arm; ``__`` in a name is a dot."""
    later = {name.replace("__", "."): value for name, value in fields.pop("later", {}).items()}
    spoil = fields.pop("spoil", lambda pixels: pixels)
    return nets, Arm({name.replace("__", "."): value for name, value in fields.items()}, later=later, spoil=spoil)


# Meant to be healthy. The first is the yardstick of each net on each set.
WELL = {
    "": kind("mlp mirror"),
    "hinge, spectral": kind("mirror", rules__loss="hinge", net__spectral=True),
    "adamw": kind("mlp mirror", optimizer__name="adamw", optimizer__weight_decay=0.01),
    "rmsprop, gentle": kind("mlp mirror", optimizer__name="rmsprop", optimizer__lr=3e-4),
    "no momentum": kind("mlp mirror", optimizer__beta1=0.0, optimizer__beta2=0.99),
    "two steps of D": kind("mirror", rules__dis_steps=2),
    "two steps of G": kind("mlp", rules__gen_steps=2),
    "relativistic, r1+r2": kind(
        "mirror",
        rules__loss="relativistic",
        rules__penalty="r1+r2",
        rules__gamma=0.3,
        net__dis_norm="none",
        net__init="he",
        **{k.replace(".", "__"): v for k, v in BARE.items()},
    ),
    "dragan": kind("mlp", rules__penalty="dragan", rules__gamma=1.0),
    "small shifts": kind("mirror", rules__translation=0.1),
    "small cutout": kind("mlp mirror", rules__cutout=0.2),
    "short z": kind("mlp mirror", prior__dim=16),
    "laplace": kind("mlp", prior__name="laplace"),
    "truncated normal": kind("mirror", prior__name="truncated-normal"),
    "mixture": kind("mlp mirror", prior__name="mixture"),
    "mean of a half": kind("mlp mirror", prior__mean=0.5),
    "twice as wide": kind("mlp mirror", net__width=128),
    "falling rate": kind(
        "mlp mirror", optimizer__schedule="cosine", optimizer__decay_images=70_000, optimizer__end_factor=0.05
    ),
    "constant held still": kind("mlp", net__gen_offset=0.577),
    "cured mean": kind("mlp mirror", net__gen_first_norm="unit", **{k.replace(".", "__"): v for k, v in U01.items()}),
    "batch of 128": kind("mlp mirror", batch=128),
    "averaged weights": kind("mirror", rules__ema_halflife_images=2_000.0),
}
# Meant to be ill.
ILL = {
    "rmsprop, fast": kind("mlp mirror", optimizer__name="rmsprop", optimizer__lr=2e-2),
    "sgd, fast": kind("mlp mirror", optimizer__name="sgd", optimizer__momentum=0.9, optimizer__lr=2.0),
    "sgd, slow": kind("mlp", optimizer__name="sgd", optimizer__lr=1e-4),
    "much momentum": kind("mlp mirror", optimizer__beta1=0.99),
    "short memory of squares": kind("mirror", optimizer__beta1=0.9, optimizer__beta2=0.3),
    "large eps": kind("mlp mirror", optimizer__eps=1.0),
    "weight decay": kind("mlp mirror", optimizer__weight_decay=0.3),
    "20 steps of G": kind("mlp mirror", rules__gen_steps=20),
    "10 steps of D, bare": kind("mirror", rules__dis_steps=10, rules__dropout=0.0),
    "one latent": kind("mirror", prior__dim=1),
    "cauchy": kind("mlp mirror", prior__name="student-t", prior__df=1.0),
    "two-valued, off centre": kind("mlp mirror", prior__name="bernoulli", prior__low=2.0, prior__high=3.0),
    "tiny noise": kind("mlp", prior__std=0.01),
    "huge noise": kind("mlp mirror", prior__std=100.0),
    "constant that moves": kind("mlp mirror", net__gen_offset=0.577, net__gen_offset_gain=128.0),
    "hinge, fast": kind("mirror", rules__loss="hinge", optimizer__lr=1e-2),
    "least squares, fast D": kind(
        "mlp mirror", rules__loss="least-squares", optimizer__lr_dis=2e-2, rules__dropout=0.0
    ),
    "relativistic, bare": kind("mlp", rules__loss="relativistic", rules__dropout=0.0, optimizer__lr=5e-3),
    "wgan-gp on batch norm": kind("mirror", rules__loss="wasserstein", rules__penalty="wgan-gp", rules__gamma=1000.0),
    "stiff dragan": kind("mlp", rules__penalty="dragan", rules__gamma=1000.0),
    "stiff r1": kind("mirror", rules__penalty="r1", rules__gamma=1000.0),
    "stiff r2": kind("mlp", rules__penalty="r2", rules__gamma=1000.0),
    "width 1": kind("mlp mirror", net__width=1),
    "one feature": kind("mlp mirror", net__features=1),
    "drowned in noise": kind("mlp mirror", rules__instance_noise=8.0),
    "shifted by half": kind("mirror", rules__translation=0.5),
    "all cut out": kind("mlp mirror", rules__cutout=1.0),
    "labels nearly even": kind("mlp mirror", rules__label_smoothing=0.95),
    "tiny start": kind("mlp", net__init="dcgan"),
    "large start, fast": kind("mirror", net__init="he", optimizer__lr=1e-2),
    "half of the data one image": kind("mlp mirror", spoil=half_one_image),
    "white images": kind("mlp", spoil=lambda pixels: torch.full_like(pixels, 255)),
    "then much momentum": kind("mlp mirror", later={"optimizer__beta1": 0.99, "optimizer__lr": 5e-3}),
    "then drowned": kind("mlp mirror", later={"rules__instance_noise": 8.0}),
    "then D stands still": kind("mlp mirror", later={"optimizer__lr_dis": 0.0}),
    "then weight decay": kind("mlp mirror", later={"optimizer__weight_decay": 1.0}),
    "then even labels": kind("mirror", later={"rules__label_smoothing": 1.0}),
}  # fmt: skip
# On MNIST and the Persian digits, whose mirror nets take a minute a run, a part of them.
ELSEWHERE = (
    "", "hinge, spectral", "no momentum", "small cutout", "short z", "cured mean", "two steps of G", "mean of a half",
    "rmsprop, fast", "much momentum", "cauchy", "constant that moves", "20 steps of G", "weight decay", "stiff r1",
    "drowned in noise", "half of the data one image", "then D stands still", "one latent", "large eps",
)  # fmt: skip


def arms() -> dict[str, Arm]:
    """Every kind with every net that it is for: "digits mlp, adamw" -> its arm."""
    found = {}
    for data, on in SETS.items():
        for words, (nets, arm) in (WELL | ILL).items():
            for net in nets.split():
                if data == "digits" or words in ELSEWHERE:
                    epochs = {} if data == "digits" else {"epochs": EPOCHS[net]}
                    width = {"net.width": 32} if words == "twice as wide" and net == "mirror" else {}
                    name = ", ".join([f"{data} {net}"] + [words] * bool(words))
                    found[name] = Arm({**on, **NETS[net], **epochs, **arm.changes, **width}, (), arm.later, arm.spoil)
    return found


ARMS = arms()
ALSO = ("unlike",)  # share of the last images that are no images of this kind


def play(name: str, seed: int, folder: Path) -> None:
    """One run into its folder; what a run that was cut short has left there is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    doctor.play(name, seed, folder, ARMS, ALSO)


def jobs(seeds: int, well: int, chosen: str) -> list[tuple[str, int]]:
    """(arm, seed) of all runs, in ``seeds`` parts that are alike: each has all arms with a seed of their own.

    What is meant to be healthy on the digits comes more often, in each part with as many seeds. The plain runs of a
    part are first, the others in an order by chance, so that any number of first runs is a sample of all.
    """
    found = []
    for part in range(seeds):
        own = [
            (name, seed) for name in ARMS if chosen in name for seed in range(part, _times(name, seeds, well), seeds)
        ]
        random.Random(part).shuffle(own)
        found += sorted(own, key=lambda job: ", " in job[0])
    return found


def _times(name: str, seeds: int, well: int) -> int:
    data, _, words = name.partition(", ")
    return well if words in WELL and data.startswith("digits") else seeds


def main(
    out: Path = Path("runs/strangers"),
    csv: Path = Path("docs/findings/studies/strangers"),
    seeds: int = 3,
    well: int = 9,
    arms: str = "",
    workers: int = 1,
) -> None:
    """Play what has not been played, with rows in the CSVs as it goes; then measure.

    Args:
        out: where the runs go.
        csv: the folder of the CSVs.
        seeds: of each arm.
        well: of those on the digits that are meant to be healthy.
        arms: only those whose names hold this.
        workers: processes, of one thread each.
    """
    ward, began = Ward(csv), time.process_time()
    places = {job: doctor.folder_of(out, *job) for job in jobs(seeds, well, arms) if not ward.has(*job)}
    done = [folder for folder in places.values() if (folder / "outcome.json").is_file()]
    todo = {job: folder for job, folder in places.items() if folder not in done}
    ward.take(done)
    for k, (job, failed) in enumerate(_each(todo, workers), 1):
        said = f": {failed!r}" if failed else ""
        spent = f", {time.process_time() - began:.0f} s of this process"
        print(f"{k} of {len(todo)}: {job[0]}, seed {job[1]}{said}{spent}", file=sys.stderr, flush=True)
        if not failed:
            ward.take([todo[job]])
    print("\n".join(ward.measured()))


def _each(todo: Mapping[tuple[str, int], Path], workers: int) -> Iterable[tuple[tuple[str, int], BaseException | None]]:
    """Each run as it ends, with what it failed by; one worker is this process: a kill leaves none behind."""
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            futures = {pool.submit(play, *job, folder): job for job, folder in todo.items()}
            yield from ((futures[future], future.exception()) for future in as_completed(futures))
        return
    for job, folder in todo.items():
        try:
            play(*job, folder)
        except Exception as error:
            yield job, error
        else:
            yield job, None


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
