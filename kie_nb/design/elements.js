// Small helpers for the DOM. (The files beside this one are joined to one module: see `wall_page.script`.)

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  back: "M12.5 3v10L6 8zM3.5 3h2v10h-2z",
  next: "M3.5 3v10L10 8zM10.5 3h2v10h-2z",
  loop: "M4 5h7V2.8L14.2 6 11 9.2V7H5v3H3V6a1 1 0 0 1 1-1zm8 6H5v2.2L1.8 10 5 6.8V9h6V6.5h2V10a1 1 0 0 1-1 1z",
  close: "M3.4 2 8 6.6 12.6 2 14 3.4 9.4 8l4.6 4.6-1.4 1.4L8 9.4 3.4 14 2 12.6 6.6 8 2 3.4z",
  open: "M9 2h5v5h-2V5.4L9.4 8 8 6.6 10.6 4H9zM2 9h2v1.6L6.6 8 8 9.4 5.4 12H7v2H2z",
  download: "M7 2h2v6l2.3-2.3 1.4 1.4L8 11.8 3.3 7.1l1.4-1.4L7 8zM2 12h2v1h8v-1h2v3H2z",
};

function make(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** A template of `wording` with its fields. */
const fill = (text, fields) => text.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/** A button of the one kind there is; `kind` is "primary", "quiet" or nothing. */
function button(text, act, { kind = "", title = "", ...options } = {}) {
  return make("button", { type: "button", class: `kie-button ${kind && `kie-${kind}`}`.trim(), title, text, onclick: act, ...options });
}

/** The same with an icon in place of words; `label` is its name. */
function iconButton(name, label, act, options = {}) {
  const element = button("", act, { kind: "quiet", title: label, "aria-label": label, ...options });
  element.classList.add("kie-icon");
  element.append(icon(name));
  return element;
}

/** The state of a run: a dot and one word; `tone` is "run", "ok", "warn", "bad" or "soft". */
function stateMark(word, tone) {
  return make("span", { class: `kie-state kie-is-${tone}`, text: word });
}

function badge(text, tone = "", title = "") {
  return make("span", { class: `kie-badge ${tone && `kie-is-${tone}`}`.trim(), title, text });
}

/** Rating: one stop for the Tab key, arrows and digits change it; `rate(count)` is told at once. Without `rate` it is only shown. */
function starRating(rate) {
  let count = 0;
  const stars = [1, 2, 3, 4, 5].map((each) => make("span", { "data-stars": each, "aria-hidden": "true", text: "★", onclick: () => set(each === count ? 0 : each) }));
  const slider = {
    role: "slider", tabindex: "0", "aria-label": "Rating", "aria-valuemin": 0, "aria-valuemax": 5,
    title: "1 to 5 stars (keys 1 to 5; 0 clears)",
  };
  const element = make("div", { class: "kie-stars", ...(rate ? slider : { role: "img", "data-fixed": true }) }, ...stars);
  const show = (value) => {
    count = value || 0;
    const words = count ? `${count} of 5 stars` : "not rated";
    if (rate) element.setAttribute("aria-valuenow", count);
    element.setAttribute(rate ? "aria-valuetext" : "aria-label", words);
    stars.forEach((star, place) => star.classList.toggle("kie-on", place < count));
  };
  const set = (value) => { if (rate && value !== count) { show(value); rate(value); } };
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const digit = /^[0-5]$/.test(event.key) ? Number(event.key) : null;
    if (!by && digit === null) return;
    event.preventDefault();
    event.stopPropagation();
    set(digit ?? clamp(count + by, 0, 5));
  });
  show(0);
  return { element, show };
}
