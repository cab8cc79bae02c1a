"""What the names of files and arrays say: which part of a set, images or labels, of which set."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["images", "labels"]

_PART_WORDS = {
    "train": ("train", "training", "trn", "learn"),
    "test": ("test", "testing", "tst", "eval", "evaluation"),
    "val": ("val", "valid", "validation", "dev"),
}
# As in `optdigits.tra` and `Xtr`: parts only as the whole of a word, or behind x or y.
_SHORT_PART_WORDS = {"train": ("tr", "tra"), "test": ("te", "tes"), "val": ("va",)}
_KIND_WORDS: dict[Kind, tuple[str, ...]] = {
    "images": (
        *("images", "image", "imgs", "img", "pictures", "pics", "pixels", "pixel", "features"),
        *("feature", "fea", "patterns", "inputs", "input", "x", "xs"),
    ),
    "labels": (
        *("labels", "label", "lbl", "lbls", "targets", "target", "gnd", "gt", "truth", "y", "ys"),
        *("groundtruth", "annotations", "answers", "lab", "labs", "t", "output", "outputs"),
    ),
}
# What says nothing about which set it is: formats, types of number, words for a set.
_NOISE = {
    *("csv", "tsv", "txt", "dat", "npy", "npz", "gz", "bz2", "xz", "zip", "tar", "tgz", "parquet"),
    *("idx", "ubyte", "byte", "int", "uint8", "int32", "int64", "float", "float32", "mat", "h5"),
    *("hdf5", "hdf", "json", "arff", "libsvm", "svm", "png", "jpg", "jpeg", "bmp", "tif", "tiff"),
    *("webp", "raw", "data", "dataset", "datasets", "set", "arr", "array", "file", "files"),
    *("default", "full", "all"),
}
_PARTS = {word: part for part, words in _PART_WORDS.items() for word in words}
_SHORT_PARTS = {word: part for part, words in _SHORT_PART_WORDS.items() for word in words}
_KINDS = {word: kind for kind, words in _KIND_WORDS.items() for word in words}

_DIMENSIONS = re.compile(r"(?<![a-z0-9])[0-9]+k? ?x ?[0-9]+(?![a-z0-9])", re.IGNORECASE)
_IDX = re.compile(r"idx[-_.]?[0-9]", re.IGNORECASE)
_SHARD = re.compile(r"[-_.]?[0-9]{5}-of-[0-9]{5}")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONG = "|".join(sorted(_PARTS, key=len, reverse=True))
_SHORT = "|".join(sorted(_SHORT_PARTS, key=len, reverse=True))
_KIND = "|".join(sorted(_KINDS, key=len, reverse=True))
_JOINED = re.compile(
    rf"([xy])({_LONG}|{_SHORT})|({_KIND})({_LONG})|({_LONG})({_KIND}|set|data)|({_LONG})([0-9]+)"
)


@dataclass(frozen=True)
class NameParts:
    """What a name says.

    Args:
        part: "train", "test" or "val"; None where it says none.
        kind: whether it is of images or of labels; None where it does not say.
        key: the other words, which name the set: those of images and of their labels are equal.
        words: all words but those that say nothing, in order, each once: those of two forms of one
            file are equal, as of a gzip and what was unpacked from it.
    """

    part: str | None
    kind: Kind | None
    key: frozenset[str]
    words: tuple[str, ...]


@lru_cache(maxsize=4096)
def name_parts(name: str) -> NameParts:
    """Take the name of a file or an array apart; folders are divided by `/`.

    `train-images-idx3-ubyte.gz` is images of the part "train", as are `x_train`, `Xtr.npy`,
    `csvTrainImages 60k x 784.csv` and `train/images.npy`. Later words decide.
    """
    part: str | None = None
    kind: Kind | None = None
    key: set[str] = set()
    words = [word for word in _words(name) if word not in _NOISE]
    for word in words:
        if word in _PARTS:
            part = _PARTS[word]
        elif word in _SHORT_PARTS:
            part = _SHORT_PARTS[word]
        elif word in _KINDS:
            kind = _KINDS[word]
        else:
            key.add(word)
    return NameParts(part, kind, frozenset(key), tuple(dict.fromkeys(words)))


def folder_part(name: str) -> str | None:
    """Return the part that the name of one folder says: "train", "test", "val", or None."""
    return next((_PARTS[word] for word in _words(name) if word in _PARTS), None)


def shard_of(name: str) -> tuple[int, int] | None:
    """Return the number of a shard, from 0, and of how many: `train-00000-of-00002.parquet`."""
    found = _SHARD.search(name)
    if found is None:
        return None
    number, _, count = found[0].lstrip("-_.").partition("-of-")
    return int(number), int(count)


def _words(name: str) -> list[str]:
    name = re.sub("t10k", "test", name, flags=re.IGNORECASE)
    for noise in (_DIMENSIONS, _IDX, _SHARD):
        name = noise.sub(" ", name)
    words = re.findall(r"[^\W_]+", _CAMEL.sub(" ", name))
    found = []
    for word in words:
        joined = _JOINED.fullmatch(word.lower())
        found += [w for w in joined.groups() if w] if joined else [word.lower()]
    return found
