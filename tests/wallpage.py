"""What a wall in a real page does, asked with JavaScript: which frame every video shows, and how far they are from the clock."""

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
# `late`: how much later than its time by the wall's clock a frame came to the screen, each frame of each video, in seconds.
# `paces`: how long the screen took from one refresh to the next, which is the machine's doing.
# `apart`: how far the most and the least late of the videos were from each other at the same refresh of the screen.
DRIFT = """async (seconds) => {
    const { player } = document.querySelector('.kie-wall');
    const videos = [...document.querySelectorAll('.kie-wall video')].filter((video) => video.hasAttribute('src'));
    const late = [], apart = [], paces = [], latest = new Map();
    let isOver = false, before = performance.now();
    for (const video of videos) {
        const each = (_, frame) => {
            if (isOver) return;
            if (player.clock.isRunning) {
                const found = player.clock.now(frame.expectedDisplayTime) - frame.mediaTime;
                late.push(found);
                latest.set(video, found);
            }
            video.requestVideoFrameCallback(each);
        };
        video.requestVideoFrameCallback(each);
    }
    const look = (now) => {
        if (isOver) return;
        paces.push((now - before) / 1000);
        before = now;
        const found = [...latest.values()];
        if (found.length === videos.length) apart.push(Math.max(...found) - Math.min(...found));
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    player.seek(0);
    await player.settled();
    await player.play();
    await new Promise((done) => setTimeout(done, seconds * 1000));
    isOver = true;
    player.pause();
    return { videos: videos.length, late, apart, paces };
}"""


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
