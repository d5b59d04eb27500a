"""A set of image files as one array: headers first, then pixels; what was read last is kept for the other split."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ayneh.data import bounded
from ayneh.data.picture import Broken, Header, colour_of, header, picture
from ayneh.data.scan import File
from ayneh.data.words import setting
from ayneh.errors import UserError
from ayneh.terminal.text import few

FEW, SMALL, BLACK = 2_000, 8, (0, 0, 0)  # so many files are unpacked, in small, to name all that are broken
EXAMPLE = 32  # pixels a side, in advice


@dataclass(frozen=True)
class Reading:
    """How files are read."""

    size: int | None  # pixels a side
    skip_broken: bool
    background: str
    flag: str  # what begins a setting's flag in a message: "--data."
    draft: bool  # JPEG is unpacked no larger than its size needs


class Unpacked:
    """The files of a set: their headers, and the pixels of those that were needed so far."""

    def __init__(self, files: tuple[File, ...], how: Reading) -> None:
        """Reads all headers."""
        self.files, self.how = files, how
        self.broken: dict[int, str] = {}
        self.odd = ""  # what is wrong with their sizes
        self.headers: dict[int, Header] = {}
        self.colour = self.transparent = self.looked_at = 0  # numbers of images
        self.brightest = 0  # level of all pixels
        self.vanished: list[int] = []
        self._pixels = np.empty((0, 1, 0, 0), np.uint8)
        self._row: dict[int, int] = {}
        for i, file in enumerate(files):
            try:
                self.headers[i] = header(file, how.size)
            except Broken as error:
                self.broken[i] = str(error)

    def good(self) -> list[int]:
        """The files that are not broken, as far as is known."""
        return [i for i in range(len(self.files)) if i not in self.broken]

    def has(self, needed: Sequence[int]) -> bool:
        """Whether the pixels of these are there."""
        return all(i in self._row for i in needed)

    def fits(self, keep: Sequence[int]) -> bool:
        """Whether the pixels of these take at most `bounded.MOST_BYTES`."""
        return math.prod(self._shape(keep)) * len(keep) <= bounded.MOST_BYTES

    def unpack(self, keep: Sequence[int], looked_at: Sequence[int]) -> None:
        """Unpack the images ``looked_at`` and keep the pixels of those in ``keep``, in this order.

        All images looked at decide whether the set is grey. More broken ones may be found.
        Raises UserError for broken files unless they are to be skipped, for mixed sizes, and for too many pixels.
        """
        self.refuse(looked_at)
        bounded.check_pixels(len(keep), *self._shape(keep), self.how.flag)
        rows, kept = {i: row for row, i in enumerate(keep)}, {}
        pixels, shape, first = np.empty((0, 1, 0, 0), np.uint8), None, 0
        self._row = {}  # until the new pixels are there: an interrupt may come before
        self.colour, self.transparent, self.vanished, self.looked_at, self.brightest = 0, 0, [], 0, 0
        background = colour_of(self.how.background, self.how.flag)
        for i in looked_at:
            try:
                one = picture(self.files[i], self.how.size, background, self.how.draft)
            except Broken as error:
                self.broken[i] = str(error)
                continue
            if shape is None:
                shape, first = one.pixels.shape[1:], i
                pixels = np.zeros((len(keep), 1, *shape), np.uint8)
            if one.pixels.shape[1:] != shape:
                self.odd = self._sizes(first, shape, i, one.pixels.shape[1:])
                break
            self.looked_at += 1
            self.brightest = max(self.brightest, int(one.pixels.max()))
            self.colour += len(one.pixels) == 3
            self.transparent += one.transparent
            if one.vanished:
                self.vanished.append(i)
            if i in rows:
                if len(one.pixels) > pixels.shape[1]:
                    pixels = np.repeat(pixels, 3, axis=1)
                pixels[rows[i]], kept[i] = one.pixels, rows[i]
        self.refuse(looked_at)
        self._pixels = np.repeat(pixels, 3, axis=1) if self.colour and pixels.shape[1] == 1 else pixels
        self._row = kept

    def pixels(self, needed: Sequence[int]) -> np.ndarray:
        """uint8 (N, C, H, W); C is 1 if every image looked at is grey, else 3."""
        at = [self._row[i] for i in needed]
        if at == list(range(at[0], at[0] + len(at))):
            return self._pixels[at[0] : at[0] + len(at)]
        return self._pixels[at]

    def refuse(self, looked_at: Sequence[int]) -> None:
        """Raise UserError for all that is wrong with these files, in one sentence with all that helps.

        So that a person need not find one fault after the other, a set of few files is unpacked once for it.
        """
        self.odd = self.odd or self._odd([i for i in looked_at if i in self.headers])
        if not self.odd and (self.how.skip_broken or not self.broken.keys() & set(looked_at)):
            return
        self._row = {}
        if len(self.files) <= FEW:
            for i in (i for i in looked_at if i not in self.broken):
                try:
                    picture(self.files[i], SMALL, BLACK, draft=True)
                except Broken as error:
                    self.broken[i] = str(error)
        if self.how.skip_broken:
            self.odd = self._odd([i for i in looked_at if i not in self.broken])
            if not self.odd:
                return
        broken = [] if self.how.skip_broken else [i for i in looked_at if i in self.broken]
        if self.odd and broken:
            do = setting(self.how.flag, f"resize {EXAMPLE}") + f" {self.how.flag}skip-broken"
            files = f"{len(broken):,} of {len(self.files):,} files cannot be read ({self._names(broken)})"
            raise UserError(f"{self.odd}, and {files}: {do}, or another number of pixels a side.")
        if self.odd:
            do = setting(self.how.flag, f"resize {EXAMPLE}")
            raise UserError(f"{self.odd}: {do}, or another number of pixels a side.")
        if len(broken) == len(self.files) > 1:
            raise UserError(f"{self._broken(broken)}. No image would be left: save them anew, as PNG or JPEG.")
        do = setting(self.how.flag, "skip-broken")
        raise UserError(
            f"{self._broken(broken)}. Remove {'it' if len(broken) == 1 else 'them'}, or {do} to leave out such files."
        )

    def _broken(self, broken: list[int]) -> str:
        first, n = broken[0], len(broken)
        if n == 1:
            return f"{self.files[first].shown()} {self.broken[first]}"
        return (
            f"{n:,} of {len(self.files):,} files cannot be read ({self._names(broken)}): "
            f"{self.files[first].shown()} {self.broken[first]}"
        )

    def _names(self, broken: list[int]) -> str:
        return few([self.files[i].name() for i in broken])

    def _odd(self, looked_at: Sequence[int]) -> str:
        """A sentence on several sizes, by the headers; empty where they are one, or are made one."""
        if self.how.size is not None:
            return ""
        sizes = {(self.headers[i].height, self.headers[i].width): i for i in reversed(looked_at)}
        if len(sizes) < 2:
            return ""
        (a, i), (b, j) = sorted(sizes.items(), key=lambda item: item[1])[:2]
        return self._sizes(i, a, j, b, len(sizes))

    def _sizes(self, i: int, a: tuple[int, ...], j: int, b: tuple[int, ...], n: int = 2) -> str:
        return (
            f"The images have {'several' if n == 2 else f'{n:,}'} sizes: {self.files[i].shown()} is {a[1]}x{a[0]} and "
            f"{self.files[j].shown()} is {b[1]}x{b[0]} (width x height)"
        )

    def _shape(self, keep: Sequence[int]) -> tuple[int, int, int]:
        """Channels, at most, width and height of an image."""
        heads = [self.headers[i] for i in keep]
        channels = 3 if any(head.colour for head in heads) else 1
        return channels, *((self.how.size,) * 2 if self.how.size else (heads[0].width, heads[0].height))
