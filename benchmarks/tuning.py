"""Try a change to a recipe on the pictures that may be tuned on.

    python -m benchmarks.tuning quick --set epochs=5 --seeds 2

35,985 pictures are in both bundled training sets, and in neither test set. A quarter of their
writers is held back, the same for every trial, and each seed learns from the rest. The smoother
figure for comparing two trials is the loss; one standard error of the accuracy is 0.07 points.
Each trial is a line of `results/tuning.jsonl`; one that stands there already is not run again.
"""

import argparse
import json
import time

import numpy as np

from benchmarks import results
from tenfold.data.bundled import mnist_index
from tenfold.data.source import load
from tenfold.data.split import split
from tenfold.evaluation.scores import score
from tenfold.run.recipe import change, load_recipe
from tenfold.training.device import settle
from tenfold.training.export import network_answers
from tenfold.training.loop import Trainer

NAME = "tuning"


def main() -> None:
    """Run the trial and print its figures."""
    parser = argparse.ArgumentParser(description="Try a change to a recipe on tuning pictures.")
    parser.add_argument("recipe")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--note", default="")
    arguments = parser.parse_args()

    index = mnist_index("train")
    both = np.sort(index[index < 60_000])
    digits = load("mnist").subset(both)
    parts = split(digits, 0.25, "writer", 0)
    learned, held_back = digits.subset(parts.train), digits.subset(parts.validation)
    recipe = settle(load_recipe(arguments.recipe, arguments.settings))
    known = results.rows(NAME)
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        key = {"note": arguments.note, "settings": arguments.settings, "seed": seed}
        if results.has(known, recipe=arguments.recipe, **key):
            continue
        trainer = Trainer(change(recipe, seed=seed), learned)
        began = time.perf_counter()
        trainer.run()
        row = {**key, "seconds": round(time.perf_counter() - began, 1), "n": len(held_back)}
        for name, shift in (("plain", 0), ("shifted", recipe.test_time_shift)):
            answers = network_answers(
                trainer.trained(), change(recipe, test_time_shift=shift), held_back.images
            )
            scores = score(held_back.known_labels, answers, held_back.classes)
            row |= {f"{name}_errors": scores.errors, f"{name}_loss": round(scores.loss, 5)}
        row |= {"recipe": arguments.recipe, "threads": recipe.threads, **results.stamp()}
        print(json.dumps(row), flush=True)
        results.append(NAME, row)


if __name__ == "__main__":
    main()
