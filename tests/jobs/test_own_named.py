"""Where a run's own parts and its first weights are named: show, an export's card, the commands of the doctor."""

import shlex

import pytest

from ayneh.config import flatten
from ayneh.doctor.cures import argv
from ayneh.parts.origin import sha256_of
from ayneh.record.record import Record

LOSS = """import ayneh

ayneh.add("loss", "shown", ayneh.Loss(lambda real, fake, smooth: fake - real, lambda real, fake: -fake))
"""


@pytest.mark.slow
def test_show_and_a_card_name_the_parts_and_show_the_weights(ayneh, tiny, tmp_path):
    train = ["train", "digits", *tiny, "--epochs", 1, "--quiet"]
    (tmp_path / "my_loss.py").write_text(LOSS)
    parts, first, second = ["--parts", tmp_path / "my_loss.py"], tmp_path / "first", tmp_path / "second"
    assert ayneh(*train, "--out", first)[0] == 0
    begun = ["--out", second, "--init-from", first, "--init-players", "gen", "--rules.loss", "shown"]
    assert ayneh(*train, *begun, *parts)[0] == 0
    _, out, _ = ayneh("show", second)
    assert f"began with: G's weights of {first}, step 4" in " ".join(out.split())
    assert f"the loss 'shown' of my_loss.py (SHA-256 {sha256_of(LOSS)[:12]})" in " ".join(out.split())
    assert "parts of its own" not in ayneh("show", first)[1]
    assert ayneh("export", second, "--to", "safetensors", *parts)[0] == 0
    card = (second / "export-safetensors" / "README.md").read_text()
    assert sha256_of(LOSS) in card
    assert "the loss 'shown'" in card
    record = Record(second)
    command = argv(record.config(), {"rules.dropout": 0.3}, record.parts.noted())
    assert command[-2:] == ["--parts", "my_loss.py"]
    command[-1] = str(tmp_path / "my_loss.py")
    assert ayneh(*command[1:], "--out", tmp_path / "third", "--quiet")[0] == 0, shlex.join(command)
    wanted = flatten(record.config()) | {"rules.dropout": 0.3}
    assert flatten(Record(tmp_path / "third").config()) == wanted
