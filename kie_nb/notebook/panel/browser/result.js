// The result: the picture that was sent stands where the video will be; then the video, its facts and what can be done.
const KEPT_VIDEOS = 4;
const SETTLE_MS = 500; // what changed under the pointer is not what was meant

function result(panel) {
  const { model, words } = panel;
  const media = make("div", { class: "kie-media kie-panel-media" });
  const bar = make("div", { class: "kie-bar" }, make("i"));
  const film = make("div", { class: "kie-panel-film", role: "group", "aria-label": words.FILM });
  const state = make("span", { class: "kie-panel-state" });
  const facts = make("span", { class: "kie-soft kie-panel-told" });
  const stars = starRating((count) => panel.send({ kind: "rate", id: id(), stars: count }));
  const error = make("div", { class: "kie-alert", role: "alert", hidden: true });
  const notes = make("div", { class: "kie-soft", hidden: true });
  const acts = actions(panel, () => model.get("result"));
  const head = make("div", { class: "kie-row", role: "status" }, state, stars.element, facts);
  const element = make("section", { class: "kie-panel-result", "aria-label": words.RESULT }, make("div", {}, media, bar), film, head, error, notes, acts.element);
  const id = () => model.get("result").id ?? "";

  const stills = new Map();  // addresses by run, of pictures
  const videos = new Map();  // and of videos, with their kinds
  const pictures = new Map();  // of the film strip, by run
  let shown = "", isMuted = true, drawn = "", changedAt = 0;
  // Another run may take the place just before a press that was meant for the one before.
  const guard = (event) => { if (performance.now() - changedAt < SETTLE_MS) { event.stopPropagation(); event.preventDefault(); } };
  for (const part of [stars.element, acts.element]) part.addEventListener("click", guard, true);

  const place = () => {
    const now = model.get("result"), video = now.isThere && videos.get(now.id);
    const wanted = `${now.id}:${video ? "video" : stills.get(now.id) ? "still" : ""}`;
    media.style.setProperty("--kie-ratio", now.ratio || 16 / 9);
    media.parentElement.hidden = Boolean(now.id) && !now.hasPlace;
    media.classList.toggle("kie-panel-empty", !now.id);
    if (wanted !== shown) {
      shown = wanted;
      media.replaceChildren(...[video ? moving(now, video) : standing(now)].flat().filter(Boolean));
    }
  };
  const standing = (now) => {
    if (!now.id) return make("span", { class: "kie-soft", text: words.NO_PICTURE });
    const still = stills.get(now.id);
    return [
      still && make("img", { src: still, alt: now.picture ? `picture: ${now.picture}` : "", class: "kie-panel-waiting" }),
      make("span", { class: "kie-over", text: now.prompt }),
    ];
  };
  const moving = (now, { url, mime }) => {
    const label = `video: ${now.prompt.slice(0, 120)}`;
    if (mime.startsWith("image/")) return make("img", { src: url, alt: `picture: ${now.prompt.slice(0, 120)}` });
    const video = make(mime.startsWith("audio/") ? "audio" : "video", { controls: true, loop: true, playsinline: true, "aria-label": label });
    video.muted = isMuted;
    video.addEventListener("volumechange", () => { isMuted = video.muted; });
    video.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    video.src = url;
    return video;
  };

  const draw = () => {
    const now = model.get("result");
    if (drawn && now.id !== drawn) changedAt = performance.now();
    drawn = now.id;
    element.classList.toggle("kie-panel-has-result", Boolean(now.id));
    for (const part of [head, acts.element, bar]) part.hidden = !now.id;
    if (now.id) {
      state.replaceChildren(...[stateMark(now.word, now.tone), now.badge && badge(now.badge, "ok")].filter(Boolean));
      error.textContent = now.error;
      error.hidden = !now.error;
      error.classList.toggle("kie-is-warn", now.tone === "warn");
      notes.textContent = now.remarks.join(" ");
      notes.hidden = !now.remarks.length;
      stars.element.hidden = !now.isThere;
      stars.show(now.rating);
      acts.show(now);
    }
    tick();
    place();
  };
  const tick = () => {
    const now = model.get("result");
    if (!now.id) return;
    const clock = now.isOpen ? model.get("clocks")[now.id] : null;
    bar.firstChild.style.width = `${Math.round((clock?.part ?? 0) * 100)}%`;
    bar.classList.toggle("kie-is-warn", Boolean(clock?.isLong));
    bar.classList.toggle("kie-panel-still-bar", !clock);
    const words_ = [clock?.text, now.why].filter(Boolean);
    facts.replaceChildren(...[
      ...words_.map((text) => make("span", { text })),
      now.seed && make("span", {}, `${words.SEED} `, make("b", { class: "kie-mono", text: now.seed })),
      ...now.facts.map((text) => make("span", { text })),
      make("span", { text: now.cost }),
    ].filter(Boolean));
  };
  panel.watch("result", draw);
  panel.watch("clocks", tick);
  panel.watch("film", () => {
    const runs = model.get("film");
    film.hidden = !runs.length;
    film.replaceChildren(...runs.map((run) => {
      const picture = stills.get(run.id);
      const tile = make("button", {
        type: "button", class: "kie-panel-frame", title: run.prompt, "aria-label": `${run.word}: ${run.prompt}, ${words.SEED} ${run.seed}`,
        onclick: () => panel.send({ kind: "show", id: run.id }),
      }, picture ? make("img", { src: picture, alt: "" }) : make("span"), run.tone === "ok" ? null : make("i", { class: `kie-state kie-is-${run.tone}`, "aria-hidden": "true" }));
      tile.setAttribute("aria-pressed", String(run.id === id()));
      pictures.set(run.id, tile);
      return tile;
    }));
  });
  panel.watch("result", () => { for (const [run, tile] of pictures) tile.setAttribute("aria-pressed", String(run === id())); });

  const keep = (map, name, url) => { URL.revokeObjectURL(map.get(name)?.url ?? map.get(name) ?? ""); map.set(name, url); };
  panel.hear("still", (message, [content]) => {
    const url = URL.createObjectURL(new Blob([content], { type: "image/jpeg" }));
    stills.set(message.id, url);
    const image = make("img", { src: url, alt: "" });
    pictures.get(message.id)?.firstChild.replaceWith(image);
    place();
  });
  panel.hear("media", (message, [content]) => {
    if (videos.has(message.id)) return;
    videos.set(message.id, { url: URL.createObjectURL(new Blob([content], { type: message.mime })), mime: message.mime });
    for (const old of [...videos.keys()].filter((each) => each !== id()).slice(0, -KEPT_VIDEOS)) {
      URL.revokeObjectURL(videos.get(old).url);
      videos.delete(old);
    }
    place();
  });
  return { element };
}

/** What can be done with the run that is shown. */
function actions(panel, run) {
  const { model, words } = panel;
  const send = (kind, more = {}) => panel.send({ kind, id: run().id, ...more });
  const stop = button(words.STOP_WATCHING, () => send("stop"), { kind: "quiet", title: words.STOP_WATCHING_TIP });
  const resume = button(words.RESUME, () => send("resume"), { title: words.RESUME_TIP });
  const settle = button(words.SETTLE, () => send("settle"), { title: words.SETTLE_TIP });
  const another = button("", () => panel.press("another", null, { id: run().id }), { title: words.ANOTHER_TIP });
  const reuse = button(words.REUSE_SETTINGS, () => send("reuse"), {});
  const same = button(words.REUSE_WITH_SEED, () => send("reuse", { seed: true }), {});
  const copy = button(words.COPY_AS_CELL, () => copyCell(), { title: words.COPY_TIP });
  const insert = button(words.INSERT_BELOW, () => insertCell(), { title: words.INSERT_TIP, hidden: true });
  const download = button(words.DOWNLOAD, () => send("download"), {});
  const text = make("pre", { class: "kie-panel-cell", tabindex: "0", "aria-label": words.CELL_TO_COPY, hidden: true });
  const row = make("div", { class: "kie-row kie-panel-acts" }, stop, resume, settle, another, reuse, same, copy, insert, download);

  const copyCell = async () => {
    try {
      await navigator.clipboard.writeText(model.get("cell"));
      send("copied");
    } catch {
      // A page without https, or a person who said no: the text can still be taken by hand.
      text.hidden = false;
      getSelection().selectAllChildren(text);
      panel.send({ kind: "uncopied" });
    }
  };
  const insertCell = () => {
    if (insertBelow(panel.el, model, model.get("panel"), model.get("cell"))) send("inserted");
  };
  const cell = () => {
    text.textContent = model.get("cell");
    text.hidden = true;
    copy.disabled = insert.disabled = !model.get("cell");
  };
  // By the way that the offer names: a run of the simulator is shown, and Kie.ai may answer by now.
  const price = () => {
    const offer = model.get("offer");
    another.disabled = !offer.isReady || panel.isBusy();
    another.textContent = fill(words.WITH_PRICE, { words: run().noSeed ? words.ANOTHER : words.ANOTHER_SEED, price: offer.isFree ? words.FREE : run().another });
  };
  const show = (now) => {
    stop.hidden = !now.canStop;
    stop.textContent = now.isFree ? words.STOP_SIMULATED : words.STOP_WATCHING;
    resume.hidden = !now.canResume;
    settle.hidden = now.isSettled;
    another.hidden = now.isOpen || !now.isSettled;
    price();
    download.hidden = !now.file;
    download.title = now.file;
  };
  panel.watch("cell", cell);
  panel.watch("offer", price);
  panel.onBusy(price);
  const files = new Map();
  panel.hear("file", (message, [content]) => {
    const parts = message.piece ? files.get(message.id) ?? [] : [];
    parts.push(content);
    files.set(message.id, parts);
    if (message.piece + 1 < message.pieces) return;
    files.delete(message.id);
    if (parts.length !== message.pieces) return;
    const url = URL.createObjectURL(new Blob(parts));
    make("a", { href: url, download: message.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  });
  // The element is put into its page after this.
  const look = setTimeout(() => { insert.hidden = !cellOf(panel.el, model, model.get("panel")); }, 0);
  panel.signal.addEventListener("abort", () => clearTimeout(look));
  return { element: make("div", {}, row, text), show };
}
