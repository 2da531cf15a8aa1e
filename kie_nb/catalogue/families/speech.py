"""Faces that speak: InfiniTalk, OmniHuman, Volcengine (kie-models §9)."""

from ..entries import choice, number, prompt, resolution, seed, switch, texts
from ..media import MB
from ..prices import Rate, rates
from ..rows import SPEECH, Row, clip, first, voice

PAGES = "docs.kie.ai/market, kie.ai/pricing"
LIPS = (
    switch("separate_vocal", "Separate the voice", "Leave music out of the lips' movement"),
    switch("open_scenedet", "Find scenes", "Look for cuts; mode basic"),
    switch("align_audio", "Align", "Fit the lengths to each other; mode lite", shown=True),
    switch("align_audio_reverse", "Align backwards", "Play the video backwards where it is short; mode lite"),
    number("templ_start_seconds", "From", "Second of the video to begin at; mode lite", 0, 10_000),
)

ROWS = (
    Row(
        id="infinitalk/from-audio",
        title="InfiniTalk",
        entries=(prompt(5000), resolution("480p", "720p", default="480p"), seed(10_000, 1_000_000)),
        slots=(first(), voice(least=1, max_bytes=10 * MB, max_s=15)),
        price=rates("resolution", {"480p": 3, "720p": 12}, "audio"),
        as_of="2026-08",
        source=PAGES,
    ),
    Row(
        id="omnihuman-1-5",
        title="OmniHuman 1.5",
        entries=(
            prompt(300, required=False),
            resolution("720", "1080", default="1080", name="output_resolution"),
            texts("mask_url", "Masks", "Addresses of masks: who speaks", 5),
            switch("pe_fast_mode", "Fast", "Faster, and less exact", shown=False),
            seed(-1, shown=-1),
        ),
        slots=(first(mimes=()), voice(least=1, mimes=(), max_bytes=10 * MB, max_s=60)),
        price=(Rate(credits=27, seconds=("audio",)),),
        as_of="2026-08",
        source=PAGES,
    ),
    Row(
        id="volcengine/video-to-video-lip-sync",
        title="Volcengine lip-sync",
        entries=(choice("mode", "Mode", "Which way", "lite", "basic", default="lite", required=True), *LIPS),
        slots=(
            clip("video_url", least=1, mimes=(), max_bytes=500 * MB),
            voice(least=1, mimes=SPEECH, max_bytes=10 * MB),
        ),
        price=(Rate(credits=8, seconds=("video",)),),
        as_of="2026-08",
        source=PAGES,
    ),
)
