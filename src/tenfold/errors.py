"""The one error that the command line turns into a single line."""


class TenfoldError(Exception):
    """A mistake of the user's or of the data's, told in one line.

    The message names what was received, where (file, row, column) and what to do.
    """

    def __str__(self) -> str:
        """Return the message; control characters are spelled out, as names come from files."""
        return "".join(
            character
            if character.isprintable() or character == "\n"
            else character.encode("unicode_escape").decode()
            for character in super().__str__()
        )
