"""`tenfold bench`."""

import argparse
import json

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "bench",
        help="measure the inference speed of a model",
        description="Measure throughput and latency of a model on this machine, for batch sizes "
        "from 1 to 4,096, and the time from process start to the first prediction.",
    )
    parser.add_argument(
        "model",
        nargs="?",
        metavar="RUN|MODEL",
        help="a run folder or a .onnx file, of Tenfold's or of others (default: the shipped one)",
    )
    parser.add_argument(
        "--threads",
        type=options.count,
        metavar="N",
        help="CPU threads (default: measure 1 and every core)",
    )
    options.add_engine(parser)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.model.reader import SHIPPED
    from tenfold.workflow.models.bench import bench

    measured = bench(arguments.model or SHIPPED, arguments.threads, arguments.engine)
    print(json.dumps(measured.to_dict(), indent=1) if arguments.json else measured)
    return 0
