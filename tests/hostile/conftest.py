"""Servers and files of people who mean no good."""

import socket

import pytest


@pytest.fixture
def nobody():
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}"
