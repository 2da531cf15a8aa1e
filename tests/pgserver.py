"""A PostgreSQL server of Debian's package for the tests: in a folder of its own, on a free port, gone at the end."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

BINARIES = Path("/usr/lib/postgresql")
START_S = 60
PASSWORD = "s3cret/pass@word"  # letters that an address must escape


def programs():
    """The folder of the newest server here, or None."""
    found = [folder for folder in BINARIES.glob("*/bin") if (folder / "initdb").exists()]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


class PostgresServer:
    """A running server; each `database()` is empty and of its own."""

    def __init__(self, bin_folder):
        self._bin = bin_folder
        self._folder = Path(tempfile.mkdtemp(prefix="kie-pg-"))
        self._data = self._folder / "data"
        self._as = []
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(self._folder, "postgres", "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        # Tests that are killed must not leave it behind; SIGINT is its fast shutdown.
        self._with_us = [*(self._as or ["setpriv"]), "--pdeathsig=INT"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process = None

    def start(self):
        """Make the folder at the first time, start, and wait until it answers."""
        if not self._data.exists():
            secret = self._folder / "password"
            secret.write_text(PASSWORD)
            secret.chmod(0o644)
            self._run(
                "initdb", "--pgdata", self._data, "--username=kie", f"--pwfile={secret}", "--auth=scram-sha-256",
                "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8",
            )  # fmt: skip
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "16MB",
            "fsync": "off",
        }
        given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [*self._with_us, self._bin / "postgres", "-D", self._data, *given],
            cwd="/", env={"PATH": "/usr/bin:/bin"}, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_S
        engine = sa.create_engine(self.url("postgres"), poolclass=sa.pool.NullPool)
        while True:
            try:
                with engine.connect():
                    return self
            except sa.exc.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)

    def stop(self):
        """Cut all connections and stop; the data stay."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(2)  # SIGINT: its fast shutdown
            self._process.wait(START_S)
            self._log.close()

    def remove(self):
        """Stop, and leave nothing."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database, **changes):
        """The address of a database, password and all."""
        parts = {"username": "kie", "password": PASSWORD, "host": "127.0.0.1", "port": self.port} | changes
        return sa.URL.create("postgresql+psycopg", database=database, **parts).render_as_string(
            hide_password=False
        )

    def database(self):
        """The address of a new, empty database."""
        name = f"t{secrets.token_hex(6)}"
        engine = sa.create_engine(self.url("postgres"), poolclass=sa.pool.NullPool)
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as db:
            db.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def ask(self, url, statement):
        """The rows that a statement gives, on a connection of its own."""
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as db:
            result = db.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def _run(self, program, *args):
        done = subprocess.run(
            [*self._as, self._bin / program, *args],
            cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}")


@contextlib.contextmanager
def running():
    """A server for the length of a block."""
    server = PostgresServer(programs())
    try:
        yield server.start()
    finally:
        server.remove()
