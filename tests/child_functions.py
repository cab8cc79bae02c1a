"""What a child process is asked to do in tests; light, since it imports this."""

import os
import signal

from tenfold.errors import TenfoldError


def echo(payload: bytes) -> bytes:
    print("printed, and no answer")
    return payload


def spin(payload: bytes) -> bytes:
    while True:
        pass


def allocate(payload: bytes) -> bytes:
    return bytes(int(payload))[:1]


def crash(payload: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGABRT)
    return b""


def refuse(payload: bytes) -> bytes:
    raise TenfoldError("page.tif: is no page")
