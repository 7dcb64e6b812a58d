// Points to learn from: presets, drawn by a seeded generator, so that the same address shows the same points.
//
// A point is {x, y, label, truth}. For classes x and y are the features, `label` what the model is told, and `truth`
// what is so. For a line x is the feature and y the number to predict.

export const WIDTH = 4; // x lies in [-4, 4]
export const HEIGHT = 3; // y lies in [-3, 3]
export const MOST = 500;

// A generator of numbers in [0, 1) from a 32-bit seed (mulberry32, by Tommy Ettinger).
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

// Points stand on a grid of hundredths: so an address holds them exactly.
export const snap = (value, limit) => Math.round(100 * Math.min(Math.max(value, -limit), limit)) / 100;
export const point = (x, y, label = 0, truth = label) => ({ x: snap(x, WIDTH), y: snap(y, HEIGHT), label, truth });

const blob = (random, n, x, y, spread, label, told = label) =>
  Array.from({ length: n }, () => point(x + spread * normal(random), y + spread * normal(random), told, label));

const few = (n, part) => Math.max(1, Math.round(n * part));

// n numbers spread evenly over the picture, each shifted a little, and a straight line through them.
function along(random, n, noise) {
  return Array.from({ length: n }, (_, i) => {
    const x = -3.6 + (7.2 * (i + random())) / n;
    return point(x, 0.5 * x - 0.4 + noise(x, i));
  });
}

export const PRESETS = {
  rare: {
    title: "1 % positives", task: "classes", n: 500,
    make: (random, n) => [...blob(random, n - few(n, 0.01), -0.8, -0.4, 0.85, 0), ...blob(random, few(n, 0.01), 0.8, 0.4, 0.85, 1)],
  },
  overlap: {
    title: "Overlap", task: "classes", n: 200,
    make: (random, n) => [...blob(random, n - few(n, 0.5), -0.9, -0.4, 0.95, 0), ...blob(random, few(n, 0.5), 0.9, 0.4, 0.95, 1)],
  },
  separable: {
    title: "Separable", task: "classes", n: 120,
    make: (random, n) => [...blob(random, n - few(n, 0.5), -1.7, -0.7, 0.55, 0), ...blob(random, few(n, 0.5), 1.7, 0.7, 0.55, 1)],
  },
  wrong: {
    title: "Wrong labels", task: "classes", n: 200,
    make(random, n) {
      const points = [...blob(random, n - few(n, 0.5), -1.5, -0.6, 0.7, 0), ...blob(random, few(n, 0.5), 1.5, 0.6, 0.7, 1)];
      const step = Math.round(1 / 0.12);
      return points.map((p, i) => (i % step === 3 ? { ...p, label: 1 - p.truth } : p));
    },
  },
  missing: {
    title: "Missing labels", task: "classes", n: 300,
    make(random, n) {
      const told = few(n, 0.1);
      const kinds = [[n - 2 * told, -0.9, -0.4, 0.9, 0, 0], [told, 1.6, 0.7, 0.6, 1, 1], [told, 1.6, 0.7, 0.6, 1, 0]];
      return kinds.flatMap((kind) => blob(random, ...kind));
    },
  },
  outliers: {
    title: "Outliers", task: "classes", n: 120,
    make(random, n) {
      const far = few(n, 0.05);
      const kinds = [[few(n, 0.5), -1, -0.3, 0.6, 0], [n - few(n, 0.5) - far, 1, 0.3, 0.6, 1], [far, -3.3, -1.2, 0.3, 1]];
      return kinds.flatMap((kind) => blob(random, ...kind));
    },
  },
  tail: {
    title: "Long tail", task: "classes", n: 300,
    make(random, n) {
      const groups = [[0.12, 1.9, 1.2], [0.04, 2.2, -1.5], [0.015, -2.1, 1.8], [0.007, -2.4, -1.9]];
      const positives = groups.flatMap(([part, x, y]) => blob(random, few(n, part), x, y, 0.35, 1));
      return [...blob(random, n - positives.length, 0, 0, 0.8, 0), ...positives];
    },
  },
  ring: {
    title: "Ring", task: "classes", n: 200,
    make: (random, n) => Array.from({ length: n }, (_, i) => {
      const inside = i % 2, angle = 2 * Math.PI * random(), far = inside ? 0.9 * Math.sqrt(random()) : 1.7 + 0.7 * random();
      return point(1.2 * far * Math.cos(angle), far * Math.sin(angle), inside);
    }),
  },
  line: {
    title: "Clean line", task: "line", n: 40,
    make: (random, n) => along(random, n, () => 0.35 * normal(random)),
  },
  spikes: {
    title: "Outliers", task: "line", n: 40,
    make: (random, n) => along(random, n, (x, i) => (i % 10 === 4 ? 2.4 + 0.3 * random() : 0.3 * normal(random))),
  },
  lever: {
    title: "Outliers at one end", task: "line", n: 40,
    make: (random, n) => along(random, n, (x, i) => (i >= n - few(n, 0.1) ? -3.2 : 0.3 * normal(random))),
  },
  skewed: {
    title: "Long tail", task: "line", n: 60,
    make: (random, n) => along(random, n, () => -0.8 - 0.7 * Math.log(1 - random())),
  },
  widening: {
    title: "Widening noise", task: "line", n: 80,
    make: (random, n) => along(random, n, (x) => 0.16 * (x + 4) * normal(random)),
  },
  curve: {
    title: "Curve", task: "line", n: 60,
    make: (random, n) => along(random, n, (x) => -0.5 * x + 0.4 + 1.7 * Math.sin(1.1 * x) + 0.3 * normal(random)),
  },
};

export function sample(preset, n, seed) {
  return PRESETS[preset].make(generator(seed), Math.min(n, MOST));
}
