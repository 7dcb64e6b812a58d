// The two models, a line and a tiny network, and the two ways to train them: full batch, in float64, as torch would.

import { generator } from "./data.js";
import { LOSSES } from "./losses.js";

export const HIDDEN = 8;

// How many numbers a model has: w and b; or, for each hidden unit, its weights, its bias and its weight in the output.
export const size = (kind, inputs) => (kind === "linear" ? inputs + 1 : HIDDEN * (inputs + 2) + 1);

export const features = (task, points) => points.map((p) => (task === "line" ? [p.x] : [p.x, p.y]));
export const targets = (task, points) => points.map((p) => (task === "line" ? p.y : p.label));

// Where training begins. A line begins at 0; a network as torch's nn.Linear, at random numbers up to 1 / sqrt(fan in).
// "prior" sets the last bias to the log-odds of the positives, so that the first answer is their share.
export function begin(kind, inputs, seed, start = "zero", prior = 0.5) {
  const weights = new Float64Array(size(kind, inputs));
  if (kind === "network") {
    const random = generator(seed + 1000003);
    const hidden = HIDDEN * (inputs + 1);
    weights.forEach((_, i) => {
      weights[i] = (2 * random() - 1) / Math.sqrt(i < hidden ? inputs : HIDDEN);
    });
    weights[weights.length - 1] = 0;
  }
  if (start === "prior") weights[weights.length - 1] = Math.log(prior / (1 - prior));
  return weights;
}

// The answer of a model for one example. `hidden`, if given, keeps what the units say.
export function predict(kind, weights, input, hidden) {
  const inputs = input.length;
  let answer = weights[weights.length - 1];
  if (kind === "linear") {
    for (let j = 0; j < inputs; j++) answer += weights[j] * input[j];
    return answer;
  }
  const bias = HIDDEN * inputs, out = bias + HIDDEN;
  for (let k = 0; k < HIDDEN; k++) {
    let inner = weights[bias + k];
    for (let j = 0; j < inputs; j++) inner += weights[k * inputs + j] * input[j];
    const unit = Math.tanh(inner);
    if (hidden) hidden[k] = unit;
    answer += weights[out + k] * unit;
  }
  return answer;
}

// Mean loss over the examples, and its gradient by the chain rule.
export function lossAndGradient(kind, weights, inputs, targets, loss, params) {
  const { value, slope } = LOSSES[loss];
  const gradient = new Float64Array(weights.length), hidden = new Float64Array(HIDDEN);
  const n = targets.length;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const input = inputs[i], d = input.length;
    const z = predict(kind, weights, input, hidden);
    const pull = slope(z, targets[i], params) / n;
    sum += value(z, targets[i], params);
    gradient[weights.length - 1] += pull;
    if (kind === "linear") {
      for (let j = 0; j < d; j++) gradient[j] += pull * input[j];
      continue;
    }
    const bias = HIDDEN * d, out = bias + HIDDEN;
    for (let k = 0; k < HIDDEN; k++) {
      gradient[out + k] += pull * hidden[k];
      const back = pull * weights[out + k] * (1 - hidden[k] ** 2); // tanh' = 1 - tanh²
      gradient[bias + k] += back;
      for (let j = 0; j < d; j++) gradient[k * d + j] += back * input[j];
    }
  }
  return { loss: n ? sum / n : 0, gradient };
}

// One model in training.
export class Trainer {
  constructor(kind, weights) {
    this.kind = kind;
    this.weights = Float64Array.from(weights);
    this.first = new Float64Array(weights.length); // Adam's two moments
    this.second = new Float64Array(weights.length);
    this.steps = 0;
    this.diverged = false;
  }

  step(inputs, targets, loss, params, optimiser, rate) {
    const { gradient } = lossAndGradient(this.kind, this.weights, inputs, targets, loss, params);
    const next = optimiser === "adam" ? this.adam(gradient, rate) : this.weights.map((w, i) => w - rate * gradient[i]);
    this.diverged = !next.every((w) => Math.abs(w) < 1e12);
    if (this.diverged) return;
    this.weights = next;
    this.steps += 1;
  }

  // torch.optim.Adam with its defaults: betas 0.9 and 0.999, eps 1e-8.
  adam(gradient, rate) {
    const t = this.steps + 1, unbias = Math.sqrt(1 - 0.999 ** t);
    return this.weights.map((w, i) => {
      this.first[i] = 0.9 * this.first[i] + 0.1 * gradient[i];
      this.second[i] = 0.999 * this.second[i] + 0.001 * gradient[i] ** 2;
      return w - ((rate / (1 - 0.9 ** t)) * this.first[i]) / (Math.sqrt(this.second[i]) / unbias + 1e-8);
    });
  }
}
