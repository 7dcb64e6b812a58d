// The whole state of the playground, and the address that holds it, such as
// #data=rare&start=prior&A=bce,threshold:-4.6&B=focal,gamma:2&steps=200
// What is not named has its default, so that an address is short and can be written by hand. A link from another page
// has ? in place of #, since a script of the theme takes what follows # for the name of a place.

import { MOST, PRESETS, point } from "./data.js";
import { LOSSES, defaults } from "./losses.js";

export const SIDES = ["A", "B"];
export const CHOICES = {
  model: ["linear", "network"],
  start: ["zero", "prior"],
  optimiser: ["sgd", "adam"],
  speed: ["slow", "normal", "fast"],
};
export const MOST_STEPS = 5000;
export const SPAN = 8; // thresholds are logits from -8 to 8
const NUMBERS = { n: [2, MOST], seed: [1, 9999], rate: [0.001, 10], steps: [0, MOST_STEPS], scene: [0, 5], said: [0, 2] };
const FIRST = { classes: ["bce", "focal"], line: ["mse", "huber"] };

export const taskOf = (state) => PRESETS[state.data].task;
export const side = (loss, threshold = 0) => ({ loss, params: defaults(loss), threshold });

export function start(data = "overlap") {
  const [a, b] = FIRST[PRESETS[data].task];
  return {
    data, n: PRESETS[data].n, seed: 1, points: null,
    model: "linear", start: "zero", from: null, optimiser: "sgd", rate: 0.1, steps: 0, speed: "normal",
    scene: 0, said: null, A: side(a), B: side(b),
  };
}

const within = (text, [low, high]) => {
  const value = Number(text);
  return text !== "" && value >= low && value <= high ? value : null;
};

// Read an address. `problems` says, in words, what of it means nothing.
export function parse(hash) {
  const given = new URLSearchParams(hash.replace(/^[#?]/, ""));
  const problems = [];
  const data = given.get("data") ?? "overlap";
  if (!Object.hasOwn(PRESETS, data)) problems.push(`there are no data "${data}"`);
  const state = start(Object.hasOwn(PRESETS, data) ? data : undefined);
  for (const [key, text] of given) {
    if (key === "data") continue;
    if (key in NUMBERS) {
      const value = within(text, NUMBERS[key]);
      if (value === null) problems.push(`${key} must lie in [${NUMBERS[key]}], not "${text}"`);
      else state[key] = key === "rate" ? value : Math.round(value);
    } else if (key in CHOICES) {
      if (CHOICES[key].includes(text)) state[key] = text;
      else problems.push(`${key} must be ${CHOICES[key].join(" or ")}, not "${text}"`);
    } else if (SIDES.includes(key)) readSide(state, key, text, problems);
    else if (key === "points" || key === "from") {
      state[key] = key === "from" ? readFrom(text) : readPoints(text, taskOf(state));
      if (!state[key]) problems.push(`${key} cannot be read`);
    }
    else if (key !== "highlight") problems.push(`"${key}" is no part of the state`);
  }
  return { state, problems };
}

// Where the training of a line begins: "slope,intercept".
function readFrom(text) {
  const row = text.split(",").map(Number);
  return row.length === 2 && row.every(Number.isFinite) ? row : null;
}

function readSide(state, name, text, problems) {
  const [loss, ...options] = text.split(",");
  if (!Object.hasOwn(LOSSES, loss) || LOSSES[loss].task !== taskOf(state)) {
    problems.push(`${name}: "${loss}" is no loss for these data`);
    return;
  }
  const found = side(loss);
  for (const option of options) {
    const [key, value] = option.split(":");
    const param = LOSSES[loss].params.find((each) => each.name === key);
    const limits = key === "threshold" ? [-SPAN, SPAN] : param && [param.min, param.max];
    const number = limits ? within(value ?? "", limits) : null;
    if (number === null) problems.push(`${name}: ${loss} has no ${key} of ${value}`);
    else if (param) found.params[key] = number;
    else found.threshold = number;
  }
  state[name] = found;
}

// The address of a state; parse(format(state)) gives it back.
export function format(state) {
  const plain = start(state.data);
  const parts = [`data=${state.data}`];
  for (const key of [...Object.keys(NUMBERS), ...Object.keys(CHOICES)])
    if (state[key] !== plain[key]) parts.push(`${key}=${state[key]}`);
  for (const name of SIDES) {
    const { loss, params, threshold } = state[name];
    const changed = Object.entries(params).filter(([key, value]) => value !== defaults(loss)[key]);
    if (threshold !== 0) changed.push(["threshold", threshold]);
    const text = [loss, ...changed.map(([key, value]) => `${key}:${value}`)].join(",");
    if (text !== plain[name].loss) parts.push(`${name}=${text}`);
  }
  if (state.points) parts.push(`points=${writePoints(state.points)}`);
  if (state.from) parts.push(`from=${state.from}`);
  return `#${parts.join("&")}`;
}

// A point takes five letters: x and y in hundredths, two each in base 36; and label and truth in one.
const pair = (value, limit) => Math.round(100 * (value + limit)).toString(36).padStart(2, "0");

export const writePoints = (points) =>
  points.map(({ x, y, label, truth }) => pair(x, 4) + pair(y, 3) + (2 * truth + label)).join("");

export function readPoints(text, task) {
  if (text.length > 5 * MOST || !/^([0-9a-z]{4}[0-3])*$/.test(text)) return null;
  return (text.match(/.{5}/g) ?? []).map((each) => {
    const [x, y] = [each.slice(0, 2), each.slice(2, 4)].map((two) => parseInt(two, 36) / 100);
    const code = task === "line" ? 0 : Number(each[4]);
    return point(x - 4, y - 3, code & 1, code >> 1 && 1);
  });
}
