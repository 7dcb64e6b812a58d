// Starts the deck when its formulas are drawn, so that the height of a slide is known.
(async () => {
  await window.MathJax?.startup?.promise;
  await Reveal.initialize({
    width: 1280, height: 720, margin: 0.04, hash: true, center: false, transition: "none",
    slideNumber: "c/t", controls: true, progress: true, plugins: [RevealNotes],
  });
  document.documentElement.dataset.ready = "true";
})();
