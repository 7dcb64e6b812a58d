// Five guided scenes. Each has a beginning (an address), a question, and answers to choose from before anything moves.
// Then it trains, or moves points, and says what happened: `outcome` finds the true answer from what was computed.

import { WIDTH, point } from "./data.js";
import { confusion, owners } from "./metrics.js";

const percent = (part) => `${Math.round(100 * part)} %`;
const end = (world, name) => world.answer(name)([WIDTH]);
const called = (world, name) => confusion(world.look(name).z, world.targets, world.state[name].threshold);

// Negatives that the model answers rightly and clearly: their margin is above 1.
export const EASY = 1;
export function groupsOf(z, labels) {
  return z.map((value, i) => (labels[i] ? 0 : 2) + ((labels[i] ? value : -value) > EASY ? 1 : 0));
}
const easyNegatives = (world, name) => {
  const { z, shares } = world.look(name);
  return owners(shares, groupsOf(z, world.targets), 4).owned[3];
};

const FALL = 1.6;
const far = (i, points) => i >= points.length - 4;
const lifted = (points, by) => points.map((p, i) => (far(i, points) ? point(p.x, p.y + by) : p));

// Of the positives whose label was forgotten, how many are found all the same.
function forgotten(world, name) {
  const { z } = world.look(name);
  const all = world.points.map((p, i) => [p, z[i]]).filter(([p]) => p.truth && !p.label);
  return [all.filter(([, value]) => value > world.state[name].threshold).length, all.length];
}

export const SCENES = [
  {
    title: "Outliers and a line",
    short: "Outliers",
    address: "#data=lever&rate=0.1&steps=400",
    prepare: (points) => lifted(points, FALL),
    question: `Both lines are fitted. Now the four points at the right end fall by ${FALL}. What do the right ends of the lines do?`,
    choices: ["Both fall about as far.", "A (squared error) falls, B (Huber) stays.", "Both stay: 36 points hold them."],
    move: (points, part) => lifted(points, -FALL * part),
    steps: 400,
    before: (world) => ["A", "B"].map((name) => end(world, name)),
    outcome(world, before) {
      const [a, b] = ["A", "B"].map((name, i) => before[i] - end(world, name));
      return a < 0.1 ? 2 : b > a / 2 ? 0 : 1;
    },
    say(world, before) {
      const [a, b] = ["A", "B"].map((name, i) => Math.abs(before[i] - end(world, name)).toFixed(2));
      return `The right end of A fell by ${a}, that of B by ${b}. Squared error pulls in proportion to the error, without any limit. Huber pulls with delta at most, and these four points pulled with all of it already. Drag one of them and see; but note where B lies: four points on one side bend it, too.`;
    },
  },
  {
    title: "A rare class and a moved threshold",
    short: "Threshold",
    address: "#data=rare&n=500&seed=3&optimiser=adam&A=bce,pos_weight:99&B=bce,threshold:-4.6",
    question: "One point in a hundred is positive. A weights positives 99 times; B does not, but calls everything above p = 0.01 positive. Which finds more of them?",
    choices: ["A finds clearly more.", "B finds clearly more.", "About the same; but only the probabilities of B can be trusted."],
    steps: 400,
    outcome(world) {
      const [a, b] = ["A", "B"].map((name) => called(world, name).hits);
      return Math.abs(a - b) <= 1 ? 2 : a > b ? 0 : 1;
    },
    say(world) {
      const [a, b] = ["A", "B"].map((name) => called(world, name));
      const [p, q] = ["A", "B"].map((name) => world.calibration(name).toFixed(2));
      return `A finds ${a.hits} of ${a.hits + a.misses} positives with ${a.alarms} false alarms, B ${b.hits} with ${b.alarms}. The weight of 99 adds log 99 = 4.6 to the log-odds, and a threshold of 0.01 takes the same 4.6 off: the more data, the closer the two lines come. But the calibration error of A is ${p}, that of B ${q}. Drag both thresholds.`;
    },
  },
  {
    title: "Easy negatives and focal loss",
    short: "Easy negatives",
    address: "#data=rare&n=500&start=prior&rate=0.5&A=bce&B=focal",
    question: "Nearly all negatives will soon be easy. After 300 steps, how much of the gradient do the easy negatives own?",
    choices: ["Next to nothing in both: each of them pulls so little.", "More than half in both.", "More than half in A (cross-entropy), less than a quarter in B (focal)."],
    steps: 300,
    outcome(world) {
      const [a, b] = ["A", "B"].map((name) => easyNegatives(world, name));
      return a > 0.5 ? (b < 0.25 ? 2 : 1) : 0;
    },
    say(world) {
      const [a, b] = ["A", "B"].map((name) => percent(easyNegatives(world, name)));
      return `The easy negatives own ${a} of the gradient of A, and ${b} of that of B. Each pulls little, but there are hundreds. Focal loss multiplies each pull by something between (1 − p)² and three times that, where p is what the model gives to the truth. Look at the bars of who owns the gradient, and move gamma.`;
    },
  },
  {
    title: "Missing labels and asymmetric loss",
    short: "Missing labels",
    address: "#data=missing&optimiser=adam&A=bce&B=asymmetric",
    question: "Half of the positives have lost their label (the ringed diamonds), and count as negatives. Which model still calls most of them positive?",
    choices: ["Neither: they are labelled negative.", "Only B (asymmetric).", "Both: their neighbours are positive."],
    steps: 300,
    outcome(world) {
      const [a, b] = ["A", "B"].map((name) => forgotten(world, name)).map(([found, all]) => found > all / 2);
      return b ? (a ? 2 : 1) : 0;
    },
    say(world) {
      const [[a, all], [b]] = ["A", "B"].map((name) => forgotten(world, name));
      const [p, q] = ["A", "B"].map((name) => world.calibration(name).toFixed(2));
      return `Of ${all} forgotten positives A finds ${a}, and B ${b}. Asymmetric loss hardly listens to negatives, least of all to those that look positive: see how its pull falls again at the far left of the margin. The price: its probabilities are too high (calibration error ${q} against ${p}, by the labels given). It ranks the points no better: move the threshold of A to 0.1, and A finds most of them, too.`;
    },
  },
  {
    title: "A step on the loss surface",
    short: "Loss surface",
    address: "#data=line&rate=0.25&speed=slow&A=mse&B=huber",
    question: "Below each picture lies the loss over slope and intercept. Both models take plain gradient steps with the same learning rate, 0.25. Where do they end after 30?",
    choices: ["Both at the lowest place.", "A gets lost, B arrives.", "Both get lost."],
    steps: 30,
    outcome(world) {
      const [a, b] = ["A", "B"].map((name) => {
        const [slope, intercept] = world.minimum(name), { weights } = world.trainers[name];
        return Math.hypot(weights[0] - slope, weights[1] - intercept) > 1;
      });
      return a ? (b ? 2 : 1) : 0;
    },
    say(world) {
      const [a, b] = ["A", "B"].map((name) => world.look(name).mean.toFixed(2));
      return `The mean loss of A is ${a}, that of B ${b}. The valley of squared error is twice as steep as Huber's near its bottom and steeper still on its sides, so each step of A jumps across and lands higher. The pull of Huber has a limit, and so have its steps. Set the rate to 0.2: A arrives, too.`;
    },
  },
];
