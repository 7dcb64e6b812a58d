// Interactive figures: the still picture gives way to the chart when it comes near the window.
// The chart's JSON stands on the page and Vega in this folder, so that neither kernel nor network is needed.
(() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  let vega;

  function loadVega() {
    vega ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = folder + "vega.js";
      script.onload = resolve;
      script.onerror = () => reject(new Error(script.src + " did not load"));
      document.head.append(script);
    });
    return vega;
  }

  // The views take the room that the page has, 560 pixels at most; their height and their letters stay.
  function fit(spec, width, room) {
    const more = Math.min(room, 560) - width;
    for (const view of spec.vconcat ?? [spec])
      if (view.width !== view.height && view.width + more > 0) view.width += more;
  }

  async function show(figure) {
    await loadVega();
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const still = figure.querySelector("img");
    const chart = document.createElement("div");
    const sliders = document.createElement("div");
    chart.className = "interactive-chart";
    sliders.className = "interactive-sliders";
    still.after(chart, sliders);
    fit(spec, still.width, chart.clientWidth);
    const { view } = await vegaEmbed(chart, spec, { renderer: "svg", actions: false, bind: sliders });
    still.remove();
    figure.dataset.ready = "true";
    figure.__vegaView = view;
  }

  const observer = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        show(target);
      }
    },
    { rootMargin: "300px" },
  );
  for (const figure of document.querySelectorAll(".interactive")) observer.observe(figure);
})();
