"""Shares of a study played on a Ray cluster. Finished run folders are returned as bytes: no shared disk is needed."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ayneh.errors import Stopped, UserError, brief, extra
from ayneh.files.whole import atomically
from ayneh.parts.calling import PartFailed, in_a_worker
from ayneh.parts.shipped import Shipped, unpack
from ayneh.record.record import OUTCOME
from ayneh.studies.design import Run, Study
from ayneh.studies.local import REFRESH_S
from ayneh.studies.stack import parts_of, play

RETRIES = 5  # of a share whose worker or machine died
Files = dict[str, bytes]  # by their path in the study's folder


def run_on_ray(
    shares: Sequence[list[Run]],
    folder: Path,
    study: Study,
    address: str | None,
    device: str,
    stop: Callable[[], bool],
    show: Callable[[], None],
) -> None:
    """Each share as one task with one core (and a GPU, on cuda); a share whose worker dies is played again.

    The same runs as on this machine: a share computes with one thread, and its draws follow from its seeds. Raises
    UserError without Ray or a cluster, Stopped if a share's worker died more than `RETRIES` times.
    """
    ray = _ray(address)
    gpus = 1 if device.startswith("cuda") else 0
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(play_far)
    parts = parts_of(shares, study, far=True)
    pending = {task.remote(share, study, device, parts): share for share in shares}
    try:
        while pending:
            done, _ = ray.wait(list(pending), num_returns=1, timeout=REFRESH_S)
            for reference in done:
                bring_home(ray.get(reference), folder)
                del pending[reference]
            show()
            if stop():
                for reference in pending:
                    ray.cancel(reference, force=True)
                return
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError | Stopped | PartFailed):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise Stopped(
            f"Ray lost a share ({type(error).__name__}); what is finished stays, and the same command goes on."
        ) from error
    finally:
        ray.shutdown()


def play_far(share: list[Run], study: Study, device: str, parts: Shipped) -> Files:
    """A task: play the share in a temporary folder, and return its files."""
    import torch

    torch.set_num_threads(1)
    unpack(parts)
    with in_a_worker(), tempfile.TemporaryDirectory() as folder:
        play(share, Path(folder), study, device)
        paths = [path for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".lock"]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def bring_home(files: Files, folder: Path) -> None:
    """Write a share's files, each run's outcome last: a run with an outcome is done."""
    for name in sorted(files, key=lambda name: name.endswith(OUTCOME)):
        with atomically(folder / name) as file:
            file.write(files[name])


def _ray(address: str | None):  # type: ignore[no-untyped-def]  # the module: an extra, without types
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else it reports its use to its makers
    with extra("ray", "--engine ray"):
        import ray
    here = {name: os.environ[name] for name in ("AYNEH_DATA", "AYNEH_CACHE") if name in os.environ}
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": here | {"OMP_NUM_THREADS": "1"}},
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=False if address is None else None,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"No Ray cluster answers at {address or 'this machine'}: {brief(error)}.") from error
    return ray
