// Plays a video whose bytes the kernel sends when a page asks for them: they are in no widget's state.
function render({ model, el }) {
  el.classList.add("kie-panel-player");
  let address = "";
  const forget = () => { if (address) URL.revokeObjectURL(address); address = ""; };
  const clear = () => { forget(); el.replaceChildren(); };
  // What is new is sent unasked: while a cell runs, a question of the page would wait for its end.
  const changed = () => { if (!model.get("showing")) clear(); };
  const told = (message, buffers) => {
    if (message.showing !== model.get("showing") || !buffers.length) return;
    clear();
    address = URL.createObjectURL(new Blob([buffers[0]], { type: message.mime }));
    const is_picture = message.mime.startsWith("image/");
    const media = document.createElement(is_picture ? "img" : "video");
    if (is_picture) media.alt = model.get("label");
    else {
      media.controls = media.loop = media.playsInline = true;
      media.setAttribute("aria-label", model.get("label"));
    }
    media.src = address;
    el.append(media);
  };
  model.on("change:showing", changed);
  model.on("msg:custom", told);
  if (model.get("showing")) model.send({ want: model.get("showing") });
  return () => { model.off("change:showing", changed); model.off("msg:custom", told); forget(); };
}

export default { render };
