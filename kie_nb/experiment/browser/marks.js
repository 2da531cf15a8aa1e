// Ratings and tags: shown on every tile, changed where a kernel runs.

const ANSWER_WITHIN_MS = 8000;

class Marks {
  #waiting = new Map(); // tiles whose mark the kernel has not confirmed
  #places = []; // by tile

  constructor(view) {
    this.view = view;
    this.known = view.data.tiles.map(({ rating, tags }) => ({ rating, tags }));
  }
  /** The stars and the tags of a tile. */
  build(number) {
    const { view } = this;
    const rating = starRating(view.isLive ? (count) => this.ask(number, { kind: "rate", stars: count || null }) : null);
    if (!view.isLive) rating.element.title = WORDS.NO_KERNEL;
    else rating.element.tabIndex = -1; // the digits rate on the tile itself
    rating.element.addEventListener("click", () => view.focus(number)); // after a mouse the keys go to the tile
    this.#places[number] = { rating, stars: rating.element, tags: make("span", { class: "kw-tags" }) };
    return this.#places[number];
  }
  show(number) {
    const { rating: stars, tags } = this.#places[number];
    const { rating, tags: words } = this.known[number];
    const tile = this.view.data.tiles[number];
    stars.show(rating);
    const add = this.view.isLive && button(WORDS.TAG, () => this.askTag(number), { kind: "quiet", title: WORDS.TAG_TIP, tabindex: -1 });
    tags.replaceChildren(...words.map((word) => make("span", { class: "kie-badge", text: word })), ...(add ? [add] : []));
    const said = [tile.label, tile.hasVideo ? "" : tile.problem, rating && fill(WORDS.STARS, { count: rating }), ...words];
    this.view.tiles[number].cell.setAttribute("aria-label", said.filter(Boolean).join(", "));
  }
  /** Those that the kernel has. */
  take(found) {
    for (const [number, marks] of Object.entries(found ?? {})) {
      this.known[number] = marks;
      this.show(Number(number));
    }
  }
  confirmed(number, { rating, tags }) {
    this.take({ [number]: { rating, tags } });
    if (!this.answered(number)) return; // another view of this wall has asked
    const said = [this.view.data.tiles[number].label, fill(WORDS.STARS, { count: rating ?? 0 }), ...tags];
    this.view.say(fill(WORDS.SAVED, { what: said.join(", ") }));
  }
  /** Whether an answer for this tile was waited for; it no longer is. */
  answered(number) {
    clearTimeout(this.#waiting.get(number));
    return this.#waiting.delete(number);
  }
  /** It did not go well: what is shown is what was saved. */
  failed(number) {
    if (this.#places[number]) this.show(number);
    return this.answered(number);
  }
  ask(number, message) {
    if (!this.view.isLive) return this.view.complain(WORDS.NO_KERNEL);
    if (!this.view.data.tiles[number].run) return this.view.complain(WORDS.NO_RUN);
    this.answered(number);
    this.#waiting.set(number, setTimeout(() => {
      this.failed(number);
      this.view.complain(WORDS.SLOW);
    }, ANSWER_WITHIN_MS));
    this.view.model.send({ ...message, tile: number });
  }
  askTag(number) {
    if (!this.view.isLive) return this.ask(number, {});
    const input = make("input", { class: "kie-field kw-input", type: "text", maxlength: 200, "aria-label": WORDS.TAG_LABEL, placeholder: WORDS.TAG_HINT });
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      const word = input.value.trim();
      input.remove();
      if (event.key === "Enter" && word) this.ask(number, { kind: "tag", tag: word });
      this.view.focus(number);
    });
    this.#places[number].tags.after(input); // not in them: they are written anew when a rating is saved meanwhile
    input.focus();
  }
  close() {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
  }
}
