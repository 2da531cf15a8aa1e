"""A folder from a stranger, built by code: a home with a finished run, and columns that name what is no file of it.

Beside the home lies what it is after: a secret text, a film and a photograph, each told wherever it turns up by a part of its bytes.
"""

import base64
import contextlib
import json
import os
import shutil
import sqlite3

from PIL import Image

from kie_nb.simulator.draw import Plan, draw

SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + b"7f3a91c2 of the user alone " * 40
MARK_BYTES = 48


class BadFolder:
    """A home to be spoiled.

    Args:
        root: Where its `kie-runs` is, and `outside` is made.
    """

    def __init__(self, root):
        self.root, self.home, self.outside = root, root / "kie-runs", root / "outside"
        self.videos, self.inputs = self.home / "videos", self.home / "inputs"
        self.outside.mkdir()
        self.secret, self.film = self.outside / "id_rsa", self.outside / "film.mp4"
        self.photo = self.outside / "photo.png"
        self.secret.write_bytes(SECRET)
        draw(Plan(prompt="private", seed=99, seconds=1, short_side=720, model="m", tiny=True), self.film)
        Image.effect_noise((64, 64), 90).save(self.photo)
        (self.outside / "mine.part").write_bytes(b"half of a download of the user's")
        os.utime(self.outside / "mine.part", (1e9, 1e9))
        self._before = self.listed()
        self._marks = [mark for path in (self.secret, self.film, self.photo) for mark in marks_of(path)]

    def set(self, **columns):
        """Overwrite columns of every run, as anybody can with any SQLite."""
        names = ", ".join(f"{name} = ?" for name in columns)
        with contextlib.closing(sqlite3.connect(self.home / "ledger.sqlite")) as db, db:
            db.execute(f"UPDATE run SET {names}", tuple(columns.values()))  # noqa: S608 - names of ours

    def set_files(self, *names):
        """Overwrite the files of every run: their names, and nothing else is told of them."""
        self.set(files=json.dumps([{"name": name, "number": number} for number, name in enumerate(names)]))

    def set_picture(self, sha256):
        """Overwrite what the request says of its picture."""
        with contextlib.closing(sqlite3.connect(self.home / "ledger.sqlite")) as db, db:
            db.execute("UPDATE run SET request = json_set(request, '$.image.sha256', ?)", (sha256,))

    def listed(self):
        """Every file outside, with its bytes and its time."""
        return {
            path.relative_to(self.outside).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.outside.rglob("*"))
            if path.is_file()
        }

    def is_untouched(self):
        """Whether nothing outside was written, moved or removed."""
        return self.listed() == self._before

    def settle(self):
        """What is outside by now is what has to stay."""
        self._before = self.listed()

    def is_in(self, content):
        """Whether something of the outside is in *content*: bytes, text, or a folder of files."""
        if isinstance(content, os.PathLike):
            files = (
                [content] if content.is_file() else [path for path in content.rglob("*") if path.is_file()]
            )
            return any(self.is_in(path.read_bytes()) for path in files)
        content = content if isinstance(content, bytes) else str(content).encode(errors="replace")
        return any(mark in content for mark in self._marks)


def marks_of(path):
    """Parts of a file that nothing else has, as they are and as base64."""
    content = path.read_bytes()
    middle = len(content) // 2
    return [
        content[middle : middle + MARK_BYTES],
        *(base64.b64encode(content[middle + shift : middle + MARK_BYTES])[:40] for shift in range(3)),
    ]


def link_videos(bad):
    """`videos/` is a link to the outside, where a file of the name lies."""
    shutil.rmtree(bad.videos)
    bad.videos.symlink_to(bad.outside)
    return "videos/film.mp4"


def link(bad, target, name="linked.mp4"):
    (bad.videos / name).symlink_to(target)
    return f"videos/{name}"


def named(bad, name):
    """A file of that name in the home itself, which is the film."""
    (bad.home / name).symlink_to(bad.film)
    return name


def pipe(bad):
    os.mkfifo(bad.videos / "pipe.mp4")
    return "videos/pipe.mp4"


def folder(bad):
    (bad.videos / "folder.mp4").mkdir()
    shutil.copy(bad.film, bad.videos / "folder.mp4" / "film.mp4")
    return "videos/folder.mp4"


def text(bad):
    shutil.copy(bad.secret, bad.videos / "text.mp4")
    return "videos/text.mp4"


STORED = {
    "an absolute path to a text": lambda bad: str(bad.secret),
    "an absolute path to a film": lambda bad: str(bad.film),
    "upwards": lambda _: "../outside/film.mp4",
    "upwards to a text": lambda _: "../outside/id_rsa",
    "upwards from within": lambda _: "videos/../../outside/film.mp4",
    "absolute after the folder": lambda bad: f"videos/{bad.film}",
    "backslashes": lambda bad: named(bad, "videos\\..\\..\\outside\\film.mp4"),
    "a drive": lambda bad: named(bad, "C:\\film.mp4"),
    "an unknown folder": lambda bad: named(bad, "film.mp4"),
    "a slash that looks like one": lambda bad: named(bad, "videos\u2215film.mp4"),
    "a wide slash": lambda bad: named(bad, "videos\uff0ffilm.mp4"),
    "a name with a newline": lambda bad: link(bad, bad.film, "a\nb.mp4"),
    "a hidden name": lambda bad: link(bad, bad.film, ".film.mp4"),
    "a link to a film": lambda bad: link(bad, bad.film),
    "a link to a text": lambda bad: link(bad, bad.secret),
    "a link to a picture": lambda bad: link(bad, bad.photo, "linked.png"),
    "a link to a device": lambda bad: link(bad, "/dev/null"),
    "a linked folder": link_videos,
    "a folder": folder,
    "a pipe": pipe,
    "a device": lambda _: "/dev/null",
    "nothing but a dot": lambda _: ".",
    "the folder itself": lambda _: "videos/.",
    "a NUL": lambda _: "videos/a\0.mp4",
    "a very long name": lambda _: f"videos/{'x' * 5000}.mp4",
}
