// The gallery on the page: a bar, and a list of tiles of which one can be reached by Tab and the others by arrows, or one large.

const GROWING_MS = 4000;

class View {
  constructor(store, el) {
    this.store = store;
    this.tiles = new Map();
    this.ratios = new Map(); // how many stills have which shape
    this.active = null;
    this.turning = 0; // over the end of the page, while the next one is on its way
    this.tagsId = `kg-tags-${Math.random().toString(36).slice(2)}`;
    this.choice = new Choice(this);
    this.bar = new Bar(this);
    this.stage = new Stage(this);
    this.known = make("datalist", { id: this.tagsId });
    this.live = make("span", { class: "kie-unseen", role: "status" });
    this.list = make("ul", { class: "kg-list", role: "list", "aria-label": WORDS.VIDEOS });
    this.element = make("section", { class: "kie kie-gallery mathjax_ignore tex2jax_ignore", "aria-label": WORDS.TITLE }, this.bar.element, this.stage.element, this.list, this.known, this.live);
    // Lab's own keys (1-6 turn a cell into a heading, d d deletes it) must not act on what is pressed in here. Its rules are
    // for `:focus`, and it meets them before it looks at what is around: the mark has to be on the very element.
    this.element.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
    this.list.addEventListener("keydown", (event) => this.key(event));
    el.append(this.element);
    this.heard = {
      page: (found) => this.show(found),
      asked: () => this.list.setAttribute("aria-busy", "true"),
      chosen: () => this.showChosen(),
      cell: (found) => this.stage.copied(found.id, found.text),
      below: () => this.lookBelow(),
      announce: (found) => this.announce(found.text),
      slow: () => this.bar.say(WORDS.SLOW),
      poster: (id) => this.each(id, (shown) => shown.paint()),
      video: (id) => this.each(id, (shown) => shown.arrived()),
      tile: (row) => this.each(row.id, (shown) => shown.update(row)),
    };
    this.listeners = Object.entries(this.heard).map(([kind, act]) => [kind, (event) => act(event.detail)]);
    for (const [kind, listener] of this.listeners) store.addEventListener(kind, listener);
    if (store.found) this.show(store.found);
  }

  /** What shows this run: its tile, and the stage. */
  each(id, act) {
    const shown = [this.tiles.get(id), this.stage.row?.id === id && this.stage];
    for (const each of shown) if (each) act(each);
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
    const tile = this.turning && this.stage.row && [...this.tiles.values()].at(this.turning > 0 ? 0 : -1);
    this.turning = 0;
    if (tile) this.stage.open(tile.row, tile);
  }

  /** The tiles, or one run large in their place. */
  enlarge(isLarge) {
    this.list.hidden = isLarge;
  }

  /** Tiles have the shape that most stills of the page have. */
  measure({ naturalWidth: width, naturalHeight: height }) {
    const ratio = clamp(width / height, 0.5625, 2.4).toFixed(3);
    this.ratios.set(ratio, (this.ratios.get(ratio) ?? 0) + 1);
    const [[most]] = [...this.ratios].sort(([, one], [, other]) => other - one);
    this.element.style.setProperty("--kg-ratio", most);
  }

  rate(id, stars) {
    this.each(id, (shown) => shown.stars.show(stars)); // at once; the answer says what the ledger has
    this.store.send({ kind: "rate", id, stars });
    this.announce(stars ? fill(WORDS.RATED, { count: stars }) : WORDS.UNRATED);
  }

  placeOf(id) {
    const { count, page, size } = this.store.found;
    const place = [...this.tiles.keys()].indexOf(id);
    return place < 0 ? "" : fill(WORDS.PLACE, { place: ((page - 1) * size + place + 1).toLocaleString("en"), count: count.toLocaleString("en") });
  }

  /** From the run that is shown large to the one before or after it, over the end of the page too. */
  turn(by) {
    const tiles = [...this.tiles.values()];
    const tile = tiles[tiles.findIndex((each) => each.id === this.stage.row.id) + by];
    if (tile) this.stage.open(tile.row, tile);
    else if (this.bar.turn(by)) this.turning = by;
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

  activate(tile) {
    if (this.active === tile) return;
    this.active?.open(false);
    this.active = tile || null;
    tile?.open(true);
  }

  key(event) {
    const tile = this.active;
    if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = /^[0-5]$/.test(event.key) ? () => this.rate(tile.id, Number(event.key)) : this.act(event, tile);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** What a key does on the tile itself; its controls have their own. */
  act(event, tile) {
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
      Enter: () => this.stage.open(tile.row, tile),
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
    this.stage.leave();
    for (const [kind, listener] of this.listeners) this.store.removeEventListener(kind, listener);
    for (const tile of this.tiles.values()) tile.stop();
  }
}

function sameList(one, other) {
  return one.length === other.length && one.every((each, place) => each === other[place]);
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
