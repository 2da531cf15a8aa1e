// The view: nine videos or nine hundred, one clock, one control bar.

const SPEEDS = [0.25, 0.5, 1, 1.5, 2];
const ANSWER_WITHIN_MS = 8000;

class View {
  #near = new Set();
  #picked = []; // the tiles of A and B
  #mode = "wall"; // or "one", "wipe", "difference"
  #focused = 0;
  #waiting = new Map(); // tiles whose mark the kernel has not confirmed

  constructor(model, el) {
    this.model = model;
    this.data = model.get("data");
    this.isLive = Boolean(model.get("live"));
    this.marks = this.data.tiles.map((tile) => ({ rating: tile.rating, tags: tile.tags }));
    this.tiles = [];
    this.clips = new Map();
    this.player = new Player(this.clips, (what) => this.#changed(what));
    this.media = this.isLive ? new KernelMedia(model) : new PageMedia(model.get("media"), this.data);
    this.#build(el);
    this.#watch();
    this.#changed();
    const before = this.media.takeOver(this);
    if (before) this.#resume(before, before.state());
  }
  /** As it was a moment ago, when the front end threw this view away. */
  #resume(view, before) {
    this.#setLoop(before.loop);
    this.speed.value = before.rate;
    this.player.setRate(before.rate);
    this.player.clock.set(before.at);
    this.playsAgain = before.isPlaying;
    this.#picked = before.picked;
    this.#showPicked();
    this.#setFocused(before.focused, false);
    this.#setWipe(before.wipe);
    if (before.mode !== "wall") this.#setMode(before.mode, true);
    this.status.textContent = before.said;
    const look = () => view.closed && before.hadFocus && this.tiles[before.focused].cell.focus({ preventScroll: true });
    setTimeout(look, 100);
  }

  // --- building ---

  #build(el) {
    this.bar = this.#buildBar();
    this.stageBar = this.#buildStageBar();
    this.grid = this.#buildGrid();
    this.canvas = make("canvas", { class: "kw-canvas", role: "img" });
    this.difference = new Difference(this.canvas);
    this.handle = make("div", { class: "kw-handle", "aria-hidden": "true" });
    this.grid.append(this.canvas, this.handle);
    this.details = make("div", { class: "kw-details" });
    this.status = make("div", { class: "kw-status", role: "status", "aria-live": "polite" });
    this.root = make(
      "div",
      { class: "kie-wall mathjax_ignore tex2jax_ignore", role: "group", "aria-label": `Video wall ${this.data.title}`.trim(), "data-mode": "wall" },
      this.#buildHead(),
      this.bar,
      this.stageBar,
      make("div", { class: "kw-scroll" }, this.grid),
      this.details,
      this.#buildFoot(),
    );
    this.root.classList.toggle("kw-many", this.data.rows.length > 4 || (!this.data.isGrid && this.data.tiles.length > 24));
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
  #buildHead() {
    const videos = this.data.tiles.filter((tile) => tile.hasVideo).length;
    const same = this.data.same.map(([name, value]) =>
      make("span", { class: "kw-fact", title: `${name}: ${value}` }, make("i", { text: name }), ` ${value}`),
    );
    return make(
      "div",
      { class: "kw-head" },
      make(
        "div",
        { class: "kw-title" },
        this.data.title && make("b", { text: this.data.title }),
        this.data.simulated &&
          make("span", { class: "kw-badge", text: "SIMULATED", title: "made by the embedded simulator; costs nothing" }),
        make("span", { class: "kw-muted", text: `${videos} ${videos === 1 ? "video" : "videos"}` }),
      ),
      same.length > 0 && make("div", { class: "kw-same" }, make("span", { class: "kw-muted", text: "same in all" }), ...same),
    );
  }
  #button(name, label, press, options = {}) {
    const inside = ICONS[name] ? icon(name) : name;
    return make("button", { type: "button", class: "kw-button", "aria-label": label, title: label, onclick: press, ...options }, inside);
  }
  #buildBar() {
    this.playButton = this.#button("play", "Play (space)", () => this.player.toggle());
    this.scrub = make("input", {
      type: "range", class: "kw-scrub", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame",
      oninput: () => this.player.seek(Number(this.scrub.value)),
    });
    this.time = make("span", { class: "kw-time" });
    this.speed = make(
      "select",
      { class: "kw-select", "aria-label": "Speed", title: "Speed", onchange: () => this.player.setRate(Number(this.speed.value)) },
      ...SPEEDS.map((speed) => make("option", { value: speed, text: `${speed}×`, selected: speed === 1 })),
    );
    this.loopButton = this.#button("loop", "Loop (L)", () => this.#setLoop(!this.player.loop), { "aria-pressed": "true" });
    return make(
      "div",
      { class: "kw-bar", role: "toolbar", "aria-label": "Playback of all videos" },
      this.playButton,
      this.#button("back", "One frame back (,)", () => this.#step(-1)),
      this.#button("next", "One frame on (.)", () => this.#step(1)),
      this.scrub,
      this.time,
      this.speed,
      this.loopButton,
    );
  }
  #buildStageBar() {
    this.wipe = make("input", {
      type: "range", class: "kw-wipe", min: 0, max: 100, step: 1, value: 50, "aria-label": "Wipe: how much of A is shown, in percent",
      oninput: () => this.#setWipe(Number(this.wipe.value)),
    });
    this.gain = make(
      "select",
      { class: "kw-select", "aria-label": "Amplification", title: "Amplification", onchange: () => this.#drawDifference() },
      ...[1, 2, 4, 8, 16].map((gain) => make("option", { value: gain, text: `${gain}×`, selected: gain === 4 })),
    );
    this.figure = make("span", { class: "kw-figure" });
    this.wipeButton = this.#button("Wipe", "Wipe between A and B (D)", () => this.#setMode("wipe"));
    this.differenceButton = this.#button("Difference", "What differs between A and B (D)", () => this.#setMode("difference"));
    return make(
      "div",
      { class: "kw-bar kw-stage-bar", role: "toolbar", "aria-label": "Comparison" },
      (this.backButton = this.#button("Back", "Back to the wall (Esc)", () => this.#leave())),
      make("span", { class: "kw-only-compare kw-pair" }, this.wipeButton, this.differenceButton),
      make("span", { class: "kw-only-wipe kw-ends" }, "A", this.wipe, "B"),
      make("span", { class: "kw-only-difference kw-ends" }, make("span", { class: "kw-muted", text: "|A − B|" }), this.gain, this.figure),
    );
  }
  #buildGrid() {
    const { rows, cols, isGrid } = this.data;
    const grid = make("div", { class: isGrid ? "kw-grid" : "kw-grid kw-flow", role: "grid", "aria-label": "Videos" });
    if (isGrid) {
      const named = rows.some((heading) => heading.length);
      grid.style.setProperty("--kw-cols", cols.length);
      grid.classList.toggle("kw-no-rows", !named);
      if (cols.some((heading) => heading.length))
        grid.append(
          make("div", { role: "row", class: "kw-row" }, named && make("div", { class: "kw-corner", role: "presentation" }), ...cols.map((heading) => this.#heading(heading, "columnheader"))),
        );
    }
    const lines = isGrid ? rows : [[]];
    lines.forEach((heading, row) => {
      const line = make("div", { role: "row", class: "kw-row" }, heading.length > 0 && this.#heading(heading, "rowheader"));
      const at = new Map(this.data.tiles.map((tile, number) => [tile, number]).filter(([tile]) => tile.row === row).map(([tile, number]) => [tile.col, number]));
      const width = isGrid ? cols.length : this.data.tiles.length;
      for (let col = 0; col < width; col++)
        line.append(at.has(col) ? this.#buildTile(at.get(col)) : make("div", { class: "kw-gap", role: "gridcell" }));
      grid.append(line);
    });
    return grid;
  }
  #heading(heading, role) {
    return make(
      "div",
      { class: `kw-heading kw-${role}`, role, title: heading.map(([name, value]) => `${name}: ${value}`).join("\n") },
      ...heading.map(([name, value]) => make("div", {}, make("i", { text: name }), ` ${value}`)),
    );
  }
  #buildTile(number) {
    const tile = this.data.tiles[number];
    const screen = make("div", { class: "kw-screen" });
    if (tile.hasVideo) {
      const video = make("video", { playsinline: true, preload: "auto", disablepictureinpicture: true, tabindex: -1, "aria-hidden": "true" });
      video.muted = true;
      video.preservesPitch = false;
      const clip = new Clip(video);
      video.addEventListener("loadedmetadata", () => this.player.joined(number));
      video.addEventListener("seeked", () => this.#mode === "difference" && this.#drawDifference());
      video.addEventListener("error", () => video.hasAttribute("src") && screen.classList.add("kw-broken"));
      this.clips.set(number, clip);
      screen.append(video, make("span", { class: "kw-none kw-trouble", text: "this video cannot be played here" }));
    } else screen.append(make("span", { class: "kw-none", text: tile.problem || "no video" }));
    const letter = make("span", { class: "kw-letter", "aria-hidden": "true" });
    screen.append(letter);
    const stars = make("span", { class: "kw-stars", role: "group", "aria-label": "Rating" });
    for (let star = 1; star <= 5; star++)
      stars.append(
        make("button", {
          type: "button", class: "kw-star", tabindex: -1, text: "★",
          onclick: (event) => this.#press(event, number, () => this.#rate(number, star)),
        }),
      );
    const tags = make("span", { class: "kw-tags" });
    const pick = make("button", {
      type: "button", class: "kw-pick", tabindex: -1, text: "A/B", "aria-pressed": "false", "aria-label": "Choose for comparison (C)",
      title: "Choose two for comparison (C)", onclick: (event) => this.#press(event, number, () => this.#pick(number)),
    });
    const cell = make(
      "div",
      { class: "kw-tile", role: "gridcell", tabindex: -1, "data-tile": number },
      screen,
      make("div", { class: "kw-label", text: tile.label, title: tile.label }),
      tile.run && make("div", { class: "kw-foot" }, stars, tile.hasVideo && pick),
      tile.run && tags,
    );
    screen.addEventListener("click", () => this.#pressScreen(number));
    for (const kind of ["pointerdown", "pointermove"]) screen.addEventListener(kind, (event) => this.#drag(event));
    cell.addEventListener("focusin", () => this.#setFocused(number, false));
    this.tiles[number] = { cell, screen, stars, tags, pick, letter };
    this.#showMarks(number);
    return cell;
  }
  #buildFoot() {
    const keys = [
      ["space", "play, pause"], [", .", "frame back, on (← → outside the grid)"], ["Home End", "first, last frame"], ["arrows", "from tile to tile"],
      ["Enter", "enlarge"], ["C", "choose for A/B"], ["D", "wipe or difference"], ["Esc", "back"], ["1–5, 0", "rate, take the rating away"], ["T", "tag"], ["L", "loop"],
    ];
    const list = make("dl", { class: "kw-keys" }, ...keys.flatMap(([key, what]) => [make("dt", { text: key }), make("dd", { text: what })]));
    return make("div", { class: "kw-foot-line" }, this.status, make("details", {}, make("summary", { text: "Keys" }), list));
  }

  // --- what is in view ---

  #watch() {
    const root = this.data.tiles.length;
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const number = Number(entry.target.dataset.tile);
        if (entry.isIntersecting) this.#near.add(number);
        else this.#near.delete(number);
      }
      this.#load();
    }, { rootMargin: "150px" });
    for (const [number] of this.clips) {
      this.#showComing(number);
      this.observer.observe(this.tiles[number].cell);
    }
    if (root) this.#setFocused(0, false);
    if (this.isLive) {
      this.marked = () => this.#takeMarks();
      this.heard = (message) => {
        if (message.kind === "trouble") this.#trouble(message);
        if (message.kind === "marked") this.#confirmed(message.tile, { rating: message.rating, tags: message.tags });
      };
      this.model.on("change:marks", this.marked);
      this.model.on("msg:custom", this.heard);
      this.#takeMarks();
    }
  }
  /** Videos are loaded when they come near, and let go when they leave: a browser plays so many and no more. */
  #load() {
    const near = this.#mode === "wall" ? this.#near : new Set(this.#shown());
    for (const [number, clip] of this.clips)
      if (!near.has(number) && clip.video.hasAttribute("src") && !this.#picked.includes(number) && this.clips.size > 24) {
        clip.video.removeAttribute("src");
        clip.video.load();
      }
    this.media.want([...near].filter((number) => this.clips.has(number)), (tile, medium) => this.#arrived(tile, medium));
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
    else if (!video.hasAttribute("src") && (this.#near.has(number) || this.#shown().includes(number))) video.src = medium.src;
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

  // --- playing ---

  #changed(what) {
    const { player } = this;
    if (!this.time) return;
    const last = Math.max(0, player.frames - 1);
    this.scrub.max = last;
    this.scrub.disabled = !player.frames;
    this.#showTime();
    this.playButton.replaceChildren(icon(player.isPlaying ? "pause" : "play"));
    const label = player.isPlaying ? "Pause (space)" : "Play (space)";
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = label;
    if (what === "play") this.#run();
    if (what === "play") this.#say("Playing");
    if (what === "pause" || what === "end") this.#say(`Paused at frame ${player.frame + 1} of ${player.frames}`);
  }
  #showTime() {
    const { player } = this;
    this.scrub.value = player.frame;
    const seconds = player.fps ? player.frame / player.fps : 0;
    this.time.textContent = player.frames
      ? `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")} · frame ${player.frame + 1} of ${player.frames}`
      : [...this.clips.keys()].some((number) => this.media.isComing(number)) ? "loading" : "no video";
    this.scrub.setAttribute("aria-valuetext", this.time.textContent);
  }
  #run() {
    let told = null;
    const turn = () => {
      if (!this.player.isPlaying) return;
      if (this.player.frame !== told) {
        told = this.player.frame;
        this.#showTime();
        if (this.#mode === "difference") this.#drawDifference();
      }
      requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }
  #step(frames) {
    this.player.seek(this.player.frame + frames);
    this.#say(`Frame ${this.player.frame + 1} of ${this.player.frames}`);
  }
  #setLoop(loop) {
    this.player.loop = loop;
    this.loopButton.setAttribute("aria-pressed", String(loop));
    this.#say(loop ? "Loops" : "Stops at the end");
  }
  #say(text) {
    this.status.classList.remove("kw-bad");
    this.status.textContent = text;
  }
  #complain(text) {
    this.status.classList.add("kw-bad");
    this.status.textContent = text;
  }

  // --- enlarging and comparing ---

  #shown() {
    return this.#mode === "one" ? [this.#focused] : this.#picked;
  }
  #pressScreen(number) {
    this.tiles[number].cell.focus({ preventScroll: true });
    if (this.#mode === "wall") this.#enlarge(number);
    else if (this.#mode === "one") this.player.toggle();
  }
  /** A button of a tile: after a mouse the keys go to the tile, as its tooltip says; a key leaves the focus where it is. */
  #press(event, number, act) {
    if (event.detail) this.tiles[number].cell.focus({ preventScroll: true });
    act();
  }
  #enlarge(number) {
    this.#focused = number;
    this.#setMode("one");
  }
  #pick(number) {
    if (!this.clips.has(number)) return this.#complain("There is no video to compare.");
    const at = this.#picked.indexOf(number);
    if (at >= 0) this.#picked.splice(at, 1);
    else this.#picked = [...this.#picked.slice(-1), number];
    this.#showPicked();
    if (this.#picked.length === 2) this.#setMode("wipe");
    else if (this.#picked.length) this.#say(`A is ${this.data.tiles[this.#picked[0]].label}; choose another for B`);
    else this.#say("Nothing is chosen");
  }
  #showPicked() {
    this.tiles.forEach((tile, number) => {
      const letter = "AB"[this.#picked.indexOf(number)] ?? "";
      tile.letter.textContent = letter;
      tile.cell.classList.toggle("kw-picked", Boolean(letter));
      tile.pick.setAttribute("aria-pressed", String(Boolean(letter)));
      tile.cell.style.setProperty("--kw-order", letter === "B" ? 2 : 1);
      tile.cell.classList.toggle("kw-b", letter === "B");
    });
  }
  #setMode(mode, isQuiet = false) {
    if ((mode === "wipe" || mode === "difference") && this.#picked.length < 2) return this.#complain("Choose two videos first: A/B on each, or C.");
    this.#mode = mode;
    this.root.dataset.mode = mode;
    const shown = this.#shown();
    this.tiles.forEach((tile, number) => tile.cell.classList.toggle("kw-on", mode !== "wall" && shown.includes(number)));
    this.wipeButton.setAttribute("aria-pressed", String(mode === "wipe"));
    this.differenceButton.setAttribute("aria-pressed", String(mode === "difference"));
    this.#setWipe(Number(this.wipe.value));
    this.#load();
    this.#showDetails();
    if (mode === "difference") this.#drawDifference();
    if (isQuiet) return;
    if (mode === "wall") this.tiles[this.#focused]?.cell.focus({ preventScroll: true });
    else if (mode === "one") this.tiles[this.#focused].cell.focus({ preventScroll: true });
    else if (mode === "wipe") this.wipe.focus({ preventScroll: true });
    else this.differenceButton.focus({ preventScroll: true });
    if (mode !== "wall") this.root.scrollIntoView({ block: "nearest" });
    const names = shown.map((number) => this.data.tiles[number].label);
    this.#say({ wall: "The whole wall", one: `Enlarged: ${names[0]}`, wipe: `A: ${names[0]}; B: ${names[1]}`, difference: `Difference of ${names[0]} and ${names[1]}` }[mode]);
  }
  #leave() {
    const wasComparing = this.#mode === "wipe" || this.#mode === "difference";
    if (wasComparing) {
      this.#focused = this.#picked[1];
      this.#picked = [];
      this.#showPicked();
    }
    this.#setMode("wall");
    this.tiles[this.#focused]?.cell.scrollIntoView({ block: "nearest" });
  }
  #setWipe(percent) {
    this.wipe.value = percent;
    this.root.style.setProperty("--kw-wipe", `${percent}%`);
    this.wipe.setAttribute("aria-valuetext", `${percent} percent A`);
  }
  #drag(event) {
    if (this.#mode !== "wipe" || !event.buttons) return;
    event.preventDefault();
    const box = this.grid.getBoundingClientRect();
    this.#setWipe(clamp(Math.round((100 * (event.clientX - box.left)) / box.width), 0, 100));
  }
  #showDetails() {
    if (this.#mode === "wall") return this.details.replaceChildren();
    const [one, other] = this.#shown().map((number) => this.data.tiles[number]);
    if (!other) {
      const facts = [...one.facts, ...this.data.same, ...(one.run ? [["run", one.run]] : [])];
      const list = make("dl", { class: "kw-facts" }, ...facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
      return this.details.replaceChildren(list);
    }
    const [first, second] = [new Map(one.facts), new Map(other.facts)];
    const names = [...new Set([...first.keys(), ...second.keys()])].filter((name) => first.get(name) !== second.get(name));
    const cell = (text, tag = "td", more = {}) => make(tag, { text: text ?? "–", ...more });
    const lines = names.map((name) => make("tr", {}, cell(name, "th", { scope: "row" }), cell(first.get(name)), cell(second.get(name))));
    const head = make("tr", {}, cell("", "td"), cell("A", "th", { scope: "col" }), cell("B", "th", { scope: "col" }));
    this.details.replaceChildren(
      names.length
        ? make("table", { class: "kw-differences" }, make("caption", { text: "What differs" }), make("thead", {}, head), make("tbody", {}, ...lines))
        : make("p", { class: "kw-muted", text: "No parameter differs: the same request." }),
    );
  }
  #drawDifference() {
    const [one, other] = this.#picked.map((number) => this.clips.get(number)?.video);
    if (!one || !other || one.readyState < 2 || other.readyState < 2) return;
    const mean = this.difference.draw(one, other, Number(this.gain.value));
    this.figure.textContent = mean === null ? "" : `mean difference ${(100 * mean).toFixed(2)} %`;
    this.canvas.setAttribute("aria-label", `Difference of A and B. ${this.figure.textContent}`);
    this.canvas.dataset.mean = mean ?? "";
  }

  // --- marks ---

  #showMarks(number) {
    const { stars, tags, cell } = this.tiles[number];
    const { rating, tags: words } = this.marks[number];
    const tile = this.data.tiles[number];
    const reason = this.isLive ? "" : "Rating needs a running kernel: this is a saved page";
    [...stars.children].forEach((star, at) => {
      star.classList.toggle("kw-set", at < (rating ?? 0));
      star.disabled = !this.isLive;
      const takesAway = this.isLive && at + 1 === rating;
      star.title = reason || (takesAway ? "Take the rating away (key 0)" : `${at + 1} of 5 (key ${at + 1})`);
      star.setAttribute("aria-label", takesAway ? `${rating} of 5: take the rating away` : `${at + 1} of 5`);
    });
    stars.title = reason;
    const add = this.isLive && make("button", { type: "button", class: "kw-add", tabindex: -1, text: "+ tag", title: "Add a tag (T)", onclick: () => this.#askTag(number) });
    tags.replaceChildren(...words.map((word) => make("span", { class: "kw-tag", text: word })), ...(add ? [add] : []));
    const said = [tile.label, tile.hasVideo ? "" : tile.problem, rating ? `rated ${rating} of 5` : "", words.length ? `tags ${words.join(", ")}` : ""];
    cell.setAttribute("aria-label", said.filter(Boolean).join(", "));
  }
  #takeMarks() {
    for (const [number, marks] of Object.entries(this.model.get("marks") ?? {})) {
      this.marks[number] = marks;
      this.#showMarks(Number(number));
    }
  }
  #confirmed(number, marks) {
    this.marks[number] = marks;
    this.#showMarks(number);
    if (!this.#waiting.has(number)) return; // another view of this wall has asked
    clearTimeout(this.#waiting.get(number));
    this.#waiting.delete(number);
    const said = [this.data.tiles[number].label, marks.rating ? `${marks.rating} of 5` : "no rating", ...marks.tags];
    this.#say(`Saved: ${said.join(", ")}`);
  }
  #ask(number, message) {
    if (!this.isLive) return this.#complain("Rating and tags need a running kernel: this is a saved page.");
    if (!this.data.tiles[number].run) return this.#complain("There is no run here to say anything of.");
    clearTimeout(this.#waiting.get(number));
    this.#waiting.set(number, setTimeout(() => {
      this.#waiting.delete(number);
      this.#complain("The kernel has not answered yet: it is busy, or gone. What is shown is what was saved.");
    }, ANSWER_WITHIN_MS));
    this.model.send({ ...message, tile: number });
  }
  #rate(number, stars) {
    this.#ask(number, { kind: "rate", stars: stars === this.marks[number].rating ? null : stars });
  }
  #askTag(number) {
    if (!this.isLive) return this.#ask(number, {});
    const { tags, cell } = this.tiles[number];
    const input = make("input", { class: "kw-input", type: "text", maxlength: 200, "aria-label": "Tag", placeholder: "tag, Enter" });
    const done = (isSaved) => {
      const word = input.value.trim();
      input.remove();
      if (isSaved && word) this.#ask(number, { kind: "tag", tag: word });
      cell.focus({ preventScroll: true });
    };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        done(event.key === "Enter");
      }
    });
    tags.after(input); // not in them: they are written anew when a rating is saved meanwhile
    input.focus();
  }
  #trouble(message) {
    clearTimeout(this.#waiting.get(message.tile));
    this.#waiting.delete(message.tile);
    for (const number of this.clips.keys()) this.#showComing(number);
    this.#showTime();
    this.#complain(message.text);
  }

  // --- keys ---

  #setFocused(number, isMoved) {
    const before = this.tiles[this.#focused]?.cell;
    if (before) before.tabIndex = -1;
    this.#focused = number;
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
    if (target.matches("input[type=range]") && (key.startsWith("Arrow") || key.startsWith("Page") || (target === this.wipe && (key === "Home" || key === "End")))) return;
    if (this.#do(key, isTile)) event.preventDefault();
  }
  #do(key, isTile) {
    const inWall = this.#mode === "wall";
    if (isTile && inWall && key.startsWith("Arrow")) return this.#move(key), true;
    const number = this.#mode === "wipe" || this.#mode === "difference" ? null : this.#focused;
    const marks = isTile && number !== null;
    if (marks && /^[0-5]$/.test(key)) return this.#ask(number, { kind: "rate", stars: Number(key) || null }), true;
    const actions = {
      " ": () => this.player.toggle(),
      ",": () => this.#step(-1),
      ".": () => this.#step(1),
      ArrowLeft: () => this.#step(-1),
      ArrowRight: () => this.#step(1),
      Home: () => this.player.seek(0),
      End: () => this.player.seek(this.player.frames - 1),
      Escape: () => (inWall ? this.#picked.length && this.#pick(this.#picked[0]) : this.#leave()),
      l: () => this.#setLoop(!this.player.loop),
      d: () => this.#setMode(this.#mode === "wipe" ? "difference" : "wipe"),
      ...(isTile && inWall ? { Enter: () => this.#enlarge(number) } : {}),
      ...(marks ? { c: () => this.#pick(number), t: () => this.#askTag(number) } : {}),
    };
    const act = actions[key.length === 1 ? key.toLowerCase() : key];
    act?.();
    return Boolean(act);
  }
  /** To the nearest tile in that direction, as it looks on screen. */
  #move(key) {
    const here = this.tiles[this.#focused].cell.getBoundingClientRect();
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
    const { clock, isPlaying, loop } = this.player;
    return {
      at: clock.now(), rate: clock.rate, isPlaying, loop, mode: this.#mode, picked: [...this.#picked], focused: this.#focused,
      wipe: Number(this.wipe.value), said: this.status.textContent, hadFocus: this.hasFocus,
    };
  }
  close() {
    this.lastState = this.state();
    this.closed = performance.now();
    this.player.close();
    this.observer.disconnect();
    this.media.close();
    window.removeEventListener("keydown", this.guard, true);
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    if (this.isLive) {
      this.model.off("change:marks", this.marked);
      this.model.off("msg:custom", this.heard);
    }
    this.root.remove();
  }
}
