// The view: nine videos or nine hundred, one clock, one control bar.

const SPEEDS = [0.25, 0.5, 1, 1.5, 2];
const MOST_LOADED = 24; // videos: of more, those that have left the view are let go

class View {
  focused = 0;
  tiles = []; // the elements of each
  clips = new Map();
  #near = new Set();

  constructor(model, el) {
    this.model = model;
    this.data = model.get("data");
    this.isLive = Boolean(model.get("live"));
    this.player = new Player(this.clips, (what) => this.#changed(what));
    this.media = this.isLive ? new KernelMedia(model) : new PageMedia(model.get("media"), this.data);
    this.marks = new Marks(this);
    this.stage = new Stage(this);
    this.#build(el);
    this.#watch();
    this.#changed();
    const before = this.media.takeOver(this);
    if (before) return this.#resume(before, before.state());
    if (this.data.pair) this.stage.begin();
  }
  /** As it was a moment ago, when the front end threw this view away. */
  #resume(view, before) {
    const { stage, player } = this;
    this.#setLoop(before.loop);
    this.speed.value = before.rate;
    player.setRate(before.rate);
    player.clock.set(before.at);
    this.playsAgain = before.isPlaying;
    stage.picked = before.picked;
    stage.showPicked();
    this.#setFocused(before.focused, false);
    stage.setWipe(before.wipe);
    if (before.mode !== "wall") stage.setMode(before.mode, true);
    this.status.textContent = before.said;
    setTimeout(() => view.closed && before.hadFocus && this.focus(before.focused), 100);
  }

  // --- building ---

  #build(el) {
    const { data, stage } = this;
    this.bar = this.#buildBar();
    this.grid = buildGrid(data, (number) => this.#buildTile(number));
    this.grid.append(stage.canvas, stage.handle);
    this.status = make("div", { class: "kw-status", role: "status", "aria-live": "polite" });
    const fold = (words, pairs) => pairs.length > 0 && make("details", {}, make("summary", { text: words }), list("kw-facts", pairs));
    this.root = make(
      "div",
      {
        class: "kie kie-frame kie-wall mathjax_ignore tex2jax_ignore", role: "group", "aria-label": `${data.pair ? WORDS.COMPARISON : WORDS.TITLE} ${data.title}`.trim(),
        "data-mode": "wall", "data-pair": data.pair,
      },
      !data.pair && buildHead(data),
      this.bar,
      stage.bar,
      make("div", { class: "kw-scroll" }, this.grid),
      stage.details,
      make("div", { class: "kie-row kw-foot-line" }, this.status, fold(WORDS.SAME, data.pair ? [] : data.same), fold(WORDS.KEYS, WORDS.KEY_LIST)),
    );
    this.root.classList.toggle("kw-many", data.rows.length > 4 || (!data.isGrid && data.tiles.length > 24));
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.root.addEventListener("focusin", () => (this.hasFocus = true));
    this.root.addEventListener("focusout", () => setTimeout(() => {
      if (this.root.isConnected && !this.root.contains(document.activeElement)) this.hasFocus = false;
    }));
    for (const kind of ["keyup", "keypress"]) this.root.addEventListener(kind, (event) => event.stopPropagation());
    // JupyterLab's own keys ("d d" deletes a cell) must not hear ours, while Ctrl+S stays its.
    this.guard = (event) =>
      this.root.toggleAttribute("data-lm-suppress-shortcuts", !(event.ctrlKey || event.metaKey));
    window.addEventListener("keydown", this.guard, true);
    this.root.toggleAttribute("data-lm-suppress-shortcuts", true);
    this.root.player = this.player; // for whoever embeds the wall, and to measure it
    el.append(this.root);
  }
  #buildBar() {
    this.playButton = iconButton("play", WORDS.PLAY, () => this.player.toggle());
    this.scrub = make("input", {
      type: "range", class: "kw-scrub", min: 0, max: 0, step: 1, value: 0, "aria-label": WORDS.FRAME,
      oninput: () => this.player.seek(Number(this.scrub.value)),
    });
    this.time = make("span", { class: "kw-time kie-soft" });
    this.speed = select(WORDS.SPEED, SPEEDS, 1, () => this.player.setRate(Number(this.speed.value)));
    this.loopButton = iconButton("loop", WORDS.LOOP, () => this.#setLoop(!this.player.loop), { "aria-pressed": "true" });
    const back = iconButton("back", WORDS.FRAME_BACK, () => this.#step(-1));
    const next = iconButton("next", WORDS.FRAME_ON, () => this.#step(1));
    return toolbar(WORDS.PLAYBACK, "", this.playButton, back, next, this.scrub, this.time, this.speed, this.loopButton);
  }
  #buildTile(number) {
    const tile = this.data.tiles[number];
    const screen = make("div", { class: "kw-screen" });
    if (tile.hasVideo) {
      const video = make("video", { playsinline: true, preload: "auto", disablepictureinpicture: true, tabindex: -1, "aria-hidden": "true" });
      video.muted = true;
      video.preservesPitch = false;
      this.clips.set(number, new Clip(video));
      video.addEventListener("loadedmetadata", () => this.player.joined(number));
      video.addEventListener("seeked", () => this.stage.draw());
      video.addEventListener("error", () => video.hasAttribute("src") && screen.classList.add("kw-broken"));
      screen.append(video, make("span", { class: "kw-none kw-trouble", text: WORDS.BROKEN }));
    } else screen.append(make("span", { class: "kw-none", text: tile.problem || WORDS.NO_VIDEO }));
    const letter = make("span", { class: "kw-letter", "aria-hidden": "true" });
    screen.append(letter);
    const { stars, tags } = this.marks.build(number);
    const pick = button(WORDS.PICK, (event) => this.press(event, number, () => this.stage.pick(number)), {
      kind: "quiet", title: WORDS.PICK_TIP, tabindex: -1, "aria-pressed": "false",
    });
    pick.classList.add("kw-pick");
    const isMarked = tile.run && !this.data.pair;
    const cell = make(
      "div",
      { class: "kw-tile", role: "gridcell", tabindex: -1, "data-tile": number },
      screen,
      make("div", { class: "kw-label kie-cut", text: tile.label, title: tile.label }),
      isMarked && make("div", { class: "kie-row kw-foot" }, stars, make("span", { class: "kie-grow" }), tags, tile.hasVideo && pick),
    );
    screen.addEventListener("click", () => this.#pressScreen(number));
    for (const kind of ["pointerdown", "pointermove"]) screen.addEventListener(kind, (event) => this.stage.drag(event));
    cell.addEventListener("focusin", () => this.#setFocused(number, false));
    this.tiles[number] = { cell, screen, pick, letter };
    this.marks.show(number);
    return cell;
  }

  // --- what is in view ---

  #watch() {
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const number = Number(entry.target.dataset.tile);
        if (entry.isIntersecting) this.#near.add(number);
        else this.#near.delete(number);
      }
      this.load();
    }, { rootMargin: "150px" });
    for (const [number] of this.clips) {
      this.#showComing(number);
      this.observer.observe(this.tiles[number].cell);
    }
    if (this.tiles.length) this.#setFocused(0, false);
    if (!this.isLive) return;
    this.marked = () => this.marks.take(this.model.get("marks"));
    this.heard = (message) => {
      if (message.kind === "trouble") this.#trouble(message);
      if (message.kind === "marked") this.marks.confirmed(message.tile, message);
    };
    this.model.on("change:marks", this.marked);
    this.model.on("msg:custom", this.heard);
    this.marked();
  }
  /** Videos are loaded when they come near, and let go when they leave: a browser plays so many and no more. */
  load() {
    const { stage, clips } = this;
    const near = stage.mode === "wall" ? this.#near : new Set(stage.shown);
    for (const [number, { video }] of clips)
      if (!near.has(number) && video.hasAttribute("src") && !stage.picked.includes(number) && clips.size > MOST_LOADED) {
        video.removeAttribute("src");
        video.load();
      }
    this.media.want([...near].filter((number) => clips.has(number)), (tile, medium) => this.#arrived(tile, medium));
    this.player.follow(near);
  }
  #arrived(number, medium) {
    const clip = this.clips.get(number);
    const { video } = clip;
    if (medium.still && !video.poster) video.poster = medium.still;
    const isNew = clip.frames !== medium.frames || clip.fps !== medium.fps;
    clip.fps = medium.fps;
    clip.frames = medium.frames;
    this.#showComing(number);
    if (medium.aspect) this.root.style.setProperty("--kw-aspect", medium.aspect);
    if (!medium.src) this.tiles[number].screen.classList.add("kw-still");
    else if (!video.hasAttribute("src") && (this.#near.has(number) || this.stage.shown.includes(number))) video.src = medium.src;
    if (isNew) this.player.measure();
    else this.#showTime();
    if (isNew && this.playsAgain && medium.src) {
      this.playsAgain = false;
      this.player.play();
    }
  }
  /** A tile is black until its still or its video is here, and says so. */
  #showComing(number) {
    const isBlack = !this.clips.get(number).video.poster && this.media.isComing(number);
    this.tiles[number].screen.classList.toggle("kw-coming", isBlack);
  }
  #trouble(message) {
    this.marks.failed(message.tile);
    for (const number of this.clips.keys()) this.#showComing(number);
    this.#showTime();
    this.complain(message.text);
  }

  // --- playing ---

  #changed(what) {
    const { player } = this;
    if (!this.time) return;
    this.scrub.max = Math.max(0, player.frames - 1);
    this.scrub.disabled = !player.frames;
    this.#showTime();
    const label = player.isPlaying ? WORDS.PAUSE : WORDS.PLAY;
    this.playButton.replaceChildren(icon(player.isPlaying ? "pause" : "play"));
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = label;
    if (what === "play") {
      this.#run();
      this.say(WORDS.PLAYING);
    } else if (what) this.say(fill(WORDS.PAUSED, { frame: player.frame + 1, of: player.frames }));
  }
  #showTime() {
    const { player } = this;
    this.scrub.value = player.frame;
    const seconds = player.fps ? player.frame / player.fps : 0;
    this.time.textContent = player.frames
      ? `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")} · ${fill(WORDS.AT_FRAME, { frame: player.frame + 1, of: player.frames })}`
      : [...this.clips.keys()].some((number) => this.media.isComing(number)) ? WORDS.LOADING : WORDS.NO_VIDEO;
    this.scrub.setAttribute("aria-valuetext", this.time.textContent);
  }
  #run() {
    let told = null;
    const turn = () => {
      if (!this.player.isPlaying) return;
      if (this.player.frame !== told) {
        told = this.player.frame;
        this.#showTime();
        this.stage.draw();
      }
      requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }
  #step(frames) {
    this.player.seek(this.player.frame + frames);
    this.say(fill(WORDS.AT_FRAME, { frame: this.player.frame + 1, of: this.player.frames }));
  }
  #setLoop(loop) {
    this.player.loop = loop;
    this.loopButton.setAttribute("aria-pressed", String(loop));
    this.say(loop ? WORDS.LOOPS : WORDS.LOOPS_NOT);
  }
  say(text, isBad = false) {
    this.status.classList.toggle("kie-error", isBad);
    this.status.textContent = text;
  }
  complain(text) {
    this.say(text, true);
  }

  // --- mouse and keys ---

  focus(number) {
    this.tiles[number]?.cell.focus({ preventScroll: true });
  }
  #pressScreen(number) {
    this.focus(number);
    if (this.stage.mode === "wall") this.stage.enlarge(number);
    else if (this.stage.mode !== "wipe") this.player.toggle();
  }
  /** A button of a tile: after a mouse the keys go to the tile, as its tooltip says; a key leaves the focus where it is. */
  press(event, number, act) {
    if (event.detail) this.focus(number);
    act();
  }
  #setFocused(number, isMoved) {
    const before = this.tiles[this.focused]?.cell;
    if (before) before.tabIndex = -1;
    this.focused = number;
    const { cell } = this.tiles[number];
    cell.tabIndex = 0;
    if (isMoved) cell.focus();
  }
  #key(event) {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    const isTile = target.classList.contains("kw-tile");
    const takesText = target.matches("input[type=text], select");
    if (takesText && key !== "Escape") return;
    if (target.matches("button, summary") && (key === " " || key === "Enter")) return;
    const movesWipe = target === this.stage.wipe && (key === "Home" || key === "End");
    if (target.matches("input[type=range]") && (key.startsWith("Arrow") || key.startsWith("Page") || movesWipe)) return;
    if (this.#do(key, isTile)) event.preventDefault();
  }
  #do(key, isTile) {
    const { stage, player, marks, focused } = this;
    const inWall = stage.mode === "wall";
    if (isTile && inWall && key.startsWith("Arrow")) return this.#move(key), true;
    const takesMarks = isTile && !stage.isComparing;
    if (takesMarks && /^[0-5]$/.test(key)) return marks.ask(focused, { kind: "rate", stars: Number(key) || null }), true;
    const actions = {
      " ": () => player.toggle(),
      ",": () => this.#step(-1),
      ".": () => this.#step(1),
      ArrowLeft: () => this.#step(-1),
      ArrowRight: () => this.#step(1),
      Home: () => player.seek(0),
      End: () => player.seek(player.frames - 1),
      Escape: () => (inWall ? stage.picked.length && stage.pick(stage.picked[0]) : stage.leave()),
      l: () => this.#setLoop(!player.loop),
      d: () => stage.setMode(COMPARING[(COMPARING.indexOf(stage.mode) + 1) % COMPARING.length]),
      ...(isTile && inWall ? { Enter: () => stage.enlarge(focused) } : {}),
      ...(takesMarks ? { c: () => stage.pick(focused), t: () => marks.askTag(focused) } : {}),
    };
    const act = actions[key.length === 1 ? key.toLowerCase() : key];
    act?.();
    return Boolean(act);
  }
  /** To the nearest tile in that direction, as it looks on screen. */
  #move(key) {
    const here = this.tiles[this.focused].cell.getBoundingClientRect();
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    let best = null;
    this.tiles.forEach(({ cell }, number) => {
      const there = cell.getBoundingClientRect();
      const [dx, dy] = [there.left - here.left, there.top - here.top];
      const along = dx * x + dy * y;
      const across = Math.abs(dx * y) + Math.abs(dy * x);
      if (along < 5 || across > (x ? here.height : here.width) / 2) return;
      if (!best || along + 3 * across < best.far) best = { number, far: along + 3 * across };
    });
    if (best) this.#setFocused(best.number, true);
  }

  state() {
    if (this.lastState) return this.lastState;
    const { player: { clock, isPlaying, loop }, stage } = this;
    return {
      at: clock.now(), rate: clock.rate, isPlaying, loop, mode: stage.mode, picked: [...stage.picked], focused: this.focused,
      wipe: Number(stage.wipe.value), said: this.status.textContent, hadFocus: this.hasFocus,
    };
  }
  close() {
    this.lastState = this.state();
    this.closed = performance.now();
    this.player.close();
    this.observer.disconnect();
    this.media.close();
    this.marks.close();
    window.removeEventListener("keydown", this.guard, true);
    if (this.isLive) {
      this.model.off("change:marks", this.marked);
      this.model.off("msg:custom", this.heard);
    }
    this.root.remove();
  }
}
