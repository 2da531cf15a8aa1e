"""The certificates that httpx trusts, read once in a process: each client of a test's own would take 20 ms for them."""

import functools
import os

from httpx._transports import default

_make = default.create_ssl_context
_NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def share():
    """From now on clients that say nothing of certificates have the same."""
    default.create_ssl_context = _context


def _context(verify=True, cert=None, trust_env=True):
    if verify is not True or cert:
        return _make(verify=verify, cert=cert, trust_env=trust_env)
    return _usual(trust_env, tuple(map(os.environ.get, _NAMES)))


@functools.cache
def _usual(trust_env, _environment):
    return _make(trust_env=trust_env)
