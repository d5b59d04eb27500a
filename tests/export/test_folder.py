"""An export is killed at each of its operations on files: the old or the new one is there, and the next one works."""

import json
from pathlib import Path

import pytest

from ayneh.errors import UserError
from ayneh.export.folder import FILES, LEFT, refuse_taken, replace
from ayneh.loading.folder import FORMAT, sealed


def files(form: str, mark: str) -> dict[str, bytes]:
    """The files of an export: its nets hold ``mark``."""
    nets = {f"{net}.{form}": mark.encode() for net in ("generator", "discriminator", "encoder")}
    about = {"format": FORMAT, "form": form, "mark": mark}
    return nets | {"samples.png": b"png", "README.md": mark.encode(), "config.json": sealed(about)}


def is_whole(folder: Path) -> str | None:
    """The mark of the whole export that is in this folder; None if there is none."""
    if not (folder / "config.json").is_file():
        return None
    about = json.loads((folder / "config.json").read_text())
    wanted = files(about["form"], about["mark"])
    found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return about["mark"] if all(found.get(name) == content for name, content in wanted.items()) else None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("before", ["nothing", "an empty folder", "an export"])
def test_a_kill_at_any_operation_loses_nothing(killed_at, tmp_path, before):
    points = 0
    for k in range(1000):
        folder = tmp_path / f"{k}" / "model"
        if before != "nothing":
            folder.mkdir(parents=True)
        if before == "an export":
            replace(folder, files("onnx", "old"), False)
            (folder / "notes.txt").write_text("mine")
        reached = killed_at(k, lambda f=folder: replace(f, files("safetensors", "new"), True), folder.parent)
        begun = (folder / ".export-whole").exists()  # all new files are there, and are being moved to their places
        if before == "an export" and not begun:
            assert is_whole(folder) in ("old", "new"), k
        if before == "an export" and not begun and is_whole(folder) == "old":
            with pytest.raises(UserError, match="holds an export already"):
                replace(folder, files("safetensors", "new"), False)
        elif is_whole(folder) != "new":  # nothing of value: the same command works again without --overwrite
            replace(folder, files("safetensors", "new"), False)
        replace(folder, files("safetensors", "new"), True)
        assert is_whole(folder) == "new"
        mine = {"notes.txt"} if before == "an export" else set()
        assert {path.name for path in folder.iterdir()} == set(files("safetensors", "")) | mine, k
        points += reached
        if not reached:
            break
    assert points > 20


def test_what_earlier_versions_left_is_recognised_and_a_person_s_files_are_not(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / ".generator.onnx.part").write_bytes(b"ha")
    refuse_taken(old, False)
    (old / "generator.onnx").write_bytes(b"half")
    refuse_taken(old, False)
    for name in ("README.md", "letter.txt"):
        mine = tmp_path / name.partition(".")[0]
        mine.mkdir()
        (mine / name).write_text("mine")
        for overwrite in (False, True):
            with pytest.raises(UserError, match="is not empty and not an export"):
                refuse_taken(mine, overwrite)
    (old / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and not an export"):
        refuse_taken(old, True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="is not empty and not an export"):
        refuse_taken(tmp_path / "file", True)


@pytest.mark.parametrize("config", [b"{", b"\xff", b"[]", b""])
def test_an_export_with_a_damaged_config_may_be_replaced(tmp_path, config):
    replace(tmp_path, files("onnx", "old"), False)
    (tmp_path / "config.json").write_bytes(config)
    with pytest.raises(UserError, match="--overwrite"):
        replace(tmp_path, files("onnx", "new"), False)
    replace(tmp_path, files("onnx", "new"), True)
    assert is_whole(tmp_path) == "new"


def test_a_full_disk_leaves_the_old_export_and_no_litter(tmp_path, monkeypatch):
    replace(tmp_path / "old", files("onnx", "old"), False)
    content = files("onnx", "new")

    def full(_descriptor: int) -> None:
        if not content:
            raise OSError(28, "No space left on device")
        content.popitem()

    for folder in ("old", "new"):
        content = {"one": b""}
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            replace(tmp_path / folder, files("onnx", "new"), True)
    assert is_whole(tmp_path / "old") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert not [path for path in (tmp_path / "old").iterdir() if path.name in LEFT or path.name not in FILES]


def test_two_at_once(tmp_path):
    from ayneh.files.whole import locked

    tmp_path.joinpath(".export.lock").touch()
    with locked(tmp_path / ".export.lock", "no"), pytest.raises(UserError, match="Another process is writing"):
        replace(tmp_path, files("onnx", "new"), False)
