"""The command `tenfold`, and `python -m tenfold`.

Nothing is imported before `run` can catch a Ctrl-C: the command line takes a fifth of a second to
import, in which people notice what they have mistyped.
"""

import sys


def run() -> int:
    """Run the command of this process; return its exit status (see `tenfold.cli.main`)."""
    try:
        from tenfold.cli import console

        return console()
    except KeyboardInterrupt:
        print("tenfold: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())
