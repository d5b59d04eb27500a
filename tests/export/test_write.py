"""`export`: a checkpoint in, a folder and an `Export` out."""

import json

import pytest

from ayneh.errors import UserError
from ayneh.export.write import export
from ayneh.record.record import Record

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_an_export_says_what_it_wrote_and_how_near_it_is(tiny_run, tmp_path, capsys):
    record = Record.open(tiny_run)
    found = export(record, record.checkpoints.at_epoch(1), tmp_path / "out", replica=1)
    written = json.loads((found.folder / "config.json").read_text())
    assert written.pop("seal").startswith("seal-sha256:")
    assert written == found.about
    assert set(found.about["nets"]) == {"generator", "discriminator", "encoder"}
    assert all((found.folder / net["file"]).is_file() for net in found.about["nets"].values())
    assert all(0 <= net["difference"] <= 1e-4 for net in found.about["nets"].values())
    assert capsys.readouterr().out == ""
    with pytest.raises(UserError, match="holds an export already"):
        export(record, record.checkpoints.at_epoch(1), tmp_path / "out", "safetensors")
