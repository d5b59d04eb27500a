"""Rules of one's own in a file: the run keeps the source of each, and goes on with the file alone."""

import pytest

from ayneh.record.record import Record

PARTS = """
import ayneh, torch

plain = ayneh.Optimiser(lambda theta: {}, lambda theta, grad, memory, t, hyper: (theta - hyper["lr"] * grad, memory))
ayneh.add("optimiser", "plain", plain)
ayneh.add("schedule", "halving", lambda images: 0.5 ** (images / 64))
ayneh.add("augmentation", "brighter", ayneh.Augmentation(lambda x, u, strength: x + strength * u[..., None, None]))
ayneh.add("penalty", "slope", ayneh.Penalty(lambda logits, real, fake, draws: torch.autograd.grad(
    logits(real).sum(), real, create_graph=True)[0].flatten(2).norm(dim=2), at=("real",)))


class Ring(ayneh.Prior):
    def sample(self, n, dim, generator):
        return torch.randn(n, dim, generator=generator, device=generator.device).sign()


ayneh.add("prior", "ring", Ring)
"""


def test_a_run_with_every_rule_of_ones_own_is_trained_resumed_and_sampled_with_its_file_alone(
    ayneh, tiny, tmp_path, unload
):
    parts, run = tmp_path / "my_rules.py", tmp_path / "run"
    parts.write_text(PARTS)
    flags = ["--optimizer.name", "plain", "--optimizer.schedule", "halving", "--rules.augmentation", "brighter",
             "--rules.penalty", "slope", "--rules.gamma-schedule", "halving", "--prior.name", "ring"]  # fmt: skip
    status, _, err = ayneh("--parts", parts, "train", "digits", *tiny, *flags, "--epochs", 1, "--quiet", "--out", run)
    assert (status, err) == (0, "")
    noted = {(part.kind, part.name) for part in Record(run).parts.noted()}
    assert noted == {("optimiser", "plain"), ("schedule", "halving"), ("augmentation", "brighter"),
                     ("penalty", "slope"), ("prior", "ring")}  # fmt: skip
    unload()
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 2
    assert "my_rules.py" in err
    status, _, err = ayneh("--parts", parts, "resume", run, "--epochs", 2, "--quiet")
    assert (status, err) == (0, "")
    assert ayneh("--parts", parts, "sample", run, "--n", 4, "--out", tmp_path / "samples.npz")[0] == 0
    assert ayneh("--parts", parts, "diagnose", run)[0] == 0


@pytest.mark.parametrize("form", ["onnx", "safetensors"])
def test_an_export_of_a_prior_of_ones_own_generates_from_given_z_and_says_that_it_cannot_draw(
    ayneh, tiny, tmp_path, unload, form
):
    import numpy as np

    import ayneh as library

    parts, run = tmp_path / "my_rules.py", tmp_path / "run"
    parts.write_text(PARTS)
    flags = ["--prior.name", "ring", "--epochs", 1, "--quiet", "--out", run]
    assert ayneh("--parts", parts, "train", "digits", *tiny, *flags)[0] == 0
    status, _, err = ayneh("--parts", parts, "export", run, "--to", form, "--out", tmp_path / "export")
    assert status == 0, err
    if form == "onnx":
        unload()
        model = library.load(tmp_path / "export")
        assert model.generate(np.ones((3, 8), np.float32)).shape == (3, 1, 8, 8)
        for draw in (lambda: model.sample_z(3), lambda: model.interpolate(np.zeros(8), np.ones(8), 3)):
            with pytest.raises(library.UserError, match="follows 'ring', a prior of the author's own, whose code is"):
                draw()
