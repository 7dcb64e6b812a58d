// What the answers are worth: counts at a threshold, average precision, calibration error, and who owns the gradient.

// z are logits; what lies above the threshold, also a logit, is called positive.
export function confusion(z, labels, threshold) {
  const count = { hits: 0, misses: 0, alarms: 0, rejections: 0 };
  labels.forEach((label, i) => {
    const called = z[i] > threshold;
    count[label ? (called ? "hits" : "misses") : called ? "alarms" : "rejections"] += 1;
  });
  return count;
}

// The mean, over the positives, of the precision at their rank; equal scores share a rank, as in scikit-learn.
export function averagePrecision(z, labels) {
  const order = [...labels.keys()].sort((i, j) => z[j] - z[i]);
  const positives = labels.filter((label) => label === 1).length;
  let hits = 0, sum = 0, fresh = 0;
  order.forEach((i, rank) => {
    fresh += labels[i];
    if (rank + 1 < order.length && z[order[rank + 1]] === z[i]) return;
    hits += fresh;
    sum += (fresh * hits) / (rank + 1);
    fresh = 0;
  });
  return positives ? sum / positives : NaN;
}

// lossbook.metrics.expected_calibration_error: bins of equal width, the upper end belongs to its bin.
export function calibrationError(probs, labels, bins = 15) {
  const gap = new Float64Array(bins); // sum of probability less sum of labels
  probs.forEach((p, i) => {
    let bin = Math.max(0, Math.ceil(p * bins) - 1);
    if (bin > 0 && p <= bin / bins) bin -= 1;
    if (p > (bin + 1) / bins) bin += 1;
    gap[bin] += p - labels[i];
  });
  return gap.reduce((sum, each) => sum + Math.abs(each), 0) / probs.length;
}

// The share of each example in the sum of the sizes of all slopes.
export function shares(slopes) {
  const total = slopes.reduce((sum, slope) => sum + Math.abs(slope), 0);
  return slopes.map((slope) => (total > 0 ? Math.abs(slope) / total : 0));
}

// Which of the groups owns how much of the gradient. `groups` gives the place of each example.
export function owners(share, groups, count) {
  const owned = new Array(count).fill(0), sizes = new Array(count).fill(0);
  groups.forEach((group, i) => {
    owned[group] += share[i];
    sizes[group] += 1;
  });
  return { owned, sizes };
}
