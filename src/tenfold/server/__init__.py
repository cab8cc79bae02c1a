"""The local web page to draw on, and its server."""
