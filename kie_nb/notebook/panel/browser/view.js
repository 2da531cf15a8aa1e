// The panel: head, form and result side by side where there is room, and the queue below.
const SOON_MS = 150;
const FORM = ["chosen", "values", "path", "seed", "count"];  // what a page writes

function render({ model, el }) {
  const stop = new AbortController();
  const heard = new Map(), offs = [];
  let pressed = 0, later = 0;
  const busy = [];
  const unsent = new Map();
  const save = () => { clearTimeout(later); unsent.clear(); model.save_changes(); };
  const panel = {
    model, el, signal: stop.signal, words: model.get("words"),
    /** Does *act* now, and when one of these traits changes. */
    watch(names, act) {
      for (const name of names.split(" ")) {
        model.on(`change:${name}`, act);
        offs.push(() => model.off(`change:${name}`, act));
      }
      act();
    },
    hear(kind, act) { heard.set(kind, act); },
    send(message, buffers = []) { model.send(message, undefined, buffers); },
    /** What the form holds goes to the kernel, a moment later. */
    put(changes) {
      for (const [name, value] of Object.entries(changes)) {
        unsent.set(name, value);
        model.set(name, value);
      }
      clearTimeout(later);
      later = setTimeout(save, SOON_MS);
    },
    /** A press is taken once for each price that is shown; the kernel says which it has seen. */
    isBusy: () => (model.get("offer").spent ?? 0) < pressed,
    onBusy(act) { busy.push(act); },
    async press(kind, picture, more = {}) {
      if (panel.isBusy()) return;
      picture?.flush();
      pressed = model.get("offer").number;
      const held = Object.fromEntries(FORM.map((name) => [name, model.get(name)]));
      for (const act of busy) act();
      save();
      await panel.picture.sent();
      panel.send({ kind, number: pressed, form: held, ...more });
    },
  };
  // The kernel's echo of what was sent before must not take away what has been typed since. First, before all that shows it.
  const keep = () => { for (const [name, value] of unsent) model.set(name, value); };
  const typed = FORM.map((name) => `change:${name}`).join(" ");
  model.on(typed, keep);
  offs.push(() => model.off(typed, keep));
  const told = (message, buffers) => heard.get(message.kind)?.(message, buffers);
  model.on("msg:custom", told);

  const service = make("span");
  const balance = make("span", { class: "kie-soft" });
  const head = make("div", { class: "kie-row kie-panel-head" }, make("b", { text: "kie" }), service, make("span", { class: "kie-grow" }), balance);
  const made = form(panel);
  const main = make("div", { class: "kie-panel-main" }, made.element, result(panel).element);
  panel.watch("head", () => {
    const { badge: words, tone, balance: left } = model.get("head");
    service.replaceChildren(...(words ? [badge(words, tone)] : []));
    balance.textContent = left ?? "";
  });
  panel.hear("look", () => {
    made.element.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    made.prompts.querySelector("textarea")?.focus({ preventScroll: true });
  });
  panel.hear("wrong", () => setTimeout(() => made.element.querySelector("[aria-invalid=true]")?.focus(), 0));
  el.classList.add("kie-panel-view");
  el.dataset.lmSuppressShortcuts = "true";  // Lab's, which are single letters
  el.append(head, main, queue(panel).element);
  panel.send({ kind: "hello" });
  return () => {
    stop.abort();
    clearTimeout(later);
    model.off("msg:custom", told);
    for (const off of offs) off();
  };
}

export default { render };
