// The cells of an experiment: a place for each, which its state colours until its still comes in a message.

export default { render({ model, el }) {
  el.classList.add("kie");
  const grid = make("div", { class: "kie-cells", "aria-hidden": "true" });
  const tiles = new Map(), urls = [];
  el.append(grid);
  function update() {
    const wanted = [];
    model.get("cells").forEach(([run, tone, tip], place) => {
      let tile = tiles.get(place);
      if (!tile) grid.append(tile = make("span", { class: "kie-cell" })), tiles.set(place, tile);
      tile.title = tip;
      tile.dataset.tone = tone;
      if (tone === "ok" && run && tile.dataset.run !== run) {
        tile.dataset.run = run;
        wanted.push(run);
      }
    });
    if (wanted.length) model.send({ kind: "stills", runs: wanted });
  }
  function hear(message, buffers) {
    if (message.kind !== "stills") return;
    message.runs.forEach((run, number) => {
      const url = URL.createObjectURL(new Blob([buffers[number]], { type: "image/jpeg" }));
      urls.push(url);
      for (const tile of tiles.values())
        if (tile.dataset.run === run) tile.replaceChildren(make("img", { alt: "", src: url }));
    });
  }
  model.on("change:cells", update);
  model.on("msg:custom", hear);
  update();
  return () => { model.off("change:cells", update); model.off("msg:custom", hear); urls.forEach(URL.revokeObjectURL); };
} };
