"""Several media in one request: which they are, where they stand on the wire, and what tells requests apart."""

import json
from dataclasses import replace

import pytest

from kie_nb.catalogue import ImageIdentity, MediaIdentity, Request, Slot, read_request

CAT = ImageIdentity(sha256="c" * 64, label="cat.png")
DOG = MediaIdentity(sha256="d" * 64, label="dog.png")
SONG = MediaIdentity(sha256="5" * 64, label="song.mp3", kind="audio", seconds=4.5)
BASE = Request(
    model="some/model", inputs={"prompt": "x"}, image=CAT, media={"reference": (DOG, SONG), "audio": (SONG,)}
)


def test_a_request_with_several_media_is_kept_whole():
    """Through JSON and back it is equal to itself; one without others is kept as it always was."""
    kept = json.loads(json.dumps(BASE.to_json()))

    assert Request.from_json(kept) == BASE
    assert "media" not in replace(BASE, media={}).to_json()
    with pytest.raises(ValueError, match="takes no audio"):
        read_request(kept)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"media": {}}, id="none"),
        pytest.param({"media": {"reference": (SONG, DOG), "audio": (SONG,)}}, id="order"),
        pytest.param({"media": {"reference": (DOG, SONG)}}, id="one less"),
        pytest.param({"media": {"reference": (DOG, SONG), "video": (SONG,)}}, id="role"),
        pytest.param(
            {"media": {"reference": (DOG, SONG), "audio": (replace(SONG, sha256="6" * 64),)}}, id="bytes"
        ),
        pytest.param({"image": None}, id="no picture"),
    ],
)
def test_any_other_medium_is_another_request(changed):
    """Its fingerprint and its family change with each of them, and with their order."""
    other = replace(BASE, **changed)

    assert other.fingerprint("kie") != BASE.fingerprint("kie")
    assert other.family("kie") != BASE.family("kie")


def test_a_name_or_an_address_makes_no_other_request():
    """A medium is known by its bytes."""
    renamed = replace(SONG, label="other.mp3", url="https://example.com/other.mp3")
    other = replace(BASE, media={"reference": (DOG, renamed), "audio": (renamed,)})

    assert other.fingerprint("kie") == BASE.fingerprint("kie")


SLOT = Slot(
    role="audio", field="audio_url", kind="audio", mimes=("audio/wav",), max_bytes=1_000_000, min_s=2, max_s=15,
    total_s=20, most=3,
)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param([{}], [], id="fits"),
        pytest.param([{}, {}, {}, {}], ["4 sounds", "at most 3"], id="too many"),
        pytest.param([{"seconds": 1.5}], ["lasts 1.5 s", "at least 2 s"], id="short"),
        pytest.param([{"seconds": 15.5}], ["lasts 15.5 s", "at most 15 s"], id="long"),
        pytest.param(
            [{"seconds": 11.0}, {"seconds": 11.0}], ["22 s together", "at most 20 s"], id="together"
        ),
        pytest.param([{"bytes": 2_000_000}], ["2.0 MB", "at most 1 MB"], id="large"),
        pytest.param([{"mime": "audio/mpeg"}], ["is mp3", "takes wav"], id="type"),
        pytest.param([{"mime": "audio/x-wav"}], [], id="the same type by another name"),
        pytest.param([{"kind": "video"}], ["is a video", "takes a sound"], id="kind"),
        pytest.param([{"seconds": None}], [], id="not known"),
    ],
)
def test_a_slot_checks_what_is_known_of_a_medium(given, words):
    """Number, kind, type, size and length, in words."""
    media = [replace(SONG, **one) for one in given]

    said = " ".join(SLOT.mistakes(media))

    assert bool(said) is bool(words)
    assert [word for word in words if word not in said] == []
