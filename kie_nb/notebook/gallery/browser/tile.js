// One run: its poster, its preview under the pointer or the focus, and what can be said of it and done with it.

const HOVER_MS = 120; // a pointer on its way across asks for nothing

class Tile {
  constructor(row, view) {
    this.view = view;
    this.store = view.store;
    this.video = null;
    this.isPinned = false; // clicked or entered: it plays with its sound and controls until clicked again
    this.build(row.id);
    this.update(row);
  }

  build(id) {
    this.id = id;
    this.still = make("img", { class: "kie-still", alt: "", draggable: "false" });
    this.badge = make("span", { class: "kie-badge", title: "made by the embedded simulator, not by Kie.ai; costs nothing" }, "SIMULATED");
    this.note = make("div", { class: "kie-note" });
    this.box = make("input", { type: "checkbox", tabindex: "-1", "aria-label": "choose" });
    this.box.addEventListener("click", (event) => {
      event.stopPropagation();
      this.view.choice.choose(this, this.box.checked, event.shiftKey);
    });
    const pick = make("label", { class: "kie-pick", onclick: (event) => event.stopPropagation() }, this.box);
    this.media = make("div", { class: "kie-media", onclick: () => this.toggle() }, this.still, this.note, pick);
    this.prompt = make("div", { class: "kie-prompt" });
    this.words = make("span", {});
    this.facts = make("div", { class: "kie-facts" }, this.badge, this.words); // on the picture it would cover what is burnt into it
    this.element = make("div", { class: "kie-tile", role: "group", tabindex: "-1" }, this.media, this.prompt, this.facts);
    this.stars = new Stars(this);
    this.tags = new Tags(this);
    this.acts = new Acts(this);
    this.element.append(make("div", { class: "kie-marks" }, this.stars.element, this.tags.element), this.acts.element);
    this.item = make("li", {}, this.element);
    this.element.addEventListener("focusin", (event) => {
      this.view.activate(this);
      if (event.target === this.element) this.look("focus", true);
    });
    this.element.addEventListener("focusout", () => this.look("focus", false));
    this.media.addEventListener("pointerenter", () => this.look("hover", true));
    this.media.addEventListener("pointerleave", () => this.look("hover", false));
  }

  update(row) {
    this.row = row;
    this.prompt.textContent = row.prompt || "(no prompt)";
    this.prompt.title = row.prompt;
    this.badge.hidden = !row.is_simulated;
    const seed = row.seed === null ? "" : `seed ${row.seed}`;
    this.words.textContent = [seed, row.cost, age(row.at)].filter(Boolean).join(" · ");
    this.facts.title = `${row.cost_in_full}; ${row.model}; ${new Date(row.at).toLocaleString()}`;
    this.element.setAttribute("aria-label", [row.prompt, seed, row.cost, row.is_simulated ? "simulated" : ""].filter(Boolean).join(", "));
    this.stars.update(row.rating);
    this.tags.update(row.tags);
    this.acts.update(row);
    this.paint();
    this.mark();
    this.say(row.has_file ? "" : "The file is not on this machine. %kie doctor looks for it.");
  }

  paint() {
    const url = this.store.posters.get(this.id);
    if (url && this.still.src !== url) this.still.src = url;
    this.still.hidden = !url;
  }

  mark() {
    this.box.checked = this.store.chosen.has(this.id);
    this.element.classList.toggle("kie-is-chosen", this.box.checked);
  }

  /** Whether Tab leads into it: of all tiles, only into the active one. */
  open(isOpen) {
    const tabindex = isOpen ? "0" : "-1";
    this.element.setAttribute("tabindex", tabindex);
    for (const each of this.element.querySelectorAll("button, input, [role=slider]")) each.setAttribute("tabindex", tabindex);
  }

  say(text) {
    this.note.textContent = text;
    this.media.classList.toggle("kie-says", Boolean(text));
  }

  // --- playing ---------------------------------------------------------------------------------------------------

  look(by, isOn) {
    this[by] = isOn;
    clearTimeout(this.pause);
    if (this.isPinned) return;
    if (!this.hover && !this.focus) this.stop();
    else if (!movesLittle()) this.pause = setTimeout(() => this.play(), HOVER_MS);
  }

  toggle() {
    this.isPinned = !this.isPinned;
    if (this.isPinned) {
      this.view.pin(this);
      this.play();
    } else this.stop();
  }

  play() {
    if (!this.row.has_file || this.row.is_picture) return;
    if (this.store.failed.has(this.id)) this.say(this.store.failed.get(this.id));
    this.isWanted = true;
    const url = this.store.video(this.id);
    if (url) this.show(url);
    else this.media.classList.add("kie-loading");
  }

  show(url) {
    this.media.classList.remove("kie-loading");
    if (!this.video) {
      this.video = make("video", { loop: true, playsinline: true, "aria-label": `video: ${this.row.prompt}`, tabindex: "-1" });
      this.video.addEventListener("click", (event) => this.isPinned && event.stopPropagation());
      this.still.after(this.video);
    }
    this.video.controls = this.isPinned;
    this.video.muted = !this.isPinned;
    if (this.video.src !== url) this.video.src = url;
    this.video.play().catch(() => {
      if (!this.video || this.video.muted) return;
      this.video.muted = true; // sound needs a click that the browser has seen
      this.video.play().catch(() => {});
    });
  }

  /** Its bytes have come, or the news that there are none. */
  arrived() {
    this.media.classList.remove("kie-loading");
    const url = this.store.videos.get(this.id);
    if (!url) this.say(this.store.failed.get(this.id) || "");
    else if (this.isWanted) this.show(url);
  }

  stop() {
    this.isWanted = this.isPinned = false;
    this.media.classList.remove("kie-loading");
    if (this.video) {
      this.video.pause();
      this.video.removeAttribute("src");
      this.video.load();
      this.video.remove();
      this.video = null;
    }
  }
}
