// What scrolls sideways can be scrolled by keyboard; what is folded is printed unfolded.
(() => {
  function mark() {
    for (const box of document.querySelectorAll(".bd-article pre, .pst-scrollable-table-container, .bd-article div.math")) {
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
