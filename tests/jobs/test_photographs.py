"""A person with 500 photographs gets to a grid, scores and an explorer by what the messages say, without a page."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

QUICK = ["--epochs", "1", "--net.width", "4", "--prior.dim", "8"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """500 in colour and of many sizes in class folders under train and val; three are broken."""
    folder, chance = tmp_path_factory.mktemp("photos") / "my photos", np.random.RandomState(0)
    for split, n in (("train", 400), ("val", 100)):
        for i in range(n):
            path = folder / split / ("cat", "dog", "fox")[i % 3] / f"IMG_{i}.{'JPG' if i % 4 else 'png'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            tiles = chance.randint(0, 256, (chance.randint(3, 6), chance.randint(3, 6), 3)).astype(np.uint8)
            Image.fromarray(np.kron(tiles, np.ones((9, 9, 1), np.uint8))).save(path, "JPEG" if i % 4 else "PNG")
    for place, kept in (("train/dog/IMG_1.JPG", 400), ("train/fox/IMG_5.JPG", 0), ("val/fox/IMG_8.png", 100)):
        path = folder / place
        path.write_bytes(path.read_bytes()[:kept])
    return folder


def commands(words: str) -> list[list[str]]:
    """The commands in backticks that a message names, without "ayneh"."""
    return [shlex.split(found)[1:] for found in re.findall(r"`(ayneh [^`]+)`", words)]


@pytest.mark.slow
def test_each_message_leads_to_the_next_command(ayneh, photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AYNEH_CACHE", str(tmp_path / "cache"))
    status, _, err = ayneh("train", "mirror", "--data.name", f"folder:{photographs}", *QUICK)
    assert status == 2
    assert "3 of 500 files cannot be read (IMG_1.JPG, IMG_5.JPG, IMG_8.png)" in err
    (flags,) = re.findall(r"train with (--[^,]+),", err)
    status, out, err = ayneh("train", "mirror", "--data.name", f"folder:{photographs}", *QUICK, *shlex.split(flags))
    assert status == 0, err
    lines = [line for line in err.splitlines() if line.startswith("folder:")]
    assert len(lines) == 1
    assert "398 to train, 99 to test; 32x32, 3 channels; 3 classes (cat, dog, fox); val/ (100 images) is" in lines[0]
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "samples" / "epoch-0000.png").is_file()

    judge, explore = commands(err)[-2:]
    evaluate = ["evaluate", judge[-1]]
    status, _, err = ayneh(*evaluate)
    assert status == 2  # there is no judge yet
    assert commands(err) == [judge]
    status, _, err = ayneh(*judge, "--epochs", 1)
    assert status == 0, err
    assert err.count("folder:") == 1
    assert commands(err) == [evaluate]
    status, out, err = ayneh(*evaluate, "--json")
    assert status == 0, err
    assert err.count("398 to train, 99 to test") == 1
    (report,) = json.loads(out).values()
    assert report["scores"]["fd"]["value"] > report["scores"]["fd"]["floor"]

    assert explore[0] == "explore"
    status, _, err = ayneh(*explore, "--save", tmp_path / "page.html")
    assert status == 0, err
    assert (tmp_path / "page.html").stat().st_size > 1e6
    assert err.count("398 to train, 99 to test") == 1


VERBS = {
    "evaluate": ["--n", 100],
    "mirror": ["--images", 100, "--invert", 0],
    "resume": ["--epochs", 3],
    "diagnose": ["--probe", "--probe-steps", 1, "--probe-epochs", 2],
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.slow
def test_a_verb_that_reads_a_run_s_images_says_once_what_it_understood(ayneh, own_run, verb):
    line = "digits: 1,297 to train; a random 128 of the 1,297 are taken; 8x8, 1 channel; 10 classes (0, 1, 2, 3, ...)"
    status, out, err = ayneh(verb, own_run, *VERBS[verb])
    assert status == 0, err
    assert [line in words for words in err.splitlines()].count(True) == 1
    assert "to train" not in out
    if verb != "diagnose":
        assert "to train" not in ayneh(verb, own_run, *VERBS[verb], "--quiet")[2]


def test_a_run_on_digits_can_be_scored_at_once(ayneh, tiny, tmp_path):
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", tmp_path / "run")
    assert status == 0, err
    assert commands(err)[-2:] == [["evaluate", str(tmp_path / "run")], ["explore", str(tmp_path / "run")]]
