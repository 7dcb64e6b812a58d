// One of the two models on the page: its loss and parameters, its pictures, its numbers, its code.

import { calls } from "./calls.js";
import { button, copyButton, element, select, slider } from "./controls.js";
import { Picture, SLOPES, INTERCEPTS, brief, drawClasses, drawLine, drawMargin, drawScores, drawSurface, surface } from "./draw.js";
import { HEIGHT, WIDTH } from "./data.js";
import { LOSSES, sigmoid } from "./losses.js";
import { averagePrecision, calibrationError, confusion, owners } from "./metrics.js";
import { meanLoss } from "./minimum.js";
import { groupsOf } from "./scenes.js";
import { SPAN, side } from "./state.js";

export const percent = (part) => (part > 0 && part < 0.005 ? "< 1 %" : `${Math.round(100 * part)} %`);
const other = (name) => (name === "A" ? "B" : "A");
const OWNERS = {
  classes: [["positives, hard", "one"], ["positives, easy", "one-easy"], ["negatives, hard", "zero"], ["negatives, easy", "zero-easy"]],
  line: [["error up to 1", "small"], ["1 to 2", "middle"], ["above 2", "large"]],
};
const groupOfError = (e) => (Math.abs(e) <= 1 ? 0 : Math.abs(e) <= 2 ? 1 : 2);
const probability = (logit) => {
  const p = sigmoid(logit);
  return p < 0.0995 || p > 0.9005 ? p.toFixed(3) : p.toFixed(2);
};

export class Panel {
  constructor(name, world, { changed, drawn, editor }) {
    Object.assign(this, { name, world, changed, drawn });
    this.build(editor);
    this.sync();
  }

  get mine() {
    return this.world.state[this.name];
  }

  build(editor) {
    const { name } = this;
    const canvas = (kind, label, more = {}) => element("canvas", { class: `play-${kind}`, role: "img", "aria-label": label, ...more });
    const keys = { tabindex: 0, role: "application", "aria-describedby": "play-keys" };
    this.head = element("div", { class: "play-head" });
    this.params = element("div", { class: "play-params" });
    this.data = new Picture(canvas("data", `Points and model ${name}: arrow keys move`, keys), 0.75);
    this.scores = new Picture(canvas("scores", `Logits of the examples of model ${name}, and the threshold`), 66);
    this.surface = new Picture(canvas("surface", `Loss of model ${name} over slope and intercept: arrow keys move the beginning`, keys), 0.55);
    this.margin = new Picture(canvas("margin", `Loss and pull of model ${name} over the margin, with a tick for each example`), 232);
    this.threshold = slider({
      name: `threshold ${name}`, min: -SPAN, max: SPAN, step: 0.05, value: 0, show: (z) => this.thresholdWords(z),
      change: (value) => {
        this.mine.threshold = Math.round(100 * value) / 100;
        this.drawn();
      },
    });
    this.threshold.node.classList.add("play-threshold");
    this.table = element("div", { class: "play-counts" });
    this.numbers = element("dl", { class: "play-numbers" });
    this.bar = element("div", { class: "play-bar", role: "img" });
    this.legend = element("ul", { class: "play-legend" });
    this.code = element("code", {});
    this.second = element("div", { class: "play-second" }, this.scores.canvas, this.threshold.node, this.surface.canvas);
    this.node = element("section", { class: "play-panel", "aria-label": `Model ${name}` },
      this.head, this.params, this.data.canvas, this.second,
      element("div", { class: "play-values" }, this.table, this.numbers),
      element("div", {}, element("h3", {}, "Loss and pull, example by example"), this.margin.canvas),
      element("div", { class: "play-owners" }, element("h3", {}, "Who owns the gradient"), this.bar, this.legend),
      element("details", { class: "play-code" }, element("summary", {}, `Loss ${name} in code`),
        element("pre", { tabindex: 0, "aria-label": `Calls of loss ${name}` }, this.code), copyButton(() => this.code.textContent, "Copy the code")));
    editor.attach(this.data.canvas, this.data);
    this.dragThreshold();
    this.dragBeginning();
  }

  // Show the controls that the state asks for.
  sync() {
    const { name, mine } = this, { task } = this.world;
    if (this.shown !== `${task} ${mine.loss}`) {
      this.shown = `${task} ${mine.loss}`;
      const options = Object.entries(LOSSES).filter(([, loss]) => loss.task === task).map(([key, { title }]) => [key, title]);
      if (this.task !== task) {
        this.list = select({
          name: `Loss ${name}`, options, value: mine.loss, hidden: true,
          change: (loss) => {
            this.world.state[name] = side(loss, this.mine.threshold);
            this.changed();
          },
        });
        this.head.replaceChildren(element("span", { class: "play-badge", "aria-hidden": "true" }, name), this.list.node);
        this.task = task;
      }
      this.list.set(mine.loss);
      this.sliders = LOSSES[mine.loss].params.map((param) => this.parameter(param));
      this.params.replaceChildren(...this.sliders.map(({ node }) => node));
      if (!this.sliders.length) this.params.append(element("p", {}, "no parameters"));
    }
    this.sliders.forEach(({ sync }) => sync());
    this.threshold.set(mine.threshold);
    const classes = task === "classes";
    for (const node of [this.scores.canvas, this.threshold.node, this.table]) node.hidden = !classes;
    this.surface.canvas.hidden = !this.world.hasSurface;
    this.code.textContent = calls(mine);
  }

  parameter({ name, default: usual, min, max, step, log, when }) {
    const change = (value) => {
      this.mine.params[name] = value;
      this.changed();
    };
    const made = slider({
      name, min, max, step, log, value: usual ?? when, change,
      show: (value) => (this.mine.params[name] === null ? "none" : brief(value)),
    });
    if (usual === null) {
      // A parameter that can be absent has a box to switch it on.
      const box = element("input", {
        type: "checkbox", "aria-label": `use ${name}`,
        onchange: () => change(box.checked ? when : null),
      });
      made.label.prepend(box);
      made.box = box;
    }
    made.sync = () => {
      const value = this.mine.params[name];
      made.set(value ?? when);
      if (made.box) made.box.checked = value !== null;
      made.input.disabled = value === null;
    };
    const words = `default ${usual ?? "none"}`;
    made.node.append(button(words, () => change(usual), { class: "play-default", "aria-label": `${words} of ${name}` }));
    return made;
  }

  get decision() {
    return Boolean(LOSSES[this.mine.loss].decision);
  }

  thresholdWords(z) {
    return this.decision ? `f > ${z.toFixed(2).replace("-", "−")}` : `p > ${probability(z)}`;
  }

  // What a line is called at its end; on a narrow picture there is room for a letter.
  label(name) {
    if (this.data.canvas.clientWidth < 420) return name;
    const { loss, threshold } = this.world.state[name];
    const rule = this.world.task === "line" || threshold === 0 ? "" : LOSSES[loss].decision ? `, f = ${threshold}` : `, p = ${probability(threshold)}`;
    return `${name} · ${LOSSES[loss].title}${rule}`;
  }

  // `fields` are the logits of both models over the picture, for classes.
  draw(theme, fields) {
    const { world, name } = this, { task, points, marks } = world;
    const seen = world.look(name), far = other(name);
    const names = [this.label(name), this.label(far)];
    const common = { points, shares: seen.shares, names, marks: { ...marks, cursor: document.activeElement === this.data.canvas && marks.cursor } };
    const { loss, params, threshold } = this.mine;
    if (task === "line") {
      drawLine(this.data, theme, { ...common, answer: seen.answer, other: world.answer(far), loss });
      if (world.hasSurface) this.drawSurface(theme);
    } else {
      this.logits = fields[name];
      const otherThreshold = world.state[far].threshold;
      drawClasses(this.data, theme, { ...common, logits: fields[name], threshold, other: fields[far], otherThreshold });
      drawScores(this.scores, theme, { z: seen.z, labels: world.targets, threshold, decision: this.decision });
    }
    drawMargin(this.margin, theme, { loss, params, task, z: seen.z, targets: world.targets });
    this.write(seen);
  }

  drawSurface(theme) {
    const { world, name } = this, { loss, params } = this.mine;
    if (this.known !== world.version) {
      this.known = world.version;
      this.values = surface((a, b) => meanLoss(world.points, loss, params, a, b));
    }
    const lowest = world.minimum(name), least = meanLoss(world.points, loss, params, ...lowest);
    drawSurface(this.surface, theme, {
      values: this.values, trail: world.trails[name], weights: world.trainers[name].weights, lowest, least, loss,
    });
  }

  // The numbers below the pictures.
  write({ z, shares, mean }) {
    const { world } = this, classes = world.task === "classes";
    const rows = [["mean loss", brief(mean)]];
    if (classes) {
      this.count = confusion(z, world.targets, this.mine.threshold);
      this.writeCounts(this.count);
      this.precision = averagePrecision(z, world.targets);
      this.calibration = this.decision ? NaN : calibrationError(z.map(sigmoid), world.targets);
      rows.unshift(["average precision", brief(this.precision)], ["calibration error", this.decision ? "none" : brief(this.calibration)]);
    } else if (world.hasSurface) {
      const [slope, intercept] = world.trainers[this.name].weights, [a, b] = world.minimum(this.name);
      rows.unshift(["slope", `${brief(slope)} (lowest ${brief(a)})`], ["intercept", `${brief(intercept)} (lowest ${brief(b)})`]);
    }
    if (world.trainers[this.name].diverged) rows.push(["", "diverged: the numbers left the range"]);
    this.replace(this.numbers, rows.map(([key, value]) => `${key}\t${value}`).join("\n"), () =>
      rows.map(([key, value]) => element("div", {}, element("dt", {}, key), element("dd", {}, value))));
    const groups = classes ? groupsOf(z, world.targets) : z.map((value, i) => groupOfError(value - world.targets[i]));
    const kinds = OWNERS[world.task], { owned, sizes } = owners(shares, groups, kinds.length);
    this.owned = owned;
    this.replace(this.bar, owned.map((part) => part.toFixed(3)).join(), () =>
      owned.map((part, k) => element("span", { class: `play-${kinds[k][1]}`, style: `width: ${100 * part}%` })));
    this.bar.setAttribute("aria-label", kinds.map(([words], k) => `${words}: ${percent(owned[k])}`).join("; "));
    this.replace(this.legend, kinds.map(([words], k) => `${words} ${sizes[k]} ${percent(owned[k])}`).join(), () =>
      kinds.map(([words, kind], k) => element("li", { class: `play-${kind}` },
        element("b", {}, percent(owned[k])), ` ${words} (${sizes[k]})`)));
  }

  // Replace children only when their text changes.
  replace(node, key, children) {
    if (node.dataset.key === key) return;
    node.dataset.key = key;
    node.replaceChildren(...children());
  }

  writeCounts({ hits, misses, alarms, rejections }) {
    this.replace(this.table, [hits, misses, alarms, rejections].join(), () => {
      const head = (text, scope) => element("th", { scope }, text);
      const cell = (count, right, words) => element("td", { class: right ? "play-right" : "play-wrong" }, element("b", {}, String(count)), element("small", {}, words));
      return [element("table", {},
        element("caption", {}, "Confusion at the threshold"),
        element("thead", {}, element("tr", {}, element("td", {}), head("called positive", "col"), head("called negative", "col"))),
        element("tbody", {},
          element("tr", {}, head("positive", "row"), cell(hits, true, "found"), cell(misses, false, "missed")),
          element("tr", {}, head("negative", "row"), cell(alarms, false, "false alarms"), cell(rejections, true, "left alone"))))];
    });
  }

  dragThreshold() {
    const { canvas } = this.scores;
    const set = (event) => {
      const z = this.scores.unx(event.clientX - canvas.getBoundingClientRect().left);
      this.mine.threshold = Math.round(20 * Math.min(Math.max(z, -SPAN), SPAN)) / 20;
      this.threshold.set(this.mine.threshold);
      this.drawn();
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      set(event);
    });
    canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && set(event));
  }

  // Where training begins can be dragged on the loss surface: both models begin there.
  dragBeginning() {
    const { canvas } = this.surface;
    const set = (slope, intercept) => {
      const within = (value, [low, high]) => Math.round(100 * Math.min(Math.max(value, low), high)) / 100;
      this.world.state.from = [within(slope, SLOPES), within(intercept, INTERCEPTS)];
      this.world.again(0);
      this.drawn();
    };
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      set(this.surface.unx(event.clientX - box.left), this.surface.uny(event.clientY - box.top));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      place(event);
    });
    canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && place(event));
    canvas.addEventListener("keydown", (event) => {
      const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!arrow) return;
      const [slope, intercept] = this.world.trails[this.name][0], by = event.shiftKey ? 0.5 : 0.1;
      set(slope + by * arrow[0], intercept + by * arrow[1]);
      event.preventDefault();
    });
  }

  // Where a straight boundary enters and leaves the picture, or how much of the picture is called positive.
  boundaryWords() {
    const { threshold } = this.mine, { kind, weights: [a, b, c] } = this.world.trainers[this.name];
    if (kind === "linear") {
      const ends = [];
      for (const x of [-WIDTH, WIDTH]) ends.push([x, (threshold - c - a * x) / b]);
      for (const y of [-HEIGHT, HEIGHT]) ends.push([(threshold - c - b * y) / a, y]);
      const [from, to] = ends.filter(([x, y]) => Math.abs(x) <= WIDTH && Math.abs(y) <= HEIGHT).map((end) => `(${end.map(brief).join(", ")})`);
      return from && to ? `the boundary runs from ${from} to ${to}` : "no boundary crosses the picture";
    }
    const inside = this.logits.filter((z) => z > threshold).length / this.logits.length;
    return `${percent(inside)} of the picture is called positive`;
  }

  // The panel in words.
  words() {
    const { world, name } = this;
    const title = `${name}, ${LOSSES[this.mine.loss].title}`;
    const kinds = OWNERS[world.task];
    const most = this.owned.indexOf(Math.max(...this.owned));
    const owner = this.owned[most] > 0 ? `Most of the gradient, ${percent(this.owned[most])}, belongs to: ${kinds[most][0]}.` : "No example pulls any more.";
    if (world.task === "line") {
      const at = (x) => brief(world.answer(name)([x]));
      return `${title}: the prediction runs from ${at(-4)} at the left over ${at(0)} to ${at(4)} at the right. ${owner}`;
    }
    const { hits, misses, alarms } = this.count;
    const trust = this.decision ? "" : `, calibration error ${brief(this.calibration)}`;
    return `${title}: ${this.boundaryWords()}; it finds ${hits} of ${hits + misses} positives, with ${alarms} false alarms; average precision ${brief(this.precision)}${trust}. ${owner}`;
  }
}
