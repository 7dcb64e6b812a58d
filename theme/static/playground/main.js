// The playground on its page: controls on the left, two models beside them, and what happens when something changes.

import { button, choice, copyButton, element, slider } from "./controls.js";
import { MOST, PRESETS, sample } from "./data.js";
import { field, readTheme } from "./draw.js";
import { Editor } from "./editor.js";
import { Panel } from "./panel.js";
import { SCENES } from "./scenes.js";
import { MOST_STEPS, SIDES, parse, taskOf } from "./state.js";
import { World } from "./world.js";

const root = document.querySelector(".playground");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const narrow = matchMedia("(max-width: 700px)");
const RATES = { slow: 8, normal: 60, fast: 600 }; // steps a second
const JUMP = 100; // steps at once, where motion is not wanted

// What one sees who comes without an address.
const OPENING = "#data=outliers&steps=200&A=bce&B=squared_hinge";

// A scene is a state of its own.
function stateOf(hash) {
  const { state, problems } = parse(hash);
  const scene = SCENES[state.scene - 1];
  if (!scene || new URLSearchParams(hash.replace(/^[#?]/, "")).has("data")) return { state, problems };
  const own = parse(scene.address).state;
  if (scene.prepare) own.points = scene.prepare(sample(own.data, own.n, own.seed));
  return { state: { ...own, scene: state.scene }, problems };
}

class Playground {
  constructor() {
    const { state, problems } = stateOf(location.hash || location.search || OPENING);
    this.world = new World(state);
    this.running = false;
    this.tool = "move";
    this.editor = new Editor(this.world, { tool: () => this.tool, say: (text) => this.say(text), changed: () => this.touched() });
    this.build();
    this.complain(problems);
    this.sync();
    this.watch();
  }

  build() {
    this.spoken = element("p", { class: "play-unseen", role: "status" });
    this.words = element("p", { class: "play-words", "aria-live": "polite" });
    this.notice = element("p", { class: "play-notice", role: "alert", hidden: true });
    const callbacks = { changed: () => this.changed(), drawn: () => this.touched(), editor: this.editor };
    this.panels = SIDES.map((name) => new Panel(name, this.world, callbacks));
    const keys = element("p", { id: "play-keys", class: "play-keys" },
      "Keys, while a picture has the focus: arrows move the cursor or the chosen point (with Shift farther); n and p choose the next or the previous point; 1 and 0 add a positive or a negative; l changes the label; Delete removes; Escape lets go.");
    root.replaceChildren(
      this.notice, this.buildScenes(), ...this.buildBar(),
      element("div", { class: "play-lab" }, this.buildData(), element("div", { class: "play-panels" }, ...this.panels.map(({ node }) => node))),
      element("section", { class: "play-foot", "aria-label": "In words" }, element("h3", {}, "In words"), this.words, keys, this.spoken));
  }

  buildScenes() {
    this.chips = ["Free play", ...SCENES.map(({ short }, k) => `${k + 1} · ${short}`)].map((text, k) =>
      button(text, () => this.go(k ? `#scene=${k}` : OPENING), { class: "play-chip" }));
    this.scene = element("section", { class: "play-scene", "aria-live": "polite", hidden: true });
    return element("nav", { class: "play-scenes", "aria-label": "Guided scenes" },
      element("ol", {}, ...this.chips.map((chip) => element("li", {}, chip))), this.scene);
  }

  buildBar() {
    const set = (key) => (value) => {
      this.world.state[key] = value;
      this.changed();
    };
    this.play = button("", () => this.toggle(), { class: "play-go" });
    this.once = button("Step", () => this.advance(1));
    this.back = button("Start again", () => {
      this.pause();
      this.world.state.from = null;
      this.world.again(0);
      this.touched();
    });
    this.count = element("span", { class: "play-count" });
    const { state } = this.world;
    this.settings = {
      speed: choice({ legend: "Speed", options: [["slow", "slow"], ["normal", "normal"], ["fast", "fast"]], value: state.speed, change: (speed) => (this.world.state.speed = speed) }),
      model: choice({ legend: "Model", options: [["linear", "linear"], ["network", "8 tanh units"]], value: state.model, change: set("model") }),
      start: choice({ legend: "Start", options: [["zero", "at 0"], ["prior", "at the prior"]], value: state.start, change: set("start") }),
      optimiser: choice({ legend: "Optimiser", options: [["sgd", "SGD"], ["adam", "Adam"]], value: state.optimiser, change: set("optimiser") }),
      rate: slider({ name: "learning rate", min: 0.001, max: 10, log: true, value: state.rate, change: set("rate") }),
    };
    return [
      element("div", { class: "play-run", role: "group", "aria-label": "Training" }, this.play, this.once, this.back, this.count),
      element("details", { class: "play-settings" }, element("summary", {}, "Speed, model, optimiser"),
        element("div", { class: "play-controls", role: "group", "aria-label": "How it trains" }, ...Object.values(this.settings).map(({ node }) => node))),
    ];
  }

  buildData() {
    this.task = choice({
      legend: "Task", options: [["classes", "two classes"], ["line", "a line"]], value: "classes",
      change: (task) => this.go(task === "line" ? "#data=spikes" : "#data=overlap"),
    });
    this.presets = element("div", { class: "play-presets", role: "group", "aria-label": "Data sets" });
    this.amount = slider({ name: "points", min: 10, max: MOST, step: 10, value: 100, change: (n) => this.resample({ n }) });
    const again = button("New sample", () => this.resample({ seed: (this.world.state.seed % 9999) + 1 }));
    this.tools = element("div", {});
    const act = (what) => () => {
      const { selected } = this.world.marks;
      if (selected === null) this.say("Choose a point first.");
      else this.editor[what](selected);
    };
    this.relabel = button("Relabel", act("relabel"));
    this.chosen = element("div", { class: "play-chosen", role: "group", "aria-label": "The chosen point" }, this.relabel, button("Delete", act("remove")));
    return element("section", { class: "play-data-controls", "aria-label": "Data" },
      this.task.node, this.presets, this.amount.node, again, this.tools, this.chosen,
      copyButton(() => location.href, "Copy the address"));
  }

  buildTools() {
    const { task } = this.world;
    if (this.toolsOf === task) return;
    this.toolsOf = task;
    this.tool = "move";
    const options = task === "line"
      ? [["move", "move"], ["one", "add"], ["delete", "delete"]]
      : [["move", "move"], ["one", "add ● positive"], ["zero", "add ◆ negative"], ["relabel", "relabel"], ["delete", "delete"]];
    this.tools.replaceChildren(choice({ legend: "A click on a picture can", options, value: "move", change: (tool) => (this.tool = tool) }).node);
    this.relabel.hidden = task === "line";
    this.thumbnails = Object.entries(PRESETS).filter(([, preset]) => preset.task === task).map(([key, { title }]) => {
      const canvas = element("canvas", { width: 128, height: 96, "aria-hidden": "true" });
      return { key, canvas, node: element("button", { type: "button", onclick: () => this.usePreset(key) }, canvas, element("span", {}, title)) };
    });
    this.presets.replaceChildren(...this.thumbnails.map(({ node }) => node));
    this.paintThumbnails();
  }

  paintThumbnails() {
    for (const { key, canvas } of this.thumbnails) {
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, 128, 96);
      const { task, n } = PRESETS[key];
      for (const { x, y, label } of sample(key, Math.min(n, key === "rare" ? 200 : 120), 1)) {
        context.fillStyle = task === "line" ? this.theme.ink : label ? this.theme.one : this.theme.zero;
        context.beginPath();
        context.arc(64 + 15 * x, 48 - 15 * y, label || task === "line" ? 3 : 2.2, 0, 7);
        context.fill();
      }
    }
  }

  // Other data, and all else as it is.
  usePreset(data) {
    const { state } = this.world;
    Object.assign(state, { data, n: PRESETS[data].n, points: null, scene: 0, said: null });
    this.pause();
    this.world.load({ ...state, steps: 0 });
    this.sync();
  }

  resample(more) {
    Object.assign(this.world.state, more, { points: null });
    this.world.points = sample(this.world.state.data, this.world.state.n, this.world.state.seed);
    this.world.marks.selected = null;
    this.changed();
  }

  // Follow an address.
  go(hash) {
    this.pause();
    const { state, problems } = stateOf(hash);
    this.world.load(state);
    this.complain(problems);
    this.sync();
  }

  complain(problems) {
    this.notice.hidden = problems.length === 0;
    this.notice.textContent = problems.length ? `Of the address, this was left out: ${problems.join("; ")}.` : "";
  }

  // Something that the training depends on has changed.
  changed() {
    this.world.changed();
    this.sync();
  }

  // Let every control show the state.
  sync() {
    const { state } = this.world;
    this.theme ??= readTheme(root);
    for (const [key, { set }] of Object.entries(this.settings)) set(state[key]);
    this.settings.start.node.hidden = this.world.task === "line";
    this.task.set(taskOf(state));
    this.buildTools();
    for (const { key, node } of this.thumbnails) node.setAttribute("aria-pressed", key === state.data);
    this.amount.set(this.world.points.length);
    for (const panel of this.panels) panel.sync();
    this.chips.forEach((chip, k) => chip.setAttribute("aria-pressed", k === state.scene));
    this.showScene();
    this.touched();
  }

  // ---- scenes

  get waiting() {
    return this.world.state.scene > 0 && this.world.state.said === null;
  }

  showScene() {
    const { scene: k, said } = this.world.state, scene = SCENES[k - 1];
    this.scene.hidden = !scene;
    if (!scene || this.sceneShown === `${k} ${said}`) return;
    this.sceneShown = `${k} ${said}`;
    const answers = scene.choices.map((text, i) =>
      element("label", {}, element("input", { type: "radio", name: "play-guess", value: i, checked: said === i, disabled: said !== null }), element("span", {}, text)));
    const commit = button("This is my prediction: show it", () => this.commit(), { class: "play-go", hidden: said !== null });
    this.verdict = element("p", { class: "play-verdict", tabindex: -1 });
    this.scene.replaceChildren(
      element("div", {}, element("h3", {}, `${k} · ${scene.title}`), element("fieldset", {}, element("legend", {}, scene.question), ...answers), commit), this.verdict);
    delete this.scene.dataset.right;
    if (said !== null && !this.committing) this.judge();
  }

  async commit() {
    const chosen = this.scene.querySelector("input:checked");
    if (!chosen) {
      this.verdict.textContent = "Choose an answer first.";
      return;
    }
    const { scene: k } = this.world.state, scene = SCENES[k - 1];
    const { state } = stateOf(`#scene=${k}`);
    this.world.load(state);
    state.said = Number(chosen.value);
    this.committing = true;
    this.sync();
    this.committing = false;
    this.verdict.textContent = "Watch …";
    this.verdict.focus({ preventScroll: true }); // the button that had the focus is gone
    if (scene.move) await this.moving(scene);
    else if (still.matches) this.world.train(scene.steps);
    else await this.until(scene.steps);
    if (this.world.state !== state) return; // the reader has gone elsewhere
    this.touched();
    this.judge();
  }

  // Move the points of a scene over a second and a half; both models follow.
  async moving(scene) {
    const first = this.world.points, { state } = this.world;
    const begun = performance.now();
    for (let part = still.matches ? 1 : 0; this.world.state === state; part = Math.min(1, (performance.now() - begun) / 1500)) {
      this.world.edit(scene.move(first, part));
      this.touched();
      if (part === 1) return;
      await new Promise(requestAnimationFrame);
    }
  }

  // Let the training run to a step.
  until(steps) {
    this.goal = steps;
    this.run();
    return new Promise((resolve) => (this.reached = resolve));
  }

  // The verdict is about the scene as it was written, whatever the reader has changed since.
  judge() {
    const { scene: k, said } = this.world.state, scene = SCENES[k - 1];
    const world = new World(stateOf(`#scene=${k}`).state);
    const before = scene.before?.(world);
    if (scene.move) world.edit(scene.move(world.points, 1));
    else world.train(scene.steps);
    const right = scene.outcome(world, before);
    const start = said === right ? "Your prediction was right." : `You said: ${scene.choices[said]} What happened: ${scene.choices[right]}`;
    this.verdict.textContent = `${start} ${scene.say(world, before)}`;
    this.scene.dataset.right = said === right;
    this.save();
  }

  // ---- training

  toggle() {
    if (this.running) this.pause();
    else if (still.matches) this.advance(JUMP);
    else this.run();
  }

  run() {
    this.running = true;
    this.owed = 0;
    this.last = performance.now();
    this.touched();
  }

  pause() {
    this.running = false;
    this.goal = null;
    this.reached?.();
    this.reached = null;
    this.touched();
  }

  advance(steps) {
    this.world.train(steps);
    this.touched();
  }

  // As many steps as the time since the last picture allows.
  catchUp(now) {
    this.owed += (Math.min(now - this.last, 100) / 1000) * RATES[this.world.state.speed];
    this.last = now;
    let steps = Math.floor(this.owed);
    this.owed -= steps;
    if (this.goal) steps = Math.min(steps, this.goal - this.world.steps);
    const cost = this.world.points.length * (this.world.state.model === "network" ? 8 : 1);
    this.world.train(Math.min(steps, Math.ceil(60000 / cost))); // a picture must not wait for its steps
    if (steps > 0) this.dirty = true;
    if (this.world.steps >= (this.goal ?? MOST_STEPS)) this.pause();
  }

  // ---- pictures

  touched() {
    this.dirty = true;
  }

  watch() {
    const frame = (now) => {
      const begun = performance.now();
      if (this.running) this.catchUp(now);
      if (this.dirty) this.draw();
      if (this.running) this.cost = performance.now() - begun;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new ResizeObserver(() => this.touched()).observe(root);
    new MutationObserver(() => {
      this.theme = readTheme(root);
      this.paintThumbnails();
      this.touched();
    }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    addEventListener("hashchange", () => location.hash !== this.saved && this.go(location.hash));
    still.addEventListener("change", () => this.touched());
    // On a phone the settings are folded, so that the pictures stand near the top.
    const settings = root.querySelector(".play-settings");
    const unfold = () => (settings.open = !narrow.matches);
    narrow.addEventListener("change", unfold);
    unfold();
    root.addEventListener("focusin", () => this.touched());
    root.addEventListener("focusout", () => this.touched());
  }

  draw() {
    this.dirty = false;
    const fields = this.world.task === "classes" && Object.fromEntries(SIDES.map((name) => [name, field(this.world.answer(name))]));
    for (const panel of this.panels) panel.draw(this.theme, fields);
    this.count.textContent = `step ${this.world.steps}`;
    this.play.textContent = this.running ? "❚❚ Pause" : still.matches ? `▶ Train ${JUMP} steps` : "▶ Train";
    this.play.disabled = this.once.disabled = this.waiting;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.settle(), this.running ? 4000 : 400);
    if (this.running && clock() - (this.told ?? 0) > 4000) this.tell();
    root.dataset.ready = "true";
  }

  // When nothing has moved for a moment: say what is seen, and keep it in the address.
  settle() {
    this.tell();
    this.save();
  }

  tell() {
    this.told = clock();
    const text = `${this.world.points.length} points, step ${this.world.steps}. ${this.panels.map((panel) => panel.words()).join(" ")}`;
    if (this.words.textContent !== text) this.words.textContent = text;
  }

  save() {
    const address = this.world.address;
    if (address === this.saved) return;
    this.saved = address;
    history.replaceState(null, "", location.pathname + address);
  }

  say(text) {
    this.spoken.textContent = text;
  }
}

const clock = () => performance.now();

// For the tests and for the curious: the whole of it.
window.playground = new Playground();
