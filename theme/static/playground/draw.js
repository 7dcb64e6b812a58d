// Everything that is drawn on a canvas. Each function gets a canvas of class Picture, and numbers.

import { HEIGHT, WIDTH } from "./data.js";
import { LOSSES, sigmoid } from "./losses.js";
import { SPAN } from "./state.js";

const DASHES = { solid: [], dashed: [7, 4], dotted: [2, 3], dashdot: [8, 3, 2, 3] };

// The colours of the page's theme, read anew when it changes.
export function readTheme(element) {
  const style = getComputedStyle(element);
  const names = ["ink", "muted", "ground", "grid", "one", "zero", "blue", "red", "green", "purple", "brown", "sky"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--play-${name}`).trim()]));
}

// A canvas that is sharp on dense screens, with the scale of what it shows.
export class Picture {
  constructor(canvas, ratio) {
    this.canvas = canvas;
    this.ratio = ratio; // of height to width; or a height in pixels
    this.context = canvas.getContext("2d");
  }

  // Clear it, and let it show x from x0 to x1 and y from y0 (below) to y1 (above), inside margins in pixels.
  open([x0, x1], [y0, y1], { left = 0, right = 0, top = 0, bottom = 0 } = {}) {
    const { canvas, context } = this;
    const width = canvas.clientWidth, height = this.ratio > 2 ? this.ratio : Math.round(width * this.ratio);
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
    }
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.lineCap = context.lineJoin = "round";
    Object.assign(this, { width, height, box: { left, right: width - right, top, bottom: height - bottom } });
    this.x = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - right);
    this.y = (y) => height - bottom - ((y - y0) / (y1 - y0)) * (height - top - bottom);
    this.unx = (px) => x0 + ((px - left) / (width - left - right)) * (x1 - x0);
    this.uny = (py) => y0 + ((height - bottom - py) / (height - top - bottom)) * (y1 - y0);
    return context;
  }

  line(points, colour, width = 1, dash = []) {
    const { context } = this;
    context.beginPath();
    points.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](this.x(x), this.y(y)));
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }

  // Words at a place, on a halo of the ground, kept inside the picture and away from the words at `apart`.
  words(text, px, py, theme, { colour = theme.ink, align = "left", bold = false, apart } = {}) {
    const { context } = this;
    context.font = `${bold ? "600 " : ""}12px system-ui, sans-serif`;
    const wide = context.measureText(text).width;
    let x = align === "right" ? px - wide : align === "center" ? px - wide / 2 : px;
    x = Math.min(Math.max(x, 3), this.width - wide - 3);
    let y = Math.min(Math.max(py, 11), this.height - 5);
    if (apart && Math.abs(apart.y - y) < 17 && x < apart.x + apart.wide + 6 && apart.x < x + wide + 6)
      y = apart.y + (apart.y + 17 > this.height - 5 || y < apart.y ? -17 : 17);
    context.lineWidth = 4;
    context.strokeStyle = theme.ground;
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
    return { x, y, wide };
  }
}

// Marching squares: the line along which a grid of numbers has a level. `at(i, j)` gives a number, or a place.
function contour(values, columns, rows, level, draw) {
  const crossing = (i, j, k, l) => {
    const a = values[j * columns + i] - level, b = values[l * columns + k] - level;
    if (a > 0 === b > 0) return null;
    const part = a / (a - b);
    return [i + part * (k - i), j + part * (l - j)];
  };
  for (let j = 0; j + 1 < rows; j++)
    for (let i = 0; i + 1 < columns; i++) {
      const found = [
        crossing(i, j, i + 1, j), crossing(i + 1, j, i + 1, j + 1), crossing(i, j + 1, i + 1, j + 1), crossing(i, j, i, j + 1),
      ].filter(Boolean);
      for (let k = 0; k + 1 < found.length; k += 2) draw(found[k], found[k + 1]);
    }
}

const COLUMNS = 61, ROWS = 46;
const gridX = (i) => -WIDTH + (2 * WIDTH * i) / (COLUMNS - 1);
const gridY = (j) => -HEIGHT + (2 * HEIGHT * j) / (ROWS - 1);

// The logit of a model over the whole picture.
export function field(answer) {
  const logits = new Float64Array(COLUMNS * ROWS);
  for (let j = 0; j < ROWS; j++)
    for (let i = 0; i < COLUMNS; i++) logits[j * COLUMNS + i] = answer([gridX(i), gridY(j)]);
  return logits;
}

const bytes = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const paint = document.createElement("canvas");
paint.width = COLUMNS;
paint.height = ROWS;

// The probability as colour: strong where the model is sure, the ground where it is not.
function paintField(picture, logits, theme) {
  const context = paint.getContext("2d"), image = context.createImageData(COLUMNS, ROWS);
  const colours = [bytes(theme.zero), bytes(theme.one)];
  for (let j = 0; j < ROWS; j++)
    for (let i = 0; i < COLUMNS; i++) {
      const p = sigmoid(logits[j * COLUMNS + i]), at = 4 * ((ROWS - 1 - j) * COLUMNS + i);
      image.data.set(colours[p > 0.5 ? 1 : 0], at);
      image.data[at + 3] = 110 * Math.abs(2 * p - 1);
    }
  context.putImageData(image, 0, 0);
  picture.context.imageSmoothingQuality = "high";
  picture.context.drawImage(paint, 0, 0, picture.width, picture.height);
}

// Join pieces that share an end into long lines, so that dashes run on.
function joined(pieces) {
  const at = new Map();
  const add = (place, piece) => at.set(String(place), [...(at.get(String(place)) ?? []), piece]);
  pieces.forEach((piece) => piece.forEach((place) => add(place, piece)));
  const left = new Set(pieces), lines = [];
  for (const first of pieces) {
    if (!left.delete(first)) continue;
    const line = [...first];
    for (const ahead of [true, false])
      for (;;) {
        const end = ahead ? line.at(-1) : line[0];
        const next = at.get(String(end)).find((piece) => left.has(piece));
        if (!next) break;
        left.delete(next);
        line[ahead ? "push" : "unshift"](next.find((place) => String(place) !== String(end)) ?? end);
      }
    lines.push(line);
  }
  return lines;
}

// Draw the line where the logit has a level; return the place that is farthest to the upper right, for its name.
function boundary(picture, logits, level, colour, width, dash) {
  const pieces = [];
  contour(logits, COLUMNS, ROWS, level, (a, b) => pieces.push([a, b]));
  for (const line of joined(pieces)) picture.line(line.map(([i, j]) => [gridX(i), gridY(j)]), colour, width, dash);
  const [end] = pieces.flat().sort((a, b) => b[0] + b[1] - a[0] - a[1]);
  return end && [picture.x(gridX(end[0])), picture.y(gridY(end[1]))];
}

export const radius = (share, width) => Math.min(2.4 + 19 * Math.sqrt(share), 17) * Math.min(1, 0.5 + width / 1000);

function mark(context, x, y, r, label) {
  context.beginPath();
  if (label) context.arc(x, y, r, 0, 2 * Math.PI);
  else {
    const d = 1.2 * r;
    context.moveTo(x, y - d);
    for (const [dx, dy] of [[d, 0], [0, d], [-d, 0]]) context.lineTo(x + dx, y + dy);
    context.closePath();
  }
}

// The points, the largest first, so that none hides another that is smaller.
function drawPoints(picture, points, shares, theme, task, { selected, cursor }) {
  const { context } = picture;
  const order = [...points.keys()].sort((i, j) => shares[j] - shares[i]);
  for (const i of order) {
    const { x, y, label, truth } = points[i], r = radius(shares[i], picture.width);
    const round = task === "line" || label === 1;
    mark(context, picture.x(x), picture.y(y), r, round);
    context.globalAlpha = 0.85;
    context.fillStyle = task === "line" ? theme.ink : label ? theme.one : theme.zero;
    context.fill();
    context.globalAlpha = 1;
    Object.assign(context, { strokeStyle: theme.ground, lineWidth: 0.8 });
    context.stroke();
    if (truth !== label) {
      mark(context, picture.x(x), picture.y(y), r + 3, round);
      Object.assign(context, { strokeStyle: truth ? theme.one : theme.zero, lineWidth: 1.6 });
      context.stroke();
    }
  }
  if (selected !== null && points[selected]) {
    const { x, y } = points[selected];
    context.beginPath();
    context.arc(picture.x(x), picture.y(y), radius(shares[selected], picture.width) + 5, 0, 2 * Math.PI);
    Object.assign(context, { strokeStyle: theme.ink, lineWidth: 2 });
    context.stroke();
  } else if (cursor) {
    const [x, y] = [picture.x(cursor.x), picture.y(cursor.y)];
    context.beginPath();
    for (const [dx, dy] of [[9, 0], [0, 9]]) {
      context.moveTo(x - dx, y - dy);
      context.lineTo(x + dx, y + dy);
    }
    Object.assign(context, { strokeStyle: theme.ink, lineWidth: 2 });
    context.stroke();
  }
}

// Two classes: the probability, the boundary at the threshold, the other model's boundary, and the points.
export function drawClasses(picture, theme, { points, shares, logits, threshold, other, otherThreshold, names, marks }) {
  picture.open([-WIDTH, WIDTH], [-HEIGHT, HEIGHT]);
  paintField(picture, logits, theme);
  const far = boundary(picture, other, otherThreshold, theme.muted, 1.8, DASHES.dashed);
  const near = boundary(picture, logits, threshold, theme.ink, 2.4, []);
  drawPoints(picture, points, shares, theme, "classes", marks);
  const apart = near && picture.words(names[0], near[0] - 6, near[1] + 14, theme, { align: "right", bold: true });
  if (far) picture.words(names[1], far[0] - 6, far[1] + 14, theme, { align: "right", colour: theme.muted, apart });
}

// A line to fit: the errors, both models' curves, and the points.
export function drawLine(picture, theme, { points, shares, answer, other, loss, names, marks }) {
  const context = picture.open([-WIDTH, WIDTH], [-HEIGHT, HEIGHT]);
  const curve = (f) => Array.from({ length: 61 }, (_, i) => [gridX(i), f([gridX(i)])]);
  picture.line([[-WIDTH, 0], [WIDTH, 0]], theme.grid);
  picture.line([[0, -HEIGHT], [0, HEIGHT]], theme.grid);
  context.globalAlpha = 0.45;
  points.forEach(({ x, y }, i) => picture.line([[x, y], [x, answer([x])]], theme[LOSSES[loss].colour], 1 + 12 * shares[i]));
  context.globalAlpha = 1;
  picture.line(curve(other), theme.muted, 1.5, DASHES.dashed);
  picture.line(curve(answer), theme[LOSSES[loss].colour], 3);
  drawPoints(picture, points, shares, theme, "line", marks);
  const end = (f) => picture.y(Math.min(Math.max(f([WIDTH]), -HEIGHT), HEIGHT));
  const edge = picture.width - 4;
  const apart = picture.words(names[0], edge, end(answer) - 8, theme, { align: "right", bold: true });
  picture.words(names[1], edge, end(other) - 8, theme, { align: "right", colour: theme.muted, apart });
}

// The logits of all examples with the threshold: positives above the axis, negatives below.
export function drawScores(picture, theme, { z, labels, threshold, decision }) {
  const context = picture.open([-SPAN, SPAN], [-1, 1], { left: 8, right: 8, bottom: 16 });
  const middle = picture.y(0), at = picture.x(threshold);
  context.fillStyle = theme.grid;
  context.fillRect(at, 0, picture.width - at, picture.box.bottom);
  picture.line([[-SPAN, 0], [SPAN, 0]], theme.muted, 1);
  for (const label of [0, 1]) {
    context.beginPath();
    z.forEach((value, i) => {
      if (labels[i] !== label) return;
      const x = picture.x(Math.min(Math.max(value, -SPAN), SPAN));
      context.moveTo(x, middle + (label ? -2 : 2));
      context.lineTo(x, middle + (label ? -22 : 22));
    });
    Object.assign(context, { strokeStyle: label ? theme.one : theme.zero, lineWidth: label ? 1.8 : 1.2 });
    context.globalAlpha = label ? 0.9 : 0.45;
    context.stroke();
  }
  context.globalAlpha = 1;
  context.beginPath();
  context.moveTo(at, 0);
  context.lineTo(at, picture.height);
  Object.assign(context, { strokeStyle: theme.ink, lineWidth: 2 });
  context.stroke();
  const ticks = decision ? [-6, -1, 1, 6] : [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];
  for (const tick of ticks) {
    const x = picture.x(decision ? tick : Math.log(tick / (1 - tick)));
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = theme.muted;
    context.textAlign = "center";
    context.fillText(String(tick).replace("-", "−"), x, picture.height - 3);
    context.textAlign = "left";
  }
}

// Loss and pull over the margin (or the error), with a tick for each example between them.
export function drawMargin(picture, theme, { loss, params, task, z, targets, tasks }) {
  const span = task === "line" ? 5 : 7;
  const context = picture.open([-span, span], [0, 1], { left: 34, right: 8, bottom: 18 });
  const { value, slope, colour, line } = LOSSES[loss];
  const [top, bottom] = [picture.box.top + 16, picture.box.bottom];
  const rows = bottom - top, above = top + 0.48 * rows, below = top + 0.62 * rows; // curves, ticks, curves
  const xs = Array.from({ length: 141 }, (_, i) => -span + (2 * span * i) / 140);
  const kinds = task === "line" ? [0] : [1, 0];
  const logit = (x, kind) => (task === "line" || kind ? x : -x);
  const curves = (f) => kinds.map((kind) => xs.map((x) => f(logit(x, kind), task === "line" ? 0 : kind, params)));
  const panes = [
    { rows: curves(value), title: "loss", from: above, to: top },
    { rows: curves((...args) => Math.abs(slope(...args))), title: "pull: size of the slope", from: bottom, to: below },
  ];
  context.fillStyle = theme.grid;
  context.fillRect(picture.x(0), top, 1, bottom - top);
  for (const { rows: all, title, from, to } of panes) {
    const most = Math.max(...all.flat(), 1e-9);
    const y = (v) => from - (v / most) * (from - to);
    context.fillRect(picture.box.left, from, picture.box.right - picture.box.left, 1);
    const same = all.length < 2 || all[0].every((v, i) => Math.abs(v - all[1][i]) < 1e-9 * most);
    all.slice(0, same ? 1 : 2).forEach((values, k) => {
      context.beginPath();
      values.forEach((v, i) => context[i ? "lineTo" : "moveTo"](picture.x(xs[i]), y(v)));
      Object.assign(context, { strokeStyle: same ? theme[colour] : kinds[k] ? theme.one : theme.zero, lineWidth: 2.2 });
      context.setLineDash(same ? DASHES[line] : k ? DASHES.dashed : []);
      context.stroke();
      context.setLineDash([]);
    });
    if (!same) labelKinds(picture, theme, all, xs, y, kinds);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = theme.muted;
    context.textAlign = "right";
    context.fillText(brief(most), picture.box.left - 4, to + 9);
    context.fillText("0", picture.box.left - 4, from + 3);
    context.textAlign = "left";
    picture.words(title, picture.box.right, to + (title === "loss" ? 2 : 12), theme, { align: "right" });
  }
  drawTicks(picture, theme, { span, task, z, targets, from: above + 3, to: below - 3 });
  const words = task === "line" ? ["too low", "error: prediction − target", "too high"] : ["wrong", "margin", "right"];
  ["left", "center", "right"].forEach((align, i) => {
    const px = [picture.box.left, picture.x(0), picture.box.right][i];
    picture.words(words[i], px, picture.height - 4, theme, { align, colour: theme.muted });
  });
}

function labelKinds(picture, theme, all, xs, y, kinds) {
  const at = kinds.map((_, k) => all[k].indexOf(Math.max(...all[k])));
  const heights = kinds.map((_, k) => y(all[k][at[k]]));
  const apart = Math.abs(heights[0] - heights[1]) < 14 && Math.abs(at[0] - at[1]) < 40;
  kinds.forEach((kind, k) => {
    const lower = apart && (heights[k] > heights[1 - k] || (heights[k] === heights[1 - k] && k));
    const flat = heights[k] > y(0) - 16; // too near to the axis for words below the curve
    picture.words(kind ? "positives" : "negatives", picture.x(xs[at[k]]) + 8, heights[k] + (flat ? -5 : lower ? 28 : 14), theme, {
      colour: kind ? theme.one : theme.zero,
    });
  });
}

function drawTicks(picture, theme, { span, task, z, targets, from, to }) {
  const { context } = picture, middle = (from + to) / 2;
  for (const kind of task === "line" ? [0] : [0, 1]) {
    context.beginPath();
    z.forEach((value, i) => {
      if (task !== "line" && targets[i] !== kind) return;
      const margin = task === "line" ? value - targets[i] : kind ? value : -value;
      const x = picture.x(Math.min(Math.max(margin, -span), span));
      context.moveTo(x, task === "line" || kind ? from : middle + 1);
      context.lineTo(x, task === "line" || !kind ? to : middle - 1);
    });
    Object.assign(context, { strokeStyle: task === "line" ? theme.ink : kind ? theme.one : theme.zero, lineWidth: 1.4 });
    context.globalAlpha = 0.6;
    context.stroke();
    context.globalAlpha = 1;
  }
}

export function brief(value) {
  if (!Number.isFinite(value)) return "none";
  const size = Math.abs(value);
  if (size >= 1e4 || (size > 0 && size < 1e-3)) return value.toExponential(0).replace("e+", "e").replace("-", "−");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2).replace("-", "−");
}

// The loss over slope and intercept: lines of equal loss, the way that training took, and the lowest place.
export const SLOPES = [-2.5, 2.5], INTERCEPTS = [-4, 4];
const ACROSS = 41, UP = 33;
const slopeAt = (i) => SLOPES[0] + ((SLOPES[1] - SLOPES[0]) * i) / (ACROSS - 1);
const interceptAt = (j) => INTERCEPTS[0] + ((INTERCEPTS[1] - INTERCEPTS[0]) * j) / (UP - 1);

export function surface(cost) {
  const values = new Float64Array(ACROSS * UP);
  for (let j = 0; j < UP; j++) for (let i = 0; i < ACROSS; i++) values[j * ACROSS + i] = cost(slopeAt(i), interceptAt(j));
  return values;
}

export function drawSurface(picture, theme, { values, trail, weights, lowest, least, loss }) {
  const context = picture.open(SLOPES, INTERCEPTS);
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  for (let k = 1; k <= 9; k++) {
    const level = least + (most - least) * (k / 10) ** 2;
    context.beginPath();
    contour(values, ACROSS, UP, level, (a, b) => {
      context.moveTo(picture.x(slopeAt(a[0])), picture.y(interceptAt(a[1])));
      context.lineTo(picture.x(slopeAt(b[0])), picture.y(interceptAt(b[1])));
    });
    Object.assign(context, { strokeStyle: theme[LOSSES[loss].colour], lineWidth: 1.1 });
    context.globalAlpha = 0.75 - 0.06 * k;
    context.stroke();
  }
  context.globalAlpha = 1;
  picture.line(trail, theme.ink, 1.4);
  if (trail.length < 80)
    for (const [a, b] of trail) {
      context.beginPath();
      context.arc(picture.x(a), picture.y(b), 2.2, 0, 2 * Math.PI);
      context.fillStyle = theme.ink;
      context.fill();
    }
  const [lx, ly] = [picture.x(lowest[0]), picture.y(lowest[1])];
  for (const [dx, dy] of [[5, 5], [5, -5]]) {
    context.beginPath();
    context.moveTo(lx - dx, ly - dy);
    context.lineTo(lx + dx, ly + dy);
    Object.assign(context, { strokeStyle: theme[LOSSES[loss].colour], lineWidth: 3 });
    context.stroke();
  }
  picture.words("lowest", lx + 10, ly + 20, theme, { colour: theme.ink });
  const [px, py] = [Math.min(Math.max(picture.x(weights[0]), 6), picture.width - 6), Math.min(Math.max(picture.y(weights[1]), 6), picture.height - 6)];
  context.beginPath();
  context.arc(px, py, 7, 0, 2 * Math.PI);
  context.fillStyle = theme[LOSSES[loss].colour];
  context.fill();
  Object.assign(context, { strokeStyle: theme.ground, lineWidth: 2 });
  context.stroke();
  picture.words("slope →", picture.width - 4, picture.height - 5, theme, { align: "right", colour: theme.muted });
  picture.words("↑ intercept", 4, 12, theme, { colour: theme.muted });
}
