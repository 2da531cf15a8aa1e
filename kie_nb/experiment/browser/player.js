// Lock step: one clock, and every video that is in view brought to it.

const CORRECT_EVERY_MS = 50;
const FAR_S = 0.25; // further off than this, a video is sent to its place; nearer, it is hurried or held back
const NEAR_S = 0.0015;
const WRONG_S = 0.01; // when the middle one of them is so far off, the clock is wrong, not they
const READY_WITHIN_MS = 2000; // a video that cannot keep up must not hold the others forever

/** The time that all videos follow, in seconds. */
class Clock {
  at = 0;
  rate = 1;
  #since = null;

  get isRunning() {
    return this.#since !== null;
  }
  now(moment = performance.now()) {
    return this.#since === null ? this.at : this.at + ((moment - this.#since) / 1000) * this.rate;
  }
  set(at) {
    this.at = at;
    if (this.isRunning) this.#since = performance.now();
  }
  start() {
    this.#since = performance.now();
  }
  stop() {
    this.at = this.now();
    this.#since = null;
  }
  setRate(rate) {
    this.set(this.now());
    this.rate = rate;
  }
}

/** One video on the wall. */
class Clip {
  #wanted = null;
  #waiting = [];

  constructor(video) {
    this.video = video;
    this.fps = 0;
    this.frames = 0;
    video.addEventListener("seeked", () => this.#arrived());
    video.addEventListener("error", () => this.#arrived());
  }
  get isThere() {
    return this.frames > 0 && this.video.hasAttribute("src") && this.video.readyState >= 1;
  }
  get seconds() {
    return this.fps ? this.frames / this.fps : 0;
  }
  get lastMoment() {
    return this.middle(this.frames - 1);
  }
  frameAt(seconds) {
    return clamp(Math.floor(seconds * this.fps + 1e-6), 0, this.frames - 1);
  }
  middle(frame) {
    return (frame + 0.5) / this.fps; // never on the border of two frames
  }
  /** Show exactly the frame of this moment; of several wishes the last one counts. */
  show(seconds) {
    if (!this.isThere) return;
    const at = this.middle(this.frameAt(seconds));
    if (!this.video.seeking && Math.abs(this.video.currentTime - at) < 1e-4) return;
    this.#wanted = at;
    if (!this.video.seeking) this.#go();
  }
  /** When it stands where it was sent to. */
  settled() {
    if (!this.isThere || (!this.video.seeking && this.#wanted === null)) return Promise.resolve();
    return new Promise((done) => this.#waiting.push(done));
  }
  #go() {
    this.video.currentTime = this.#wanted;
    this.#wanted = null;
  }
  #arrived() {
    if (this.#wanted !== null && !this.video.error) return this.#go();
    this.#wanted = null;
    for (const done of this.#waiting.splice(0)) done();
  }
}

/** Drives the videos that are in view: all of them follow one clock, and each is corrected against it. */
class Player {
  clock = new Clock();
  loop = true;
  isPlaying = false;
  fps = 0;
  frames = 0;
  #turn = 0;
  #timer = null;

  constructor(clips, changed) {
    this.clips = clips; // all of them, by tile
    this.active = new Set();
    this.changed = changed;
  }
  get seconds() {
    return this.fps ? this.frames / this.fps : 0;
  }
  get frame() {
    return this.fps ? clamp(Math.floor(this.clock.now() * this.fps + 1e-6), 0, this.frames - 1) : 0;
  }
  /** The longest and the quickest decide how long the wall is, and what a step is. */
  measure() {
    const known = [...this.clips.values()].filter((clip) => clip.frames);
    const now = this.clock.now();
    this.fps = Math.max(0, ...known.map((clip) => clip.fps));
    this.frames = Math.round(Math.max(0, ...known.map((clip) => clip.seconds)) * this.fps);
    if (!this.isPlaying && this.fps) this.clock.set((clamp(Math.floor(now * this.fps), 0, this.frames - 1) + 0.5) / this.fps);
    this.changed();
  }
  #present() {
    return [...this.active].map((tile) => this.clips.get(tile)).filter((clip) => clip && clip.isThere);
  }
  /** Another set of tiles is in view. */
  follow(tiles) {
    for (const tile of this.active) if (!tiles.has(tile)) this.clips.get(tile)?.video.pause();
    this.active = new Set(tiles);
    if (this.isPlaying) this.#correct();
    else for (const clip of this.#present()) clip.show(this.clock.now());
  }
  joined(tile) {
    if (this.active.has(tile) && !this.isPlaying) this.clips.get(tile).show(this.clock.now());
  }
  toggle() {
    return this.isPlaying ? this.pause() : this.play();
  }
  async play() {
    if (this.isPlaying || !this.frames) return;
    if (this.frame >= this.frames - 1) this.clock.set(0);
    this.isPlaying = true;
    this.changed("play");
    await this.#begin();
  }
  pause() {
    this.#halt();
    this.isPlaying = false;
    if (this.fps) this.seek(this.frame);
    this.changed("pause");
  }
  #halt() {
    this.#turn += 1;
    clearInterval(this.#timer);
    this.clock.stop();
    for (const clip of this.clips.values()) clip.video.pause();
  }
  /** All are brought to the same moment first, and then let go together. */
  async #begin() {
    const turn = ++this.#turn;
    const clips = this.#present();
    const running = clips.filter((clip) => this.clock.at < clip.lastMoment);
    for (const clip of clips) clip.show(this.clock.at);
    await Promise.race([Promise.all(clips.map((clip) => clip.settled())), pause(READY_WITHIN_MS)]);
    if (turn !== this.#turn) return;
    for (const clip of running) clip.video.playbackRate = this.clock.rate;
    const started = Promise.allSettled(running.map((clip) => clip.video.play()));
    await Promise.race([started, pause(READY_WITHIN_MS)]);
    if (turn !== this.#turn) return;
    const moments = running.map((clip) => clip.video.currentTime).sort((one, other) => one - other);
    if (moments.length) this.clock.set(moments[Math.floor(moments.length / 2)]);
    this.clock.start();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#correct(), CORRECT_EVERY_MS);
  }
  #correct() {
    if (!this.clock.isRunning) return;
    const clips = this.#present();
    this.#waitForAll(clips);
    const now = this.clock.now();
    if (now >= this.seconds - 0.25 / this.fps) return this.#end();
    for (const clip of clips) {
      const { video } = clip;
      if (now >= clip.lastMoment) {
        if (!video.paused) video.pause();
        clip.show(now); // the shorter ones hold their last frame
      } else if (video.paused && !video.seeking) {
        video.currentTime = now + CORRECT_EVERY_MS / 1000;
        video.playbackRate = this.clock.rate;
        video.play().catch(() => {}); // it has left the view meanwhile
      } else if (!video.seeking && video.readyState >= 2) this.#nudge(video, video.currentTime - now);
    }
  }
  /** Videos take a moment to get going, and a machine that is too slow for all of them plays them slower, and together. */
  #waitForAll(clips) {
    const now = this.clock.now();
    const drifts = clips
      .filter(({ video, lastMoment }) => !video.paused && !video.seeking && now < lastMoment)
      .map(({ video }) => video.currentTime - now)
      .sort((one, other) => one - other);
    const usual = drifts[Math.floor(drifts.length / 2)];
    if (Math.abs(usual) > WRONG_S) this.clock.set(now + usual);
  }
  #nudge(video, drift) {
    const { rate } = this.clock;
    if (Math.abs(drift) > FAR_S * Math.max(1, rate)) video.currentTime = this.clock.now() + 0.1 * rate;
    const wanted = Math.abs(drift) < NEAR_S ? rate : rate * (1 - clamp(drift * 8, -0.5, 0.5));
    if (Math.abs(video.playbackRate - wanted) > 0.005) video.playbackRate = wanted;
  }
  #end() {
    this.#halt();
    if (this.loop) {
      this.clock.set(0);
      this.#begin();
    } else {
      this.isPlaying = false;
      this.seek(this.frames - 1);
      this.changed("end");
    }
  }
  /** Every video shows its frame at the middle of this one. */
  seek(frame) {
    if (this.isPlaying) {
      this.#halt();
      this.isPlaying = false;
      this.changed("pause");
    }
    if (!this.fps) return;
    this.clock.set((clamp(frame, 0, this.frames - 1) + 0.5) / this.fps);
    for (const clip of this.#present()) clip.show(this.clock.at);
    this.changed();
  }
  setRate(rate) {
    this.clock.setRate(rate);
    if (this.isPlaying) for (const clip of this.#present()) clip.video.playbackRate = rate;
  }
  settled() {
    return Promise.all(this.#present().map((clip) => clip.settled()));
  }
  close() {
    this.#halt();
    this.isPlaying = false;
  }
}
