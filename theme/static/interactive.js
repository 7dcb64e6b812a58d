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

  // The views take the room that the page has, up to a limit; their height and their letters stay.
  function fit(spec, width, room, most) {
    const more = Math.min(room, most) - width;
    for (const view of spec.vconcat ?? [spec])
      if (view.width !== view.height && view.width + more > 0) view.width += more;
  }

  // A press or a drag in the panel named "drag" moves the sliders that the chart names for x and y.
  // A list of sliders has one for each column of the panel; "1 - p" moves p the other way.
  // Of the list "nearest" the slider moves that stands nearest to the press, along x.
  // Where the chart has the formula tau_of_x, of its parameter x, the slider tau goes where the formula says.
  function letDrag(chart, view, spec) {
    const { drag } = spec.usermeta ?? {};
    if (!drag) return;
    const bound = Object.fromEntries(spec.params.map(({ name, bind }) => [name, bind]));
    let held = null;
    // A finger in the panel drags, and scrolls the page only where the drag goes sideways alone.
    chart.style.touchAction = "pan-y pinch-zoom";
    const still = (event) => held && (drag.y || drag.left) && event.preventDefault();
    chart.addEventListener("touchstart", still, { passive: false });

    // Where the pointer is: as a share of the panel, and in the units of its axes.
    function place({ clientX, clientY }) {
      const box = chart.querySelector(".drag_group > g > .background").getBoundingClientRect();
      const share = { x: (clientX - box.x) / box.width, y: (clientY - box.y) / box.height };
      const at = {};
      for (const axis of "xy") {
        const scale = view.scale(`drag_${axis}`);
        at[axis] = scale?.invert?.(share[axis] * Math.max(...scale.range()));
      }
      // In a triangle (left, right, top): the share of the left corner, and of the right one in the rest.
      const [top, right] = [Math.max(0, at.y), Math.max(0, at.x - Math.max(0, at.y) / 2)];
      return { share, at: { ...at, nearest: at.x, left: 1 - right - top, rest: right / (right + top || 1) } };
    }
    function chosen(axis, names, { share, at }) {
      const far = (name) => Math.abs(view.signal(name) - at.x);
      if (axis === "nearest") return names.reduce((one, other) => (far(other) < far(one) ? other : one));
      return [names].flat()[Math.floor(share.x * [names].flat().length)];
    }
    function move({ at }) {
      for (const [axis, asked] of Object.entries(held)) {
        const name = asked.replace("1 - ", "");
        const { min, max, step } = bound[name];
        let aim = name === asked ? at[axis] : 1 - at[axis];
        if (`${name}_of_${axis}` in bound) aim = view.signal(axis, at[axis]).run().signal(`${name}_of_${axis}`);
        if (Number.isNaN(aim)) continue; // nowhere to go, as where every value means the same
        const value = Math.min(max, Math.max(min, aim));
        view.signal(name, +(min + Math.round((value - min) / step) * step).toFixed(9));
      }
      view.runAsync();
    }
    chart.addEventListener("pointerdown", (event) => {
      const where = place(event);
      const { x, y } = where.share;
      if (event.button !== 0 || x < 0 || x >= 1 || y < 0 || y > 1) return;
      held = Object.fromEntries(Object.entries(drag).map(([axis, names]) => [axis, chosen(axis, names, where)]));
      event.preventDefault();
      chart.setPointerCapture(event.pointerId);
      move(where);
    });
    chart.addEventListener("pointermove", (event) => held && move(place(event)));
    for (const end of ["pointerup", "pointercancel"]) chart.addEventListener(end, () => (held = null));
  }

  // Sliders that are many, since they are there for the keyboard, stand in a fold.
  function letFold(sliders, spec) {
    for (const [words, names] of Object.entries(spec.usermeta?.fold ?? {})) {
      const fold = document.createElement("details");
      fold.append(Object.assign(document.createElement("summary"), { textContent: words }));
      for (const name of names) fold.append(sliders.querySelector(`[name="${name}"]`).closest(".vega-bind"));
      sliders.append(fold);
    }
  }

  // A button moves a slider to its end, a step at a time, and from its beginning when it stands at the end.
  function letPlay(sliders, view, spec) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    for (const [name, words] of Object.entries(spec.usermeta?.play ?? {})) {
      const { min, max, step } = spec.params.find((param) => param.name === name).bind;
      const button = document.createElement("button");
      let timer = null;
      button.type = "button";
      button.className = "interactive-play";
      button.textContent = words;
      sliders.append(button);
      const stop = () => (timer = clearInterval(timer));
      const set = (value) => view.signal(name, +Math.min(max, value).toFixed(9)).runAsync();
      button.addEventListener("click", () => {
        if (timer) return stop();
        if (view.signal(name) >= max) set(min);
        if (calm.matches) return set(max);
        timer = setInterval(() => {
          set(view.signal(name) + step);
          if (view.signal(name) >= max || !document.contains(button)) stop();
        }, Math.max(60, (4000 * step) / (max - min)));
      });
      sliders.addEventListener("input", stop);
    }
  }

  // Draw the chart and its sliders in the room that the figure has now, with the values that the sliders had.
  async function draw(figure) {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const before = figure.__vegaView;
    for (const param of spec.params ?? []) if (before && "value" in param) param.value = before.signal(param.name);
    before?.finalize();
    figure.querySelectorAll(".interactive-chart, .interactive-sliders").forEach((box) => box.remove());
    const [chart, sliders] = [0, 1].map(() => document.createElement("div"));
    chart.className = "interactive-chart";
    sliders.className = "interactive-sliders";
    figure.append(chart, sliders);
    // The wide picture of a chapter is drawn larger by this factor, letters and all.
    const [width, height] = ["--width", "--height"].map((name) => parseFloat(figure.style.getPropertyValue(name)));
    const wide = figure.closest(".wide") && chart.clientHeight > 0 ? chart.clientHeight / height : 1;
    fit(spec, width, chart.clientWidth / wide, chart.clientWidth > 640 ? 640 : 560);
    const { view } = await vegaEmbed(chart, spec, { renderer: "svg", actions: false, bind: sliders });
    letDrag(chart, view, spec);
    letFold(sliders, spec);
    letPlay(sliders, view, spec);
    figure.__vegaView = view;
  }

  async function show(figure) {
    await loadVega();
    await draw(figure);
    figure.querySelector("img").remove();
    figure.dataset.ready = "true";
  }

  async function drawAnew(figure) {
    const held = figure.contains(document.activeElement) && document.activeElement.name;
    const open = figure.querySelector("details[open]");
    delete figure.dataset.ready;
    await draw(figure);
    if (open) figure.querySelector("details").open = true;
    if (held) figure.querySelector(`[name="${held}"]`).focus();
    figure.dataset.ready = "true";
  }

  // In a window of another width the charts that are alive are drawn anew.
  let width = innerWidth;
  let waits;
  addEventListener("resize", () => {
    clearTimeout(waits);
    waits = setTimeout(() => {
      if (innerWidth === width) return;
      width = innerWidth;
      document.querySelectorAll(".interactive[data-ready]").forEach(drawAnew);
    }, 50);
  });

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
