// What the playground is about, without a page: the points, and two models in training on them.
//
// Everything follows from the state. When something changes, both models are trained anew to the same step; so what is
// seen never depends on the way to it, and an address can hold it.

import { sample } from "./data.js";
import { LOSSES, sigmoid } from "./losses.js";
import { minimum } from "./minimum.js";
import { Trainer, begin, features, lossAndGradient, predict, targets } from "./model.js";
import { calibrationError, shares } from "./metrics.js";
import { MOST_STEPS, SIDES, format, taskOf } from "./state.js";

const AT_ONCE = 2e6; // evaluations of a unit that a change may cost; beyond it training starts again

export class World {
  constructor(state) {
    this.marks = { selected: null, cursor: { x: 0, y: 0 } };
    this.load(state);
  }

  load(state) {
    this.state = state;
    this.points = state.points ?? sample(state.data, state.n, state.seed);
    this.marks.selected = null;
    this.again(state.steps);
  }

  get task() {
    return taskOf(this.state);
  }

  get inputs() {
    return this.task === "line" ? 1 : 2;
  }

  // Train both models from their beginning to a step.
  again(steps = 0) {
    const { model, start, seed, from } = this.state;
    this.examples = features(this.task, this.points);
    this.targets = targets(this.task, this.points);
    const positives = this.targets.filter((y) => y === 1).length;
    const prior = Math.min(Math.max(positives / Math.max(this.targets.length, 1), 0.001), 0.999);
    const first = begin(model, this.inputs, seed, this.task === "line" ? "zero" : start, prior);
    if (from && this.hasSurface) first.set(from);
    this.trainers = Object.fromEntries(SIDES.map((name) => [name, new Trainer(model, first)]));
    this.trails = Object.fromEntries(SIDES.map((name) => [name, [Array.from(first)]]));
    this.steps = 0;
    this.lowest = {};
    this.version = (this.version ?? 0) + 1; // so that pictures of points and losses know that they are old
    this.train(steps);
  }

  // After a change of the state or of the points.
  changed() {
    const cost = this.steps * this.points.length * (this.state.model === "network" ? 8 : 1);
    this.again(cost > AT_ONCE ? 0 : this.steps);
  }

  train(count) {
    const { optimiser, rate } = this.state;
    for (let k = 0; k < count && this.steps < MOST_STEPS; k++) {
      for (const name of SIDES) {
        const { loss, params } = this.state[name], trainer = this.trainers[name];
        if (trainer.diverged) continue;
        trainer.step(this.examples, this.targets, loss, params, optimiser, rate);
        if (this.hasSurface) this.trails[name].push(Array.from(trainer.weights));
      }
      this.steps += 1;
    }
  }

  // A straight line has two numbers, and its loss is a landscape over them.
  get hasSurface() {
    return this.task === "line" && this.state.model === "linear";
  }

  minimum(name) {
    const { loss, params } = this.state[name];
    this.lowest[name] ??= minimum(this.points, loss, params);
    return this.lowest[name];
  }

  answer(name) {
    const { kind, weights } = this.trainers[name];
    return (input) => predict(kind, weights, input);
  }

  // What one model says of every example, what it pays, and how hard each example pulls.
  look(name) {
    const { loss, params } = this.state[name], { kind, weights } = this.trainers[name];
    const answer = this.answer(name);
    const z = this.examples.map(answer);
    const slopes = z.map((value, i) => LOSSES[loss].slope(value, this.targets[i], params));
    const mean = lossAndGradient(kind, weights, this.examples, this.targets, loss, params).loss;
    return { z, slopes, shares: shares(slopes), mean, answer };
  }

  calibration(name) {
    return calibrationError(this.look(name).z.map(sigmoid), this.targets);
  }

  // Points are changed here and nowhere else.
  edit(points) {
    this.points = points;
    this.state.points = points;
    this.changed();
  }

  get address() {
    return format({ ...this.state, steps: this.steps });
  }
}
