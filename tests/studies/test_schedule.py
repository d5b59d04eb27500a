"""How a study's runs are cut into stacks, on a CPU and on an accelerator."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ayneh.errors import UserError
from ayneh.studies import local, schedule
from ayneh.studies.forecast import chosen, cost_of, workers_for
from ayneh.studies.schedule import Measured, cut, quickest, sizes


def cost(stack: int, step_s: float = 0.01) -> Measured:
    return Measured(stack, step_s, 0.1, 100, 6400)


def lengths(runs: int, stack: int, workers: int, kind: str) -> list[int]:
    return [len(share) for share in cut([(range(runs), cost(stack))], workers, kind)]


def test_on_an_accelerator_a_groups_shares_are_alike_and_as_large_as_the_best_stack():
    assert lengths(150, 64, 14, "cuda") == [50, 50, 50]
    assert lengths(20, 20, 14, "cuda") == [20]  # in small stacks each would take nearly as long
    assert lengths(65, 64, 1, "cuda") == [33, 32]


def test_on_a_cpu_shares_are_small_enough_for_all_workers():
    assert lengths(10, 4, 4, "cpu") == [3, 3, 3, 1]
    assert lengths(10, 4, 1, "cpu") == [4, 4, 2]
    assert lengths(2, 4, 8, "cpu") == [1, 1]


@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=4),
    st.integers(1, 70),
    st.integers(1, 9),
    st.sampled_from(["cpu", "cuda"]),
)
def test_each_run_is_in_one_share_with_its_own_group_and_long_shares_come_first(counts, stack, workers, kind):
    groups = [([(g, i) for i in range(count)], cost(stack, 0.01 * (g + 1))) for g, count in enumerate(counts)]
    shares = cut(groups, workers, kind)
    assert sorted(run for share in shares for run in share) == sorted(run for runs, _ in groups for run in runs)
    assert all(len({g for g, _ in share}) == 1 and len(share) <= stack for share in shares)
    seconds = [(share[0][0] + 1) * len(share) for share in shares]
    assert seconds == sorted(seconds, reverse=True)


@pytest.mark.parametrize(
    ("runs", "kind", "tried"),
    [
        (50, "cuda", [1, 16, 50]),
        (64, "cuda", [1, 16, 64]),
        (300, "cuda", [1, 16, 64]),
        (1, "cuda", [1]),
        (3, "cpu", [1]),
    ],
)
def test_on_an_accelerator_a_whole_group_is_tried_as_one_stack(runs, kind, tried):
    assert sizes(kind, runs) == tried


@pytest.mark.parametrize(("one", "all_of_them", "chosen"), [(0.07, 0.38, 1), (2.0, 0.4, 3)])
def test_scores_take_as_many_threads_as_are_quickest(tiny, monkeypatch, one, all_of_them, chosen):
    before = torch.get_num_threads()
    monkeypatch.setattr(schedule, "_look_s", lambda *_: one if torch.get_num_threads() == 1 else all_of_them)
    try:
        torch.set_num_threads(3)
        assert quickest(tiny, next(iter(tiny.runs())).config) == chosen
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_study_in_this_process_takes_these_threads_and_gives_them_back(tiny, tmp_path, monkeypatch):
    seen, before = [], torch.get_num_threads()
    monkeypatch.setattr(local, "play", lambda *_: seen.append(torch.get_num_threads()) or True)
    local.run_here(
        [[run] for run in list(tiny.runs())[:2]], tmp_path, tiny, "cpu", lambda: False, lambda: None, before + 1
    )
    assert seen == [before + 1] * 2
    assert torch.get_num_threads() == before


def test_processes_on_an_accelerator_are_as_many_as_asked_for_and_one_by_default():
    assert workers_for("cuda", None) == workers_for("cuda:1", None) == workers_for("mps", None) == 1
    assert workers_for("cuda", 5) == workers_for("cpu", 5) == 5
    with pytest.raises(UserError, match="--workers is 0"):
        workers_for("cuda", 0)


def test_a_device_that_is_not_there_is_refused_before_images_are_read(tiny, monkeypatch):
    monkeypatch.setattr(schedule, "match_of", None)
    with pytest.raises(UserError, match="tpu"):
        cost_of(tiny, None, "tpu")


@pytest.mark.parametrize("device", ["auto", "cpu:0"])
def test_a_cpu_by_another_name_is_played_as_the_cpu(tiny, device, monkeypatch):
    """One process of many threads would give other bits than those that one thread gives."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert chosen(device) == "cpu"
    cost = cost_of(tiny, None, device)
    assert (cost.device, cost.workers, cost.threads) == ("cpu", workers_for("cpu", None), 1)
