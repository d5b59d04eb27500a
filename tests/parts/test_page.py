"""The examples of docs/parts.md are run: its metrics, its finding and its callback in one small training."""

import re
from pathlib import Path

import ayneh as package
from ayneh.record.record import Record

PAGE = Path(__file__).parents[2] / "docs" / "parts.md"


def test_the_data_set_of_the_page_is_read():
    (block,) = re.findall(r"^```python\n((?:(?!```).)*add\(\"data\".*?)^```", PAGE.read_text(), re.M | re.S)
    exec(block, {"ayneh": package})
    images = package.images("stripes")
    assert images.train.shape == (2000, 1, 16, 16)
    assert images.classes == tuple(map(str, range(8)))
    assert (images.train.sum((1, 3)).argmax(1) == images.labels).all()
    assert (images.test_labels != images.labels[:500]).any()  # other draws


def test_metrics_findings_and_callbacks_of_the_page_work(ayneh, tmp_path, tiny):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    chosen = [block for block in blocks if re.search(r'add\(\s*"(metric|finding|callback)"', block)]
    assert len(chosen) == 3
    parts, run = tmp_path / "my_parts.py", tmp_path / "run"
    parts.write_text("\n\n".join(chosen))
    flags = ["--keep.score-epochs", 1, "--keep.score-images", 100, "--keep.vitals-steps", 2, "--keep.tick-steps", 2]
    flags += ["--epochs", 1, "--callbacks", "printer", "--parts", parts, "--out", run]
    status, out, err = ayneh("train", "digits", *tiny, *flags)
    assert status == 0, err
    last = Record.open(run).lines()[-1]
    assert all(last["scores"][name][0]["low"] < last["scores"][name][0]["value"] for name in ("sharpness", "means"))
    assert out.splitlines()[0].startswith("2 [")
    assert f"done: {run}" in out
    assert "not looked for" not in err
