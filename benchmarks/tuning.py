"""Try a change to a recipe on the pictures that may be tuned on.

    python -m benchmarks.tuning quick --set epochs=5 --seeds 2

35,985 pictures are in both bundled training sets, and in neither test set. Their writers are dealt
to four folds, the same for every trial; each fold is held back in turn while a network learns from
the other three, so that a trial is of four networks and every picture. One standard error of the
accuracy is 0.03 points. The loss is smoother, but it also follows how sure the answers are: where
the two disagree, the errors count.
Each network is a line of `results/tuning.jsonl`; one that stands there already is not trained
again. Lines without a fold are of older trials, which held back a quarter of the writers alone.
"""

import argparse
import json
import time

import numpy as np

from benchmarks import results
from tenfold.data.bundled import mnist_index
from tenfold.data.source import load
from tenfold.data.split import folds
from tenfold.evaluation.scores import score
from tenfold.run.recipe import change, load_recipe
from tenfold.training.backend import resolve
from tenfold.training.onnx_export import predict_networks
from tenfold.training.trainer import Trainer

NAME = "tuning"
FOLDS = 4


def main() -> None:
    """Run the trial; print each network's figures, and at the end those of all."""
    parser = argparse.ArgumentParser(description="Try a change to a recipe on tuning pictures.")
    parser.add_argument("recipe")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=FOLDS, help="so many of the four alone")
    parser.add_argument("--threads", type=int, default=0, help="0: every core")
    parser.add_argument("--note", default="")
    arguments = parser.parse_args()

    index = mnist_index("train")
    digits = load("mnist").subset(np.sort(index[index < 60_000]))
    parts = folds(digits, FOLDS, "writer")
    recipe = resolve(
        change(load_recipe(arguments.recipe, arguments.settings), threads=arguments.threads)
    )
    trial = {"recipe": arguments.recipe, "note": arguments.note, "settings": arguments.settings}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for fold, part in enumerate(parts[: arguments.folds]):
            key = {**trial, "seed": seed, "fold": fold}
            if results.has(results.rows(NAME), **key):
                continue
            held_back = digits.subset(part.validation)
            trainer = Trainer(change(recipe, seed=seed), digits.subset(part.train))
            began = time.perf_counter()
            trainer.run()
            row = {**key, "seconds": round(time.perf_counter() - began, 1), "n": len(held_back)}
            for name, shift in (("plain", 0), ("shifted", recipe.test_time_shift)):
                answers = predict_networks(
                    trainer.trained(), change(recipe, test_time_shift=shift), held_back.images
                )
                scores = score(held_back.require_labels(), answers, held_back.classes)
                row |= {f"{name}_errors": scores.errors, f"{name}_loss": round(scores.loss, 5)}
            row |= {"threads": recipe.threads, **results.stamp()}
            print(json.dumps(row), flush=True)
            results.append(NAME, row)
    found = [row for row in results.rows(NAME) if results.has([row], **trial) and "fold" in row]
    errors, pictures = (sum(row[name] for row in found) for name in ("shifted_errors", "n"))
    loss = sum(row["shifted_loss"] for row in found) / len(found)
    print(f"{len(found)} networks: {100 * errors / pictures:.3f} % wrong, loss {loss:.5f}")


if __name__ == "__main__":
    main()
