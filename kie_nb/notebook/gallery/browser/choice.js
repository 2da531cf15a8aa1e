// Several runs chosen, over all pages, and what can be done with them together.

const MOST_ON_A_WALL = 60;

class Choice {
  constructor(view) {
    this.view = view;
    this.store = view.store;
    this.anchor = null;
    this.words = make("span", {});
    this.compare = make("button", { class: "kie-button", type: "button", onclick: () => this.tell("compare") }, "Compare");
    this.wall = make("button", { class: "kie-button", type: "button", onclick: () => this.tell("wall") }, "Wall");
    this.none = make("button", { class: "kie-quiet", type: "button", onclick: () => this.clear() }, "Clear");
    this.element = make("span", { class: "kie-choice", role: "group", "aria-label": "Chosen videos", hidden: true }, this.words, this.compare, this.wall, this.none);
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
    this.store.remember();
    this.store.tell("chosen");
  }

  clear() {
    this.store.chosen.clear();
    this.store.remember();
    this.store.tell("chosen");
    this.view.active?.element.focus({ preventScroll: true });
  }

  update() {
    const count = this.store.chosen.size;
    this.element.hidden = !count;
    this.words.textContent = `${count.toLocaleString("en")} chosen`;
    const can = (button, isOn, why) => {
      button.setAttribute("aria-disabled", String(!isOn));
      button.title = isOn ? "" : why;
    };
    can(this.compare, count === 2, "choose exactly two to compare them");
    can(this.wall, count >= 2 && count <= MOST_ON_A_WALL, `choose 2 to ${MOST_ON_A_WALL} for a wall`);
  }

  tell(kind) {
    if (this[kind].getAttribute("aria-disabled") === "true") this.view.announce(this[kind].title);
    else this.store.send({ kind, ids: [...this.store.chosen] });
  }
}
