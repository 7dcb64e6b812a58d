// Starts the deck when its formulas are drawn, so that the room which a slide takes is known.
(async () => {
  await window.MathJax?.startup?.promise;

  // The type is as large as lets everything fit. Code grows no further than keeps its longest line whole.
  const SIZES = [1.5, 1.4, 1.3, 1.2, 1.1, 1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.66];
  const CODE = 22; // pixels, at size 1
  function fits(body) {
    const wide = (box) => box.getBoundingClientRect().right > box.closest(".part").getBoundingClientRect().right + 1;
    return body.firstElementChild.offsetHeight <= body.clientHeight
      && ![...body.querySelectorAll("mjx-container, .eqno, table, img, a")].some(wide);
  }
  const slides = [...document.querySelectorAll(".slides > section:has(.body)")];
  for (const slide of slides) slide.classList.add("measured");
  document.body.getBoundingClientRect(); // laid out, the formulas ask for their letters
  await document.fonts.ready;
  for (const slide of slides) {
    const body = slide.querySelector(".body");
    const shares = [...body.querySelectorAll("pre")].map((box) => box.closest(".part").clientWidth / box.offsetWidth);
    slide.classList.replace("measured", "sized");
    if (shares.length) slide.style.setProperty("--code", `${CODE * Math.min(...shares)}px`);
    const grow = (size) => slide.style.setProperty("--size", size);
    grow(SIZES.find((size) => { grow(size); return fits(body); }) ?? SIZES.at(-1));
    slide.classList.remove("sized");
  }

  // A slider that was moved by mouse gives the keys back to the deck. By keyboard it keeps its arrows, but the keys
  // of a clicker turn the page always.
  const TURN = { " ": "next", PageDown: "next", PageUp: "prev" };
  let held = null;
  addEventListener("pointerdown", ({ target }) => { held = target.closest?.("input, select") ?? null; }, true);
  addEventListener("change", ({ target }) => { if (target === held) target.blur(); }, true);
  addEventListener("pointerup", () => { if (held?.type === "range") held.blur(); }, true);
  addEventListener("keydown", (event) => {
    if (!event.target.matches?.("input, select")) return;
    held = null;
    const turn = event.ctrlKey || event.altKey || event.metaKey ? undefined : TURN[event.key];
    event.stopPropagation();
    if (!turn) return;
    event.preventDefault();
    Reveal[event.shiftKey && turn === "next" ? "prev" : turn]();
  }, true);

  await Reveal.initialize({
    width: 1280, height: 720, margin: 0.04, hash: true, center: false, transition: "none", display: "flex",
    slideNumber: "c/t", controls: true, progress: true, plugins: [RevealNotes],
  });
  Reveal.on("slidechanged", ({ previousSlide }) => {
    if (previousSlide?.contains(document.activeElement)) document.activeElement.blur();
  });
  document.documentElement.dataset.ready = "true";
})();
