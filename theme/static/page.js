// What scrolls sideways can be scrolled by keyboard; what is folded is printed unfolded.
(() => {
  const SCROLLS = ".bd-article pre, .pst-scrollable-table-container, .bd-article div.math, .bd-article span.wide";
  function mark() {
    for (const formula of document.querySelectorAll(".bd-article span.math > mjx-container")) {
      const line = formula.closest("p, li, dt, dd, td, th, figcaption, h1, h2, h3, h4, div");
      formula.parentElement.classList.toggle("wide", formula.getBoundingClientRect().width > line.clientWidth + 1);
    }
    for (const box of document.querySelectorAll(SCROLLS)) {
      const scrolls = box.scrollWidth > box.clientWidth + 1;
      if (scrolls) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    mark();
    document.documentElement.dataset.ready = "true";
  });
  addEventListener("resize", mark);
  document.addEventListener("toggle", mark, true);
  addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll("details")) box.open = true;
  });
})();
