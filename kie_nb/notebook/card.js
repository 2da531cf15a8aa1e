// The live card: each run is drawn from plain data. Bytes come in messages, when they are there or when a page asks for them.

const SILENCE_S = 30; // a clock of which the kernel says nothing for so long stands still
let words = {};

function clockText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** What the box shows: the picture that was sent, a quiet place, or the video. */
class Place {
  constructor(card) {
    this.card = card;
    this.box = make("div", { class: "kie-card-box" });
    this.element = make("div", { class: "kie-card-room" }, this.box);
    this.urls = [];
  }

  update(data) {
    this.element.hidden = !data.place;
    if (!this.media) this.box.style.setProperty("--kie-ratio", data.ratio);
    if (data.place === "video" && !this.asked) this.ask("media");
    else if (data.place === "picture" && !this.isSent) this.ask("still");
    else if (data.place === "empty" && !this.box.firstChild) this.empty();
  }

  ask(kind) {
    if (this.box.firstChild === null) this.empty();
    if (kind === "media") this.asked = true;
    else this.isSent = true;
    this.card.send({ kind });
  }

  empty() {
    this.box.replaceChildren(make("div", { class: "kie-empty", text: words.NO_PICTURE }));
  }

  url(bytes, type) {
    const made = URL.createObjectURL(new Blob([bytes], { type }));
    this.urls.push(made);
    return made;
  }

  still(bytes) {
    if (this.media || !bytes) return;
    this.isSent = true;
    this.box.replaceChildren(make("img", { class: "kie-sent", alt: "", src: this.url(bytes, "image/jpeg") }));
  }

  /** The video is put in when it can play: until then its picture stands. */
  play(bytes, mime) {
    if (this.media) return;
    this.asked = true;
    const label = this.card.data.prompt.slice(0, 120);
    const source = this.url(bytes, mime);
    const kind = mime.split("/")[0];
    if (kind === "image") this.media = make("img", { alt: `picture: ${label}`, src: source });
    else this.media = make(kind === "audio" ? "audio" : "video", { controls: true, loop: true, playsinline: true, preload: "auto", "aria-label": `video: ${label}`, src: source });
    const put = () => { this.fit(); this.box.replaceChildren(this.media); this.card.ready(""); };
    this.media.addEventListener(kind === "image" ? "load" : "loadeddata", put, { once: true });
    this.media.addEventListener("error", () => this.card.ready(words.CANNOT_PLAY), { once: true });
  }

  /** A video that is a few pixels wider or higher than its place gets a place of its own shape. */
  fit() {
    const width = this.media.videoWidth || this.media.naturalWidth, height = this.media.videoHeight || this.media.naturalHeight;
    const ratio = width / height;
    if (Math.abs(ratio / this.card.data.ratio - 1) < 0.03) this.box.style.setProperty("--kie-ratio", ratio);
  }

  close() {
    this.urls.forEach((url) => URL.revokeObjectURL(url));
  }
}

class Card {
  constructor(view, id) {
    this.view = view;
    this.id = id;
    this.isReady = false;
    this.place = new Place(this);
    this.state = make("span", { role: "status" });
    this.clock = make("span", { class: "kie-soft kie-card-clock" });
    this.badges = make("span", { class: "kie-row" });
    this.price = make("span", { class: "kie-soft kie-card-price" });
    const spring = make("span", { class: "kie-grow" });
    const head = make("div", { class: "kie-row kie-card-head" }, this.state, this.clock, this.badges, spring, this.price);
    this.fill = make("i");
    this.bar = make("div", { class: "kie-bar", "aria-hidden": "true" }, this.fill);
    this.prompt = make("div", { class: "kie-cut" });
    this.stars = starRating((stars) => this.send({ kind: "rate", stars }));
    this.facts = make("span", { class: "kie-soft" });
    this.acts = make("div", { class: "kie-card-acts" });
    this.alert = make("div", { class: "kie-alert", role: "alert" });
    this.ask = make("div", { class: "kie-card-ask" });
    this.said = make("div", { class: "kie-soft", role: "status" });
    this.note = make("div", { class: "kie-soft" });
    this.list = make("dl");
    this.cell = make("textarea", { class: "kie-field kie-card-cell", readonly: true, hidden: true, "aria-label": words.COPY_TIP });
    this.cell.addEventListener("keydown", (event) => event.stopPropagation());
    const line = make("div", { class: "kie-card-line" }, this.stars.element, this.facts, this.acts);
    const details = make("details", {}, make("summary", { text: words.DETAILS }), this.list);
    const foot = make("div", { class: "kie-card-foot" }, this.prompt, line, this.alert, this.ask, this.said, this.cell, this.note, details);
    this.element = make("div", { class: "kie-frame kie-card", role: "group" }, head, this.bar, this.place.element, foot);
  }

  /** A word on what was pressed; it goes again. */
  say(text, isPassing = true) {
    clearTimeout(this.silence);
    this.said.textContent = text;
    if (isPassing) this.silence = setTimeout(() => (this.said.textContent = ""), 4000);
  }

  send(content) {
    this.view.model.send({ ...content, run: this.id });
  }

  update(data) {
    this.data = data;
    this.at = performance.now();
    this.element.setAttribute("aria-label", `video: ${data.prompt.slice(0, 120)}`);
    this.badges.replaceChildren(...data.badges.map(([text, tone, title]) => badge(text, tone, title)));
    this.price.textContent = data.price;
    this.prompt.textContent = data.prompt;
    this.prompt.title = data.prompt;
    this.facts.replaceChildren(...data.facts.flatMap(([name, value], place) => [
      `${place ? " · " : ""}${name ? `${name} ` : ""}`, name ? make("span", { class: "kie-fact kie-mono", text: value }) : value,
    ]));
    this.element.classList.toggle("kie-card-priced", data.is_priced);
    this.element.classList.toggle("kie-card-made", data.place === "video" || Boolean(data.place && data.clock)); // or it will be
    this.stars.element.hidden = !data.acts.includes("rate");
    this.stars.show(data.stars);
    this.place.update(data);
    const lines = data.alert.join("\n");
    if (this.alert.textContent !== lines) this.alert.textContent = lines;
    this.alert.hidden = !lines;
    this.alert.classList.toggle("kie-is-warn", data.tone === "warn");
    this.note.textContent = data.note;
    this.list.replaceChildren(...data.details.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
    this.settle(data.settle);
    this.draw();
  }

  /** Its video can be seen, or never will be here. */
  ready(trouble) {
    this.isReady = true;
    if (trouble) this.say(trouble, false);
    this.draw();
  }

  /** What changes when the video can play: until then it is not done. */
  draw() {
    const { data } = this;
    const waits = data.place === "video" && !this.isReady;
    const [word, tone] = waits ? [words.PREPARING_VIDEO, "run"] : [data.word, data.tone];
    if (this.state.textContent !== word || this.tone !== tone) this.state.replaceChildren(stateMark(word[0].toUpperCase() + word.slice(1), tone));
    this.tone = tone;
    const acts = waits ? [] : data.acts;
    const kept = acts.join() + JSON.stringify([data.labels, data.offer]);
    if (kept !== this.kept) this.acts.replaceChildren(...acts.map((act) => this.act(act)).filter(Boolean));
    this.kept = kept;
    this.tick();
  }

  act(name) {
    const { data } = this;
    const [text, title] = data.labels[name] || [];
    if (name === "stop") {
      const stop = button(text, () => { stop.disabled = true; this.send({ kind: "stop" }); }, { kind: "quiet", title });
      return stop;
    }
    if (name === "resume") {
      const resume = button(text, () => { resume.disabled = true; setTimeout(() => { resume.disabled = false; }, 2000); this.send({ kind: "resume" }); }, { title });
      return resume;
    }
    if (name === "another") {
      // A press names the number that was shown, and the kernel takes each once; a new number makes a new button.
      const another = button(text, () => { another.disabled = true; this.send({ kind: "another", number: data.offer }); }, { title });
      return another;
    }
    if (name === "cell") {
      const copy = button(words.COPY_AS_CELL, () => this.send({ kind: "cell", insert: false }), { title: words.COPY_TIP });
      const insert = button(words.INSERT_BELOW, () => this.send({ kind: "cell", insert: true }), { title: words.INSERT_TIP });
      insert.hidden = !cellOf(this.view.el, this.view.model, this.view.id);
      return make("span", { class: "kie-row", style: "gap:4px" }, copy, insert);
    }
    if (name === "file") {
      const [path, file] = data.file;
      const address = fileAddress(this.view.model, path);
      const link = (words_, more) => make("a", { class: "kie-button", href: address, text: words_, rel: "noopener noreferrer", ...more });
      if (!address) return button(words.DOWNLOAD, () => { this.say(words.LOADING_FILE, false); this.send({ kind: "file" }); });
      return make("span", { class: "kie-row", style: "gap:4px" }, link(words.OPEN_FILE, { target: "_blank" }), link(words.DOWNLOAD, { download: file }));
    }
    return null;
  }

  tick() {
    const { data } = this;
    const clock = data.clock;
    const isOver = !clock;
    this.clock.textContent = isOver ? data.time : "";
    this.fill.style.width = "0";
    this.bar.style.visibility = isOver || this.place.element.hidden ? "hidden" : "";
    if (isOver) return;
    const age = clock.age + (clock.runs ? Math.min((performance.now() - this.at) / 1000, SILENCE_S) : 0);
    const { usual, typical } = clock;
    const isLong = usual && age > usual;
    const template = !usual ? "{elapsed}" : isLong ? words.LONGER : typical ? words.TIME_TYPICAL : words.TIME;
    this.clock.textContent = fill(template, { elapsed: clockText(age), usual: clockText(usual || 0) });
    if (usual) this.fill.style.width = `${Math.min(1, age / usual) * 100}%`;
    this.bar.classList.toggle("kie-is-warn", Boolean(isLong));
  }

  // --- an unknown outcome ------------------------------------------------------------------------------------------

  settle(data) {
    const kept = JSON.stringify(data ?? null);
    if (kept === this.settling) return;
    this.settling = kept;
    this.ask.hidden = !data;
    if (!data) { this.ask.replaceChildren(); return; }
    const task = make("input", { class: "kie-field", placeholder: words.TASK_ID, "aria-label": words.TASK_ID });
    task.addEventListener("keydown", (event) => { event.stopPropagation(); if (event.key === "Enter") use.click(); });
    const use = button(words.USE_THIS_TASK, () => task.value.trim() && this.send({ kind: "adopt", task: task.value.trim() }));
    const finder = make("div", { hidden: true }, make("div", { class: "kie-soft", text: data.hint }), make("div", { class: "kie-row" }, task, use));
    const find = button(words.FIND_TASK, () => { finder.hidden = !finder.hidden; find.setAttribute("aria-expanded", String(!finder.hidden)); if (!finder.hidden) task.focus(); }, { kind: "primary", "aria-expanded": "false" });
    const again = button(data.again, () => this.send({ kind: "resend" }));
    const off = button(words.WRITE_OFF, () => this.send({ kind: "write_off" }), { kind: "quiet" });
    this.question = make("div", { role: "alert", hidden: true });
    this.ask.replaceChildren(...data.known.map((text) => make("div", { text })), make("div", { class: "kie-row" }, find, again, off), finder, this.question);
  }

  asked(message) {
    if (!this.question) return;
    const answers = message.answers.map((text, place) => button(text, () => { this.question.hidden = true; this.send({ kind: "answer", turn: message.turn, place }); }));
    this.question.replaceChildren(make("div", { text: message.words }), make("div", { class: "kie-row", style: "margin-top:6px" }, ...answers));
    this.question.hidden = false;
  }

  // --- what the kernel says ----------------------------------------------------------------------------------------

  told(message, buffers) {
    const bytes = buffers?.[0];
    if (message.kind === "still") this.place.still(bytes);
    else if (message.kind === "media" && bytes) this.place.play(bytes, message.mime);
    else if (message.kind === "media") this.ready(message.why || words.CANNOT_PLAY);
    else if (message.kind === "cell") this.taken(message);
    else if (message.kind === "ask") this.asked(message);
    else if (message.kind === "file") this.save(bytes, message);
    else if (message.kind === "said") this.say(message.text, false);
  }

  async taken({ text, insert }) {
    if (insert && insertBelow(this.view.el, this.view.model, this.view.id, text)) return this.say(words.INSERTED);
    try {
      await navigator.clipboard.writeText(text);
      this.say(words.COPIED);
    } catch { // a page without https, or a person who said no
      this.cell.value = text;
      this.cell.hidden = false;
      this.cell.select();
      this.say(words.COPY_BY_HAND, false);
    }
  }

  save(bytes, { name }) {
    this.say("");
    const link = make("a", { href: this.place.url(bytes, "application/octet-stream"), download: name });
    link.click();
  }
}

/** Whether there is a kernel behind it; managers that do not show theirs are believed. */
function isAlive(model, kit) {
  const manager = model.widget_manager;
  const isGone = manager && "kernel" in manager && (!manager.kernel || ["dead", "terminating"].includes(manager.kernel.status));
  return kit.comm_live !== false && !isGone;
}

function render({ model, el, kit, words: said }) {
  words = said;
  el.classList.add("kie", "kie-cards", "mathjax_ignore", "tex2jax_ignore");
  const view = { model, el, id: model.get("own") };
  const cards = new Map();
  const draw = () => {
    for (const data of model.get("runs")) {
      if (!cards.has(data.id)) {
        cards.set(data.id, new Card(view, data.id));
        el.append(cards.get(data.id).element);
      }
      cards.get(data.id).update(data);
    }
  };
  const told = (message, buffers) => cards.get(message.run)?.told(message, buffers);
  model.on("change:runs", draw);
  model.on("msg:custom", told);
  draw();
  model.send({ kind: "hello" });
  const tick = () => {
    el.classList.toggle("kie-live", isAlive(model, kit)); // else the page below the widget is shown
    for (const card of cards.values()) if (card.data.clock) card.tick();
  };
  tick();
  const timer = setInterval(tick, 500);
  return () => {
    clearInterval(timer);
    model.off("change:runs", draw);
    model.off("msg:custom", told);
    cards.forEach((card) => card.place.close());
  };
}

export default { render };
