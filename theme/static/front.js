// The figure of the front page: drag a point, and see the lines that three losses fit. Each line is its exact minimum.
(() => {
  const sum = values => values.reduce((total, value) => total + value, 0);

  // The line [intercept, slope] of least squares, with a weight for each point.
  function weighted(x, y, w) {
    const all = sum(w);
    const mx = sum(x.map((value, i) => w[i] * value)) / all, my = sum(y.map((value, i) => w[i] * value)) / all;
    const spread = sum(x.map((value, i) => w[i] * (value - mx) ** 2));
    const slope = spread ? sum(x.map((value, i) => w[i] * (value - mx) * (y[i] - my))) / spread : 0;
    return [my - slope * mx, slope];
  }

  const fits = {
    mse: (x, y) => weighted(x, y, x.map(() => 1)),

    // A best line goes through two of the points: try all pairs.
    mae(x, y) {
      let best = [weighted(x, y, x.map(() => 1))[0], 0], least = Infinity;
      for (let i = 0; i < x.length; i++) {
        for (let j = 0; j < i; j++) {
          if (x[i] === x[j]) continue;
          const slope = (y[j] - y[i]) / (x[j] - x[i]), start = y[i] - slope * x[i];
          const error = sum(x.map((value, k) => Math.abs(y[k] - start - slope * value)));
          if (error < least) [best, least] = [[start, slope], error];
        }
      }
      return best;
    },

    // Least squares again and again; a point that lies further away than delta weighs less, by how much further.
    huber(x, y, delta) {
      let line = fits.mse(x, y);
      for (let turn = 0; turn < 20000; turn++) {
        const w = x.map((value, i) => Math.min(1, delta / Math.abs(y[i] - line[0] - line[1] * value)));
        const next = weighted(x, y, w);
        const moved = Math.max(Math.abs(next[0] - line[0]), Math.abs(next[1] - line[1]));
        line = next;
        if (moved < 1e-13) break;
      }
      return line;
    },
  };
  window.frontFits = fits;

  const box = document.getElementById("front-lines");
  if (!box) return;
  const svg = box.querySelector("svg"), plot = box.querySelector(".plot"), said = box.querySelector(".slopes");
  const [left, top, wide, tall] = ["x", "y", "width", "height"].map(name => +plot.getAttribute(name));
  const SIDE = 10, NAMES = {mse: "MSE", mae: "MAE", huber: "Huber"};
  const across = x => x / SIDE * wide, down = y => (1 - y / SIDE) * tall;
  const points = [...box.querySelectorAll(".point")].map(mark => ({mark, x: +mark.dataset.x, y: +mark.dataset.y}));
  const start = points.map(({x, y}) => [x, y]);

  function draw() {
    const x = points.map(point => point.x), y = points.map(point => point.y);
    const ends = [], slopes = [];
    for (const name in NAMES) {
      const [a, b] = fits[name](x, y, +box.dataset.delta);
      const line = plot.querySelector(`.${name}`);
      const place = {x1: 0, y1: down(a), x2: wide, y2: down(a + b * SIDE)};
      for (const side in place) line.setAttribute(side, place[side].toFixed(1));
      line.dataset.line = JSON.stringify([a, b]);
      ends.push([Math.min(Math.max(place.y2, 6), tall - 4), name]);
      slopes.push(`${NAMES[name]} ${b.toFixed(2).replace("-", "−")}`);
    }
    // The names at the ends move apart until they can be read.
    ends.sort((one, other) => one[0] - other[0]);
    ends.forEach((end, i) => { if (i) end[0] = Math.max(end[0], ends[i - 1][0] + 19); });
    const over = Math.max(0, ends[2][0] - (tall - 4));
    for (const [height, name] of ends) {
      box.querySelector(`.ends .${name}`).setAttribute("y", (top + height - over + 5).toFixed(1));
    }
    for (const {mark, x, y} of points) {
      mark.setAttribute("transform", `translate(${(left + across(x)).toFixed(1)} ${(top + down(y)).toFixed(1)})`);
      mark.setAttribute("aria-valuenow", y.toFixed(1));
      mark.setAttribute("aria-valuetext", `input ${x.toFixed(1)}, target ${y.toFixed(1)}`);
    }
    return `Slopes: ${slopes.join(", ")}.`;
  }

  // What is read aloud waits until the point rests.
  let wait;
  function update() {
    const words = draw();
    clearTimeout(wait);
    wait = setTimeout(() => { said.textContent = words; }, 150);
  }

  function put(point, x, y) {
    playing = false;
    point.x = Math.min(Math.max(x, 0.2), SIDE - 0.2);
    point.y = Math.min(Math.max(y, 0.2), SIDE - 0.2);
    update();
  }

  const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
  points.forEach((point, i) => {
    const {mark} = point;
    const told = {
      tabindex: 0, role: "slider", "aria-label": `Point ${i + 1} of ${points.length}`, "aria-orientation": "vertical",
      "aria-valuemin": 0, "aria-valuemax": SIDE,
    };
    for (const name in told) mark.setAttribute(name, told[name]);
    mark.addEventListener("keydown", event => {
      const step = STEPS[event.key];
      if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const size = event.shiftKey ? 1 : 0.2;
      put(point, point.x + size * step[0], point.y + size * step[1]);
    });
    mark.addEventListener("pointerdown", event => {
      event.preventDefault();
      mark.focus({preventScroll: true});
      mark.setPointerCapture(event.pointerId);
    });
    mark.addEventListener("pointermove", event => {
      if (!mark.hasPointerCapture(event.pointerId)) return;
      const seen = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      put(point, (seen.x - left) / wide * SIDE, (1 - (seen.y - top) / tall) * SIDE);
    });
  });
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", "Nine points and the lines that three losses fit to them");

  const again = Object.assign(document.createElement("button"), {type: "button", textContent: "Put the points back"});
  again.addEventListener("click", () => points.forEach((point, i) => put(point, ...start[i])));
  box.querySelector(".front-read").append(again);

  // Once, the ringed point falls from the line of the others to its place.
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const last = points.at(-1), floor = last.y, height = 7.4;
  function fall(now, begun = now) {
    const share = Math.min((now - begun) / 1500, 1);
    if (!playing) return;
    last.y = height + (floor - height) * share * share;
    update();
    if (share < 1) requestAnimationFrame(later => fall(later, begun));
  }
  update();
  if (playing) addEventListener("load", () => requestAnimationFrame(now => fall(now)));
})();
