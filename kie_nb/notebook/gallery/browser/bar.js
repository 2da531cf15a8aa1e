// The lines above the tiles: what is looked for, how many there are, the way from page to page, and what is chosen.

const TYPING_MS = 250;
const MOST_ON_A_WALL = 60;
const FILTERS = ["least_rating", "tag", "model", "experiment"];

class Bar {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.text = make("input", { class: "kie-field kg-search", type: "search", placeholder: WORDS.SEARCH, "aria-label": WORDS.SEARCH });
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("keydown", (event) => event.key === "Enter" && this.ask("text", this.text.value));
    this.order = this.select(WORDS.ORDER, "order");
    this.least_rating = this.select(WORDS.RATING, "least_rating", Number);
    this.tag = this.select(WORDS.BY_TAG, "tag");
    this.model = this.select(WORDS.MODEL, "model");
    this.experiment = this.select(WORDS.EXPERIMENT, "experiment");
    this.filters = make("div", { class: "kie-row", hidden: true }, ...FILTERS.map((name) => this[name]));
    this.more = button(WORDS.FILTERS, () => this.unfold(this.filters.hidden), { kind: "quiet", "aria-expanded": "false" });
    this.status = make("span", { class: "kie-soft kg-status", role: "status" }, WORDS.LOOKING);
    this.previous = button(WORDS.PREVIOUS, () => this.turn(-1));
    this.next = button(WORDS.NEXT, () => this.turn(1));
    this.reset = button(WORDS.SHOW_ALL, () => this.clear(), { hidden: true });
    const search = make("div", { role: "search", "aria-label": WORDS.SEARCH_GALLERY, class: "kg-bar" }, make("div", { class: "kie-row" }, this.text, make("span", { class: "kie-grow" }), this.order, this.more), this.filters);
    const pages = make("div", { class: "kie-row" }, this.status, this.reset, view.choice.element, make("span", { class: "kie-grow" }), this.previous, this.next);
    this.element = make("div", { class: "kg-bar" }, search, pages);
    const { asked } = this.store;
    this.show(asked, { tags: [], models: [], experiments: [] });
    this.text.value = asked.text || "";
    this.unfold(FILTERS.some((name) => asked[name]));
  }

  unfold(isOpen) {
    this.filters.hidden = !isOpen;
    this.more.setAttribute("aria-expanded", String(isOpen));
  }

  select(label, name, read = String) {
    const element = make("select", { class: "kie-field", "aria-label": label, title: label });
    element.addEventListener("change", () => this.ask(name, read(element.value)));
    return element;
  }

  fill(select, choices, value) {
    const key = JSON.stringify(choices);
    if (select.dataset.choices !== key) {
      select.dataset.choices = key;
      select.replaceChildren(...choices.map(([word, text]) => make("option", { value: word, text })));
    }
    select.value = value;
  }

  choices(select, any, words, value) {
    const known = value && !words.includes(value) ? [...words, value] : words;
    this.fill(select, [["", any], ...known.map((word) => [word, shown(word)])], value || "");
    select.hidden = known.length < (select === this.model ? 2 : 1);
  }

  show(asked, { tags, models, experiments }) {
    this.fill(this.order, WORDS.ORDERS, asked.order);
    this.fill(this.least_rating, WORDS.RATINGS, String(asked.least_rating || 0));
    this.choices(this.tag, WORDS.ANY_TAG, tags, asked.tag);
    this.choices(this.model, WORDS.ANY_MODEL, models, asked.model);
    this.choices(this.experiment, WORDS.ANY_EXPERIMENT, experiments, asked.experiment);
    const count = FILTERS.filter((name) => asked[name]).length;
    this.more.textContent = count ? `${WORDS.FILTERS} · ${count}` : WORDS.FILTERS;
  }

  typed() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.ask("text", this.text.value), TYPING_MS);
  }

  ask(name, value) {
    clearTimeout(this.pause);
    if (this.store.asked[name] !== value) this.store.ask({ [name]: value });
  }

  clear() {
    this.text.value = "";
    this.store.ask({ ...START, order: this.store.asked.order });
    this.text.focus();
  }

  /** Whether there is such a page, which then is asked for. */
  turn(by) {
    const page = this.store.asked.page + by;
    if (!this.store.found || page < 1 || page > this.store.found.pages) return false;
    this.store.ask({ page });
    return true;
  }

  update(found) {
    const asked = this.store.asked;
    const isAll = Object.keys(START).every((name) => ["page", "order"].includes(name) || !asked[name]);
    const more = found.hasMore ? "+" : ""; // they are counted up to a limit
    const [count, page, pages] = [found.count, found.page, found.pages].map((number, place) => number.toLocaleString("en") + (place === 1 ? "" : more));
    const words = fill(found.count === 1 ? WORDS.ONE : WORDS.MANY, { count }) + (found.pages > 1 ? fill(WORDS.PAGE, { page, pages }) : "");
    this.say(found.count ? words : isAll ? WORDS.NONE : WORDS.NO_MATCH);
    this.reset.hidden = isAll;
    this.previous.setAttribute("aria-disabled", String(found.page <= 1));
    this.next.setAttribute("aria-disabled", String(found.page >= found.pages));
    this.previous.hidden = this.next.hidden = found.pages < 2;
    this.show(asked, found);
  }

  say(text, isBad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("kie-error", isBad);
  }

  close() {
    clearTimeout(this.pause);
  }
}

/** Several runs chosen, over all pages, and what can be done with them together. */
class Choice {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.anchor = null;
    this.words = make("span", { class: "kg-count" });
    this.compare = button(WORDS.COMPARE, () => this.tell("compare"));
    this.wall = button(WORDS.WALL, () => this.tell("wall"));
    const write = button(WORDS.EXPORT, () => this.ask("folder", WORDS.EXPORT_TO, "export"));
    const tag = button(WORDS.TAG_THEM, () => this.ask("tag", WORDS.NEW_TAG, ""));
    this.acts = make("span", { class: "kie-row" }, this.compare, this.wall, write, tag, button(WORDS.CLEAR, () => this.clear(), { kind: "quiet" }));
    this.element = make("span", { class: "kie-row kg-choice", role: "group", "aria-label": WORDS.CHOSEN_VIDEOS, hidden: true }, this.words, this.acts);
    this.update();
  }

  /** Choose *tile* or not; with *isRange*, all from the one before. */
  choose(tile, isOn, isRange) {
    const tiles = [...this.view.tiles.values()];
    const from = tiles.findIndex((each) => each.id === this.anchor);
    const to = tiles.indexOf(tile);
    const some = isRange && from >= 0 ? tiles.slice(Math.min(from, to), Math.max(from, to) + 1) : [tile];
    for (const each of some) this.store.chosen[isOn ? "add" : "delete"](each.id);
    this.anchor = tile.id;
    this.changed();
  }

  clear() {
    this.store.chosen.clear();
    this.changed();
    this.view.active?.element.focus({ preventScroll: true });
  }

  changed() {
    this.store.remember();
    this.store.tell("chosen");
  }

  update() {
    const count = this.store.chosen.size;
    this.element.hidden = !count;
    this.words.textContent = fill(WORDS.CHOSEN, { count: count.toLocaleString("en") });
    const can = (element, isOn, why) => {
      element.setAttribute("aria-disabled", String(!isOn));
      element.title = isOn ? "" : why;
    };
    can(this.compare, count === 2, WORDS.CHOOSE_TWO);
    can(this.wall, count >= 2 && count <= MOST_ON_A_WALL, fill(WORDS.CHOOSE_FOR_WALL, { most: MOST_ON_A_WALL }));
  }

  tell(kind) {
    if (this[kind].getAttribute("aria-disabled") === "true") this.view.announce(this[kind].title);
    else this.send({ kind });
  }

  send(content) {
    this.store.send({ ids: [...this.store.chosen], ...content });
  }

  /** A word for all of them: a tag, or the folder of an export. */
  ask(name, label, value) {
    const input = make("input", { class: "kie-field", type: "text", maxlength: 200, "aria-label": label, placeholder: label, value });
    const close = (isMeant) => {
      const word = input.value.trim();
      form.replaceWith(this.acts);
      if (isMeant && word) this.send(name === "tag" ? { kind: "tag", tag: word, is_on: true } : { kind: "export", folder: word });
      this.acts.querySelector("button").focus();
    };
    const form = make("span", { class: "kie-row" }, input, button(WORDS.OK, () => close(true)), button(WORDS.CANCEL, () => close(false), { kind: "quiet" }));
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" && (event.key !== "Enter" || event.target !== input)) return;
      event.preventDefault(); // else it presses the button that gets the focus
      event.stopPropagation();
      close(event.key === "Enter");
    });
    this.acts.replaceWith(form);
    input.select();
  }
}
