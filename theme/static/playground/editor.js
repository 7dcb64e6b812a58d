// Points under the pointer and under the keys: add, drag, relabel, delete.

import { HEIGHT, MOST, WIDTH, snap } from "./data.js";

const NEAR = 16; // pixels

const clamp = (value, limit) => Math.min(Math.max(value, -limit), limit);

export class Editor {
  // `tool()` is what a click does; `say` announces; `changed` is called after each change.
  constructor(world, { tool, say, changed }) {
    Object.assign(this, { world, tool, say, changed });
  }

  get points() {
    return this.world.points;
  }

  get marks() {
    return this.world.marks;
  }

  replace(i, more) {
    this.world.edit(this.points.map((p, j) => (i === j ? { ...p, ...more } : p)));
    this.changed();
  }

  add(x, y, label) {
    if (this.points.length >= MOST) return this.say(`There is room for ${MOST} points.`);
    const kind = this.world.task === "line" ? 0 : label;
    const fresh = { x: snap(x, WIDTH), y: snap(y, HEIGHT), label: kind, truth: kind };
    this.world.edit([...this.points, fresh]);
    this.marks.selected = this.points.length - 1;
    this.changed();
    this.say(`Added. ${this.words(this.marks.selected)}`);
  }

  relabel(i) {
    if (this.world.task === "line") return this.say("Points of a line have no label.");
    const label = 1 - this.points[i].label;
    this.replace(i, { label, truth: label });
    this.say(this.words(i));
  }

  remove(i) {
    if (this.points.length <= 2) return this.say("Two points must stay.");
    const { x, y } = this.points[i];
    this.marks.selected = null;
    this.marks.cursor = { x, y };
    this.world.edit(this.points.filter((_, j) => j !== i));
    this.changed();
    this.say(`Deleted. ${this.points.length} points are left.`);
  }

  move(i, x, y) {
    this.replace(i, { x: snap(x, WIDTH), y: snap(y, HEIGHT) });
  }

  words(i) {
    const { x, y, label, truth } = this.points[i];
    const kind = this.world.task === "line" ? "" : label ? ", positive" : ", negative";
    const wrong = truth === label ? "" : " by its label, in truth not";
    const pull = ["A", "B"].map((name) => `${(100 * this.world.look(name).shares[i]).toFixed(1)} % of the gradient of ${name}`);
    return `Point ${i + 1} of ${this.points.length}${kind}${wrong}, at ${x.toFixed(2)}, ${y.toFixed(2)}. It owns ${pull.join(" and ")}.`;
  }

  // The point nearest to a place of a picture, if it is near.
  under(picture, px, py) {
    let found = null, least = NEAR;
    this.points.forEach(({ x, y }, i) => {
      const away = Math.hypot(picture.x(x) - px, picture.y(y) - py);
      if (away < least) [found, least] = [i, away];
    });
    return found;
  }

  attach(canvas, picture) {
    let dragged = null;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    // On a phone a finger scrolls the page, unless it is on a point or means to do something.
    canvas.addEventListener("touchstart", (event) => {
      const hit = this.under(picture, ...place(event.touches[0]));
      if (event.touches.length === 1 && (hit !== null || ["one", "zero"].includes(this.tool()))) event.preventDefault();
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const [px, py] = place(event), hit = this.under(picture, px, py), tool = this.tool();
      if (hit === null) {
        if (tool === "one" || tool === "zero") this.add(picture.unx(px), picture.uny(py), tool === "one" ? 1 : 0);
        else this.marks.selected = null;
        this.changed();
        return;
      }
      this.marks.selected = hit;
      if (tool === "relabel") this.relabel(hit);
      else if (tool === "delete") this.remove(hit);
      else {
        dragged = hit;
        canvas.setPointerCapture(event.pointerId);
      }
      this.changed();
    });
    canvas.addEventListener("pointermove", (event) => {
      const [px, py] = place(event);
      if (dragged !== null) this.move(dragged, picture.unx(px), picture.uny(py));
      else canvas.style.cursor = this.under(picture, px, py) !== null ? "grab" : "crosshair";
    });
    for (const kind of ["pointerup", "pointercancel"])
      canvas.addEventListener(kind, () => {
        if (dragged !== null && kind === "pointerup") this.say(this.words(dragged));
        dragged = null;
      });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { marks } = this, { key } = event;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    const at = marks.selected;
    if (arrow) {
      const by = event.shiftKey ? 0.5 : 0.1;
      const from = at === null ? marks.cursor : this.points[at];
      const [x, y] = [clamp(from.x + by * arrow[0], WIDTH), clamp(from.y + by * arrow[1], HEIGHT)];
      if (at === null) {
        marks.cursor = { x, y };
        this.changed();
      } else this.move(at, x, y);
      this.say(at === null ? `Cursor at ${x.toFixed(1)}, ${y.toFixed(1)}` : this.words(at));
    } else if (key === "n" || key === "p") {
      const n = this.points.length, first = key === "n" ? 0 : n - 1;
      marks.selected = at === null ? first : (at + (key === "n" ? 1 : n - 1)) % n;
      this.changed();
      this.say(this.words(marks.selected));
    } else if (key === "Escape") {
      if (at !== null) marks.cursor = { x: this.points[at].x, y: this.points[at].y };
      marks.selected = null;
      this.changed();
      this.say("No point is chosen.");
    } else if (key === "1" || key === "0" || key === "Enter") {
      const { x, y } = at === null ? marks.cursor : this.points[at];
      const label = key === "Enter" ? (this.tool() === "zero" ? 0 : 1) : Number(key);
      this.add(x + (at === null ? 0 : 0.2), y, label);
    } else if (at !== null && key === "l") this.relabel(at);
    else if (at !== null && (key === "Delete" || key === "Backspace")) this.remove(at);
    else return;
    event.preventDefault();
  }
}
