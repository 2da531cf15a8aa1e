"""What `kie_nb.join` costs beside a loop of PyAV that copies the same packets; run by hand, prints a table.

    python tests/benchmarks/bench_join.py --clips 8 16 32

The clips agree, so both copy them. The loop looks at no frame; a join decodes each clip once: it tells whether one is damaged, and
whether it starts with the last frame of the one before. CPU of this process, median of three; `per clip` shows that it is linear.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import av

from kie_nb.simulator.draw import Plan, draw
from kie_nb.video import join_videos, probe


def remux(clips, target):
    with av.open(str(target), "w") as out:
        track, start = None, 0
        for clip in clips:
            with av.open(str(clip)) as film:
                picture = film.streams.video[0]
                track = track or out.add_stream_from_template(picture)
                for packet in film.demux(picture):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + start, packet.dts + start
                        packet.stream = track
                        out.mux(packet)
                start += picture.duration


def decode(clips, _target):
    for clip in clips:
        with av.open(str(clip)) as film:
            film.streams.video[0].thread_type = "AUTO"
            for _frame in film.decode(video=0):
                pass


def cpu(work, *args):
    took = []
    for _ in range(3):
        before = time.process_time()
        work(*args)
        took.append(time.process_time() - before)
    return statistics.median(took)


def measure(numbers, folder):
    image = (Path(__file__).parents[2] / "notebooks" / "images" / "chelsea.png").read_bytes()
    clips = [folder / f"{number}.mp4" for number in range(max(numbers))]
    for number, clip in enumerate(clips):
        shape = {"seconds": 5.0, "short_side": 720, "model": "m", "tiny": False, "image": image, "task": 1}
        draw(Plan(prompt="The cat smiles.", seed=number, **shape), clip)
    print(
        f"{'clips':>6}{'join, s':>10}{'per clip, ms':>14}{'loop, s':>10}{'decoding, s':>13}{'join / (loop + decoding)':>27}"
    )
    for number in numbers:
        target = folder / "film.mp4"
        joined = cpu(join_videos, clips[:number], target)
        loop, decoding = (cpu(work, clips[:number], target) for work in (remux, decode))
        ratio = joined / (loop + decoding)
        print(
            f"{number:6}{joined:10.2f}{joined / number * 1000:14.1f}{loop:10.2f}{decoding:13.2f}{ratio:27.2f}"
        )
    facts = probe(clips[0])
    print(f"each clip: {facts.width} × {facts.height}, {facts.duration_s:g} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[8, 16, 32])
    with tempfile.TemporaryDirectory() as place:
        measure(parser.parse_args().clips, Path(place))
