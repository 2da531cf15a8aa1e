// What people say of a run: stars and tags, changed in place.

const STARS = [1, 2, 3, 4, 5];

/** One stop for the Tab key: arrows and digits change it, as in any slider. */
class Stars {
  constructor(tile) {
    this.tile = tile;
    this.stars = STARS.map((count) => make("span", { "data-stars": count, onclick: () => this.rate(count === this.count ? 0 : count) }, "★"));
    this.element = make("div", { class: "kie-stars", role: "slider", tabindex: "-1", "aria-label": "Rating", "aria-valuemin": 0, "aria-valuemax": 5, title: "keys 1 to 5; 0 takes the rating away" }, ...this.stars);
    this.element.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.rate(Math.min(Math.max(this.count + by, 0), 5));
    });
  }

  update(count) {
    this.count = count;
    this.element.setAttribute("aria-valuenow", count);
    this.element.setAttribute("aria-valuetext", count ? counted(count, "star") : "not rated");
    this.stars.forEach((star, place) => star.classList.toggle("kie-on", place < count));
  }

  rate(count) {
    if (count === this.count) return;
    this.update(count); // at once; the answer says what the ledger has
    this.tile.store.send({ kind: "rate", id: this.tile.id, stars: count });
    this.tile.view.announce(count ? `rated ${counted(count, "star")}` : "rating taken away");
  }
}

class Tags {
  constructor(tile) {
    this.tile = tile;
    this.element = make("div", { class: "kie-tags" });
    this.add = make("button", { class: "kie-quiet", type: "button", tabindex: "-1", onclick: () => this.open() }, "+ tag");
  }

  update(tags) {
    if (this.input && sameList(tags, this.tags)) return; // somebody is typing
    this.tags = tags;
    const chips = tags.map((tag) => make("span", { class: "kie-tag" }, shown(tag), make("button", {
      type: "button", tabindex: "-1", "aria-label": `remove tag ${shown(tag)}`, onclick: () => this.remove(tag),
    }, "×")));
    this.element.replaceChildren(...chips, this.input || this.add);
    this.tile.view.reach(this.tile);
  }

  open() {
    this.input = make("input", { class: "kie-field", type: "text", maxlength: 60, "aria-label": "new tag", placeholder: "tag", list: this.tile.view.tagsId });
    this.input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") this.close(true, true);
      else if (event.key === "Escape") this.close(false, true);
    });
    this.input.addEventListener("blur", () => this.close(true, false));
    this.add.replaceWith(this.input);
    this.input.focus();
  }

  close(isKept, isLeft) {
    const input = this.input;
    if (!input) return;
    this.input = null;
    const fresh = isKept ? input.value.split(",").map((tag) => tag.trim()).filter((tag) => tag && !this.tags.includes(tag)) : [];
    input.replaceWith(this.add);
    if (isLeft) this.add.focus();
    for (const tag of fresh) this.tell(tag, true);
  }

  remove(tag) {
    this.add.focus();
    this.tell(tag, false);
  }

  tell(tag, isOn) {
    this.tile.store.send({ kind: "tag", id: this.tile.id, tag, is_on: isOn });
    this.tile.view.announce(isOn ? `tag ${shown(tag)} added` : `tag ${shown(tag)} removed`);
  }
}

function sameList(one, other) {
  return other && one.length === other.length && one.every((each, place) => each === other[place]);
}
