// The gallery on the page: a bar, and a list of tiles of which one can be reached by Tab and the others by arrows.

const GROWING_MS = 4000;

class View {
  constructor(store, el) {
    this.store = store;
    this.tiles = new Map();
    this.active = null;
    this.pinned = null;
    this.tagsId = `kie-tags-${Math.random().toString(36).slice(2)}`;
    this.choice = new Choice(this);
    this.bar = new Bar(this);
    this.known = make("datalist", { id: this.tagsId });
    this.live = make("span", { class: "kie-unseen", role: "status" });
    this.list = make("ul", { class: "kie-list", role: "list", "aria-label": "videos" });
    this.element = make("section", { class: "kie-gallery mathjax_ignore tex2jax_ignore", "aria-label": "Gallery" }, this.bar.element, this.list, this.known, this.live);
    // Lab's own keys (1-6 turn a cell into a heading, d d deletes it) must not act on what is pressed in here. Its rules are
    // for `:focus`, and it meets them before it looks at what is around: the mark has to be on the very element.
    this.element.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
    this.list.addEventListener("keydown", (event) => this.key(event));
    el.append(this.element);
    this.heard = {
      page: (found) => this.show(found),
      asked: () => this.list.setAttribute("aria-busy", "true"),
      chosen: () => this.showChosen(),
      cell: (found) => this.tiles.get(found.id)?.acts.copied(found.text),
      below: () => this.lookBelow(),
      announce: (found) => this.announce(found.text),
      slow: () => this.bar.slow(),
      poster: (id) => this.tiles.get(id)?.paint(),
      video: (id) => this.tiles.get(id)?.arrived(),
      tile: (row) => this.tiles.get(row.id)?.update(row),
    };
    this.listeners = Object.entries(this.heard).map(([kind, act]) => [kind, (event) => act(event.detail)]);
    for (const [kind, listener] of this.listeners) store.addEventListener(kind, listener);
    if (store.found) this.show(store.found);
  }

  show(found) {
    const had = this.list.contains(document.activeElement);
    const before = this.tiles;
    this.tiles = new Map();
    for (const row of found.rows) {
      const tile = before.get(row.id);
      if (tile) tile.update(row);
      this.tiles.set(row.id, tile || new Tile(row, this));
    }
    for (const [id, tile] of before) if (!this.tiles.has(id)) tile.stop();
    const items = [...this.tiles.values()].map((tile) => tile.item);
    if (!sameList(items, [...this.list.children])) {
      this.list.replaceChildren(...items);
      if (!this.tiles.has(this.active?.id)) this.activate([...this.tiles.values()][0]);
      if (had) this.active?.element.focus({ preventScroll: true });
    }
    this.list.removeAttribute("aria-busy");
    this.known.replaceChildren(...found.tags.map((tag) => make("option", { value: tag })));
    this.bar.update(found);
  }

  showChosen() {
    for (const tile of this.tiles.values()) tile.mark();
    this.choice.update();
  }

  /** What was asked for stands under the tiles, perhaps far below, and grows for a moment: a wall loads by itself. */
  lookBelow() {
    const place = this.element.parentElement?.nextElementSibling;
    if (!place) return;
    const behavior = movesLittle() ? "auto" : "smooth";
    this.lookAway();
    this.growing = new ResizeObserver(() => place.scrollIntoView({ block: "nearest", behavior }));
    this.growing.observe(place);
    this.looking = new AbortController();
    const { signal } = this.looking;
    this.ending = setTimeout(() => this.lookAway(), GROWING_MS);
    for (const kind of ["wheel", "pointerdown", "keydown"]) addEventListener(kind, () => this.lookAway(), { passive: true, signal });
  }

  lookAway() {
    this.growing?.disconnect();
    this.looking?.abort();
    clearTimeout(this.ending);
  }

  /** Said to those who do not see it. */
  announce(text) {
    this.live.textContent = text;
  }

  reach(tile) {
    tile.open(tile === this.active);
  }

  activate(tile) {
    if (this.active === tile) return;
    this.active?.open(false);
    this.active = tile || null;
    tile?.open(true);
  }

  pin(tile) {
    if (this.pinned && this.pinned !== tile) this.pinned.stop();
    this.pinned = tile;
  }

  key(event) {
    const tile = this.active;
    const isTyped = event.target.matches("input:not([type=checkbox]), textarea");
    if (!tile || isTyped || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = /^[0-5]$/.test(event.key) ? () => tile.stars.rate(Number(event.key)) : this.act(event, tile);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** What a key does on the tile itself; its controls have their own. */
  act(event, tile) {
    if (event.key === "Escape" && this.pinned) return () => this.pinned.stop();
    if (event.target !== tile.element) return undefined;
    return {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowUp: () => this.step(-this.columns()),
      ArrowDown: () => this.step(this.columns()),
      Home: () => this.step(-this.tiles.size),
      End: () => this.step(this.tiles.size),
      PageUp: () => this.bar.turn(-1),
      PageDown: () => this.bar.turn(1),
      Enter: () => tile.toggle(),
      " ": () => this.choice.choose(tile, !tile.box.checked, event.shiftKey),
    }[event.key];
  }

  step(by) {
    const tiles = [...this.tiles.values()];
    const place = Math.min(Math.max(tiles.indexOf(this.active) + by, 0), tiles.length - 1);
    tiles[place]?.element.focus();
  }

  columns() {
    const tops = [...this.tiles.values()].map((tile) => tile.item.offsetTop);
    return Math.max(1, tops.filter((top) => top === tops[0]).length);
  }

  close() {
    this.bar.close();
    this.lookAway();
    for (const [kind, listener] of this.listeners) this.store.removeEventListener(kind, listener);
    for (const tile of this.tiles.values()) tile.stop();
  }
}

// Called once for each model: its views share one store. (The model that they are given is not the same object.)
export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
      return () => store.close();
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.close();
    },
  };
};
