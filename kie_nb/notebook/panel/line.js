// The message line. The element stays and only its words change: that is what a screen reader listens to.
function render({ model, el }) {
  const line = document.createElement("div");
  line.className = "kie-panel-line";
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  el.append(line);
  const show = () => {
    line.classList.toggle("kie-panel-bad", model.get("is_bad"));
    line.textContent = model.get("text");
  };
  model.on("change:text", show);
  model.on("change:is_bad", show);
  show();
  return () => { model.off("change:text", show); model.off("change:is_bad", show); };
}

export default { render };
