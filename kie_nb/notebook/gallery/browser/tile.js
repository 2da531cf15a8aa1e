// One run among the others: its still, its preview under the pointer or the focus, and what is done with it most.

const HOVER_MS = 120; // a pointer on its way across asks for nothing

class Tile {
  constructor(row, view) {
    this.view = view;
    this.store = view.store;
    this.id = row.id;
    this.video = null;
    this.build();
    this.update(row);
  }

  build() {
    const { id, store, view } = this;
    this.still = make("img", { class: "kg-still", alt: "", draggable: "false", onload: () => view.measure(this.still) });
    this.note = make("div", { class: "kg-note" });
    this.box = make("input", { type: "checkbox", "aria-label": WORDS.CHOOSE, onclick: (event) => view.choice.choose(this, this.box.checked, event.shiftKey) });
    const pick = make("label", { class: "kg-pick" }, this.box); // beside the picture: nothing covers what is burnt into that
    this.media = make("div", { class: "kg-media", onclick: () => view.stage.open(this.row, this) }, this.still, this.note);
    this.prompt = make("div", { class: "kie-cut" });
    this.stars = starRating((stars) => view.rate(id, stars));
    this.facts = make("span", { class: "kie-soft kie-cut kg-facts" });
    const acts = make("div", { class: "kie-row kg-acts" }, ...reuseButtons(view, id, true), make("span", { class: "kie-grow" }), downloadButton(view, id), iconButton("open", WORDS.OPEN, () => view.stage.open(this.row, this)));
    const words = make("div", { class: "kg-words" }, make("div", { class: "kie-row kg-head" }, pick, this.prompt), make("div", { class: "kie-row kg-line" }, this.stars.element, this.facts), acts);
    this.element = make("div", { class: "kg-tile", role: "group", tabindex: "-1" }, this.media, words);
    this.item = make("li", {}, this.element);
    this.element.addEventListener("focusin", (event) => {
      view.activate(this);
      if (event.target === this.element) this.look("focus", true);
    });
    this.element.addEventListener("focusout", () => this.look("focus", false));
    this.media.addEventListener("pointerenter", () => this.look("hover", true));
    this.media.addEventListener("pointerleave", () => this.look("hover", false));
    this.open(false);
  }

  update(row) {
    this.row = row;
    this.prompt.textContent = row.prompt || WORDS.NO_PROMPT;
    this.prompt.title = row.prompt;
    this.facts.textContent = factsOf(row).join(" · ");
    this.facts.title = [...factsOf(row), ...row.tags.map(shown)].join(" · ");
    this.element.setAttribute("aria-label", [row.prompt, ...factsOf(row)].filter(Boolean).join(", "));
    this.stars.show(row.rating);
    this.paint();
    this.mark();
    this.say(row.has_file ? "" : WORDS.NO_FILE);
  }

  paint() {
    const url = this.store.posters.get(this.id);
    if (url && this.still.src !== url) this.still.src = url;
    this.still.hidden = !url;
  }

  mark() {
    this.box.checked = this.store.chosen.has(this.id);
    this.element.classList.toggle("kg-chosen", this.box.checked);
  }

  /** Whether Tab leads into it: of all tiles, only into the active one. */
  open(isOpen) {
    for (const each of [this.element, ...this.element.querySelectorAll("button, input, [role=slider]")]) each.tabIndex = isOpen ? 0 : -1;
  }

  say(text) {
    this.note.textContent = text;
    this.media.classList.toggle("kg-says", Boolean(text));
  }

  // --- a look at what moves ----------------------------------------------------------------------------------------

  look(by, isOn) {
    this[by] = isOn;
    clearTimeout(this.pause);
    if (!this.hover && !this.focus) this.stop();
    else if (!movesLittle()) this.pause = setTimeout(() => this.play(), HOVER_MS);
  }

  play() {
    if (!this.row.has_file || this.row.is_picture || this.view.stage.row) return;
    this.isWanted = true;
    this.arrived();
  }

  /** Its bytes are sent for, or have come, or the news that there are none. */
  arrived() {
    if (!this.isWanted) return;
    const url = this.store.video(this.id);
    const why = this.store.failed.get(this.id);
    this.media.classList.toggle("kg-loading", !url && !why);
    if (why) this.say(why);
    if (!url || this.video) return;
    this.video = make("video", { loop: true, playsinline: true, tabindex: "-1", "aria-hidden": "true", src: url });
    this.video.muted = true;
    this.still.after(this.video);
    this.video.play().catch(() => {}); // it has left meanwhile
  }

  stop() {
    this.isWanted = false;
    clearTimeout(this.pause);
    this.media.classList.remove("kg-loading");
    unload(this.video);
    this.video = null;
  }
}

/** Seed, cost and age; what is simulated says so, for it costs nothing. */
function factsOf(row) {
  return [row.seed === null ? "" : `${WORDS.SEED} ${row.seed}`, row.cost].filter(Boolean);
}

/** The ways to make another one like it; in a tile in one word each. */
function reuseButtons({ store }, id, isTile) {
  const ways = [["use", WORDS.REUSE, WORDS.REUSE_SETTINGS], ["reuse", WORDS.WITH_SEED, WORDS.REUSE_WITH_SEED]].slice(0, store.model.get("reuses_seed") ? 2 : 1);
  return ways.map(([kind, word, name]) => button(isTile ? word : name, () => store.send({ kind, id }), { kind: isTile ? "quiet" : "", title: name, "aria-label": name }));
}

function downloadButton(view, id) {
  const element = iconButton("download", WORDS.DOWNLOAD, async () => {
    if (element.getAttribute("aria-disabled") === "true") return;
    element.setAttribute("aria-disabled", "true");
    try {
      const { blob, name } = await view.store.file(id, (part) => view.bar.say(fill(WORDS.DOWNLOADING, { percent: Math.floor(100 * part) })));
      const link = make("a", { href: URL.createObjectURL(blob), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      view.bar.say(fill(WORDS.DOWNLOADED, { name }));
    } catch (error) {
      view.bar.say(error.message, true);
    }
    element.removeAttribute("aria-disabled");
  });
  return element;
}

function unload(video) {
  if (!video) return;
  video.pause();
  video.removeAttribute("src");
  video.load(); // else it keeps its bytes
  video.remove();
}

/** *text* with signs that nobody sees as escapes; what goes back to the kernel stays as it came. The kernel does so with all else. */
function shown(text) {
  const escape = (sign) => `\\u${sign.codePointAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u00ad\u200b\u2060-\u2064\ufeff]/gu, escape);
}

function movesLittle() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
