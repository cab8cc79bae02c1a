"""`tenfold bench`."""

import argparse
import json

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "bench",
        help="measure how fast a model answers here",
        description="Measure pictures a second and latency of a model file, for batches of 1 to "
        "4,096 pictures, and the time that a new process takes to its first answer.",
    )
    parser.add_argument("model", metavar="RUN|MODEL", help="a run folder or a .onnx file")
    parser.add_argument(
        "--threads", type=options.count, metavar="N", help="this number alone (default: 1 and all)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.workflow.models.bench import bench

    measured = bench(arguments.model, arguments.threads or 0)
    print(json.dumps(measured.to_dict(), indent=1) if arguments.json else measured)
    return 0
