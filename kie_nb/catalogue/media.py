"""Pictures, videos and sounds in a request: what a model takes (`Slot`), and what was given (`MediaIdentity`). Pure.

A model lists its slots in `ModelInput.slots`, each with a *role*, which is what people write (`--image`, `--last-image`,
`--video`, `--audio`, `--reference`), a kind, the field on the wire, and limits. A role is there at most once in a model; several
may share a list on the wire, in the order of the slots (first and last frame in `image_urls`).

`Request.image` is what was given for the role `image`; `Request.media` has every other role, each with its media in order.
`Request.all_media` gives all of them. `handles.gathering` takes them from loose arguments by way of `requests.media`. Their hashes are part of the fingerprint; `Prepared.contents` and `ToSend.contents` hold
the bytes to upload, by sha256, and `Request.wire_input` puts the addresses where the slots say.

Who reads a medium fills in what is known of it (`mime`, `bytes`, `seconds`, `width`, `height`): `Slot.mistakes` then checks
it by the model's limits, wherever a request is built. What is not known (None, 0, "") is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import Field as Checked
from pydantic import StrictBool

from ..bounds import Seconds, Sha256, Text, Url, Whole

Role = Literal["image", "last_image", "video", "audio", "reference"]
Kind = Literal["image", "video", "audio"]
ROLES: tuple[Role, ...] = get_args(Role)

JPEG, PNG, WEBP = "image/jpeg", "image/png", "image/webp"
PICTURES = (JPEG, PNG, WEBP)
MB = 1_000_000  # the pages do not say which kind of MB they mean: the smaller one
_ENDINGS = {"video/quicktime": "mov", "video/x-matroska": "mkv", "audio/mpeg": "mp3", "audio/mp4": "m4a"}
_NAMES = {"image": "picture", "video": "video", "audio": "sound"}
_ALIKE = {"audio/mp3": "audio/mpeg", "audio/x-wav": "audio/wav", "audio/m4a": "audio/mp4"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageIdentity:
    """Which picture: by its bytes, wherever they came from. The types are those of a stranger's row."""

    sha256: Sha256  # of the bytes; for a URL that could not be read, of the URL itself, with `by_url` set
    label: Text  # what to call it in a card: a file name or a URL
    mime: Annotated[Text, Checked(max_length=100)] = ""
    bytes: Whole = 0
    width: Whole = 0
    height: Whole = 0
    url: Url | None = None  # the address that was given, if one was
    by_url: StrictBool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaIdentity(ImageIdentity):
    """The same of any medium."""

    kind: Kind = "image"
    seconds: Seconds | None = None  # of a video or a sound; None where it is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """What a model takes in one role.

    Attributes:
        field: Its name on the wire.
        is_list: Whether the wire wants an array, even for one.
        most, least: How many.
        is_reference: Whether `--reference` gives files of this kind to it, too.
        mimes: What it takes; nothing means that the page does not say.
        total_s: What all of them together may last.
        ratio: The longest side by the shortest.
        wrap: How an address stands in the field where it is no plain text.
    """

    role: Role
    field: str
    kind: Kind = "image"
    is_list: bool = False
    most: int = 1
    least: int = 0
    is_reference: bool = False
    mimes: tuple[str, ...] = ()
    max_bytes: int | None = None
    min_s: float | None = None
    max_s: float | None = None
    total_s: float | None = None
    min_side: int | None = None
    max_side: int | None = None
    ratio: float | None = None
    wrap: Callable[[str], Any] | None = None

    @property
    def option(self) -> str:
        """Its name on the magic's line, without the dashes."""
        return self.role.replace("_", "-")

    @property
    def title(self) -> str:
        """Its name in a form."""
        name = {"video": "Input video", "audio": "Input sound"}.get(self.role)
        return (name or self.role.replace("_", " ").capitalize()) + ("s" if self.most > 1 else "")

    @property
    def noun(self) -> str:
        """What is given to it: `picture`, `video` or `sound`."""
        return _NAMES[self.kind]

    @property
    def limits(self) -> str:
        """Its limits in words."""
        told = [", ".join(dict.fromkeys(map(_ending, self.mimes)))] if self.mimes else []
        if self.max_bytes:
            told.append(f"at most {self.max_bytes / MB:g} MB")
        if self.max_s:
            told.append(f"{self.min_s:g} to {self.max_s:g} s" if self.min_s else f"at most {self.max_s:g} s")
        if self.total_s:
            told.append(f"{self.total_s:g} s in all")
        if self.most > 1:
            told.append(f"up to {self.most}")
        return "; ".join(told)

    def mistakes(self, given: Sequence[ImageIdentity]) -> list[str]:
        """What is wrong with *given* for this slot, a sentence each."""
        wrong = []
        if len(given) > self.most:
            wrong.append(f"{self.role} has {len(given)} {self.noun}s; the model takes at most {self.most}.")
        if given and len(given) < self.least:
            wrong.append(f"{self.role} has {len(given)} {self.noun}s; the model wants at least {self.least}.")
        for one in given:
            wrong += [f"{self.role}: {one.label} {words}." for words in self._wrong_with(one)]
        seconds = [found for one in given if (found := getattr(one, "seconds", None)) is not None]
        if self.total_s is not None and sum(seconds) > self.total_s:
            wrong.append(
                f"{self.role}: {sum(seconds):g} s together; the model takes at most {self.total_s:g} s."
            )
        return wrong

    def _wrong_with(self, one: ImageIdentity) -> Iterator[str]:
        if getattr(one, "kind", "image") != self.kind:
            yield f"is a {noun_of(one)}, and the model takes a {self.noun} there"
            return
        if one.mime and self.mimes and _same(one.mime) not in map(_same, self.mimes):
            kinds = " or ".join(dict.fromkeys(map(_ending, self.mimes)))
            yield f"is {_ending(one.mime)}; the model takes {kinds}"
        if self.max_bytes and one.bytes > self.max_bytes:
            yield f"has {one.bytes / MB:.1f} MB; the model takes at most {self.max_bytes / MB:g} MB"
        seconds = getattr(one, "seconds", None)
        if seconds is not None and self.min_s is not None and seconds < self.min_s:
            yield f"lasts {seconds:g} s; the model wants at least {self.min_s:g} s"
        if seconds is not None and self.max_s is not None and seconds > self.max_s:
            yield f"lasts {seconds:g} s; the model takes at most {self.max_s:g} s"
        sides = sorted((one.width, one.height))
        if not sides[0]:
            return
        size = f"is {one.width} × {one.height}"
        if self.min_side and sides[0] < self.min_side:
            yield f"{size}; the model wants at least {self.min_side} pixels a side"
        if self.max_side and sides[1] > self.max_side:
            yield f"{size}; the model takes at most {self.max_side} pixels a side"
        if self.ratio and sides[1] > self.ratio * sides[0]:
            yield f"{size}; the model takes at most {self.ratio:g} times as long as wide"


def media_of(identity: ImageIdentity, kind: Kind = "image") -> MediaIdentity:
    """*identity* as a medium of any role."""
    if isinstance(identity, MediaIdentity):
        return identity
    told = {name: getattr(identity, name) for name in ImageIdentity.__slots__}
    return MediaIdentity(**told, kind=kind)


def kind_of(identity: ImageIdentity) -> Kind:
    """Which kind of medium it is."""
    return getattr(identity, "kind", "image")


def noun_of(what: ImageIdentity | Kind) -> str:
    """What it is, in a word: `picture`, `video` or `sound`."""
    return _NAMES[what if isinstance(what, str) else kind_of(what)]


def _same(mime: str) -> str:
    return _ALIKE.get(mime, mime)


def _ending(mime: str) -> str:
    return _ENDINGS.get(_same(mime), _same(mime).rpartition("/")[2].removeprefix("x-"))
