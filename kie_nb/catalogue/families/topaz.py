"""Topaz: a video made larger (kie-models §9.2)."""

from ..entries import choice
from ..media import MB
from ..prices import rates
from ..rows import CLIPS, Row, clip

ROWS = (
    Row(
        id="topaz/video-upscale",
        title="Topaz upscale",
        entries=(choice("upscale_factor", "Factor", "How many times as large", "1", "2", "4", default="2"),),
        slots=(clip("video_url", least=1, mimes=CLIPS, max_bytes=50 * MB),),
        price=rates("upscale_factor", {"1": 8, "2": 8, "4": 14}, "video"),
        as_of="2026-08",
        source="docs.kie.ai/market/topaz, kie.ai/pricing; another list has it flat",
    ),
)
