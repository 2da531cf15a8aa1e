// The place for the picture: drop, paste or choose a file. Bytes go to the kernel as buffers of custom messages,
// in pieces: a server closes the connection over a message of 10 MB. Nothing of them is in the synced state.
const PIECE = 1 << 20;

function render({ model, el }) {
  el.classList.add("kie-panel-picture");
  const zone = element("button", "kie-panel-zone", { type: "button", "data-lm-suppress-shortcuts": "true" });
  const chooser = element("input", "kie-panel-chooser", {
    type: "file", accept: model.get("accept"), tabindex: "-1", "aria-label": "Image file",
  });
  const still = element("img", "kie-panel-still", { alt: "" });
  const facts = element("span", "kie-panel-facts");
  const remove = element("button", "kie-panel-remove jupyter-button", { type: "button" });
  remove.textContent = "Remove";
  zone.append(still, facts);
  el.append(zone, remove, chooser);

  let sending = Promise.resolve();
  const send = (file) => { sending = sending.then(() => upload(model, file)).catch((error) => {
    model.send({ failed: String(error), name: file.name });
  }); };

  zone.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => { if (chooser.files[0]) send(chooser.files[0]); chooser.value = ""; });
  remove.addEventListener("click", () => { model.send({ remove: true }); zone.focus(); });

  // The whole panel takes drops and pastes: nobody aims, and a page that is left by a stray drop is lost.
  // The element is put into its panel after this, so the panel is looked for when something happens.
  const stop = new AbortController();
  const root = () => el.closest(".kie-panel") ?? el;
  const on = (name, act) => document.addEventListener(name, (event) => {
    if (root().contains(event.target)) act(event);
  }, { signal: stop.signal, capture: true });
  on("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    zone.classList.add("kie-panel-over");
  });
  on("dragleave", (event) => { if (!root().contains(event.relatedTarget)) zone.classList.remove("kie-panel-over"); });
  on("drop", (event) => {
    zone.classList.remove("kie-panel-over");
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    send(file);
  });
  on("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;  // text goes where the cursor is
    event.preventDefault();
    event.stopPropagation();
    send(file);
  });

  const show = () => {
    facts.textContent = model.get("facts") || "Drop a picture, paste it, or choose a file";
    const has = Boolean(model.get("facts"));
    zone.classList.toggle("kie-panel-has", has);
    remove.hidden = !has;
    zone.setAttribute("aria-label", has ? `Image: ${facts.textContent}. Choose another file` : "Image: choose a file");
  };
  const changed = () => { still.hidden = true; };  // the next one comes unasked
  const told = (message, buffers) => {
    if (message.still && buffers.length) {
      URL.revokeObjectURL(still.src);
      still.src = URL.createObjectURL(new Blob([buffers[0]], { type: "image/jpeg" }));
      still.hidden = false;
    }
    // By now the last changes of the fields are on their way before this answer: see `Submission` in the kernel.
    if (message.asked !== undefined) sending.then(() => model.send({ answered: message.asked }));
  };
  model.on("change:facts", show);
  model.on("change:revision", changed);
  model.on("msg:custom", told);
  still.hidden = true;
  show();
  if (model.get("revision")) model.send({ still: true });
  return () => {
    stop.abort();
    model.off("change:facts", show);
    model.off("change:revision", changed);
    model.off("msg:custom", told);
    URL.revokeObjectURL(still.src);
  };
}

async function upload(model, file) {
  if (file.size > model.get("limit")) {
    model.send({ failed: `it has ${(file.size / 1048576).toFixed(1)} MB`, name: file.name });
    return;
  }
  const id = `${Date.now()}-${Math.random()}`;
  const pieces = Math.max(1, Math.ceil(file.size / PIECE));
  for (let piece = 0; piece < pieces; piece++) {
    const bytes = await file.slice(piece * PIECE, (piece + 1) * PIECE).arrayBuffer();
    model.send({ id, name: file.name || "pasted", piece, pieces }, undefined, [bytes]);
  }
}

function element(tag, className, attributes = {}) {
  const made = document.createElement(tag);
  made.className = className;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export default { render };
