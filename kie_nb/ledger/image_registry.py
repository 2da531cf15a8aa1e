"""Image registry: which images the service holds, and what image URLs have served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..catalogue import read_image
from .database import Database
from .reading import other_row
from .schema import now_in, picture_url, upload

_EARLIER = 20  # contents of one address that are remembered


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadRow:
    """An upload that the service still holds."""

    url: str
    uploaded_at: str


class ImageRegistry:
    """The part of the ledger that knows images."""

    _db: Database

    def remember_upload(self, account: str, sha256: str, url: str) -> None:
        """Record that the service holds this image, under *url*."""
        values = {"account": account, "sha256": sha256, "url": url}
        with self._db.write() as db:
            db.execute(upload.delete().where(*_is(account, sha256)))
            db.execute(upload.insert().values(**values, uploaded_at=now_in(db)))

    def forget_upload(self, account: str, sha256: str) -> None:
        """Forget an upload that the service no longer serves."""
        with self._db.write() as db:
            db.execute(upload.delete().where(*_is(account, sha256)))

    def find_upload(self, account: str, sha256: str) -> UploadRow | None:
        """The upload of this image, if there was one."""
        query = sa.select(upload).where(*_is(account, sha256))
        with self._db.read() as db:
            found = other_row(upload, db.execute(query).mappings().first())
        return UploadRow(url=found["url"], uploaded_at=found["uploaded_at"]) if found else None

    def remember_url(self, url: str, identity: dict[str, Any]) -> None:
        """Record what *url* served when a run was made with it; what it served before stays recorded."""
        with self._db.write() as db:
            # In it: another kernel may record another image of it at the same time, and neither is lost.
            earlier = [known for known in _told(db, url) if known != identity][:_EARLIER]
            db.execute(picture_url.delete().where(picture_url.c.url == url))
            kept = {**identity, "earlier": earlier} if earlier else identity
            db.execute(picture_url.insert().values(url=url, identity=kept, fetched_at=now_in(db)))

    def find_url(self, url: str) -> dict[str, Any] | None:
        """What `remember_url` was told last."""
        return next(iter(self.find_urls(url)), None)

    def find_urls(self, url: str) -> list[dict[str, Any]]:
        """All that `remember_url` was told of *url*, the newest first."""
        with self._db.read() as db:
            return _told(db, url)


def _is(account: str, sha256: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (upload.c.account == account, upload.c.sha256 == sha256)


def _told(db: sa.Connection, url: str) -> list[dict[str, Any]]:
    found = db.execute(sa.select(picture_url).where(picture_url.c.url == url)).mappings().first()
    kept = (other_row(picture_url, found) or {}).get("identity", {})
    earlier = kept.pop("earlier", None)
    told = [kept, *(earlier if isinstance(earlier, list) else ())]
    return [one for one in told if _is_of(url, one)]


def _is_of(url: str, identity: Any) -> bool:
    try:
        return read_image(identity).url == url
    except ValueError:
        return False
