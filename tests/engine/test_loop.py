"""The loop, the meter, and how a stack is carried: inline and by processes."""

import itertools
from dataclasses import replace

import pytest
import torch

from ayneh.config import Config, Data, Net, Prior, Rules
from ayneh.engine.inline import Inline
from ayneh.engine.loop import run
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.meter import Diverged, Meter, stack_steps
from ayneh.engine.stacks import MEASURED, Processes, WorkerDied, choose_workers
from ayneh.engine.threads import seconds_of
from ayneh.errors import UserError

CPU = torch.device("cpu")
SMALL = Config(batch=8, prior=Prior(dim=8), net=Net("mlp", width=8), precision="float64")


def pixels(n=70):
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))


def test_chunks_end_where_ticks_and_epochs_end():
    match = Match([SMALL], pixels(290), CPU)  # 36 steps an epoch; the remainder of 2 waits for the next permutation
    moments = list(run(match, Inline(match, match.start(), 0), Meter(), epochs=2, tick_steps=15))
    assert match.steps_per_epoch == 36
    assert [m.step for m in moments if m.tick] == [15, 30, 36, 51, 66, 72]
    assert [(m.step, m.epoch) for m in moments if m.epoch_ended] == [(36, 0), (72, 1)]
    assert moments[-1].images == 72 * 8
    assert max(b.step - a.step for a, b in itertools.pairwise(moments)) <= 10


def test_an_epoch_shows_each_image_at_most_once():
    match = Match([SMALL], torch.arange(70, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(70, 1, 8, 8), CPU)
    seen = torch.cat([match.reals(i)[0][0, :, 0, 0, 0] for i in range(match.steps_per_epoch)])
    assert len(seen) == 64
    assert len(seen.unique()) == 64


def test_stopping_leaves_the_loop_where_it_stands():
    match = Match([SMALL], pixels(), CPU)
    stack = Inline(match, match.start(), 0)
    heard = iter([False, True])
    moments = list(run(match, stack, Meter(), 5, 3, stop=lambda: next(heard)))
    assert [m.step for m in moments] == [3]
    assert stack.step == 3


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_processes_carry_a_stack_as_one_process_does(workers):
    config = replace(SMALL, seeds=3, rules=Rules(penalty="r1"))
    match = Match(replicas_of(config), pixels(), CPU)
    inline = Inline(match, match.start(), 0)
    processes = Processes(match, match.start(), 0, workers)
    try:
        for n in (1, 4, 2):
            ours, theirs = inline.advance(n), processes.advance(n)
            for name in ours:
                torch.testing.assert_close(theirs[name], ours[name], rtol=1e-12, atol=1e-12)
        for name in inline.state:
            torch.testing.assert_close(processes.state[name], inline.state[name], rtol=1e-12, atol=1e-12)
        processes.workers[0][0].kill()
        with pytest.raises(WorkerDied, match="ended by SIGKILL"):
            processes.advance(1)
    finally:
        processes.close()


def test_one_replica_is_never_worth_a_process():
    assert choose_workers(Match([SMALL], pixels(), CPU), 10**9) == 0


def test_a_short_job_is_not_worth_the_start_of_processes():
    assert choose_workers(Match(replicas_of(replace(SMALL, seeds=2)), pixels(), CPU), 1) == 0


def test_of_steps_short_enough_two_are_measured(monkeypatch):
    """A run of a dozen steps began with half a second of measuring."""
    match = Match(replicas_of(SMALL), pixels(), CPU)
    played, play = [], match.play
    monkeypatch.setattr(match, "play", lambda state, step: played.append(step) or play(state, step))
    assert 0 < seconds_of(match, 1e9) < 1e9
    assert played == [0, 0]  # the same step again: a run may have no other
    played.clear()
    seconds_of(match)
    assert len(played) >= 4


def test_of_a_large_stack_a_few_replicas_are_measured(monkeypatch):
    """The measurement of 300 took a minute without a word."""
    measured = []

    def seconds(match, enough=0.0):
        measured.append(len(match.replicas))
        return 0.01 * len(match.replicas)

    monkeypatch.setattr("ayneh.engine.stacks.seconds_of", seconds)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1}, raising=False)
    match = Match(replicas_of(replace(SMALL, seeds=40)), pixels(), CPU)
    assert choose_workers(match, 100) == 2  # 40 s here, 20 s and the start of two processes there
    assert choose_workers(match, 10) == 0  # 4 s here
    assert max(measured) == MEASURED


def test_the_meters_means_do_not_depend_on_the_chunks():
    values = torch.randn(10, 3, generator=torch.manual_seed(1))
    whole, parts = Meter(), Meter()
    whole.add(0, {"a": values})
    parts.add(0, {"a": values[:3]})
    parts = Meter(parts.sums, parts.steps)  # as after a resume
    parts.add(3, {"a": values[3:]})
    ours, theirs = whole.read(), parts.read()
    assert ours == theirs
    assert ours["a"] == values[-1].double().tolist()
    torch.testing.assert_close(torch.tensor(ours["mean_a"]), values.mean(0))
    assert whole.sums == {}


def test_the_mean_of_a_lazy_penalty_is_that_of_the_steps_with_it():
    values = torch.randn(10, 2, generator=torch.manual_seed(1))
    had = torch.zeros(10, 2)
    had[::3] = 1
    measures = {"grad_d": values, "penalty": values * had, "penalised": had}
    whole, parts = Meter(), Meter()
    whole.add(0, measures)
    for first, last in ((0, 1), (1, 5), (5, 7), (7, 10)):
        parts = Meter(parts.sums, parts.steps)  # as after a resume
        parts.add(first, {name: value[first:last] for name, value in measures.items()})
    ours = whole.read()
    assert ours == parts.read()
    assert ours.keys() == {"grad_d", "mean_grad_d", "penalty", "mean_penalty"}
    torch.testing.assert_close(torch.tensor(ours["mean_penalty"]), values[::3].mean(0))
    torch.testing.assert_close(torch.tensor(ours["mean_grad_d"]), values.mean(0))
    whole.add(10, {name: value[:2] for name, value in measures.items()})
    assert whole.read().keys() == {"grad_d", "mean_grad_d", "mean_penalty"}  # the last step had none
    whole.add(12, {name: value[1:3] for name, value in measures.items()})
    assert whole.read().keys() == {"grad_d", "mean_grad_d"}  # no step had one


def test_a_run_with_a_lazy_penalty_that_breaks_down_names_what_did():
    """In a step without a penalty, not the penalty; and in one with it a penalty that is no number."""
    rules = Rules(penalty="r1", penalty_every=4)
    match = Match(replicas_of(replace(SMALL, rules=rules)), pixels(), CPU)
    state = match.start()
    state["gen"].fill_(torch.inf)
    measures = match.play(state, 1)[1]
    assert not measures["grad_d"].isfinite()
    assert measures["penalty"] == 0
    with pytest.raises(Diverged, match="grad_d of replica 0"):
        Meter().add(1, stack_steps([measures | {"loss_d": torch.zeros(1), "p_fake": torch.zeros(1)}]))
    had, values = torch.ones(3, 2), torch.zeros(3, 2)
    values[1, 1] = torch.nan
    with pytest.raises(Diverged, match="penalty of replica 1 became nan between step 0 and step 1"):
        Meter().add(0, {"grad_d": had, "penalty": values, "penalised": had})


def test_a_nan_names_its_step_its_measure_and_its_replica():
    values = torch.zeros(4, 3)
    values[2, 1] = float("nan")
    with pytest.raises(Diverged, match="grad_d of replica 1 became nan between step 101 and step 102"):
        Meter().add(100, {"loss_d": torch.zeros(4, 3), "grad_d": values})


def test_a_named_state_comes_back_whole():
    match = Match(replicas_of(replace(SMALL, seeds=2)), pixels(), CPU)
    state, _ = match.play(match.start(), 0)
    named = match.named(state)
    assert named["gen/0.weight"].shape == (2, 8, 8)
    assert named["gen_t"].tolist() == [[1.0], [1.0]]
    back = match.restored(named)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[k], state[k]) for k in state)


@pytest.mark.parametrize(
    ("config", "side", "message"),
    [
        (
            replace(SMALL, batch=71),
            8,
            "A step takes 71 images and the data set has 70: choose a smaller --batch",
        ),
        (replace(SMALL, net=Net("mirror"), data=Data(pad_to=24)), 8, "power of two.*not 24"),
        (replace(SMALL, data=Data(pad_to=6)), 8, r"--data\.pad-to is 6, but the images are 8 pixels"),
        (replace(SMALL, rules=Rules(loss="hing")), 8, "no loss called 'hing'.*mean 'hinge'"),
        (replace(SMALL, rules=Rules(penalty="r3")), 8, "no penalty called 'r3'"),
        (replace(SMALL, prior=Prior("gauss")), 8, "no prior called 'gauss'"),
        (replace(SMALL, net=Net(init="xavier")), 8, "no initialisation called 'xavier'"),
        (
            replace(SMALL, rules=Rules(loss="wasserstein", label_smoothing=0.1)),
            8,
            "wasserstein loss has no labels to smooth",
        ),
        (replace(SMALL, precision="float16"), 8, "no precision called 'float16'"),
        (replace(SMALL, precision="tf32"), 8, "tf32 is a mode of CUDA"),
    ],
)
def test_what_cannot_be_played_is_refused(config, side, message):
    with pytest.raises(UserError, match=message):
        Match([config], pixels()[..., :side], CPU)


def test_images_that_are_not_square_are_refused():
    with pytest.raises(UserError, match="7x8.*--data.resize"):
        Match([SMALL], pixels()[..., :7], CPU)
