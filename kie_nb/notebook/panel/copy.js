// "Copy as cell" and, where the front end lets a page reach its notebook, "Insert below".
function render({ model, el }) {
  el.classList.add("kie-panel-copy");
  const copy = button("Copy as cell", "the %%kie_wan cell that asks for this run's request");
  const insert = button("Insert below", "put that cell under the panel");
  const text = document.createElement("pre");
  text.tabIndex = 0;
  text.setAttribute("aria-label", "cell to copy");
  const row = document.createElement("div");
  row.append(copy, insert);
  el.append(row, text);
  text.hidden = true;

  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(model.get("text"));
      model.send({ copied: true });
    } catch {
      // A page without https, or a person who said no: the text can still be taken by hand.
      text.hidden = false;
      getSelection().selectAllChildren(text);
      model.send({ copied: false });
    }
  });
  insert.addEventListener("click", () => {
    const place = cellOf(el);
    if (!place) return;
    place.notebook.model.sharedModel.insertCell(place.index + 1, { cell_type: "code", source: model.get("text") });
    model.send({ inserted: true });
  });
  const show = () => {
    text.textContent = model.get("text");
    text.hidden = true;
    el.hidden = !model.get("text");
  };
  model.on("change:text", show);
  show();
  // The element is put into its page after this.
  const look = setTimeout(() => { insert.hidden = !cellOf(el); }, 0);
  insert.hidden = true;
  return () => { clearTimeout(look); model.off("change:text", show); };
}

function cellOf(el) {
  const notebook = window.jupyterapp?.shell?.currentWidget?.content;
  const index = notebook?.widgets?.findIndex?.((cell) => cell.node?.contains(el)) ?? -1;
  return index >= 0 && notebook.model?.sharedModel?.insertCell ? { notebook, index } : null;
}

function button(words, title) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "jupyter-button";
  made.textContent = words;
  made.title = title;
  return made;
}

export default { render };
