// The parts of a wall that only show what it is told.

const KEYS = [
  ["space", "play, pause"], [", .", "frame back, on (← → outside the grid)"], ["Home End", "first, last frame"], ["arrows", "from tile to tile"],
  ["Enter", "enlarge"], ["C", "choose for A/B"], ["D", "wipe or difference"], ["Esc", "back"], ["1–5, 0", "rate, take the rating away"], ["T", "tag"], ["L", "loop"],
];

function button(name, label, press, options = {}) {
  const inside = ICONS[name] ? icon(name) : name;
  return make("button", { type: "button", class: "kw-button", "aria-label": label, title: label, onclick: press, ...options }, inside);
}

function select(label, values, chosen, changed) {
  const options = values.map((value) => make("option", { value, text: `${value}×`, selected: value === chosen }));
  return make("select", { class: "kw-select", "aria-label": label, title: label, onchange: changed }, ...options);
}

function toolbar(label, kind, ...children) {
  return make("div", { class: `kw-bar ${kind}`.trim(), role: "toolbar", "aria-label": label }, ...children);
}

function list(kind, pairs) {
  return make("dl", { class: kind }, ...pairs.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
}

function buildHead(data) {
  const videos = data.tiles.filter((tile) => tile.hasVideo).length;
  const same = data.same.map(([name, value]) =>
    make("span", { class: "kw-fact", title: `${name}: ${value}` }, make("i", { text: name }), ` ${value}`),
  );
  const title = make(
    "div",
    { class: "kw-title" },
    data.title && make("b", { text: data.title }),
    data.simulated && make("span", { class: "kw-badge", text: "SIMULATED", title: "made by the embedded simulator; costs nothing" }),
    make("span", { class: "kw-muted", text: `${videos} ${videos === 1 ? "video" : "videos"}` }),
  );
  return make("div", { class: "kw-head" }, title, same.length > 0 && make("div", { class: "kw-same" }, make("span", { class: "kw-muted", text: "same in all" }), ...same));
}

/** Rows and columns with their headings; *buildTile* gives the tile of a number. */
function buildGrid({ rows, cols, isGrid, tiles }, buildTile) {
  const grid = make("div", { class: isGrid ? "kw-grid" : "kw-grid kw-flow", role: "grid", "aria-label": "Videos" });
  if (isGrid) {
    const named = rows.some((heading) => heading.length);
    grid.style.setProperty("--kw-cols", cols.length);
    grid.classList.toggle("kw-no-rows", !named);
    if (cols.some((heading) => heading.length)) {
      const corner = named && make("div", { class: "kw-corner", role: "presentation" });
      grid.append(make("div", { role: "row", class: "kw-row" }, corner, ...cols.map((heading) => buildHeading(heading, "columnheader"))));
    }
  }
  (isGrid ? rows : [[]]).forEach((heading, row) => {
    const line = make("div", { role: "row", class: "kw-row" }, heading.length > 0 && buildHeading(heading, "rowheader"));
    const at = new Map([...tiles.entries()].filter(([, tile]) => tile.row === row).map(([number, tile]) => [tile.col, number]));
    const width = isGrid ? cols.length : tiles.length;
    for (let col = 0; col < width; col++)
      line.append(at.has(col) ? buildTile(at.get(col)) : make("div", { class: "kw-gap", role: "gridcell" }));
    grid.append(line);
  });
  return grid;
}

function buildHeading(heading, role) {
  const lines = heading.map(([name, value]) => make("div", {}, make("i", { text: name }), ` ${value}`));
  return make("div", { class: `kw-heading kw-${role}`, role, title: heading.map(([name, value]) => `${name}: ${value}`).join("\n") }, ...lines);
}

/** In what two tiles differ. */
function buildDifferences(one, other) {
  const [first, second] = [new Map(one.facts), new Map(other.facts)];
  const names = [...new Set([...first.keys(), ...second.keys()])].filter((name) => first.get(name) !== second.get(name));
  if (!names.length) return make("p", { class: "kw-muted", text: "No parameter differs: the same request." });
  const cell = (text, tag = "td", more = {}) => make(tag, { text: text ?? "–", ...more });
  const lines = names.map((name) => make("tr", {}, cell(name, "th", { scope: "row" }), cell(first.get(name)), cell(second.get(name))));
  const head = make("tr", {}, cell(""), cell("A", "th", { scope: "col" }), cell("B", "th", { scope: "col" }));
  return make("table", { class: "kw-differences" }, make("caption", { text: "What differs" }), make("thead", {}, head), make("tbody", {}, ...lines));
}
