"""`tenfold serve`."""

import argparse

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "serve",
        help="open a page to draw digits on, or drop pictures",
        description="Serve a page on which digits are drawn, or pictures dropped, and read as you "
        "draw. It can be reached from this machine alone, unless --host says otherwise.",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="NAME",
        help="where to listen (default: 127.0.0.1; 0.0.0.0: open to the network, to everyone)",
    )
    parser.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="default: 8000; 0: any that is free"
    )
    options.add_reader(parser)
    options.add_threads(parser)
    parser.set_defaults(run=run, extra="serve")


def run(arguments: argparse.Namespace) -> int:
    from tenfold.server.serve import listen, serve

    with listen(arguments.host, arguments.port) as listener:
        serve(options.open_reader(arguments), listener, arguments.host)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be 0-65535. Received: {text!r}")
    return int(text)
