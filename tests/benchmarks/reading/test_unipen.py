"""UNIPEN's strokes, and the split of its writers."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.reading import measurements, unipen
from benchmarks.reading.handwriting import find_file
from benchmarks.reading.unipen import load_unipen, split_writers

from tenfold.errors import TenfoldError
from tenfold.model.reader import Reader


def split(sizes: dict[tuple[str, int], int], label: str = "7") -> frozenset[int]:
    """Split writers who wrote so many digits each: {(site, writer): characters}."""
    written = [key for key, size in sizes.items() for _ in range(size)]
    sites, writers = (np.array(some) for some in zip(*written, strict=True))
    return split_writers(writers, sites, np.full(len(writers), label))


def test_half_of_the_writers_of_each_site_test() -> None:
    sizes = {("abc"[writer % 3], writer): 1 + writer % 4 for writer in range(24)}
    test = split(sizes)
    assert test == split(dict(reversed(sizes.items())))
    assert [sum(writer in test for site, writer in sizes if site == one) for one in "abc"] == [
        4
    ] * 3


def test_large_writers_are_in_both_halves_and_the_digits_balance() -> None:
    sizes = {("a", writer): 400 + writer for writer in range(9)} | {("b", 20): 900, ("b", 21): 9}
    sizes |= {("a", 30 + writer): 5 for writer in range(9)}
    test = split(sizes)
    large = [writer for (_, writer), size in sizes.items() if size >= 400]
    assert sum(writer in test for writer in large) == 5
    in_test = sum(size for (_, writer), size in sizes.items() if writer in test)
    assert abs(in_test / sum(sizes.values()) - 0.5) < 0.1


def test_sites_with_one_writer_go_to_either_half_in_turn() -> None:
    test = split({(site, number): 3 for number, site in enumerate("abcdef")}, label="x")
    assert len(test) == 3


def test_a_character_is_a_list_of_strokes_and_no_writer_is_in_both_halves(
    small_unipen: Path,
) -> None:
    characters = load_unipen()
    first, second = characters.digits.strokes(3)
    assert first.tolist() == [[0, 0], [600, 0], [200, 1000]]
    assert second.tolist() == [[150, 500], [500, 500]]
    train, test = characters.halves(characters.digits)
    assert sorted([*train, *test]) == [0, 1, 2, 3]
    writers = characters.digits.writers
    assert len(train) == len(test) == 2
    assert not set(writers[train]) & set(writers[test])
    others_train, others_test = characters.halves(characters.others)
    assert characters.others.writers[others_test].tolist() == [writers[test[0]]]
    assert len(others_train) == 1


def test_the_strokes_of_the_test_writers_are_read(small_unipen: Path) -> None:
    reader = Reader(threads=1)
    row = measurements.read_unipen(reader, single=True)
    assert (row["n"], row["right"], row["strings"]) == (2, 2, 2)
    assert measurements.read_unipen(reader)["n"] == 2
    assert measurements.reject_unipen(reader, like_digits=False)["n"] == 1
    assert measurements.reject_unipen(reader, like_digits=True) == {"n": 0, "rejected": 0}


def test_without_the_file_it_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unipen, "find_file", lambda name: None)
    monkeypatch.setenv("TENFOLD_SHARED_DATA", str(tmp_path))
    with pytest.raises(TenfoldError, match=r"handwriting/unipen\.npz.*Received: " + str(tmp_path)):
        load_unipen()


def test_five_of_the_ten_writers_with_most_digits_test() -> None:
    if find_file(unipen.FILE) is None:
        pytest.skip("handwriting/unipen.npz is not there")
    characters = load_unipen()
    ids, counts = np.unique(characters.digits.writers, return_counts=True)
    largest = ids[np.argsort(-counts, kind="stable")[:10]]
    test = characters.test_writers()
    assert sum(int(writer) in test for writer in largest) == 5
    train, held_back = characters.halves(characters.digits)
    assert len(train) + len(held_back) == len(characters.digits) == 11_382
    assert abs(len(held_back) - len(train)) < 300


def test_nothing_of_a_site_that_is_left_out_is_trained_on() -> None:
    everything = load_unipen()
    site = str(everything.digits.sites[0])
    without = load_unipen(site)
    for kept, whole in (
        (without.digits, everything.digits),
        (without.others, everything.others),
    ):
        train, test = without.halves(kept)
        assert test.tolist() == everything.halves(whole)[1].tolist()
        assert 0 < len(train) < len(everything.halves(whole)[0])
        assert site not in kept.sites[train]
