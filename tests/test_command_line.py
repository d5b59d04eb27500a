"""The command line: help, and one clear line with status 2 for every bad input."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.config import Config, flatten


def refused(ayneh, *args):
    """The one line that a user reads."""
    status, out, err = ayneh(*args)
    assert status == 2, err
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("ayneh: ")
    return lines[0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["evaluate", "--json", "out.json"], "There is no out.json: it is read as the folder of a run, since --json"),
        (["diagnose", "--probe", 500, "run"], "There is no 500: it is read as the folder of a run, since --probe"),
        (
            ["export", "run", "--small", "yes"],
            "--small takes no value: give --small or --no-small alone, and leave yes",
        ),
        (
            ["train", "digits", "--overwrite", "runs/x"],
            "--overwrite takes no value: give --overwrite or --no-overwrite",
        ),
        (["train", "--keep.tensorboard", True], "give --keep.tensorboard or --keep.no-tensorboard alone"),
        (
            ["explore", "--pretrained", "fsat"],
            "no run folder or pretrained generator called 'fsat'. Did you mean 'fast'",
        ),
        (["explore", "fast"], "There is no run in fast; `ayneh explore --pretrained fast` opens the generator"),
    ],
)
def test_a_word_after_a_switch_that_takes_none_is_named(ayneh, tmp_path, monkeypatch, args, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    assert words in refused(ayneh, *args)


def test_after_a_switch_a_run_a_verb_s_word_and_a_number_s_flag_are_as_ever(ayneh, tmp_path, monkeypatch, tiny_run):
    assert ayneh("show", tiny_run)[0] == 0
    assert "no config.json" in refused(ayneh, "evaluate", "--json", tmp_path)  # which is there, and is no run
    assert "There is no study in" in refused(ayneh, "study", "--quiet", "status", tmp_path)
    words = refused(ayneh, "train", "digits", "--seeds", 3, "--quiet", "--out", tiny_run)
    assert "holds another run" in words


def test_pretrained_generators_are_opened_all_or_by_name(tmp_path, monkeypatch):
    from ayneh.jobs.explore import _with_generators
    from ayneh.loading.pretrained import FOLDER, folders

    monkeypatch.chdir(tmp_path)
    assert _with_generators([tmp_path], True) == [tmp_path, *folders()]
    assert _with_generators([tmp_path, Path("fast")], True) == [tmp_path, FOLDER / "fast"]
    (tmp_path / "fast").mkdir()  # a run of the user's own has this name
    assert _with_generators([Path("fast")], True) == [Path("fast"), *folders()]
    assert _with_generators([Path("fast")], False) == [Path("fast")]


def test_help_lists_the_verbs_without_loading_torch():
    code = "import sys; from ayneh.__main__ import main; main(['--help']); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for verb in ("train", "resume", "sample", "show", "presets"):
        assert f"\n  {verb} " in done.stdout


@pytest.mark.parametrize("words", [["show", "run"], ["presets"], ["study", "status", "study"]])
def test_what_only_reads_a_folder_loads_no_torch(words):
    code = f"import sys; from ayneh.__main__ import main; main({words}); assert 'torch' not in sys.modules"
    old = Path(__file__).parent / "old"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=old)


def test_training_and_export_do_not_load_what_takes_as_long_to_load_as_torch(tmp_path):
    code = (
        "import sys; from ayneh.__main__ import main\n"
        "main('train digits --data.limit 99 --net.width 4 --epochs 1 --keep.score-epochs 1 --out run'.split())\n"
        "loaded = {'scipy.stats', 'sklearn', 'pandas', 'matplotlib', 'onnxruntime'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "main('export run'.split()); assert 'torch._dynamo' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"scores"' in (tmp_path / "run" / "metrics.jsonl").read_text()


def test_the_help_of_train_shows_every_field_with_its_default_and_loads_no_torch():
    code = (
        "import sys; from ayneh.__main__ import main\n"
        "try: main(['train', 'mirror', '--help'])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "assert 'torch' not in sys.modules"
    )
    env = {**os.environ, "COLUMNS": "120"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    for name in flatten(Config()):
        assert f"--{name.replace('_', '-')} " in done.stdout.replace(",", " "), name
    assert "Probability that a pixel is dropped before D sees it" in done.stdout
    assert "(default: mnist)" in done.stdout


@pytest.mark.parametrize("args", [["train"], ["train", "fast"]])
def test_the_help_of_train_begins_with_the_presets_and_the_flags_that_are_changed_most(ayneh, monkeypatch, args):
    """In the first 26 lines of 80 columns; rare flags come after them."""
    from ayneh.presets import PRESETS

    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = ayneh(*args, "--help")
    assert status == 0
    screen = out.splitlines()[:26]
    for name, preset in PRESETS.items():
        (line,) = [line for line in screen if line.startswith(f"  {name} ")]
        assert preset.time() in line
        assert preset.shows.split()[0] in line
    text = "\n".join(screen)
    config = PRESETS[[*args, "digits"][1]].config
    flags = {"epochs": config.epochs, "seed": 0, "data.name": config.data.name, "net.name": "mirror"}
    for flag, value in (flags | {"rules.dropout": config.rules.dropout, "optimizer.lr": config.optimizer.lr}).items():
        assert f"--{flag} {value}" in text
    assert "--out" in text
    for rare in ("--device", "--precision", "--keep.", "--overwrite"):
        assert rare not in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["trian"], "There is no verb called 'trian'. Did you mean 'train'?"),
        (["train", "miror"], "There is no preset called 'miror'. Did you mean 'mirror'?"),
        (
            ["train", "mnist"],
            "There is no preset called 'mnist'. Presets on mnist: mirror, fast, conditional, best, part-a-normal",
        ),
        (["train", "dcgan"], "There is no preset called 'dcgan'; `ayneh train mirror` trains it."),
        (["train", "--prior.name", "unifrom"], "There is no prior called 'unifrom'. Did you mean 'uniform'?"),
        (["train", "--rules.loss", "hing"], "There is no loss called 'hing'. Did you mean 'hinge'?"),
        (["train", "--rules.penalty", "wgan"], "There is no penalty called 'wgan'. Did you mean 'wgan-gp'?"),
        (["train", "--net.name", "miror"], "There is no net called 'miror'. Did you mean 'mirror'?"),
        (["train", "--data.name", "mnits"], "There is no data set called 'mnits'. Did you mean 'mnist'?"),
        (
            ["train", "--data.name", "mine"],
            "npz:PATH, stacked-mnist. The file with a data set of your own is named with",
        ),
        (["train", "--rules.augmentation", "flip"], "There is no augmentation called 'flip'. There is none to choose"),
        (["train", "--device", "cdua"], "There is no device called 'cdua'. Did you mean 'cuda'?"),
        (["train", "--batch", "5000"], "A step takes 5000 images and the data set has 1297: choose a smaller --batch."),
        (["train", "--data.pad-to", "20"], "not 20: pad them with --data.pad-to or resize them with --data.resize."),
        (["train", "--epochs", "0"], "--epochs is 0; it must lie between 1 and 1,000,000."),
        (["train", "--rules.dropout", "1.5"], "--rules.dropout is 1.5; it must lie between 0 and 0.99."),
        (["train", "--prior.name", "normal", "--prior.low", "0"], "low"),
        (["train", "--data.name", "folder:/nowhere"], "/nowhere"),
        (["train", "--data.name", "npz:/nowhere.npz"], "/nowhere.npz"),
        (["resume", "/nowhere"], "There is no run in /nowhere: it has no config.json."),
        (["show", "/nowhere"], "There is no run in /nowhere"),
        (["sample", "/nowhere", "--out", "x.npz"], "There is no run in /nowhere"),
    ],
)
def test_bad_input_is_one_clear_line(ayneh, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(ayneh, *args)
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def test_an_unknown_flag_names_the_nearest(ayneh):
    status, _, err = ayneh("train", "digits", "--optimiser.lr", "1")
    assert status == 2
    assert "--optimizer.lr" in err
    assert "Traceback" not in err


def test_a_value_of_the_wrong_kind_is_refused(ayneh):
    status, _, err = ayneh("train", "digits", "--epochs", "many")
    assert status == 2
    assert "many" in err
    assert "Traceback" not in err


def write_idx(folder, images: bytes):
    """A data set called mnist whose training images are these bytes."""
    place = folder / "mnist"
    place.mkdir(parents=True)
    labels = b"\x00\x00\x08\x01" + (2).to_bytes(4, "big") + b"\x00\x01"
    (place / "train-images-idx3-ubyte.gz").write_bytes(images)
    (place / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


IDX = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 28, 28)) + bytes(2 * 28 * 28)


@pytest.mark.parametrize(
    "damaged",
    [gzip.compress(IDX)[:-20], gzip.compress(IDX[:-5]), gzip.compress(b"\x01\x02\x03\x04" + IDX[4:]), b"no gzip"],
    ids=["gzip cut off", "pixels missing", "wrong magic", "no gzip"],
)
def test_a_damaged_idx_file_is_named(ayneh, tmp_path, monkeypatch, damaged):
    write_idx(tmp_path, damaged)
    monkeypatch.setenv("AYNEH_DATA", str(tmp_path))
    assert str(tmp_path / "mnist" / "train-images-idx3-ubyte.gz") in refused(ayneh, "train", "mirror")


def picture(path, side=16):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)).save(path)


def test_a_truncated_png_is_named(ayneh, tmp_path):
    picture(tmp_path / "images" / "a.png")
    bad = tmp_path / "images" / "b.png"
    picture(bad)
    bad.write_bytes(bad.read_bytes()[:60])
    assert str(bad) in refused(ayneh, "train", "digits", "--data.name", f"folder:{tmp_path / 'images'}")


def test_mixed_sizes_are_named_with_the_way_out(ayneh, tmp_path):
    picture(tmp_path / "images" / "a.png", 16)
    picture(tmp_path / "images" / "b.png", 20)
    folder = f"folder:{tmp_path / 'images'}"
    line = refused(ayneh, "train", "mirror", "--data.name", folder)
    assert "16" in line
    assert "20" in line
    assert "--data.resize" in line


def test_a_folder_without_images_is_named(ayneh, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "notes.txt").write_text("nothing to see")
    assert str(tmp_path / "images") in refused(ayneh, "train", "--data.name", f"folder:{tmp_path / 'images'}")


def test_a_truncated_npz_is_named(ayneh, tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, images=np.zeros((10, 8, 8), np.uint8))
    path.write_bytes(path.read_bytes()[:-30])
    assert str(path) in refused(ayneh, "train", "--data.name", f"npz:{path}")


def test_a_folder_that_holds_another_run_is_refused_with_the_differences(ayneh, tiny_run, tiny):
    before = {p: p.read_bytes() for p in tiny_run.rglob("*") if p.is_file()}
    line = refused(ayneh, "train", "digits", *tiny, "--epochs", 3, "--batch", "16", "--out", tiny_run)
    assert "batch: 32 -> 16" in line
    assert "--overwrite" in line
    assert {p: p.read_bytes() for p in tiny_run.rglob("*") if p.is_file()} == before


def test_a_folder_that_holds_something_else_is_never_overwritten(ayneh, tmp_path, tiny):
    (tmp_path / "thesis.tex").write_text("years of work")
    for flags in ([], ["--overwrite"]):
        assert "not a run of ayneh" in refused(ayneh, "train", "digits", *tiny, *flags, "--out", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_overwrite_replaces_a_run(ayneh, tmp_path, tiny):
    for epochs in (2, 1):
        status, _, err = ayneh("train", "digits", *tiny, "--epochs", epochs, "--overwrite", "--out", tmp_path / "run")
        assert status == 0, err
        (tmp_path / "run" / "notes.txt").write_text("the user's own")
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 1
    assert len(list((tmp_path / "run" / "samples").glob("*.png"))) == 1
    assert (tmp_path / "run" / "notes.txt").exists()


def test_overwrite_spares_a_folder_whose_config_is_not_ours(ayneh, tmp_path, tiny):
    (tmp_path / "config.json").write_text('{"model_type": "another tool"}')
    assert "is not the config of a run" in refused(ayneh, "train", "digits", *tiny, "--overwrite", "--out", tmp_path)
    assert (tmp_path / "config.json").exists()


def test_a_config_that_is_not_json_is_named(ayneh, tmp_path):
    (tmp_path / "config.json").write_text('{"format": 1, ')
    assert str(tmp_path / "config.json") in refused(ayneh, "show", tmp_path)


def test_an_unknown_field_in_a_config_names_the_nearest(ayneh, tmp_path):
    values = {"format": 1, "config": {"optimizer": {"lrr": 1}}, "engine": {}}
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert "no field called 'optimizer.lrr'. Did you mean 'optimizer.lr'?" in refused(ayneh, "show", tmp_path)


def test_a_full_disk_ends_in_one_line_and_the_checkpoint_stays(ayneh, tmp_path, tiny):
    """On a real file system of 600 kB, which only root can make."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk]).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        flags = ["--epochs", "200", "--keep.keep-epochs", "1"]
        status, _, err = ayneh("train", "digits", *tiny, *flags, "--out", disk / "run")
        assert status == 1, err
        last = err.strip().splitlines()[-1]
        assert last.startswith(f"ayneh: No disk space left for {disk / 'run'} at step")
        assert "Traceback" not in err
        from ayneh.record.record import Record

        checkpoint, damaged = Record.open(disk / "run").checkpoints.newest()
        assert checkpoint is not None
        assert damaged == []
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # tensors of the checkpoint are mapped from it


def test_the_sentence_on_a_value_of_a_million_letters_is_short(ayneh):
    status, _, err = ayneh("x" * 1_000_000)
    assert status == 2
    assert err.startswith("ayneh: There is no verb called 'xxx")
    assert len(err) < 2000
