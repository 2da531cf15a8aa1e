// One video enlarged, or two compared: side by side, wiped over each other, or their difference.

const COMPARING = ["sides", "wipe", "difference"];

class Stage {
  picked = []; // the tiles of A and B
  mode = "wall"; // or "one", or how two are compared
  canvas = make("canvas", { class: "kw-canvas", role: "img" });
  handle = make("div", { class: "kw-handle", "aria-hidden": "true" });
  details = make("div", { class: "kw-details" });
  figure = make("span", { class: "kw-figure" });

  constructor(view) {
    this.view = view;
    this.difference = new Difference(this.canvas);
    this.wipe = make("input", {
      type: "range", class: "kw-wipe", min: 0, max: 100, step: 1, value: 50, "aria-label": WORDS.WIPE_LABEL,
      oninput: () => this.setWipe(Number(this.wipe.value)),
    });
    this.gain = select(WORDS.GAIN, [1, 2, 4, 8, 16], 4, () => this.draw());
    this.modes = new Map(COMPARING.map((mode) => [mode, button(WORDS[mode.toUpperCase()], () => this.setMode(mode), { title: WORDS[`${mode.toUpperCase()}_TIP`] })]));
    this.bar = toolbar(
      WORDS.COMPARISON,
      "kw-stage-bar",
      !view.data.pair && button(WORDS.LEAVE, () => this.leave(), { title: WORDS.LEAVE_TIP }),
      make("span", { class: "kw-only-compare kie-row" }, ...this.modes.values()),
      make("span", { class: "kw-only-wipe kie-row kw-ends" }, "A", this.wipe, "B"),
      make("span", { class: "kw-only-difference kie-row kw-ends" }, this.gain, this.figure),
    );
  }
  get isComparing() {
    return COMPARING.includes(this.mode);
  }
  /** The tiles on it. */
  get shown() {
    return this.mode === "one" ? [this.view.focused] : this.picked;
  }
  /** A comparison of two, and nothing else. */
  begin() {
    this.picked = [0, 1];
    this.showPicked();
    this.setMode("sides", true);
  }
  enlarge(number) {
    this.view.focused = number;
    this.setMode("one");
  }
  pick(number) {
    const { view } = this;
    if (!view.clips.has(number)) return view.complain(WORDS.NO_VIDEO);
    const at = this.picked.indexOf(number);
    if (at >= 0) this.picked.splice(at, 1);
    else this.picked = [...this.picked.slice(-1), number];
    this.showPicked();
    if (this.picked.length === 2) this.setMode("wipe");
    else if (this.picked.length) view.say(fill(WORDS.PICKED, { label: view.data.tiles[this.picked[0]].label }));
    else view.say(WORDS.NONE_PICKED);
  }
  showPicked() {
    this.view.tiles.forEach(({ cell, letter, pick }, number) => {
      const name = "AB"[this.picked.indexOf(number)] ?? "";
      letter.textContent = name;
      cell.classList.toggle("kw-picked", Boolean(name));
      pick.setAttribute("aria-pressed", String(Boolean(name)));
      cell.style.setProperty("--kw-order", name === "B" ? 2 : 1);
      cell.classList.toggle("kw-b", name === "B");
    });
  }
  setMode(mode, isQuiet = false) {
    const { view } = this;
    if (COMPARING.includes(mode) && this.picked.length < 2) return view.complain(WORDS.PICK_TWO);
    this.mode = mode;
    view.root.dataset.mode = mode;
    const { shown } = this;
    view.tiles.forEach(({ cell }, number) => cell.classList.toggle("kw-on", mode !== "wall" && shown.includes(number)));
    for (const [name, each] of this.modes) each.setAttribute("aria-pressed", String(name === mode));
    this.setWipe(Number(this.wipe.value));
    view.load();
    this.#showDetails();
    if (mode === "difference") this.draw();
    if (isQuiet) return;
    if (this.isComparing) (mode === "wipe" ? this.wipe : this.modes.get(mode)).focus({ preventScroll: true });
    else view.focus(view.focused);
    if (mode !== "wall") view.root.scrollIntoView({ block: "nearest" });
    const [one, other] = shown.map((number) => view.data.tiles[number].label);
    view.say(fill(WORDS[`IN_${mode.toUpperCase()}`], { one, other }));
  }
  leave() {
    const { view } = this;
    if (view.data.pair) return this.setMode("sides");
    if (this.isComparing) {
      view.focused = this.picked[1];
      this.picked = [];
      this.showPicked();
    }
    this.setMode("wall");
    view.tiles[view.focused]?.cell.scrollIntoView({ block: "nearest" });
  }
  setWipe(percent) {
    this.wipe.value = percent;
    this.view.root.style.setProperty("--kw-wipe", `${percent}%`);
    this.wipe.setAttribute("aria-valuetext", `${percent} % A`);
  }
  drag(event) {
    if (this.mode !== "wipe" || !event.buttons) return;
    event.preventDefault();
    const box = this.view.grid.getBoundingClientRect();
    this.setWipe(clamp(Math.round((100 * (event.clientX - box.left)) / box.width), 0, 100));
  }
  #showDetails() {
    if (this.mode === "wall") return this.details.replaceChildren();
    const { data } = this.view;
    const [one, other] = this.shown.map((number) => data.tiles[number]);
    const facts = () => list("kw-facts", [...one.facts, ...data.same, ...(one.run ? [["run", one.run]] : [])]);
    if (one.run || !data.pair) this.details.replaceChildren(other ? buildDifferences(one, other) : facts());
  }
  /** The difference, where it is what is looked at. */
  draw() {
    if (this.mode !== "difference") return;
    const [one, other] = this.picked.map((number) => this.view.clips.get(number)?.video);
    if (!one || !other || one.readyState < 2 || other.readyState < 2) return;
    const mean = this.difference.draw(one, other, Number(this.gain.value));
    this.figure.textContent = mean === null ? "" : fill(WORDS.MEAN, { percent: (100 * mean).toFixed(2) });
    this.canvas.setAttribute("aria-label", `${WORDS.DIFFERENCE}: ${this.figure.textContent}`);
    this.canvas.dataset.mean = mean ?? "";
  }
}
