"""Requests to every described model, as they look on the wire: the smallest, and one with all that goes together."""

from kie_nb.catalogue import MediaIdentity, build_request, media_in, rows
from kie_nb.errors import InvalidRequest

ENDINGS = {"image": "png", "video": "mp4", "audio": "mp3"}
# What a full request of a model leaves out, because something else in it excludes it.
LEFT_OUT = {
    "frames": {"reference", "video", "audio", "reference_file_urls", "reference_link_urls", "web_search"},
    "a video": {"image", "last_image"},
}
GIVEN = {
    "multi_prompt": [{"prompt": "one", "duration": 3}],
    "kling_elements": [
        {"name": "dog", "description": "a dog", "element_input_urls": [f"https://example.com/{n}.png" for n in "ab"]}
    ],
    "elements": [{"name": "dog"}],
    "color_palette": [{"hex": f"#{n}{n}{n}{n}{n}{n}", "ratio": "33.33%"} for n in "abc"],
    "bbox_list": [[[1, 2, 3, 4]]],
    "video_list": [{"url": "https://example.com/a.mp4", "start": 0, "ends": 4}],
}  # fmt: skip


def medium(kind, number=0):
    """A medium of which nothing but its address is known."""
    url = f"https://example.com/{kind}{number}.{ENDINGS[kind]}"
    return MediaIdentity(
        sha256=f"{kind[0].encode().hex()}{number:02x}".ljust(64, "0"), label=url, url=url, kind=kind
    )


def wire(request):
    """The `input` of *request*."""
    addresses = {one.sha256: one.url for _role, one in request.all_media}
    return request.wire_input(request.image.url if request.image else None, addresses)


def asked(model, given):
    """The request for *given*, in any words, with media by their addresses."""
    given, row = dict(given), rows()[model]
    kinds = {slot.role: slot.kind for slot in row.slots}
    media, number = {}, 0
    for role, urls in media_in(row, given).items():
        for url in urls:
            one = medium(kinds.get(role, "image"), number := number + 1)
            media.setdefault(role, []).append(MediaIdentity(**{n: getattr(one, n) for n in (
                "sha256", "kind")}, label=url, url=url))  # fmt: skip
    image = media.pop("image", [None])[0]
    return build_request(model=model, image=image, media=media, **given)


def smallest(model):
    """The fields that have to be given."""
    row = rows()[model]
    given = {entry.name: "text" for entry in row.entries if entry.required and entry.default is None}
    for slot in row.slots:
        if slot.least:
            given[slot.role] = _urls(slot, 1)
    for role in (None, *(slot.role for slot in row.slots)):
        more = {} if role is None else {role: _urls(_slot(row, role), 1)}
        try:
            asked(model, given | more)
        except InvalidRequest:
            continue
        return given | more
    raise AssertionError(model)


def fullest(model):
    """Everything that goes together: fields are added one after the other, and what excludes another is left out."""
    row, given = rows()[model], smallest(model)
    several = [(slot.role, _urls(slot, min(slot.most, 2))) for slot in row.slots]
    fields = [(entry.name, _value(entry)) for entry in row.entries if entry.name not in given]
    for name, value in (*several, *fields):
        for more in ({name: value}, {name: value, "sound": True}):
            try:
                asked(model, given | more)
            except InvalidRequest:
                continue
            given |= more
            break
    return given


def _slot(row, role):
    return next(slot for slot in row.slots if slot.role == role)


def _urls(slot, count):
    urls = [f"https://example.com/{slot.role}{number}.{ENDINGS[slot.kind]}" for number in range(count)]
    return urls[0] if slot.most == 1 else urls


def _value(entry):
    if entry.choices:
        return entry.choices[-1]
    return {
        "switch": True,
        "text": "text",
        "texts": ["https://example.com/page"],
        "objects": GIVEN.get(entry.name),
        "number": entry.high,
        "whole": None if entry.high is None else int(entry.high),
        "whole or text": None if entry.high is None else int(entry.high),
    }[entry.type]
