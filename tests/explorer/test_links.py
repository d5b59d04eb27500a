"""Links that leave a run folder, pipes, devices and what is no picture: neither served nor put into a page."""

import json
import os
import shutil
import socket
import struct
import zlib

import pytest

from ayneh.errors import UserError
from ayneh.explorer.library import Absent, Library
from ayneh.explorer.single import answers
from ayneh.files.inside import LARGEST_PNG, Outside, names_inside, read_png, refuse_links

SECRET = b"root:x:0:0:a secret of this machine"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "elsewhere" / "secret"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    return path


def picture(run, epoch=1):
    return run / "samples" / f"epoch-{epoch:04d}-replica-0.png"


def everything(run) -> bytes:
    """All that the explorer gives of a run and all that a saved page has of it; refusals are left out."""
    library = Library([run])
    found = [library.runs().body, library.live(0).body]
    for epoch in range(3):
        for ask in (
            library.picture,
            *(lambda *at, part=part: library.part(*at, part) for part in ("notes", "gallery")),
        ):
            try:
                found.append(ask(0, 0, epoch).body)
            except UserError as error:
                found.append(str(error).encode())
    try:
        found += answers(library, 0, 2).values()
    except UserError as error:
        found.append(str(error).encode())
    return b"\n".join(found)


def test_a_linked_picture_is_neither_served_nor_saved(own_run, secret):
    picture(own_run).unlink()
    picture(own_run).symlink_to(secret)
    shutil.copy(picture(own_run, 2), secret.with_name("private.png"))
    picture(own_run, 2).unlink()
    picture(own_run, 2).symlink_to(os.path.relpath(secret.with_name("private.png"), own_run / "samples"))
    library = Library([own_run])
    assert json.loads(library.live(0).body)["pictures"] == [0]
    for epoch in (1, 2):
        with pytest.raises(Absent, match="no picture of epoch"):
            library.picture(0, 0, epoch)
    found = everything(own_run)
    assert SECRET not in found
    assert secret.with_name("private.png").read_bytes() not in found


@pytest.mark.parametrize("folder", ["samples", "checkpoints"])
def test_a_linked_folder_is_as_good_as_empty(own_run, secret, folder):
    shutil.move(own_run / folder, secret.parent / folder)
    (own_run / folder).symlink_to(secret.parent / folder)
    live = json.loads(Library([own_run]).live(0).body)
    assert live["pictures" if folder == "samples" else "epochs"] == []


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_a_linked_checkpoint_is_not_opened(own_run, secret, epoch):
    path = own_run / "checkpoints" / f"epoch-{epoch:04d}.safetensors"
    shutil.move(path, secret.parent / path.name)
    path.symlink_to(secret.parent / path.name)
    library = Library([own_run])
    assert epoch not in json.loads(library.live(0).body)["epochs"]
    with pytest.raises(Absent):
        library.part(0, 0, epoch, "generator")
    with pytest.raises(UserError, match="a link to a place outside"):
        library.records[0].checkpoints.at_epoch(epoch)
    with pytest.raises(UserError, match="a link to a place outside"):
        library.records[0].checkpoints.newest()


@pytest.mark.parametrize(
    "name", ["config.json", "metrics.jsonl", "findings.jsonl", "evaluation.json", "outcome.json", "rescues.json"]
)
@pytest.mark.parametrize("verb", ["show", "diagnose", "explore"])
def test_a_linked_file_is_named_and_no_verb_reads_it(ayneh, own_run, secret, name, verb):
    linked = secret.with_name(name)
    if (own_run / name).exists():
        shutil.move(own_run / name, linked)
    else:
        linked.write_bytes(SECRET)
    (own_run / name).symlink_to(linked)
    status, out, err = ayneh(verb, own_run, *(["--save", own_run / "page.html"] if verb == "explore" else []))
    assert (status, out) == (2, "")
    assert f"{own_run / name} is a link to a place outside of its folder" in err


def test_links_within_the_run_and_a_linked_run_are_followed(own_run, tmp_path):
    shutil.move(own_run / "samples", own_run / "pictures")
    (own_run / "samples").symlink_to("pictures")
    shutil.move(own_run / "metrics.jsonl", own_run / "lines.jsonl")
    (own_run / "metrics.jsonl").symlink_to("lines.jsonl")
    (tmp_path / "latest").symlink_to(own_run)
    library = Library([tmp_path / "latest"])
    assert json.loads(library.runs().body)["runs"][0]["name"] == "latest"
    live = json.loads(library.live(0).body)
    assert live["pictures"] == [0, 1, 2]
    assert len(live["lines"]) == 3
    assert library.picture(0, 1, 2).body.startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "dangling"])
def test_what_is_no_regular_file_is_not_opened(own_run, kind):
    """Opening a pipe would wait for ever."""
    for path in (picture(own_run), own_run / "checkpoints" / "epoch-0001.safetensors"):
        path.unlink()
        odd(path, kind)
    live = json.loads(Library([own_run]).live(0).body)
    assert (live["pictures"], live["epochs"]) == ([0, 2], [0, 2])
    with pytest.raises(UserError):
        read_png(picture(own_run), own_run)
    (own_run / "findings.jsonl").unlink(missing_ok=True)
    odd(own_run / "findings.jsonl", kind)
    with pytest.raises(Outside, match=r"findings\.jsonl is"):
        Library([own_run])


def odd(path, kind):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            with socket.socket(socket.AF_UNIX) as end:
                end.bind(path.name)
        finally:
            os.chdir(here)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nothing")


def png(width, height):
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"GIF89a" + bytes(100), "is not a PNG file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a PNG file"),
        (b"", "is not a PNG file"),
        (png(1, 1)[:20], "is not a PNG file"),
        (png(13_300, 13_300), "has 13300 x 13300 pixels"),
        (png(0, 5), "pixels"),
        (png(2**32 - 1, 1), "pixels"),
    ],
)
def test_what_is_no_picture_of_bounded_size_is_not_served(own_run, body, words):
    picture(own_run).write_bytes(body)
    library = Library([own_run])
    with pytest.raises(UserError, match=words) as caught:
        library.picture(0, 0, 1)
    assert str(own_run.parent) not in str(caught.value)


def test_a_large_file_is_refused_by_its_size_alone(own_run):
    with picture(own_run).open("wb") as file:
        file.write(png(8, 8))
        file.truncate(LARGEST_PNG + 1)
    with pytest.raises(UserError, match=r"has 67,108,865 bytes"):
        Library([own_run]).picture(0, 0, 1)


def test_a_folder_within_a_folder_may_not_leave_the_outer_one(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "a.png").write_bytes(png(1, 1))
    (tmp_path / "study" / "run").symlink_to(tmp_path / "private")
    assert names_inside(tmp_path / "study" / "run", tmp_path / "study") == set()
    assert names_inside(tmp_path / "study" / "run", tmp_path / "study" / "run") == {"a.png"}
    with pytest.raises(Outside):
        refuse_links(tmp_path / "study" / "run", ["*"], tmp_path / "study")
    with pytest.raises(Outside):
        read_png(tmp_path / "study" / "run" / "a.png", tmp_path / "study")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dangling", "damaged", "coloured"])
def test_a_picture_that_cannot_be_read_does_not_end_a_training(ayneh, own_run, kind):
    """It is left out of the animation, with a sentence."""
    from PIL import Image

    picture(own_run).unlink()
    if kind == "damaged":
        picture(own_run).write_bytes(picture(own_run, 2).read_bytes()[:100])
    elif kind == "coloured":
        Image.new("RGB", (50, 50), "red").save(picture(own_run))
    else:
        odd(picture(own_run), kind)
    status, out, err = ayneh("resume", own_run)
    assert status == 0
    assert "pictures: " in out
    assert f"The animation lacks a picture. {picture(own_run)}" in err
    with Image.open(own_run / "samples" / "animation-replica-0.gif") as animation:
        assert animation.n_frames == 2
