// "Copy as cell" and, in a notebook, "Insert below".
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
    const place = cellOf(el, model);
    if (!place) return;
    place.notebook.insertCell(place.index + 1, { cell_type: "code", source: model.get("text") });
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
  const look = setTimeout(() => { insert.hidden = !cellOf(el, model); }, 0);
  insert.hidden = true;
  return () => { clearTimeout(look); model.off("change:text", show); };
}

// The cell that shows the panel. Lab gives a widget its notebook's document through the manager of its models, without a
// promise that it always will: then a server that shows its application to the page (`expose_app_in_browser`) helps.
function cellOf(el, model) {
  const notebook = model.widget_manager?.context?.model?.sharedModel;
  const cells = (notebook?.insertCell && notebook.cells) || [];
  const index = cells.findIndex((cell) => cell.getOutputs?.().some((output) => shows(output, model.get("panel"))));
  if (index >= 0) return { notebook, index };
  const page = window.jupyterapp?.shell?.currentWidget?.content;
  const found = page?.widgets?.findIndex?.((cell) => cell.node?.contains(el)) ?? -1;
  const shown = page?.model?.sharedModel;
  return found >= 0 && shown?.insertCell ? { notebook: shown, index: found } : null;
}

function shows(output, id) {
  const view = output.data?.["application/vnd.jupyter.widget-view+json"];
  return Boolean(view) && view.model_id === id;
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
