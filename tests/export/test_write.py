"""`export`: a checkpoint in, a folder and an `Export` out."""

import json

import pytest

from ayneh.errors import UserError
from ayneh.export.write import export
from ayneh.record import Record

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_an_export_says_what_it_wrote_and_how_near_it_is(tiny_run, tmp_path, capsys):
    record = Record.open(tiny_run)
    found = export(record, record.checkpoints.at_epoch(1), tmp_path / "out", replica=1)
    assert set(found.files) == {"generator", "discriminator", "encoder"}
    assert all(file.is_file() and file.parent == found.folder for file in found.files.values())
    assert all(0 <= apart <= 1e-4 for apart in found.differences.values())
    assert found.about == json.loads((tmp_path / "out" / "config.json").read_text())
    assert found.numbers == {name: net["numbers"] for name, net in found.about["nets"].items()}
    assert capsys.readouterr().out == ""
    with pytest.raises(UserError, match="holds an export already"):
        export(record, record.checkpoints.at_epoch(1), tmp_path / "out", "safetensors")
