"""`tenfold serve`."""

import argparse
import sys

from tenfold.cli import options


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "serve",
        help="serve models over HTTP, and a local web page to draw digits on, or drop pictures",
        description="Serve models over HTTP (the Open Inference Protocol, and POST /read for "
        "pictures, PDFs and strokes), and a web page that reads digits as you draw them; for this "
        "machine only, unless --host is given.",
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
        help="address to listen on (default: 127.0.0.1; 0.0.0.0: anyone on the network); others "
        "than this machine's own need a token",
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
        "(default: only with a --host of this machine alone, and without --allow-host, "
        "--allow-origin and --trusted-proxy)",
    )
    parser.add_argument(
        "--log",
        choices=("json", "text", "none"),
        default="none",
        help="how each request is logged on stderr: no pictures, no queries (default: none)",
    )
    options.add_reader(parser)
    options.add_threads(parser)
    options.add_engine(parser)
    _add_access(parser)
    _add_limits(parser)
    parser.set_defaults(run=run)


def _add_access(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("who may ask")
    token = group.add_mutually_exclusive_group()
    token.add_argument(
        "--token",
        metavar="TEXT",
        help="what requests must carry, as `Authorization: Bearer TEXT`; the environment's "
        "TENFOLD_TOKEN, too, which other users cannot see",
    )
    token.add_argument("--token-file", metavar="FILE", help="a file that holds the token")
    token.add_argument("--no-token", action="store_true", help="let anyone ask who reaches --host")
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that the server is reached by, behind a proxy or in a container; repeatable "
        "(*.example.org: all below; *: any)",
    )
    group.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="a website whose scripts may ask, as https://example.org; repeatable (*: any)",
    )
    group.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="an address or network whose X-Forwarded-For and -Proto are believed; repeatable",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how much at once")
    group.add_argument(
        "--readers",
        type=options.count,
        metavar="N",
        help="processes that read pictures (default: one for each thread, at most 4)",
    )
    group.add_argument(
        "--max-batch",
        type=options.count,
        default=64,
        metavar="N",
        help="images of inference requests that are run together (default: 64)",
    )
    group.add_argument(
        "--max-wait",
        type=options.milliseconds,
        default=0.0,
        metavar="MS",
        help="how long a request waits for others while the model is idle (default: 0; while it "
        "is busy they gather anyway)",
    )
    group.add_argument(
        "--max-queue",
        type=options.count,
        default=4096,
        metavar="N",
        help="images that may wait; more are refused with 503 (default: 4096)",
    )
    group.add_argument(
        "--stop-seconds",
        type=options.positive,
        default=25.0,
        metavar="S",
        help="how long requests in flight may take once the server is to stop (default: 25)",
    )


def run(arguments: argparse.Namespace) -> int:
    from tenfold.server.config import Batching, ServerConfig, open_token
    from tenfold.server.serve import listen, serve
    from tenfold.server.service import Service, open_models

    config = ServerConfig(
        host=arguments.host,
        token=open_token(arguments.host, arguments.token, arguments.token_file, arguments.no_token),
        allow_hosts=tuple(arguments.allow_host),
        allow_origins=tuple(arguments.allow_origin),
        trusted_proxies=tuple(arguments.trusted_proxy),
        readers=arguments.readers,
        threads=arguments.threads,
        min_confidence=arguments.min_confidence,
        stop_seconds=arguments.stop_seconds,
        log=arguments.log,
        batching=Batching(arguments.max_batch, arguments.max_wait / 1000, arguments.max_queue),
        corrections=arguments.corrections,
    )
    named = [] if arguments.model is None else [arguments.model]
    with listen(arguments.host, arguments.port) as listener:
        models = open_models([*named, *arguments.models], arguments.threads, arguments.engine)
        for note in [note for model in models.values() for note in model.engine_notes]:
            print(f"note: {note}", file=sys.stderr)
        serve(Service(models, config), listener)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be 0-65535. Received: {text!r}")
    return int(text)
