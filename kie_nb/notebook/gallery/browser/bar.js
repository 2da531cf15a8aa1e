// The lines above the tiles: what is looked for, how many there are, and the way from page to page.

const TYPING_MS = 250;
const ORDERS = [["newest", "Newest first"], ["oldest", "Oldest first"], ["best", "Best rated first"], ["dearest", "Dearest first"], ["cheapest", "Cheapest first"]];
const RATINGS = [["0", "Any rating"], ...[1, 2, 3, 4, 5].map((count) => [String(count), `${"★".repeat(count)}${count < 5 ? " or more" : ""}`])];

class Bar {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.text = make("input", { class: "kie-field kie-search", type: "search", placeholder: "Search prompts", "aria-label": "Search prompts" });
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("keydown", (event) => event.key === "Enter" && this.ask("text", this.text.value));
    this.order = this.select("Order", "order");
    this.rating = this.select("Rating at least", "least_rating", Number);
    this.tag = this.select("Tag", "tag");
    this.model = this.select("Model", "model");
    this.experiment = this.select("Experiment", "experiment");
    this.status = make("span", { class: "kie-status", role: "status" }, "Looking…");
    this.chosen = make("span", { class: "kie-chosen" });
    this.previous = make("button", { class: "kie-button", type: "button", onclick: () => this.turn(-1) }, "‹ Previous");
    this.next = make("button", { class: "kie-button", type: "button", onclick: () => this.turn(1) }, "Next ›");
    this.reset = make("button", { class: "kie-button", type: "button", hidden: true, onclick: () => this.clear() }, "Show all");
    const filters = make("div", { class: "kie-bar", role: "search", "aria-label": "Search the gallery" }, this.text, this.order, this.rating, this.tag, this.model, this.experiment);
    const pages = make("div", { class: "kie-bar" }, this.status, this.reset, view.choice.element, make("span", { class: "kie-gap" }), this.previous, this.next);
    this.element = make("div", {}, filters, pages);
    this.fill(this.order, ORDERS, this.store.asked.order);
    this.fill(this.rating, RATINGS, String(this.store.asked.least_rating || 0));
    this.text.value = this.store.asked.text || "";
    for (const select of [this.tag, this.model, this.experiment]) select.hidden = true;
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
      select.replaceChildren(...choices.map(([word, text]) => make("option", { value: word }, text)));
    }
    select.value = value;
  }

  choices(select, any, words, value) {
    const known = value && !words.includes(value) ? [...words, value] : words;
    this.fill(select, [["", any], ...known.map((word) => [word, shown(word)])], value || "");
    select.hidden = known.length < (select === this.model ? 2 : 1);
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

  turn(by) {
    const page = this.store.asked.page + by;
    if (this.store.found && page >= 1 && page <= this.store.found.pages) this.store.ask({ page });
  }

  update(found) {
    const asked = this.store.asked;
    const isAll = Object.keys(START).every((name) => ["page", "order"].includes(name) || !asked[name]);
    const pages = found.pages > 1 ? `, page ${found.page.toLocaleString("en")} of ${found.pages.toLocaleString("en")}` : "";
    if (found.count) this.status.textContent = counted(found.count, "video") + pages;
    else this.status.textContent = isAll ? "No finished videos here yet. Each one appears as soon as it is done." : "No video matches.";
    this.reset.hidden = isAll;
    this.previous.setAttribute("aria-disabled", String(found.page <= 1));
    this.next.setAttribute("aria-disabled", String(found.page >= found.pages));
    this.previous.hidden = this.next.hidden = found.pages < 2;
    this.fill(this.order, ORDERS, asked.order);
    this.fill(this.rating, RATINGS, String(asked.least_rating || 0));
    this.choices(this.tag, "Any tag", found.tags, asked.tag);
    this.choices(this.model, "Any model", found.models, asked.model);
    this.choices(this.experiment, "Any experiment", found.experiments, asked.experiment);
  }

  slow() {
    this.status.textContent = "The kernel has not answered yet: it may be busy with a cell, or gone.";
  }

  close() {
    clearTimeout(this.pause);
  }
}
