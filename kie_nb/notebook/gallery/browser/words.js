// Small helpers for the DOM, and numbers and moments as people read them.

/** *text* with signs that nobody sees as escapes; what goes back to the kernel stays as it came. The kernel does so with all else. */
function shown(text) {
  const escape = (sign) => `\\u${sign.codePointAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u00ad\u200b\u2060-\u2064\ufeff]/gu, escape);
}

function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** How long ago, as the tables of runs say it. */
function age(at) {
  const seconds = (Date.now() - Date.parse(at)) / 1000;
  for (const [size, word] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    if (seconds >= size) return `${counted(Math.floor(seconds / size), word)} ago`;
  }
  return "just now";
}

function movesLittle() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
