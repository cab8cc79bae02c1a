"""Find which of several files or arrays are one set: its parts, and the labels of each."""

from collections.abc import Iterable

from tenfold.data.names import NameParts, name_parts, shard_of

PARTS = ("train", "data", "test", "val")  # where none is named, the first of these is taken
_SAMPLES = {"sample", "samples", "example", "demo"}
_SIZES = ({"large"}, {"small"})  # notMNIST_large is trained on, notMNIST_small tests


def choose_set(names: Iterable[str]) -> tuple[dict[str, list[str]], list[str]] | None:
    """Find the one set among files, or arrays, that each hold images.

    Those whose names differ only by their part are one set, as are any that are all of different
    parts. Beside a set with a training part, others are left out.

    Args:
        names: of the files or arrays.

    Returns:
        The names by their part, "train", "test", "val", or "data" where they say none, and the
        names that are left out; None where there are several sets.
    """
    said = _parts_by_size({name: name_parts(name) for name in sorted(names)})
    samples = {name for name, parts in said.items() if parts.key & _SAMPLES}
    if 0 < len(samples) < len(said):  # Kaggle's `trainingSample` beside `trainingSet`
        rest = choose_set(name for name in said if name not in samples)
        return None if rest is None else (rest[0], [*rest[1], *sorted(samples)])
    sets: dict[frozenset[str], dict[str, list[str]]] = {}
    for name, parts in said.items():
        sets.setdefault(parts.key, {}).setdefault(parts.part or "data", []).append(name)
    if len(sets) == 1:
        chosen = next(iter(sets.values()))
        return None if "data" in chosen and len(chosen) > 1 else (chosen, [])
    by_part: dict[str, list[str]] = {}
    for name, parts in said.items():
        by_part.setdefault(parts.part or "data", []).append(name)
    if "data" not in by_part and all(len(of_part) == 1 for of_part in by_part.values()):
        return by_part, []
    training = [found for found in sets.values() if "train" in found and "data" not in found]
    if len(training) != 1:
        return None
    used = {name for of_part in training[0].values() for name in of_part}
    return training[0], [name for name in said if name not in used]


def _parts_by_size(said: dict[str, NameParts]) -> dict[str, NameParts]:
    keys = {parts.key for parts in said.values()}
    if len(keys) != 2 or any(parts.part for parts in said.values()):
        return said
    first, second = keys
    if {frozenset(first - second), frozenset(second - first)} != set(map(frozenset, _SIZES)):
        return said
    return {
        name: NameParts(
            "train" if "large" in parts.key else "test", parts.kind, first & second, parts.words
        )
        for name, parts in said.items()
    }


def are_shards(names: list[str]) -> bool:
    """Return whether files are the shards of one table, whether all are there or not."""
    shards = [shard_of(name) for name in names]
    return all(shard is not None for shard in shards) and len(set(shards)) == len(names)


def missing_shard(names: list[str]) -> str:
    """Return the number of the first shard that is missing, as in file names; "" if none is."""
    shards = [shard for name in names if (shard := shard_of(name)) is not None]
    there = {number for number, _ in shards}
    count = max(count for _, count in shards)
    return next((f"{n:05}-of-{count:05}" for n in range(count) if n not in there), "")


def labels_for(images: str, candidates: Iterable[str]) -> list[str]:
    """Find the labels of a file, or array, of images among others.

    Args:
        images: its name.
        candidates: the names of what may be labels, by their contents or by their names.

    Returns:
        The names that fit; several only where they are not forms of one file, such as a gzip and
        what was unpacked from it.
    """
    own = name_parts(images)
    said = {name: name_parts(name) for name in candidates}
    fitting = [n for n, p in said.items() if (p.part, p.key) == (own.part, own.key)]
    if not fitting:  # `labels.npy` beside `digits.npy`, `y_train` beside `mnist_train`
        fitting = [n for n, p in said.items() if p.part == own.part and not (p.key and own.key)]
    named = [name for name in fitting if said[name].kind == "labels"]
    forms: dict[tuple[str, ...], str] = {}
    for name in sorted(named or fitting, key=lambda name: (_suffix(name) != _suffix(images), name)):
        forms.setdefault(said[name].words, name)
    return list(forms.values())


def training_first(names: list[str]) -> str:
    """Return the file of images to name in a hint: a training one, if there is any."""
    images = [name for name in names if name_parts(name).kind != "labels"] or names
    return next((name for name in images if name_parts(name).part == "train"), images[0])


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
