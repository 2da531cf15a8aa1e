// The queue: a row for every run that is open, whoever drives it. A row is its run's forever: a late press acts on no other.

function queue(panel) {
  const { model, words } = panel;
  const BUTTONS = {
    stop: [words.STOP_WATCHING, words.STOP_WATCHING_TIP, "quiet"],
    resume: [words.RESUME, words.RESUME_TIP, ""],
    settle: [words.SETTLE, words.SETTLE_TIP, ""],
    take_back: [words.TAKE_BACK, words.TAKE_BACK_TIP, ""],
  };
  const list = make("div", { role: "list" });
  const note = make("span", { class: "kie-soft" });
  const more = button(words.MORE, () => panel.send({ kind: "more" }), { kind: "quiet" });
  const rest = make("div", { class: "kie-row kie-panel-row" }, note, more);
  const element = make("section", { class: "kie-panel-queue", "aria-label": words.QUEUE }, list, rest);
  const rows = new Map();

  const rowOf = (id) => {
    const state = make("span", { class: "kie-panel-state" });
    const prompt = make("button", { type: "button", class: "kie-panel-prompt kie-cut", title: words.SHOW_TIP, onclick: () => panel.send({ kind: "show", id }) });
    const clock = make("span", { class: "kie-soft" });
    const buttons = Object.fromEntries(Object.entries(BUTTONS).map(([name, [label, title, kind]]) =>
      [name, button(label, () => panel.send({ kind: name, id }), { title, kind })]));
    const row = make("div", { class: "kie-row kie-panel-row", role: "listitem" }, state, prompt, clock, ...Object.values(buttons));
    const show = (run) => {
      state.replaceChildren(stateMark(run.word, run.tone));
      prompt.textContent = run.prompt;
      prompt.disabled = !run.canShow;
      row.title = `${words.SEED} ${run.seed}`;
      for (const [name, each] of Object.entries(buttons)) each.hidden = !run.buttons.includes(name);
      buttons.stop.textContent = run.isFree ? words.STOP_SIMULATED : words.STOP_WATCHING;
      row.dataset.why = run.why;
      tick();
    };
    const tick = () => { clock.textContent = [model.get("clocks")[id]?.text, row.dataset.why].filter(Boolean).join(" · "); };
    return { row, show, tick };
  };
  const draw = () => {
    const { rows: runs, note: words_, hasMore } = model.get("queue");
    // What stands large above with its clock and its button is not said twice.
    const shown = runs.filter((run) => run.id !== model.get("result").id || run.tone !== "run");
    const ids = new Set(shown.map((run) => run.id));
    for (const id of [...rows.keys()]) if (!ids.has(id)) { rows.get(id).row.remove(); rows.delete(id); }
    shown.forEach((run, place) => {
      if (!rows.has(run.id)) rows.set(run.id, rowOf(run.id));
      const { row, show } = rows.get(run.id);
      if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
      show(run);
    });
    note.textContent = words_;
    more.hidden = !hasMore;
    rest.hidden = !words_;
    element.hidden = !shown.length && !words_;
  };
  panel.watch("queue result", draw);
  panel.watch("clocks", () => { for (const { tick } of rows.values()) tick(); });
  return { element };
}
