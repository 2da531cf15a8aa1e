// The form: a control for each field of the chosen model; what is typed goes to the kernel a moment later.

function field(panel, title, control, { help = "", extra = null } = {}) {
  const id = `kie-${Math.random().toString(36).slice(2)}`;
  control.id = id;
  if (help) control.title = help;
  const told = make("div", { id: `${id}-told`, class: "kie-error", hidden: true });
  control.setAttribute("aria-describedby", told.id);
  const head = make("span", { class: "kie-panel-label" }, make("label", { for: id, text: title }), extra);
  const element = make("div", { class: "kie-label" }, head, control, told);
  const mark = (error) => {
    told.hidden = !error;
    told.replaceChildren();
    control.toggleAttribute("aria-invalid", Boolean(error) && !error.isHint);
    if (!error) return;
    if (!error.isHint) control.setAttribute("aria-invalid", "true");
    tellError(panel, told, error);
  };
  return { element, control, mark };
}

/** What is wrong, and what mends it at a press. */
function tellError(panel, place, error) {
  place.classList.toggle("kie-panel-hint", Boolean(error.isHint));
  place.append(error.text);
  for (const fix of error.fixes) place.append(button(fix.label, () => panel.send({ kind: "fix", fix: fix.fix, path: fix.path }), { class: "kie-button kie-panel-fix" }));
}

function choice(panel, entry) {
  const select = make("select", { class: "kie-field" }, ...entry.choices.map(([, label]) => make("option", { text: label })));
  const values = entry.choices.map(([value]) => value);
  const show = (value) => {
    const place = values.indexOf(value ?? entry.default);
    select.selectedIndex = Math.max(0, place >= 0 ? place : values.indexOf(entry.default));
  };
  select.addEventListener("change", () => panel.put({ values: { ...panel.model.get("values"), [entry.name]: values[select.selectedIndex] } }));
  return { control: select, show };
}

/** Neighbours whose titles begin with one word stand together. */
function families(titles) {
  const found = [];
  for (const [title, id] of titles) {
    const label = title.split(" ")[0];
    if (found.at(-1)?.label !== label) found.push(make("optgroup", { label }));
    found.at(-1).append(make("option", { text: title, title: id }));
  }
  return found;
}

function text(panel, entry) {
  const most = entry.isJson ? 0 : entry.most;  // of JSON that is a number of things, not of characters
  const isLong = most > 200 || entry.lines > 1;
  const rows = entry.lines > 1 ? 1 : entry.isFirst ? 3 : 2;  // several files: a line each, and the field grows with them
  const control = make(isLong ? "textarea" : "input", { class: "kie-field", placeholder: entry.placeholder ?? entry.help, rows: isLong ? rows : null });
  if (entry.lines > 1) control.style.minHeight = "0";
  const count = most ? make("span", { class: "kie-panel-count kie-soft" }) : null;
  const tell = () => {
    if (!count) return;
    count.textContent = fill(panel.words.COUNT, { count: control.value.length, most });
    count.classList.toggle("kie-panel-over-most", control.value.length > most);
  };
  const grow = () => { if (entry.lines > 1) control.rows = Math.min(4, Math.max(1, control.value.split("\n").length)); };
  const show = (value) => { if (control.value !== (value ?? "")) control.value = value ?? ""; tell(); grow(); };
  control.addEventListener("input", () => { tell(); grow(); panel.put({ values: { ...panel.model.get("values"), [entry.name]: control.value } }); });
  return { control, show, extra: entry.accept ? filesFor(panel, entry) : count };
}

/** Files for a medium's field: chosen here, or dropped on it. */
function filesFor(panel, entry) {
  const chooser = make("input", { type: "file", class: "kie-panel-chooser", accept: entry.accept, multiple: entry.lines > 1, tabindex: "-1" });
  chooser.addEventListener("change", () => { panel.picture.give(chooser.files, entry); chooser.value = ""; });
  const choose = button(panel.words.CHOOSE, () => chooser.click(), { kind: "quiet", title: `${entry.title}: ${panel.words.CHOOSE}` });
  return make("span", {}, choose, chooser);
}

function form(panel) {
  const { model, words } = panel;
  const picture = picturePlace(panel);
  const pictureTold = make("div", { class: "kie-error", hidden: true });
  const prompts = make("div", { class: "kie-panel-fields" });
  const choices = make("div", { class: "kie-panel-choices" });
  const advanced = make("div", { class: "kie-panel-fields" });
  const summary = make("summary");
  const fold = make("details", { class: "kie-panel-fold" }, summary, advanced);

  const ids = Object.keys(model.get("models"));
  const models = make("select", { class: "kie-field" }, ...families(ids.map((id) => [model.get("models")[id].title, id])));
  models.addEventListener("change", () => panel.put({ chosen: ids[models.selectedIndex] }));
  const chooser = field(panel, words.MODEL, models);

  const seed = make("input", { class: "kie-field", type: "text", inputmode: "numeric", placeholder: words.RANDOM, autocomplete: "off" });
  seed.addEventListener("input", () => panel.put({ seed: seed.value.trim() }));
  const last = () => model.get("result").seed;
  const set = (value) => { seed.value = value; panel.put({ seed: value }); };
  const reuse = button(words.REUSE_LAST, () => set(last()), { title: words.REUSE_LAST_TIP });
  const draw = () => { const [least, many] = model.get("models")[model.get("chosen")].seeds; return String(least + Math.floor(Math.random() * many)); };
  const lock = button(words.LOCK, () => set(seed.value.trim() ? "" : last() || draw()), { title: words.LOCK_TIP });
  const seeds = field(panel, "Seed", seed);
  seed.after(reuse, lock);
  const seedRow = make("span", { class: "kie-panel-seed" });
  seed.replaceWith(seedRow);
  seedRow.append(seed, reuse, lock);

  const count = make("input", { class: "kie-field", type: "number", min: 1, max: 16, step: 1 });
  count.addEventListener("input", () => { const value = Math.round(Number(count.value)); if (value >= 1 && value <= 16) panel.put({ count: value }); });
  count.addEventListener("change", () => { count.value = model.get("count"); });
  const noSeed = make("div", { class: "kie-soft", hidden: true });
  const counts = field(panel, words.VIDEOS, count, { help: words.VIDEOS_TIP });

  const made = new Map();  // controls by the name of their field; of the model that is chosen
  const layOut = () => {
    const { fields, noSeed: why } = model.get("models")[model.get("chosen")] ?? {};
    if (!fields) return;  // on its way from the kernel
    made.clear();
    seeds.element.hidden = Boolean(why);
    noSeed.hidden = !why;
    noSeed.textContent = why ?? "";
    models.selectedIndex = ids.indexOf(model.get("chosen"));
    const own = fields.filter((entry) => !["image", "seed"].includes(entry.option));
    for (const entry of own) {
      const { control, show, extra } = entry.choices.length ? choice(panel, entry) : text(panel, entry);
      made.set(entry.name, { ...field(panel, entry.title, control, { help: entry.help, extra }), entry, show });
      if (entry.accept) takesFiles.set(made.get(entry.name).element, entry);
    }
    const parts = (wanted) => [...made.values()].filter(({ entry }) => wanted(entry)).map(({ element }) => element);
    prompts.replaceChildren(...parts((entry) => entry.isFirst && !entry.choices.length));
    choices.replaceChildren(...parts((entry) => entry.isFirst && entry.choices.length), counts.element);
    advanced.replaceChildren(chooser.element, ...parts((entry) => !entry.isFirst));
    const names = [words.MODEL, ...own.filter((entry) => !entry.isFirst).map((entry) => entry.title)];
    summary.textContent = summary.title = `${words.ADVANCED}: ${names.map((name) => (/^[A-Z]{2}/.test(name) ? name : name[0].toLowerCase() + name.slice(1))).join(", ")}`;
    picture.element.hidden = !fields.some((entry) => entry.option === "image");
    values();
    errors();
  };
  const values = () => { for (const [name, { show }] of made) show(model.get("values")[name]); };
  const errors = () => {
    const found = model.get("errors");
    for (const [name, { mark, entry }] of made) {
      mark(found[name]);
      if (found[name] && !entry.isFirst) fold.open = true;
    }
    seeds.mark(found.seed);
    const { fields = [] } = model.get("models")[model.get("chosen")] ?? {};
    const image = fields.find((entry) => entry.option === "image");
    const wrong = image && found[image.name];
    pictureTold.hidden = !wrong;
    pictureTold.replaceChildren();
    if (wrong) tellError(panel, pictureTold, wrong);
  };
  panel.watch("chosen models", layOut);
  panel.watch("values", values);
  panel.watch("errors", errors);
  panel.watch("count", () => { if (Number(count.value) !== model.get("count")) count.value = model.get("count"); });
  panel.watch("seed result", () => {
    if (seed.value.trim() !== model.get("seed")) seed.value = model.get("seed");
    reuse.disabled = !last();
    lock.setAttribute("aria-pressed", String(Boolean(model.get("seed"))));
  });
  const asked = make("div", { class: "kie-panel-inputs" }, picture.element, pictureTold, prompts);
  const rest = make("div", { class: "kie-panel-inputs" }, choices, seeds.element, noSeed, fold, go(panel, picture));
  return { element: make("div", { class: "kie-panel-form", role: "form", "aria-label": "Request" }, asked, rest), prompts };
}

/** The one button that pays: what it costs stands on it. A press names the price that is shown and brings what the fields hold. */
function go(panel, picture) {
  const { model } = panel;
  const generate = button("", () => panel.press("press", picture), { kind: "primary" });
  const below = make("div", { class: "kie-soft kie-panel-below" });
  const refusal = make("div", { class: "kie-alert kie-is-warn", role: "status", hidden: true });
  const line = make("div", { class: "kie-panel-line", role: "status", "aria-live": "polite" });
  const show = () => {
    const offer = model.get("offer");
    generate.textContent = offer.label ?? panel.words.GENERATE_ALONE;
    generate.disabled = !offer.isOn || panel.isBusy();
    below.textContent = offer.below ?? "";
    refusal.textContent = offer.refusal ?? "";
    refusal.hidden = !offer.refusal;
  };
  panel.watch("offer", show);
  panel.onBusy(show);
  panel.watch("line", () => {
    line.textContent = model.get("line").text;
    line.classList.toggle("kie-alert", model.get("line").isBad);
  });
  panel.picture = picture;
  return make("div", { class: "kie-panel-go" }, generate, below, refusal, line);
}
