"""Grids, captions and files of images, pixel by pixel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh import pictures as module
from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.pictures import (
    GREY_OF_GAPS,
    captioned,
    grid,
    load_png,
    save_animation,
    save_images,
    save_png,
    zoomed,
)

CAPTION = "epoch: 99      last batch loss D: 1.3221588134765625      last batch loss G: 0.856677770614624"


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.parametrize(("n", "columns", "rows_and_columns"), [(9, None, (3, 3)), (5, None, (2, 3)), (5, 5, (1, 5))])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_holds_each_image_in_its_cell_and_grey_elsewhere(
    n: int, columns: int | None, rows_and_columns: tuple[int, int], channels: int
) -> None:
    images = noise(n, channels, 6, 4)
    page = grid(images, columns)
    rows, across = rows_and_columns
    assert page.shape == (rows * 8 + 2, across * 6 + 2, channels)
    for i, image in enumerate(images):
        top, left = 2 + (i // across) * 8, 2 + (i % across) * 6
        cell = page[top : top + 6, left : left + 4]
        assert torch.equal(cell, image.permute(1, 2, 0))
        cell[:] = GREY_OF_GAPS
    assert (page == GREY_OF_GAPS).all()


def test_a_grid_of_nothing_of_two_channels_or_without_columns_is_refused() -> None:
    with pytest.raises(UserError, match=r"\(0, 1, 8, 8\)"):
        grid(noise(0, 1, 8, 8))
    with pytest.raises(UserError, match=r"\(4, 2, 8, 8\)"):
        grid(noise(4, 2, 8, 8))
    with pytest.raises(UserError, match="0 columns"):
        grid(noise(4, 1, 8, 8), columns=0)


@pytest.mark.parametrize("width", [20, 274, 548, 822, 1500])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_reports_caption_fits_under_pictures_of_any_width(width: int, channels: int) -> None:
    picture = noise(30, width, channels)
    page = captioned(picture, CAPTION)
    assert torch.equal(page[:30, :width], picture)
    below = page[30:]
    assert below.max() > 200, "there is bright text"
    border = torch.cat([below[:3].flatten(), below[-3:].flatten(), below[:, :3].flatten(), below[:, -3:].flatten()])
    assert (border == GREY_OF_GAPS).all(), "and none of it is cut off"


@pytest.mark.parametrize("width", [530, 548, 656, 822, 1042])
def test_captions_that_differ_in_a_few_digits_get_pages_of_one_size(width: int) -> None:
    """At the widths of a grid of 8 columns of 64, 32, 8 (zoomed by 1, 2, 8), 32 (by 3) and 128 pixels."""
    losses = np.random.RandomState(0).lognormal(0, 1, (40, 2)).astype(np.float32).astype(float)
    captions = [
        f"epoch: {i}      last batch loss D: {d}      last batch loss G: {g}" for i, (d, g) in enumerate(losses)
    ]
    picture = noise(30, width, 1)
    assert len({captioned(picture, caption).shape for caption in captions}) == 1


def test_a_caption_keeps_its_runs_of_spaces_on_one_line_and_breaks_at_them_otherwise() -> None:
    def text_extent(page: torch.Tensor, below: int) -> tuple[int, int]:
        rows, columns = (page[below:, :, 0] > GREY_OF_GAPS).nonzero(as_tuple=True)
        return int(rows.max() - rows.min()), int(columns.max() - columns.min())

    wide = noise(10, 900, 1)
    single = " ".join(CAPTION.split())
    assert text_extent(captioned(wide, CAPTION), 10)[1] > text_extent(captioned(wide, single), 10)[1] + 20
    narrow = captioned(noise(10, 240, 1), CAPTION)
    assert narrow.shape[1] == 240
    assert text_extent(narrow, 10)[0] > 2 * text_extent(captioned(wide, CAPTION), 10)[0]


def test_a_png_is_the_picture_itself_zoomed_without_smoothing(tmp_path: Path) -> None:
    for channels in (1, 3):
        picture = noise(5, 7, channels)
        save_png(tmp_path / "new" / "p.png", picture, zoom=3)
        seen = read(tmp_path / "new" / "p.png").reshape(15, 21, channels)
        assert np.array_equal(seen[1::3, 1::3], picture.numpy())
        assert np.array_equal(seen, picture.numpy().repeat(3, 0).repeat(3, 1))
        assert torch.equal(load_png(tmp_path / "new" / "p.png"), zoomed(picture, 3))


def test_zoom_comes_before_the_caption_so_that_text_stays_sharp(tmp_path: Path) -> None:
    picture = noise(40, 274, 1)
    save_png(tmp_path / "p.png", picture, CAPTION, zoom=3)
    assert np.array_equal(read(tmp_path / "p.png"), captioned(zoomed(picture, 3), CAPTION)[:, :, 0].numpy())


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_png(tmp_path / "p.png", noise(4, 4, 1))
    before = (tmp_path / "p.png").read_bytes()

    def full_disk(image: Image.Image, file: object, *_: object, **__: object) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_png(tmp_path / "p.png", noise(8, 8, 1))
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
    assert (tmp_path / "p.png").read_bytes() == before


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_keeps_every_grey_level_the_timing_and_runs_for_ever(tmp_path: Path, suffix: str) -> None:
    ramp = torch.arange(256, dtype=torch.uint8).view(16, 16, 1)
    frames = [ramp, ramp.flip(0), ramp.transpose(0, 1)]
    save_animation(tmp_path / f"a{suffix}", frames, milliseconds=120)
    with Image.open(tmp_path / f"a{suffix}") as movie:
        assert movie.n_frames == 3
        assert movie.info["loop"] == 0
        for i, frame in enumerate(frames):
            movie.seek(i)
            assert np.array_equal(np.array(movie.convert("L")), frame[:, :, 0].numpy())
            assert movie.info["duration"] == 120


def test_smaller_frames_of_an_animation_get_grey_on_the_right_and_below(tmp_path: Path) -> None:
    small, wide, high = (noise(height, width, 3) for height, width in ((4, 4), (5, 9), (8, 4)))
    save_animation(tmp_path / "a.webp", [wide, small, high], 100)
    with Image.open(tmp_path / "a.webp") as movie:
        movie.seek(1)
        seen = np.array(movie.convert("RGB"))
    assert seen.shape == (8, 9, 3)
    assert np.array_equal(seen[:4, :4], small.numpy())
    seen[:4, :4] = GREY_OF_GAPS
    assert (seen == GREY_OF_GAPS).all()


def test_an_animation_without_frames_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no frames"):
        save_animation(tmp_path / "a.gif", [], 100)
    with pytest.raises(UserError, match=r"a \.gif or a \.webp file, not .*a\.mp4"):
        save_animation(tmp_path / "a.mp4", [noise(4, 4, 1)], 100)


def test_a_picture_of_floats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"uint8 .* not torch.float32 \(4, 4, 1\)"):
        save_png(tmp_path / "p.png", torch.zeros(4, 4, 1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["fakes.npz", "fakes.npy", "fakes"])
def test_saved_images_load_as_they_were(tmp_path: Path, name: str, channels: int) -> None:
    images = noise(12, channels, 8, 8)
    save_images(tmp_path / name, images)
    kind = "npz" if "." in name else "folder"
    assert torch.equal(load(f"{kind}:{tmp_path / name}", split="all").pixels, images)


def test_saved_arrays_are_channels_last_under_the_key_images(tmp_path: Path) -> None:
    save_images(tmp_path / "fakes.npz", noise(3, 1, 8, 6))
    with np.load(tmp_path / "fakes.npz") as file:
        assert file.files == ["images"]
        assert file["images"].shape == (3, 8, 6, 1)
        assert file["images"].dtype == np.uint8


def test_a_png_name_saves_one_grid_and_other_suffixes_are_refused(tmp_path: Path) -> None:
    images = noise(7, 1, 8, 8)
    save_images(tmp_path / "page.png", images)
    assert np.array_equal(read(tmp_path / "page.png"), grid(images)[:, :, 0].numpy())
    with pytest.raises(UserError, match=r"cannot be saved as .*fakes\.jpg: end it in \.npz"):
        save_images(tmp_path / "fakes.jpg", images)


def test_a_folder_with_pngs_is_not_mixed_with_new_ones(tmp_path: Path) -> None:
    save_images(tmp_path / "fakes", noise(3, 1, 8, 8))
    with pytest.raises(UserError, match="with PNGs in it"):
        save_images(tmp_path / "fakes", noise(2, 1, 8, 8))
