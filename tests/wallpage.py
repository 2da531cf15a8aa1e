"""What a wall in a real page does, asked with JavaScript: which frame every video shows, and how far they are from the clock."""

import base64
import io

import numpy as np
from PIL import Image

READY = """(count) => {
    const videos = [...document.querySelectorAll('.kie-wall video')].filter((video) => video.hasAttribute('src'));
    return videos.length === count && videos.every((video) => video.readyState >= 2);
}"""
# The number of the frame that each video really presents, by its time in the file, after a key or a seek.
FRAMES = """async (act) => {
    const root = document.querySelector('.kie-wall');
    const videos = [...root.querySelectorAll('video')].filter((video) => video.hasAttribute('src'));
    await root.player.settled();
    const fps = root.player.fps;
    const seen = videos.map((video) => new Promise((done) => {
        video.requestVideoFrameCallback((_, frame) => done(Math.round(frame.mediaTime * fps)));
        setTimeout(() => done(null), 5000);
    }));
    if (act.key) (document.activeElement ?? root).dispatchEvent(new KeyboardEvent('keydown', { key: act.key, bubbles: true }));
    else root.player.seek(act.frame);
    const frames = await Promise.all(seen);
    await root.player.settled();
    return { frames, frame: root.player.frame };
}"""
PIXELS = """() => [...document.querySelectorAll('.kie-wall video')].map((video) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 48, height: 32 });
    const pen = canvas.getContext('2d', { willReadFrequently: true });
    pen.drawImage(video, 0, 0, 48, 32);
    return [...pen.getImageData(0, 0, 48, 32).data].filter((_, at) => at % 4 < 3);
})"""
# At each refresh of the screen while the wall plays, in seconds:
# `drift`: how far the most advanced of the videos is from the one furthest behind, by their own clocks, read at one moment.
# `off`: how far each is from the wall's clock.
# `late`: how much later than its time by the wall's clock a frame came to the screen, each frame of each video.
# `paces`: how long the screen took from one refresh to the next, which is the machine's doing.
DRIFT = """async (seconds) => {
    const { player } = document.querySelector('.kie-wall');
    const videos = [...document.querySelectorAll('.kie-wall video')].filter((video) => video.hasAttribute('src'));
    const drift = [], off = [], late = [], paces = [];
    let isOver = false, before = performance.now();
    for (const video of videos) {
        const each = (_, frame) => {
            if (isOver) return;
            if (player.clock.isRunning) late.push(player.clock.now(frame.expectedDisplayTime) - frame.mediaTime);
            video.requestVideoFrameCallback(each);
        };
        video.requestVideoFrameCallback(each);
    }
    const look = (now) => {
        if (isOver) return;
        paces.push((now - before) / 1000);
        before = now;
        if (player.clock.isRunning) {
            const at = player.clock.now(), found = videos.map((video) => video.currentTime);
            drift.push(Math.max(...found) - Math.min(...found));
            off.push(...found.map((one) => one - at));
        }
        requestAnimationFrame(look);
    };
    player.seek(0);
    await player.settled();
    requestAnimationFrame(look);
    await player.play();
    await new Promise((done) => setTimeout(done, seconds * 1000));
    isOver = true;
    player.pause();
    return { videos: videos.length, drift, off, late, paces };
}"""
BOXES = """() => [...document.querySelectorAll('.kie-wall video')].map((video) => {
    const { x, y, width, height } = video.getBoundingClientRect();
    return [x, y, width, height];
})"""


def pictures_of_a_play(page, seconds, rate):
    """What the screen showed of so many seconds of the videos, picture by picture: the number of the frame of each, read off it."""
    boxes = page.evaluate(BOXES)
    pictures = []
    devtools = page.context.new_cdp_session(page)

    def keep(event):
        pictures.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))
        devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    page.evaluate(
        """async (rate) => {
            const { player } = document.querySelector('.kie-wall');
            player.setRate(rate);
            player.seek(0);
            await player.settled();
            await player.play();
        }""",
        rate,
    )
    devtools.on("Page.screencastFrame", keep)
    devtools.send("Page.startScreencast", {"format": "jpeg", "quality": 60})
    page.wait_for_timeout(seconds / rate * 1000)
    devtools.send("Page.stopScreencast")
    page.evaluate("() => document.querySelector('.kie-wall').player.pause()")
    devtools.detach()
    grays = [_gray(picture) for _, picture in sorted(pictures)]  # they may come out of their order
    return [[_number(gray, box) for box in boxes] for gray in grays]


def _gray(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("L")).astype(int)


def _number(gray, box):
    """The number over the top fifth of a video: eight blocks, the lowest bit first."""
    x, y, width, height = box
    row = round(y + height / 10)
    column = [round(x + width * (bit + 0.5) / 8) for bit in range(8)]
    return sum(
        int(gray[row - 2 : row + 3, at - 3 : at + 4].mean() > 128) << bit for bit, at in enumerate(column)
    )


def figures(seconds):
    """Median, 95th percentile and worst of the sizes of some times, in milliseconds."""
    sizes = sorted(abs(value) * 1000 for value in seconds)
    return {
        "frames": len(sizes),
        "median": round(sizes[len(sizes) // 2], 1),
        "p95": round(sizes[int(len(sizes) * 0.95)], 1),
        "max": round(sizes[-1], 1),
    }


def frames_after(page, **act):
    """Which frame every video presents after a key or a seek, and the one that the wall says."""
    found = page.evaluate(FRAMES, act)
    return found["frames"], found["frame"]


def difference(one, other):
    """The mean difference of two lists of pixels, 0 to 255."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)
