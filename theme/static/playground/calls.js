// The same loss as a call: in PyTorch alone, and in lossbook. tests/test_playground.py runs every one of them.

import { LOSSES } from "./losses.js";

const shown = (value) => (Number.isInteger(value) ? `${value}.0` : `${value}`);

// What PyTorch lacks is written out; `bare` are the parameters as a call takes them.
const TORCH = {
  mse: () => "F.mse_loss(pred, target)",
  mae: () => "F.l1_loss(pred, target)",
  huber: ({ delta }) => `F.huber_loss(pred, target, delta=${delta})`,
  smooth_l1: ({ beta }) => `F.smooth_l1_loss(pred, target, beta=${beta})`,
  log_cosh: () => "torch.log(torch.cosh(pred - target)).mean()  # overflows early",
  quantile: ({ quantile }) =>
    `torch.maximum(${quantile} * (target - pred),\n              (1 - ${quantile}) * (pred - target)).mean()`,
  bce: ({ pos_weight }) =>
    pos_weight === 1
      ? "F.binary_cross_entropy_with_logits(logits, target)"
      : `F.binary_cross_entropy_with_logits(\n    logits, target, pos_weight=torch.tensor(${shown(pos_weight)}))`,
  focal: ({ gamma, alpha }) =>
    [
      'bce = F.binary_cross_entropy_with_logits(\n    logits, target, reduction="none")',
      `each = (1 - torch.exp(-bce)) ** ${gamma} * bce`,
      alpha === null ? "each.mean()" : `(torch.where(target == 1, ${alpha}, 1 - ${alpha}) * each).mean()`,
    ].join("\n"),
  asymmetric: ({ gamma_pos, gamma_neg, margin }) =>
    [
      `p, p_m = logits.sigmoid(), (logits.sigmoid() - ${margin}).relu()`,
      `positive = -((1 - p) ** ${gamma_pos}) * p.log()`,
      `negative = -(p_m ** ${gamma_neg}) * (1 - p_m).log()`,
      "torch.where(target == 1, positive, negative).mean()",
    ].join("\n"),
  hinge: () => "(1 - (2 * target - 1) * logits).relu().mean()",
  squared_hinge: () => "(1 - (2 * target - 1) * logits).relu().square().mean()",
};

export function calls({ loss, params }) {
  const { call, task, params: known } = LOSSES[loss];
  const options = known
    .filter(({ name, default: usual }) => params[name] !== usual)
    .map(({ name, tensor }) => `, ${name}=${tensor ? `torch.tensor(${shown(params[name])})` : params[name]}`);
  const first = task === "line" ? "pred" : "logits";
  const lossbook = `lossbook.${call}(${first}, target${options.join("")})`;
  return [
    "import torch",
    "import torch.nn.functional as F",
    "import lossbook",
    "",
    "# PyTorch",
    TORCH[loss](params),
    "",
    "# lossbook",
    lossbook.length > 78 ? lossbook.replace("(", "(\n    ") : lossbook,
  ].join("\n");
}
