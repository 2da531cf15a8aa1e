// The notebook around a widget. Lab gives a widget its notebook's document through the manager of its models, without a
// promise that it always will: then a server that shows its application to the page (`expose_app_in_browser`) helps.

/** The cell whose output shows the widget *id*: its notebook and its place in it, or null. */
function cellOf(el, model, id) {
  const notebook = model.widget_manager?.context?.model?.sharedModel;
  const cells = (notebook?.insertCell && notebook.cells) || [];
  const shows = (output) => output.data?.["application/vnd.jupyter.widget-view+json"]?.model_id === id;
  const index = cells.findIndex((cell) => cell.getOutputs?.().some(shows));
  if (index >= 0) return { notebook, index };
  const page = window.jupyterapp?.shell?.currentWidget?.content;
  const found = page?.widgets?.findIndex?.((cell) => cell.node?.contains(el)) ?? -1;
  const shown = page?.model?.sharedModel;
  return found >= 0 && shown?.insertCell ? { notebook: shown, index: found } : null;
}

/** Puts a cell with *source* below; says whether it could. */
function insertBelow(el, model, id, source) {
  const place = cellOf(el, model, id);
  place?.notebook.insertCell(place.index + 1, { cell_type: "code", source });
  return Boolean(place);
}

/** Where Jupyter serves a file below the notebook's folder, or "" where that is not known. */
function fileAddress(model, path) {
  const notebook = model.widget_manager?.context?.path;
  const settings = document.getElementById("jupyter-config-data")?.textContent;
  if (!path || typeof notebook !== "string" || !settings) return "";
  const folder = notebook.replace(/^[^/:]+:/, "").split("/").slice(0, -1);
  const base = JSON.parse(settings).baseUrl || "/";
  return `${base}files/${[...folder, ...path.split("/")].map(encodeURIComponent).join("/")}`;
}
