// The parts of a wall that only show what it is told. (`WORDS` are the strings of `wording.Wall`.)

function select(label, values, chosen, changed) {
  const options = values.map((value) => make("option", { value, text: `${value}×`, selected: value === chosen }));
  return make("select", { class: "kie-field kw-select", "aria-label": label, title: label, onchange: changed }, ...options);
}

function toolbar(label, kind, ...children) {
  return make("div", { class: `kie-row kw-bar ${kind}`.trim(), role: "toolbar", "aria-label": label }, ...children);
}

function list(kind, pairs) {
  return make("dl", { class: kind }, ...pairs.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
}

function buildHead({ tiles, title, same, simulated }) {
  const count = tiles.filter((tile) => tile.hasVideo).length;
  const prompt = new Map(same).get("prompt");
  return make(
    "div", { class: "kie-row" },
    title && make("b", { class: "kie-cut", text: title }),
    simulated && badge(WORDS.SIMULATED, "warn"),
    make("span", { class: "kie-soft", text: fill(count === 1 ? WORDS.ONE_VIDEO : WORDS.VIDEOS, { count }) }),
    prompt && make("span", { class: "kie-soft kie-cut kie-grow", title: prompt, text: prompt }),
  );
}

/** Rows and columns with their headings; *buildTile* gives the tile of a number. */
function buildGrid({ rows, cols, isGrid, tiles }, buildTile) {
  const grid = make("div", { class: isGrid ? "kw-grid" : "kw-grid kw-flow", role: "grid", "aria-label": WORDS.GRID });
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
  const parts = heading.flatMap(([name, value]) => [make("span", { class: "kie-soft", text: name }), ` ${value} `]);
  return make("div", { class: `kw-heading kw-${role}`, role, title: heading.map(([name, value]) => `${name}: ${value}`).join("\n") }, ...parts);
}

/** In what two tiles differ. */
function buildDifferences(one, other) {
  const [first, second] = [new Map(one.facts), new Map(other.facts)];
  const names = [...new Set([...first.keys(), ...second.keys()])].filter((name) => first.get(name) !== second.get(name));
  if (!names.length) return make("p", { class: "kie-soft", text: WORDS.SAME_REQUEST });
  const cell = (text, tag = "td", more = {}) => make(tag, { text: text ?? "–", ...more });
  const lines = names.map((name) => make("tr", {}, cell(name, "th", { scope: "row" }), cell(first.get(name)), cell(second.get(name))));
  const head = make("tr", {}, make("td"), cell("A", "th", { scope: "col" }), cell("B", "th", { scope: "col" }));
  return make("table", { class: "kie-table kw-differences" }, make("caption", { class: "kie-soft", text: WORDS.DIFFERS }), make("thead", {}, head), make("tbody", {}, ...lines));
}
