"""The one error that the command line turns into a single line."""


class TenfoldError(Exception):
    """A mistake of the user's or of the data's, told in one line.

    The message names what was received, where (file, row, column) and what to do.
    """
