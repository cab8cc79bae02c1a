"""The command line: each command parses, calls one function of the library and prints."""

import argparse
import gc
import io
import os
import sys
from importlib import import_module

import tenfold
from tenfold.cli.options import print_error
from tenfold.cli.parser import Parser
from tenfold.errors import TenfoldError
from tenfold.extras import missing_extra_named

# Each a module here.
COMMANDS = (
    "train",
    "resume",
    "runs",
    "evaluate",
    "predict",
    "read",
    "serve",
    "compare",
    "sweep",
    "report",
    "export",
    "ensemble",
    "adapt",
    "bench",
    "data",
    "recipe",
)


def console() -> int:
    """Run the command of this process; return its exit status (see `main`)."""
    status = main()
    # Nothing that is left needs to be walked before the process ends: 0.2 s where torch is loaded.
    gc.freeze()
    return status


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit status.

    0: success; 1: an error in the input, one line on stderr; 2: wrong usage (argparse exits
    itself); 130: Ctrl-C before there was anything to keep.
    """
    words = sys.argv[1:] if argv is None else argv
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]  # it may stand behind the command too
    arguments = _parser(words).parse_args(words)
    _take_any_name()
    try:
        with missing_extra_named(arguments.command):
            status: int = arguments.run(arguments)
        sys.stdout.flush()
    except TenfoldError as error:
        if debug:
            raise
        return _fail(str(error))
    except KeyboardInterrupt as stop:
        _fail(str(stop) or "stopped")
        return 130
    except BrokenPipeError:  # `tenfold ... | head`
        _drop_output()
        return 1
    except OSError as error:  # a name that is too long, a disk that is full: wherever it comes up
        if debug:
            raise
        # an error in writing to a stream names no file
        where = error.filename if error.filename is not None else "the output"
        if error.filename is None:
            _drop_output()
        return _fail(f"{where}: {error.strerror or error}")
    except MemoryError:
        if debug:
            raise
        return _fail("there is not enough memory for this; give fewer or smaller images")
    return status


def _take_any_name() -> None:
    """Print names of files that are no Unicode spelled out, where they would be an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _fail(message: str) -> int:
    """Print an error; return the exit status."""
    print_error(message)
    return 1


def _drop_output() -> None:
    """Let what is still to be written to stdout go nowhere: Python would fail on it as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """Make the parser: of one command, where the words begin with it, 30 ms sooner; else of all."""
    parser = Parser(
        prog="tenfold",
        description="Handwritten-digit recognition: train a network on a table of images, score "
        "it, report on it, write a Kaggle submission, read photos.",
        epilog="A SOURCE of images is mnist, mnist:test, kaggle or kaggle:test, which are bundled, "
        "or a file or folder: CSV, IDX, npz, Parquet, class folders of PNG or JPEG; - is a file on "
        "stdin, and 'A + B' are two as one. "
        "See `tenfold COMMAND --help` for the options of a command.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.add_argument("--debug", action="store_true", help="show the traceback of errors")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        import_module(f"tenfold.cli.{name}").add(commands)
    return parser


class _Version(argparse.Action):
    """Prints the version, which takes 15 ms to be looked up, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(tenfold.__version__)
        parser.exit()
