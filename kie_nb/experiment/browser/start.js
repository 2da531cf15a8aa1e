// As an anywidget it is given the kernel's model; a saved page gives it a plain object (`start`).
// No build, no dependency, no network, nothing global: several walls live on one page.

function render({ model, el }) {
  const view = new View(model, el);
  if (view.isLive) el.classList.add("kie-live"); // while it is there, the page that the notebook keeps is not shown
  return () => view.close();
}

/** In a saved page: find the plain grid, and take over. */
function start(name, tries = 100) {
  const pages = [...document.querySelectorAll(`[data-kie-wall="${name}"]`)].filter((page) => !page.dataset.taken);
  if (!pages.length && tries) return setTimeout(() => start(name, tries - 1), 50); // the output is put into the page in a moment
  for (const page of pages) {
    if (!page.getClientRects().length) {
      whenSeen(page, () => start(name, 0)); // a live wall stands in its place: what nobody sees loads nothing
      continue;
    }
    page.dataset.taken = "yes";
    const plain = page.querySelector(".kie-wall-plain");
    const data = JSON.parse(page.querySelector("script[data-kie-wall-data]").textContent);
    const media = [];
    for (const node of plain.querySelectorAll("[data-tile]"))
      media[Number(node.dataset.tile)] = node.matches("video")
        ? { src: node.getAttribute("src"), still: node.poster }
        : { src: "", still: node.getAttribute("src") };
    const values = { data, media, live: false };
    plain.style.display = "none";
    render({ model: { get: (key) => values[key], on() {}, off() {}, send() {} }, el: page });
    for (const node of plain.querySelectorAll("video")) {
      node.removeAttribute("src");
      node.load(); // else it goes on loading, and the page is never done
    }
    plain.remove();
  }
}

function whenSeen(node, then) {
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    then();
  });
  seen.observe(node);
}

export default { render };
