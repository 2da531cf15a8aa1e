// What can be done with a run: take its settings over, copy its cell, see where its file is.

class Acts {
  constructor(tile) {
    this.tile = tile;
    const act = (text, onclick) => make("button", { class: "kie-quiet", type: "button", tabindex: "-1", onclick }, text);
    this.copy = act("Copy as cell", () => tile.store.send({ kind: "copy", id: tile.id }));
    this.file = act("File", () => this.toggle());
    this.file.setAttribute("aria-label", "Show file");
    this.file.setAttribute("aria-expanded", "false");
    this.path = make("div", { class: "kie-path", hidden: true });
    this.text = make("textarea", { class: "kie-cell", readonly: true, rows: 4, hidden: true, "aria-label": "the cell, to be copied by hand" });
    const use = act("Use these settings", () => tile.store.send({ kind: "use", id: tile.id }));
    this.element = make("div", { class: "kie-acts" }, use, this.copy, this.file, this.path, this.text);
    this.text.addEventListener("keydown", (event) => event.stopPropagation());
  }

  update(row) {
    this.path.textContent = row.file ? `${row.file}${row.has_file ? "" : " (not on this machine)"}` : "no file";
  }

  toggle() {
    this.path.hidden = !this.path.hidden;
    this.file.setAttribute("aria-expanded", String(!this.path.hidden));
  }

  /** The cell has come: into the clipboard, or where it can be copied by hand. */
  async copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.text.hidden = true;
      this.copy.textContent = "Copied";
      setTimeout(() => (this.copy.textContent = "Copy as cell"), 2000);
      this.tile.view.announce("the cell is in the clipboard");
    } catch {
      this.text.value = text;
      this.text.hidden = false;
      this.text.focus();
      this.text.select();
      this.tile.view.announce("the browser did not let the cell into the clipboard; it is selected here");
    }
  }
}
