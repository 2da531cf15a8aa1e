// One run large, in place of the tiles: its video with sound, all that is said of it, and everything that can be done with it.

class Stage {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.row = null; // of the run that is shown
    this.build();
  }

  build() {
    const { view } = this;
    this.place = make("span", { class: "kie-soft" });
    const bar = make(
      "div", { class: "kie-row" },
      iconButton("back", WORDS.PREVIOUS_VIDEO, () => view.turn(-1)), this.place, iconButton("next", WORDS.NEXT_VIDEO, () => view.turn(1)),
      make("span", { class: "kie-grow" }), iconButton("close", WORDS.CLOSE, () => this.close()),
    );
    this.still = make("img", { alt: "" });
    this.note = make("div", { class: "kg-note" });
    this.media = make("div", { class: "kie-media kg-large" }, this.still, this.note);
    this.prompt = make("p", { class: "kg-whole" });
    this.facts = make("div", { class: "kie-row" });
    this.rating = make("div", {});
    this.tags = make("div", { class: "kie-row kg-tags" });
    this.acts = make("div", { class: "kie-row" });
    this.cell = make("textarea", { class: "kie-field kie-mono", readonly: true, rows: 4, hidden: true, "aria-label": WORDS.CELL });
    this.path = make("div", { class: "kie-mono kg-path" });
    const side = make("div", { class: "kg-side" }, this.facts, this.prompt, this.rating, this.tags, this.acts, this.cell, make("details", {}, make("summary", { text: WORDS.DETAILS }), this.path));
    this.element = make("section", { class: "kg-stage", tabindex: "-1", "aria-label": WORDS.STAGE, hidden: true }, bar, make("div", { class: "kg-two" }, this.media, side));
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  open(row, tile) {
    const isFirst = !this.row;
    this.leave();
    this.view.enlarge(true);
    this.element.hidden = false;
    this.view.activate(tile);
    tile?.stop();
    this.cell.hidden = true;
    this.update(row);
    this.element.focus({ preventScroll: true });
    if (isFirst) this.element.scrollIntoView({ block: "nearest", behavior: movesLittle() ? "auto" : "smooth" });
    this.paint();
    this.arrived();
  }

  update(row) {
    const { view, store } = this;
    const isNew = this.row?.id !== row.id;
    this.row = row;
    this.place.textContent = view.placeOf(row.id);
    this.prompt.textContent = row.whole || WORDS.NO_PROMPT;
    this.facts.replaceChildren(
      row.has_file ? stateMark(WORDS.DONE, "ok") : stateMark(WORDS.MISSING, "warn"), row.is_simulated ? badge(WORDS.SIMULATED, "warn") : "",
      make("span", { class: "kie-soft", text: [...factsOf(row).slice(0, row.is_simulated ? 1 : 2), row.model, ...(row.by ? [row.by] : []), new Date(row.at).toLocaleString()].join(" · ") }),
    );
    this.path.textContent = row.file ? `${row.file}${row.has_file ? "" : ` (${WORDS.NOT_HERE})`}\n${row.cost_in_full}` : WORDS.NOT_HERE;
    if (isNew) {
      this.stars = starRating((stars) => view.rate(row.id, stars));
      this.rating.replaceChildren(this.stars.element);
      this.copy = button(WORDS.COPY_AS_CELL, () => store.send({ kind: "copy", id: row.id }));
      this.acts.replaceChildren(...[
        ...reuseButtons(view, row.id, false), this.copy, row.has_file && !row.is_picture && button(WORDS.FULL, () => this.full(), { title: WORDS.FULL_TIP }), row.has_file && downloadButton(view, row.id),
      ].filter(Boolean));
    }
    this.stars.show(row.rating);
    if (!this.tags.contains(this.input)) this.showTags();
    this.say(row.has_file ? "" : WORDS.NO_FILE);
  }

  say(text) {
    this.note.textContent = text;
    this.media.classList.toggle("kg-says", Boolean(text));
  }

  // --- its video ---------------------------------------------------------------------------------------------------

  paint() {
    const url = this.row && this.store.posters.get(this.row.id);
    this.still.hidden = !url || Boolean(this.video);
    if (url) this.still.src = url;
  }

  /** Its bytes are sent for, or have come, or the news that there are none. */
  arrived() {
    if (!this.row?.has_file || this.row.is_picture || this.video) return;
    const url = this.store.video(this.row.id);
    const why = this.store.failed.get(this.row.id);
    this.media.classList.toggle("kg-loading", !url && !why);
    if (why) this.say(why);
    if (url) this.play(url);
  }

  play(url) {
    const at = this.video?.currentTime ?? 0;
    unload(this.video);
    this.video = make("video", { controls: true, loop: true, playsinline: true, "aria-label": `${WORDS.VIDEO}: ${this.row.prompt}`, src: url });
    this.video.currentTime = at;
    this.still.before(this.video);
    this.still.hidden = true;
    this.video.play().catch(() => {
      if (!this.video) return;
      this.video.muted = true; // sound needs a click that the browser has seen
      this.video.play().catch(() => {});
    });
  }

  /** The file itself in place of its preview. */
  async full() {
    const { id } = this.row;
    try {
      const { blob } = await this.store.file(id, (part) => this.view.bar.say(fill(WORDS.DOWNLOADING, { percent: Math.floor(100 * part) })));
      if (this.row?.id !== id) return;
      this.whole = URL.createObjectURL(blob);
      this.play(this.whole);
      this.view.bar.say(WORDS.FULL_PLAYS);
    } catch (error) {
      this.view.bar.say(error.message, true);
    }
  }

  // --- tags --------------------------------------------------------------------------------------------------------

  showTags() {
    const chip = (tag) => make("span", { class: "kie-badge" }, shown(tag), make("button", {
      type: "button", class: "kg-remove", "aria-label": fill(WORDS.REMOVE_TAG, { tag: shown(tag) }), text: "×", onclick: () => this.tag(tag, false),
    }));
    this.add = button(WORDS.TAG, () => this.askTag(), { kind: "quiet" });
    this.tags.replaceChildren(...this.row.tags.map(chip), this.add);
  }

  askTag() {
    const close = (isKept) => {
      if (!this.input) return;
      const words = this.input.value.split(",").map((tag) => tag.trim()).filter((tag) => tag && !this.row.tags.includes(tag));
      this.input = null;
      this.showTags();
      if (isKept) for (const word of words) this.tag(word, true);
    };
    this.input = make("input", { class: "kie-field", type: "text", maxlength: 60, "aria-label": WORDS.NEW_TAG, placeholder: WORDS.TAG_HINT, list: this.view.tagsId, onblur: () => close(true) });
    this.input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      close(event.key === "Enter");
      this.add.focus();
    });
    this.add.replaceWith(this.input);
    this.input.focus();
  }

  tag(tag, isOn) {
    this.store.send({ kind: "tag", ids: [this.row.id], tag, is_on: isOn });
    this.view.announce(fill(isOn ? WORDS.TAG_ADDED : WORDS.TAG_REMOVED, { tag: shown(tag) }));
  }

  /** The cell has come: into the clipboard, or where it can be copied by hand. */
  async copied(id, text) {
    if (this.row?.id !== id) return;
    try {
      await navigator.clipboard.writeText(text);
      this.copy.textContent = WORDS.COPIED;
      setTimeout(() => (this.copy.textContent = WORDS.COPY_AS_CELL), 2000);
      this.view.announce(WORDS.COPIED_CELL);
    } catch {
      this.cell.value = text;
      this.cell.hidden = false;
      this.cell.focus();
      this.cell.select();
      this.view.announce(WORDS.NOT_COPIED);
    }
  }

  // --- keys and the way back ---------------------------------------------------------------------------------------

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isOwn = event.target.matches("input, textarea, video"); // they have their own arrows
    const act = {
      Escape: () => this.close(),
      ...(isOwn ? {} : { ArrowLeft: () => this.view.turn(-1), ArrowRight: () => this.view.turn(1) }),
    }[event.key] || (!isOwn && /^[0-5]$/.test(event.key) && (() => this.view.rate(this.row.id, Number(event.key))));
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  leave() {
    unload(this.video);
    this.video = null;
    if (this.whole) URL.revokeObjectURL(this.whole);
    this.whole = null;
    this.media.classList.remove("kg-loading");
  }

  close() {
    this.leave();
    this.row = null;
    this.element.hidden = true;
    this.view.enlarge(false);
    const tile = this.view.active?.element;
    tile?.focus({ preventScroll: true });
    tile?.scrollIntoView({ block: "nearest" });
  }
}
