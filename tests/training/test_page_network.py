"""The page network: what it learns from, that its training resumes, and its file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tenfold.data.dataset import Dataset
from tenfold.errors import TenfoldError
from tenfold.model.page_network import CLASSES, INPUT, OUTPUTS, normalise_contrast
from tenfold.training.page import train
from tenfold.training.page.export import export_page_network
from tenfold.training.page.glyphs import Glyphs, class_indices, from_images, from_strokes, joined
from tenfold.training.page.network import PageNetwork
from tenfold.training.page.scenes import UNCLEAR, Scenes
from tenfold.training.page.train import PageRecipe, train_page_network

RECIPE = PageRecipe(steps=2, batch_size=1, side=64)


@pytest.fixture(scope="module")
def glyphs(train_set: Dataset) -> Glyphs:
    """Two hundred digits of MNIST, and a stroke for each of the other classes."""
    labels = train_set.require_labels()[:200]
    digits = from_images(train_set.images[:200], labels, np.arange(200), 0.4)
    line = np.array([[0.0, 0.0], [30.0, 5.0], [60.0, 40.0]])
    others = [[line] for _ in CLASSES[10:]]
    marks = from_strokes(others, class_indices(CLASSES[10:]), np.zeros(len(others), np.int64))
    return joined([(digits, 0.5), (marks, 0.5)])


def test_scenes_follow_from_their_seed_and_boxes_have_ink(glyphs: Glyphs) -> None:
    scenes, again = (Scenes(glyphs, glyphs, 192, 3) for _ in range(2))
    again.make()
    found = 0
    for seed in range(12):
        scenes.reseed([7, seed])
        again.reseed([7, seed])
        scene, same = scenes.make(), again.make()
        np.testing.assert_array_equal(scene.image, same.image)
        np.testing.assert_array_equal(scene.boxes, same.boxes)
        assert scene.image.shape == (192, 192)
        assert ((scene.boxes >= 0) & (scene.boxes <= 192)).all()
        assert (scene.boxes[:, :2] < scene.boxes[:, 2:]).all()
        assert set(scene.classes.tolist()) <= {UNCLEAR, *range(len(CLASSES))}
        found += len(scene.classes)
    assert found > 50


def test_a_killed_training_ends_as_if_it_was_not(
    glyphs: Glyphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_page_network(tmp_path / "whole", RECIPE, glyphs, glyphs, every=1)
    monkeypatch.setattr(train, "_report", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train_page_network(tmp_path / "killed", RECIPE, glyphs, glyphs, every=1)
    monkeypatch.undo()
    resumed = train_page_network(tmp_path / "killed", RECIPE, glyphs, glyphs, every=1)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(TenfoldError, match="is of another recipe"):
        train_page_network(tmp_path / "killed", replace(RECIPE, seed=1), glyphs, glyphs)


def test_the_file_answers_as_the_network_does(glyphs: Glyphs) -> None:
    torch.manual_seed(0)
    network = PageNetwork().eval()
    scenes = Scenes(glyphs, glyphs, 96, 1)
    sample = [normalise_contrast(scenes.make().image.astype(np.float32)) for _ in range(12)]
    session = onnxruntime.InferenceSession(export_page_network(network, sample))
    contrast = sample[0][None, None, :, :80]
    middles, classes, edges = session.run(list(OUTPUTS), {INPUT: contrast})
    with torch.no_grad():
        output = network(torch.from_numpy(contrast))
    np.testing.assert_allclose(middles, output[:, :2].sigmoid(), atol=2e-3)
    np.testing.assert_allclose(classes, output[:, 2:-4].softmax(1), atol=2e-3)
    assert edges.shape == (1, 4, 24, 20)
    assert classes.shape[1] == len(CLASSES)
