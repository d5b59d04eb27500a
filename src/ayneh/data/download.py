"""Where a named set's files are: in $AYNEH_DATA, in the cache, or on public mirrors, from which they come once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import requests
from filelock import FileLock

from ayneh.data import transfer
from ayneh.data.bounded import gunzipped
from ayneh.errors import UserError
from ayneh.files.home import at_home
from ayneh.files.whole import cache_folder

MIRRORS: dict[str, tuple[str, ...]] = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    "kmnist": (
        "https://huggingface.co/datasets/tanganke/kmnist/resolve/756d43e894032ce8838db8b32e7500c9c3b5d050/raw/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/KMNIST/",
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",  # the authors' server; last, since it is often down
    ),
}


class Md5(NamedTuple):
    """A checksum, and what it is of: the compressed file ("gzip") or the bytes inside ("content")."""

    of: str
    digest: str


# MNIST's are of the bytes inside, so a mirror may compress them in any way. For the other two only those of
# the compressed files are published: with them, the same images compressed anew are refused.
MD5: dict[str, dict[str, Md5]] = {
    "mnist": {
        "train-images-idx3-ubyte": Md5("content", "6bbc9ace898e44ae57da46a324031adb"),
        "train-labels-idx1-ubyte": Md5("content", "a25bea736e30d166cdddb491f175f624"),
        "t10k-images-idx3-ubyte": Md5("content", "2646ac647ad5339dbf082846283269ea"),
        "t10k-labels-idx1-ubyte": Md5("content", "27ae3e4e09519cfbb04c329615203637"),
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": Md5("gzip", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        "train-labels-idx1-ubyte": Md5("gzip", "25c81989df183df01b3e8a0aad5dffbe"),
        "t10k-images-idx3-ubyte": Md5("gzip", "bef4ecab320f06d8554ea6380940ec79"),
        "t10k-labels-idx1-ubyte": Md5("gzip", "bb300cfdad3c16e7a12a480ee83cd310"),
    },
    "kmnist": {
        "train-images-idx3-ubyte": Md5("gzip", "bdb82020997e1d708af4cf47b453dcf7"),
        "train-labels-idx1-ubyte": Md5("gzip", "e144d726b3acfaa3e44228e80efcd344"),
        "t10k-images-idx3-ubyte": Md5("gzip", "5c965bf0a639b31b8f53240b1b52f4d7"),
        "t10k-labels-idx1-ubyte": Md5("gzip", "7320c461ea6c1c855c0b718fb2a4b134"),
    },
}


CONTENT_BYTES = {  # of each of the three sets: 60,000 + 10,000 images of 28x28 with their headers
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
OTHER_SETS = {"mnist", "fashionmnist", "kmnist", "emnist", "qmnist", "notmnist"}  # whose files have the same names


def locate(name: str, file: str) -> Path:
    """The path of one IDX file of the set ``name``, such as "train-images-idx3-ubyte", plain or gzipped.

    Looks in $AYNEH_DATA/<name> and one level deeper, also as torchvision has it (MNIST/raw), then in the cache
    (<name> in $AYNEH_CACHE or in the user's cache folder), then downloads into the cache and checks the MD5.
    Raises UserError if no mirror has the right file, or if the cache cannot be written.
    """
    found = kept(name, file)
    if found is not None:
        return found
    cache, folders = cache_folder() / name, places_of(name)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache.parent / f".{name}.lock"):  # of two processes the second takes what the first fetched
            found = _find([cache], file)
            path, failures = (found, []) if found else _download(name, file, cache)
    except OSError as error:
        raise UserError(
            f"{name} cannot be kept in {cache} ({error.strerror or error}): "
            "set AYNEH_CACHE to a folder that can be written and has room."
        ) from error
    if path is None:
        raise UserError(
            f"{file} is not in {' or '.join(map(str, folders))}, and no mirror has it "
            f"({'; '.join(failures)}): put the four files of {name} into {folders[0]}, "
            "or take the data set 'digits', which works offline."
        )
    return path


def kept(name: str, file: str) -> Path | None:
    """The path of one file of the set ``name``, plain or gzipped, in $AYNEH_DATA or the cache; None if it is in none.

    As `locate`, without a download.
    """
    own = os.environ.get("AYNEH_DATA")
    return _find([*(_places(at_home(own), name) if own else []), cache_folder() / name], file)


def places_of(name: str) -> list[Path]:
    """The folders in which a set's files are looked for first: its own in $AYNEH_DATA, and in the cache."""
    own = os.environ.get("AYNEH_DATA")
    return [*([at_home(own) / name] if own else []), cache_folder() / name]


def _find(folders: list[Path], file: str) -> Path | None:
    """The file in the first of the folders that has it, under any of its spellings."""
    dotted = file.replace("-idx", ".idx")  # as some archives spell it
    for folder in folders:
        for spelling in (file, f"{file}.gz", dotted, f"{dotted}.gz"):
            if (folder / spelling).is_file():
                return folder / spelling
    return None


def _places(root: Path, name: str) -> list[Path]:
    """Folders below ``root`` that belong to a set: <name> under any spelling, what is in it, and its raw folders."""
    plain = _plain(name)
    own = [root / name, *(folder for folder in _folders(root) if _plain(folder.name) == plain and folder.name != name)]
    inner = [folder for top in own for folder in _folders(top) if _plain(folder.name) not in OTHER_SETS - {plain}]
    return [*own, *inner, *(folder / "raw" for folder in inner)]


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def _plain(name: str) -> str:
    """ "Fashion_MNIST" -> "fashionmnist"."""
    return "".join(c for c in name.lower() if c.isalnum())


def _download(name: str, file: str, folder: Path) -> tuple[Path | None, list[str]]:
    """The file from the first mirror that has the right bytes, and what went wrong with those before it."""
    part = folder / f"{file}.gz.part"
    failures: list[str] = []
    content = CONTENT_BYTES[file]
    for mirror in MIRRORS[name]:
        try:
            transfer.fetch(f"{mirror}{file}.gz", part, content + content // 100 + 1024)  # deflate adds little at worst
        except transfer.Refused as error:
            transfer.discard(part)
            failures.append(f"{mirror}: {error}")
            continue
        except transfer.FAILURES as error:
            failures.append(f"{mirror}: {_reason(error)}")
            continue
        if _is_right(part, MD5[name][file], content):
            path = part.with_suffix("")
            os.replace(part, path)
            transfer.discard(part)
            return path, failures
        transfer.discard(part)
        failures.append(f"{mirror}: wrong MD5")
    return None, failures


def _reason(error: Exception) -> str:
    """The status or the kind of a network error; its message is long and names objects in memory."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}"
    return type(error).__name__


def _is_right(path: Path, md5: Md5, most: int) -> bool:
    """Whether the checksum is the published one; of a content that is unpacked, no more than ``most`` bytes are."""
    if md5.of == "gzip":
        with path.open("rb") as file:
            return hashlib.file_digest(file, _md5).hexdigest() == md5.digest
    try:
        return hashlib.md5(gunzipped(path, most), usedforsecurity=False).hexdigest() == md5.digest
    except UserError:  # a damaged gzip, or one of more bytes
        return False


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
