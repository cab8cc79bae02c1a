"""The server: the Open Inference Protocol, reading over HTTP, and the local web page."""
