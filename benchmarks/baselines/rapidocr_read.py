"""Text that RapidOCR, a general OCR, finds in images: PaddleOCR's models in ONNX Runtime.

    python rapidocr_read.py IMAGES.json LINES.json

IMAGES.json is a list of paths; LINES.json gets for each of them the lines of text that were found,
each with its box (left, top, right, bottom, in pixels), its text and its score. Where no line is
found in an image, the whole of it is taken for one line, which helps with short strings. The last
line on stdout is a JSON object with the seconds of all images, models loaded before, and versions.
"""

import importlib
import json
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the images."""
    images, lines = map(Path, sys.argv[1:])
    engine = importlib.import_module("rapidocr_onnxruntime").RapidOCR()
    began, found = time.perf_counter(), []
    for path in json.loads(images.read_text()):
        found.append(read(engine, path))
    seconds = time.perf_counter() - began
    lines.write_text(json.dumps(found))
    print(json.dumps({"seconds": seconds, "rapidocr": metadata.version("rapidocr-onnxruntime")}))


def read(engine: Any, path: str) -> list[dict[str, Any]]:
    """Return the lines of one image."""
    located, _ = engine(path)
    if located:
        return [
            {
                "box": [
                    min(x for x, _ in corners),
                    min(y for _, y in corners),
                    max(x for x, _ in corners),
                    max(y for _, y in corners),
                ],
                "text": text,
                "score": float(score),
            }
            for corners, text, score in located
        ]
    whole, _ = engine(path, use_det=False, use_cls=False)
    return [
        {"box": [0, 0, 1, 1], "text": text, "score": float(score)} for text, score in whole or []
    ]


if __name__ == "__main__":
    main()
