// The place for the picture: drop, paste or choose a file. Bytes go to the kernel as buffers of custom messages,
// in pieces: a server closes the connection over a message of 10 MB. Nothing of them is in the synced state.
const PIECE = 1 << 20;
const takesFiles = new WeakMap();  // fields of other media, each with what is known of it

function picturePlace(panel) {
  const { model, words } = panel;
  const zone = make("button", { type: "button", class: "kie-panel-zone", onclick: () => chooser.click() });
  const chooser = make("input", { type: "file", class: "kie-panel-chooser", accept: model.get("accept"), tabindex: "-1", "aria-label": "Image file" });
  const still = make("img", { class: "kie-panel-still", alt: "", hidden: true });
  const name = make("b", { class: "kie-cut" });
  const facts = make("span", { class: "kie-soft" });
  const change = button(words.CHANGE, () => chooser.click(), { kind: "quiet" });
  const remove = iconButton("close", words.REMOVE, () => { panel.send({ kind: "remove" }); zone.focus(); });
  const path = make("input", { class: "kie-field", type: "text", "aria-label": "Image", placeholder: words.PATH, autocomplete: "off", spellcheck: "false" });
  const shown = make("div", { class: "kie-panel-has" }, still, make("div", { class: "kie-grow kie-panel-facts" }, name, facts), change, remove);
  const element = make("div", { class: "kie-panel-picture" }, zone, shown, path, chooser);

  let sending = Promise.resolve();
  const send = (file, field) => {
    sending = sending.then(() => upload(panel, file, field)).catch((error) => panel.send({ kind: "failed", failed: String(error), name: file.name }));
  };
  chooser.addEventListener("change", () => { if (chooser.files[0]) send(chooser.files[0]); chooser.value = ""; });
  const put = () => panel.put({ path: path.value.trim() });
  path.addEventListener("change", put);
  path.addEventListener("keydown", (event) => { if (event.key === "Enter") put(); });

  // The whole panel takes drops and pastes: nobody aims, and a page that is left by a stray drop is lost.
  // The element is put into its panel after this, so the panel is looked for when something happens.
  const root = () => panel.el.closest(".kie-panel") ?? panel.el;
  const on = (event, act) => document.addEventListener(event, (happened) => {
    if (root().contains(happened.target)) act(happened);
  }, { signal: panel.signal, capture: true });
  const take = (event) => { event.preventDefault(); event.stopPropagation(); };
  let lit = null;
  const over = (place) => {
    if (lit !== place) { lit?.classList.remove("kie-panel-over"); place?.classList.add("kie-panel-over"); }
    lit = place;
  };
  const fieldAt = (target) => { let place = target; while (place && !takesFiles.has(place)) place = place.parentElement; return place; };
  const give = (files, entry) => { for (const file of [...files].slice(0, entry?.lines || 1)) send(file, entry?.name); };
  on("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) { take(event); over(fieldAt(event.target) ?? element); } });
  on("dragleave", (event) => { if (!root().contains(event.relatedTarget)) over(null); });
  on("drop", (event) => {
    over(null);
    if (event.dataTransfer?.files.length) { take(event); give(event.dataTransfer.files, takesFiles.get(fieldAt(event.target))); }
  });
  on("paste", (event) => {
    const files = event.clipboardData?.files;
    if (files?.length) { take(event); give(files, takesFiles.get(fieldAt(event.target))); }  // text goes where the cursor is
  });

  panel.watch("picture", () => {
    const picture = model.get("picture");
    const has = Boolean(picture.name);
    name.textContent = picture.name ?? "";
    name.title = picture.name ?? "";
    facts.textContent = picture.facts ?? "";
    if (!picture.hasStill) still.hidden = true;
    zone.hidden = has;
    shown.hidden = !has;
    path.hidden = has;
    change.setAttribute("aria-label", has ? `Image: ${picture.name}. Choose another file` : words.CHANGE);
  });
  panel.watch("path", () => { if (path.value.trim() !== model.get("path")) path.value = model.get("path"); });
  panel.hear("picture", (_message, [content]) => {
    URL.revokeObjectURL(still.src);
    still.src = URL.createObjectURL(new Blob([content], { type: "image/jpeg" }));
    still.hidden = false;
  });
  zone.textContent = words.DROP;
  zone.setAttribute("aria-label", "Image: choose a file");
  /** What is typed but not taken yet, and the end of what is on its way. */
  return { element, flush: put, give, sent: () => sending };
}

async function upload(panel, file, field) {
  if (file.size > panel.model.get("limit")) {
    panel.send({ kind: "failed", failed: `it has ${(file.size / 1e6).toFixed(1)} MB`, name: file.name });
    return;
  }
  const id = `${Date.now()}-${Math.random()}`;
  const pieces = Math.max(1, Math.ceil(file.size / PIECE));
  for (let piece = 0; piece < pieces; piece++) {
    const bytes = await file.slice(piece * PIECE, (piece + 1) * PIECE).arrayBuffer();
    panel.send({ kind: "piece", id, name: file.name || "pasted", piece, pieces, field }, [bytes]);
  }
}
