"""`python -m tenfold`."""

import sys

from tenfold.cli import console

sys.exit(console())
