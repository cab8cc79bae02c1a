"""`tenfold serve`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "serve",
        help="start a local web page to draw digits on, or drop pictures",
        description="Start a local web page (localhost only, unless --host is given) that reads "
        "digits as you draw them, and pictures that you drop on it.",
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="RUN|MODEL",
        help="run folders or .onnx files to serve, each by the name of its folder or file "
        "(default: the shipped one, as `digits`); the first one reads pictures",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="NAME",
        help="address to listen on (default: 127.0.0.1; 0.0.0.0: anyone on the network)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        metavar="N",
        help="port to listen on (default: 8000; 0: any free port)",
    )
    parser.add_argument(
        "--corrections",
        action=argparse.BooleanOptionalAction,
        help="keep corrected answers, with strokes and pictures, in your data folder "
        "(default: only where nobody but this machine can reach the server)",
    )
    options.add_reader(parser)
    options.add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tenfold.server.config import ServerConfig
    from tenfold.server.serve import listen, serve
    from tenfold.server.service import Service, open_models

    config = ServerConfig(
        host=arguments.host,
        threads=arguments.threads,
        min_confidence=arguments.min_confidence,
        corrections=arguments.corrections,
    )
    named = [] if arguments.model is None else [arguments.model]
    with listen(arguments.host, arguments.port) as listener:
        models = open_models([*named, *arguments.models], arguments.threads)
        serve(Service(models, config), listener)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be 0-65535. Received: {text!r}")
    return int(text)
