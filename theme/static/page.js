// What scrolls sideways can be scrolled by keyboard; what is folded is printed unfolded; the search comes when asked for.
(() => {
  const near = (name) => new URL(name, script);
  const script = document.currentScript.src, page = document.querySelector("#search-results");
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
      hint(box);
    }
  }
  function hint(box) {
    const {scrollLeft, scrollWidth, clientWidth} = box;
    const more = [scrollLeft > 1 && "left", scrollLeft + clientWidth < scrollWidth - 1 && "right"].filter(Boolean);
    if (more.length) box.dataset.more = more.join(" ");
    else delete box.dataset.more;
  }
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    mark();
    document.documentElement.dataset.ready = "true";
  });
  addEventListener("resize", mark);
  addEventListener("scroll", ({target}) => target.matches?.(SCROLLS) && hint(target), true);
  document.addEventListener("toggle", mark, true);
  // A file may not load modules: there the field leads to search.html, where Sphinx's own search answers.
  async function search(field) {
    if (location.protocol === "file:" || field.dataset.search) return;
    field.dataset.search = "asked";
    const {attach} = await import(near("search.js"));
    attach(field, field.closest("dialog") ? null : page, field.closest("dialog") ? 8 : 40);
  }
  addEventListener("focusin", ({target}) => target.form?.matches(".bd-search") && search(target.form));
  if (page) {
    const field = page.parentElement.querySelector("form"), input = field.querySelector("input");
    input.value = new URLSearchParams(location.search).get("q") ?? "";
    input.focus();
    search(field);
    if (location.protocol === "file:") {
      for (const name of ["language_data.js", "searchtools.js", "../searchindex.js"]) {
        document.head.append(Object.assign(document.createElement("script"), {src: near(name), async: false}));
      }
    }
  }
  addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll("details")) box.open = true;
  });
})();
