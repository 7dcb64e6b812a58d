// Where the training of a line must end: the slope and the intercept with the smallest mean loss.
//
// Squared error: the normal equations. Absolute and quantile error: the best line passes through two of the points, and
// is found by turning around one point after the other. The rest are smooth and convex: Newton's method.

import { LOSSES } from "./losses.js";

export function meanLoss(points, loss, params, slope, intercept) {
  const { value } = LOSSES[loss];
  let sum = 0;
  for (const { x, y } of points) sum += value(slope * x + intercept, y, params);
  return sum / points.length;
}

function leastSquares(points) {
  const n = points.length;
  const centre = (name) => points.reduce((sum, p) => sum + p[name], 0) / n;
  const x = centre("x"), y = centre("y");
  let spread = 0, both = 0;
  for (const p of points) {
    spread += (p.x - x) ** 2;
    both += (p.x - x) * (p.y - y);
  }
  const slope = spread > 0 ? both / spread : 0;
  return [slope, y - slope * x];
}

// Of all lines through the point `pivot`, the best: its slope is a weighted quantile of the slopes to the others.
function turn(points, pivot, tau) {
  const others = points
    .filter((p) => p.x !== pivot.x)
    .map((p) => ({ p, slope: (p.y - pivot.y) / (p.x - pivot.x), weight: Math.abs(p.x - pivot.x), right: p.x > pivot.x }))
    .sort((a, b) => a.slope - b.slope);
  // The derivative with respect to the slope, far to the left, and how much it grows at each slope on the way.
  let slope = 0;
  for (const { weight, right } of others) slope -= weight * (right ? tau : 1 - tau);
  for (const other of others) {
    slope += other.weight;
    if (slope >= 0) return other;
  }
  return others.at(-1);
}

function throughTwoPoints(points, loss, params) {
  const tau = loss === "mae" ? 0.5 : params.quantile;
  let best = leastSquares(points), least = Infinity;
  // One start finds the best line; where several points lie on one line, a start can be stuck, so there are twenty.
  for (const start of points.filter((_, i) => i % Math.ceil(points.length / 20) === 0)) {
    let pivot = start;
    for (let met = turn(points, pivot, tau); met; met = turn(points, pivot, tau)) {
      const line = [met.slope, pivot.y - met.slope * pivot.x];
      const cost = meanLoss(points, loss, params, ...line);
      if (cost >= least - 1e-15) break; // nor does turning around the point that was met make it better
      [best, least, pivot] = [line, cost, met.p];
    }
  }
  return best;
}

function newton(points, loss, params) {
  const { slope: pull } = LOSSES[loss];
  let [a, b] = leastSquares(points);
  for (let round = 0; round < 100; round++) {
    let ga = 0, gb = 0, haa = 1e-12, hab = 0, hbb = 1e-12;
    for (const { x, y } of points) {
      const z = a * x + b, g = pull(z, y, params);
      const curve = curvature(loss, z - y, params);
      ga += g * x;
      gb += g;
      haa += curve * x * x;
      hab += curve * x;
      hbb += curve;
    }
    const det = haa * hbb - hab * hab;
    let da = -(hbb * ga - hab * gb) / det, db = -(haa * gb - hab * ga) / det;
    if (!(det > 0 && ga * da + gb * db < 0)) [da, db] = [-ga / points.length, -gb / points.length];
    const here = meanLoss(points, loss, params, a, b);
    let length = 1;
    while (length > 1e-12 && meanLoss(points, loss, params, a + length * da, b + length * db) > here * (1 + 1e-14)) length /= 2;
    if (length <= 1e-12) break;
    a += length * da;
    b += length * db;
    if (Math.abs(length * da) + Math.abs(length * db) < 1e-14) break;
  }
  return [a, b];
}

function curvature(loss, e, { delta, beta }) {
  if (loss === "log_cosh") return 1 - Math.tanh(e) ** 2;
  if (loss === "huber") return Math.abs(e) <= delta ? 1 : 0;
  return Math.abs(e) <= beta ? 1 / beta : 0;
}

export function minimum(points, loss, params) {
  if (points.length < 2) return [0, points[0]?.y ?? 0];
  if (loss === "mse") return leastSquares(points);
  return loss === "mae" || loss === "quantile" ? throughTwoPoints(points, loss, params) : newton(points, loss, params);
}
