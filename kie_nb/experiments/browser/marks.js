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
    const stars = make("span", { class: "kw-stars", role: "group", "aria-label": "Rating" });
    for (let star = 1; star <= 5; star++) {
      const rate = () => this.ask(number, { kind: "rate", stars: star === this.known[number].rating ? null : star });
      stars.append(make("button", { type: "button", class: "kw-star", tabindex: -1, text: "★", onclick: (event) => this.view.press(event, number, rate) }));
    }
    this.#places[number] = { stars, tags: make("span", { class: "kw-tags" }) };
    return this.#places[number];
  }
  show(number) {
    const { stars, tags } = this.#places[number];
    const { rating, tags: words } = this.known[number];
    const { isLive } = this.view;
    const tile = this.view.data.tiles[number];
    const reason = isLive ? "" : "Rating needs a running kernel: this is a saved page";
    [...stars.children].forEach((star, at) => {
      star.classList.toggle("kw-set", at < (rating ?? 0));
      star.disabled = !isLive;
      const takesAway = isLive && at + 1 === rating;
      star.title = reason || (takesAway ? "Take the rating away (key 0)" : `${at + 1} of 5 (key ${at + 1})`);
      star.setAttribute("aria-label", takesAway ? `${rating} of 5: take the rating away` : `${at + 1} of 5`);
    });
    stars.title = reason;
    const add = isLive && make("button", { type: "button", class: "kw-add", tabindex: -1, text: "+ tag", title: "Add a tag (T)", onclick: () => this.askTag(number) });
    tags.replaceChildren(...words.map((word) => make("span", { class: "kw-tag", text: word })), ...(add ? [add] : []));
    const said = [tile.label, tile.hasVideo ? "" : tile.problem, rating ? `rated ${rating} of 5` : "", words.length ? `tags ${words.join(", ")}` : ""];
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
    const said = [this.view.data.tiles[number].label, rating ? `${rating} of 5` : "no rating", ...tags];
    this.view.say(`Saved: ${said.join(", ")}`);
  }
  /** Whether an answer for this tile was waited for; it no longer is. */
  answered(number) {
    clearTimeout(this.#waiting.get(number));
    return this.#waiting.delete(number);
  }
  ask(number, message) {
    if (!this.view.isLive) return this.view.complain("Rating and tags need a running kernel: this is a saved page.");
    if (!this.view.data.tiles[number].run) return this.view.complain("There is no run here to say anything of.");
    this.answered(number);
    this.#waiting.set(number, setTimeout(() => {
      this.#waiting.delete(number);
      this.view.complain("The kernel has not answered yet: it is busy, or gone. What is shown is what was saved.");
    }, ANSWER_WITHIN_MS));
    this.view.model.send({ ...message, tile: number });
  }
  askTag(number) {
    if (!this.view.isLive) return this.ask(number, {});
    const input = make("input", { class: "kw-input", type: "text", maxlength: 200, "aria-label": "Tag", placeholder: "tag, Enter" });
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
