"""The model card as the Hugging Face Hub takes it: YAML metadata, then Markdown."""

import json
import re
from typing import Any

import msgspec

from tenfold.data.escape import terminal
from tenfold.evaluation.scores import percent_range
from tenfold.report.card import card_text, interface
from tenfold.run.recipe import Recipe
from tenfold.run.records import Environment, Metrics, SplitScores

TASK = "image-classification"
# The bundled sets as the Hub has them; a person's own files have no name there.
DATASETS = {"mnist": "ylecun/mnist", "kaggle": "ylecun/mnist"}
# Whose the folders of a source are is nobody's business.
FOLDERS = re.compile(r"(\b[A-Za-z]:(?=[/\\]))?[^+:=]*[/\\]")

EXAMPLE = '''\
"""Classify a picture: python example.py picture.png"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
classes = json.loads(session.get_modelmeta().custom_metadata_map["tenfold.classes"])
image = Image.open(sys.argv[1]).convert("L").resize((28, 28))  # bright ink on a dark ground
outputs = session.run(["probabilities", "label", "accepted"], {"image": np.array([image])})
probabilities, label, accepted = (output[0] for output in outputs)
print(classes[label], f"{probabilities[label]:.1%}", "accepted" if accepted else "rejected")
'''

USE = """\
{interface}

`example.py` (needs onnxruntime, NumPy and Pillow) classifies a picture:

```python
{example}```

With [Tenfold](https://github.com/tenfold-digits/tenfold), `tenfold predict model.onnx images.csv`
predicts a whole table, and `tenfold evaluate` scores one."""


def hub_card(
    name: str, environment: Environment, metrics: Metrics, recipe: Recipe, license: str
) -> str:
    """Write the card of a run's model.

    Args:
        name: the model's.
        environment: of the run; of its sources only the names of files are told.
        metrics, recipe: of the run.
        license: the Hub's identifier of a licence.
    """
    environment = msgspec.structs.replace(
        environment,
        source=_without_folders(environment.source),
        test_source=_without_folders(environment.test_source or "") or None,
    )
    use = USE.format(interface=interface(environment.classes), example=EXAMPLE)
    metadata = "\n".join(_yaml(_metadata(name, environment, metrics, license)))
    return f"---\n{metadata}\n---\n\n{card_text(name, environment, metrics, recipe, use)}"


def _metadata(
    name: str, environment: Environment, metrics: Metrics, license: str
) -> dict[str, Any]:
    """Give the metadata that the Hub documents in its `modelcard.md`."""
    in_memory = environment.request.in_memory  # what it is called there is a caller's choice
    known = None if "source" in in_memory else DATASETS.get(environment.source)
    about: dict[str, Any] = {"license": license, "library_name": "onnx", "pipeline_tag": TASK}
    about["tags"] = ["onnx", "tenfold", TASK, *(["mnist", "handwritten-digits"] if known else [])]
    if known:
        about["datasets"] = [known]
    splits = {
        # a contaminated score is told in the text, with why, and is none to rank models by
        "test": None if metrics.leaked else metrics.test,
        "out_of_fold": metrics.out_of_fold,
        "validation": metrics.validation,
    }
    results = [
        _result(split, scores, environment)
        for split, scores in splits.items()
        if scores is not None
    ]
    if results:
        about |= {"metrics": ["accuracy"], "model-index": [{"name": name, "results": results}]}
    return about


def _result(split: str, scores: SplitScores, environment: Environment) -> dict[str, Any]:
    """Give a split's accuracy with its n and interval; the rest of the scores is in the text."""
    which = "test" if split == "test" else "source"
    source = environment.test_source if split == "test" else environment.source
    assert source is not None
    known = None if which in environment.request.in_memory else DATASETS.get(source.split(":")[0])
    low, high = scores.interval
    how = f"{split.replace('_', '-')}, {scores.n:,} images, 95 % interval"
    return {
        "task": {"type": TASK, "name": "Image Classification"},
        "dataset": {
            "type": known or "custom",
            "name": source,
            "split": "test" if split == "test" else "train",
        },
        "metrics": [
            {
                "type": "accuracy",
                "value": scores.accuracy,
                "name": f"accuracy ({how} {percent_range(scores.interval)})",
                "args": {"n": scores.n, "interval_low": low, "interval_high": high},
            }
        ],
    }


def _yaml(value: Any, indent: str = "") -> list[str]:
    """Write mappings and lists as lines of YAML; a text is JSON's, which YAML takes as it is."""
    lines = []
    entries = value.items() if isinstance(value, dict) else (("-", item) for item in value)
    for key, item in entries:
        head = f"{indent}-" if key == "-" else f"{indent}{key}:"
        if not isinstance(item, dict | list):
            lines.append(f"{head} {_scalar(item)}")
        elif key == "-":
            inner = _yaml(item, f"{indent}  ")
            lines += [f"{head} {inner[0].lstrip()}", *inner[1:]]
        else:
            lines += [head, *_yaml(item, f"{indent}  ")]
    return lines


def _scalar(value: str | float) -> str:
    if isinstance(value, str):
        return json.dumps(terminal(value), ensure_ascii=False)
    return f"{value:.6f}" if isinstance(value, float) else str(value)  # 1e-05 would be a text


def _without_folders(source: str) -> str:
    """Leave of each path in a source's name the last part: `a/b.csv + c/d` is `b.csv + d`."""
    return " + ".join(FOLDERS.sub("", one).strip() for one in source.split(" + "))
