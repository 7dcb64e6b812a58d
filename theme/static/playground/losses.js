// The elementwise losses of lossbook: value and slope of one example, in forms that keep their digits.
//
// value(z, y, p) and slope(z, y, p): for a line z is the prediction and y the number that was observed; for classes
// z is the logit and y the label, 0 or 1. The slope is the derivative with respect to z. p holds the parameters.
// tests/test_playground.py compares both with lossbook.

export function sigmoid(z) {
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const power = Math.exp(z); // of a negative number: never too large
  return power / (1 + power);
}

// log(1 + e^z), to all digits on both sides.
export const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

const clip = (x, low, high) => Math.min(Math.max(x, low), high);
const number = (name, start, min, max, more) => ({ name, default: start, min, max, step: 0.05, ...more });
const scale = (name, start, min, max, more) => number(name, start, min, max, { log: true, ...more });

// log cosh x = log(1 + 2 sinh²(x / 2)); beyond 20 it is x - log 2, to all digits.
const logCosh = (x) => (x < 20 ? Math.log1p(2 * Math.sinh(x / 2) ** 2) : x - Math.LN2);

// With r the log-odds against the truth: -log p_t = softplus(r), 1 - p_t = sigmoid(r), p_t = sigmoid(-r).
const against = (z, y) => (1 - 2 * y) * z;
const focalValue = (r, gamma) => sigmoid(r) ** gamma * softplus(r);
const focalSlope = (r, gamma) => sigmoid(r) ** gamma * (gamma * sigmoid(-r) * softplus(r) + sigmoid(r));
const share = (y, alpha) => (alpha === null ? 1 : y === 1 ? alpha : 1 - alpha);

// With p_m = max(p - margin, 0): 1 - p_m and its logarithm, each from the smaller of p_m and 1 - p_m.
const rest = (z, shifted, margin) => (shifted < 0.5 ? 1 - shifted : sigmoid(-z) + margin);

function logRest(z, shifted, margin) {
  if (margin === 0) return -softplus(z);
  return shifted < 0.5 ? Math.log1p(-shifted) : Math.log(rest(z, shifted, margin));
}

function asymmetricNegative(z, gamma, margin) {
  const shifted = sigmoid(z) - margin;
  return shifted > 0 ? -(shifted ** gamma) * logRest(z, shifted, margin) : 0;
}

function asymmetricNegativeSlope(z, gamma, margin) {
  const shifted = sigmoid(z) - margin, below = sigmoid(-z);
  if (shifted <= 0) return 0;
  const ratio = margin === 0 ? 1 : below / rest(z, shifted, margin);
  return sigmoid(z) * shifted ** gamma * (ratio - (gamma * below * logRest(z, shifted, margin)) / shifted);
}

// What the margin z or -z lacks to 1.
const shortfall = (z, y) => Math.max(0, 1 - (2 * y - 1) * z);

// `colour` and `line` are those of the whole book: lossbook.plots.STYLES.
export const LOSSES = {
  mse: {
    title: "squared error", call: "mse_loss", task: "line", colour: "blue", line: "dashed", params: [],
    value: (z, y) => (z - y) ** 2,
    slope: (z, y) => 2 * (z - y),
  },
  mae: {
    title: "absolute error", call: "mae_loss", task: "line", colour: "red", line: "dashed", params: [],
    value: (z, y) => Math.abs(z - y),
    slope: (z, y) => Math.sign(z - y),
  },
  huber: {
    title: "Huber", call: "huber_loss", task: "line", colour: "green", line: "dashed",
    params: [scale("delta", 1, 0.01, 10)],
    value(z, y, { delta }) {
      const e = Math.abs(z - y);
      return e <= delta ? (e * e) / 2 : delta * (e - delta / 2);
    },
    slope: (z, y, { delta }) => clip(z - y, -delta, delta),
  },
  smooth_l1: {
    title: "smooth L1", call: "smooth_l1_loss", task: "line", colour: "brown", line: "dotted",
    params: [scale("beta", 1, 0.01, 10)],
    value(z, y, { beta }) {
      const e = Math.abs(z - y);
      return e <= beta ? (e * e) / (2 * beta) : e - beta / 2;
    },
    slope: (z, y, { beta }) => clip((z - y) / beta, -1, 1),
  },
  log_cosh: {
    title: "log-cosh", call: "log_cosh_loss", task: "line", colour: "purple", line: "dashed", params: [],
    value: (z, y) => logCosh(Math.abs(z - y)),
    slope: (z, y) => Math.tanh(z - y),
  },
  quantile: {
    title: "quantile", call: "quantile_loss", task: "line", colour: "brown", line: "dashed",
    params: [number("quantile", 0.5, 0.01, 0.99, { step: 0.01 })],
    value: (z, y, { quantile }) => Math.max(-quantile * (z - y), (1 - quantile) * (z - y)),
    slope: (z, y, { quantile }) => (z > y ? 1 - quantile : z < y ? -quantile : 0.5 - quantile),
  },
  bce: {
    title: "binary cross-entropy", call: "binary_cross_entropy_with_logits", task: "classes", colour: "sky", line: "solid",
    params: [scale("pos_weight", 1, 0.01, 1000, { tensor: true })],
    value: (z, y, { pos_weight }) => (y === 1 ? pos_weight * softplus(-z) : softplus(z)),
    slope: (z, y, { pos_weight }) => (y === 1 ? -pos_weight * sigmoid(-z) : sigmoid(z)),
  },
  focal: {
    title: "focal", call: "focal_loss", task: "classes", colour: "red", line: "solid",
    params: [number("gamma", 2, 0, 5), number("alpha", null, 0, 1, { step: 0.01, when: 0.25 })],
    value: (z, y, { gamma, alpha }) => share(y, alpha) * focalValue(against(z, y), gamma),
    slope: (z, y, { gamma, alpha }) => against(1, y) * share(y, alpha) * focalSlope(against(z, y), gamma),
  },
  asymmetric: {
    title: "asymmetric", call: "asymmetric_loss", task: "classes", colour: "green", line: "solid",
    params: [number("gamma_pos", 0, 0, 5), number("gamma_neg", 4, 0, 8), number("margin", 0.05, 0, 0.95, { step: 0.01 })],
    value: (z, y, { gamma_pos, gamma_neg, margin }) =>
      y === 1 ? focalValue(-z, gamma_pos) : asymmetricNegative(z, gamma_neg, margin),
    slope: (z, y, { gamma_pos, gamma_neg, margin }) =>
      y === 1 ? -focalSlope(-z, gamma_pos) : asymmetricNegativeSlope(z, gamma_neg, margin),
  },
  hinge: {
    title: "hinge", call: "hinge_loss", task: "classes", colour: "green", line: "dotted", params: [], decision: true,
    value: (z, y) => shortfall(z, y),
    slope: (z, y) => (shortfall(z, y) > 0 ? 1 - 2 * y : 0),
  },
  squared_hinge: {
    title: "squared hinge", call: "squared_hinge_loss", task: "classes", colour: "green", line: "dashdot", params: [], decision: true,
    value: (z, y) => shortfall(z, y) ** 2,
    slope: (z, y) => 2 * (1 - 2 * y) * shortfall(z, y),
  },
};

export const defaults = (loss) => Object.fromEntries(LOSSES[loss].params.map((param) => [param.name, param.default]));
