// Where the videos come from: the page that they stand in, or the kernel.

const AGAIN_WITHIN_MS = 10000;

// By model, what outlives a view: a front end throws one away and makes it anew when the page beside it is written.
const kept = new WeakMap();

/** The videos of a saved page, which stand in it. */
class PageMedia {
  constructor(media, data) {
    this.media = media;
    this.data = data;
  }
  want(tiles, arrived) {
    for (const tile of tiles) {
      const { fps, frames, aspect } = this.data.tiles[tile];
      if (this.media[tile]) arrived(tile, { ...this.media[tile], fps, frames, aspect });
    }
  }
  isComing() {
    return false;
  }
  takeOver() {
    return null;
  }
  close() {}
}

/** The videos that the kernel sends when they come into view. */
class KernelMedia {
  #asked = new Set();

  constructor(model) {
    this.model = model;
    const key = model.get("data"); // anywidget makes the model's face anew for each view; what is in it stays the same
    if (!kept.has(key)) kept.set(key, { there: new Map(), stills: new Map(), views: 0, latest: null });
    this.memory = kept.get(key);
    this.memory.views += 1;
    this.there = this.memory.there;
    this.heard = (message, buffers) => this.#hear(message, buffers ?? []);
    model.on("msg:custom", this.heard);
  }
  /** The view that there was, or still is: the new one is made first, and then the old one thrown away. */
  takeOver(view) {
    const before = this.memory.latest;
    this.memory.latest = view;
    return before && (!before.closed || performance.now() - before.closed < AGAIN_WITHIN_MS) ? before : null;
  }
  isComing(tile) {
    return !this.there.has(tile) && !this.isLost;
  }
  want(tiles, arrived) {
    this.arrived = arrived;
    const missing = tiles.filter((tile) => !this.there.has(tile) && !this.#asked.has(tile));
    for (const tile of tiles) if (this.there.has(tile)) arrived(tile, this.there.get(tile));
    for (const tile of missing) this.#asked.add(tile);
    if (missing.length) this.model.send({ kind: "want", tiles: missing });
  }
  #hear(message, buffers) {
    if (message.kind === "trouble" && message.tile === null) this.isLost = true; // of no tile: the videos cannot be read
    if (message.kind !== "media" && message.kind !== "still") return;
    const url = (bytes, type) => (bytes && bytes.byteLength ? URL.createObjectURL(new Blob([bytes], { type })) : "");
    const { kind, tile, fps = 0, frames = 0, aspect = 0 } = message;
    // Another view may have asked as well, and then each hears both answers.
    if (!this.there.has(tile)) {
      const [still, video] = buffers;
      const { stills } = this.memory; // one may come ahead of its video, and again with it
      if (!stills.get(tile)) stills.set(tile, url(still, "image/jpeg"));
      const medium = { still: stills.get(tile), src: url(video, "video/mp4"), fps, frames, aspect };
      if (kind === "still") return this.arrived?.(tile, medium);
      this.there.set(tile, medium);
    }
    this.arrived?.(tile, this.there.get(tile));
  }
  close() {
    this.model.off("msg:custom", this.heard);
    this.memory.views -= 1;
    setTimeout(() => {
      if (this.memory.views) return;
      const videos = [...this.there.values()].map(({ src }) => src);
      for (const url of [...videos, ...this.memory.stills.values()]) if (url) URL.revokeObjectURL(url);
      this.there.clear();
      this.memory.stills.clear();
    }, AGAIN_WITHIN_MS);
  }
}
