"""May one learn from the same steps again? Five learners on the cliff walk, judged exactly, from its table.

Every learner sees 60 batches of 256 steps: 16 walkers, 16 steps each. Walkers start anywhere, and one in twenty is put
elsewhere at random at each step, so that every square is seen. The policies are one row of logits for each square, the
advantages come from a table of values learned beside them, and Adam makes the steps: one for each batch, or twenty.

There is no validation part in a world. So every setting is trained four times with different random numbers: the mean
of three runs chooses the setting, and the fourth run of that setting is judged.
"""

import numpy as np
import torch
from torch import Tensor

from lossbook import ppo_loss
from lossbook.data import cliff_walk

SEEDS = range(20)
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
STEPS = {"policy gradient": 1, "same steps again": 20, "ratio": 20, "PPO": 20, "Q-learning": 1}
METHODS = {name: [{"lr": lr} for lr in RATES] for name in STEPS}
SLICE = ("PPO", 0)
LOOSE = {"value": 1.5, "greedy value": 8.0}
GAMMA, LAMBDA, BATCHES, WALKERS, LENGTH, SQUARES = 0.95, 0.95, 60, 16, 16, 37  # of 48: nobody stands on cliff or goal
NEXT, REWARD, END = (np.asarray(part) for part in cliff_walk())


def exact_value(policy: np.ndarray) -> np.ndarray:
    """The mean value of the 37 squares under policies of shape (runs, 48, 4): the solution of a linear system."""
    moves = np.zeros((48, 4, 48))
    moves[np.arange(48)[:, None], np.arange(4), NEXT] = GAMMA * (1 - END)
    ahead = np.einsum("rsa,sat->rst", policy, moves)
    reward = (policy * REWARD).sum(2)[..., None]
    return np.linalg.solve(np.eye(48) - ahead, reward)[:, :SQUARES, 0].mean(1)


def walk(where: np.ndarray, action: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """One step of every walker: reward, discount, next square, and where each of them stands afterwards."""
    ahead, end = NEXT[where, action], END[where, action]
    moved = (end > 0) | (rng.random(where.shape) < 0.05)
    placed = np.where(moved, rng.integers(SQUARES, size=where.shape), ahead)
    return REWARD[where, action], GAMMA * (1 - end), ahead, placed


def batch(policy: np.ndarray, where: np.ndarray, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Let the walkers go: squares, actions, rewards, discounts and next squares, each of shape (LENGTH, runs, 16)."""
    rows, steps, cumulated = np.arange(len(policy))[:, None], [], policy.cumsum(2)
    for _ in range(LENGTH):
        draw = rng.random((*where.shape, 1))
        action = np.minimum((draw > cumulated[rows, where]).sum(2), 3)
        reward, discount, ahead, placed = walk(where, action, rng)
        steps.append((where, action, reward, discount, ahead))
        where = placed
    return [np.stack(part) for part in zip(*steps, strict=True)], where


def advantages(value: np.ndarray, square: np.ndarray, reward: np.ndarray, discount: np.ndarray,
               ahead: np.ndarray) -> np.ndarray:  # fmt: skip
    """Generalised advantages; then every value that was seen moves half of the mean way to its new target."""
    rows = np.broadcast_to(np.arange(len(value))[None, :, None], square.shape)
    error = reward + discount * value[rows, ahead] - value[rows, square]
    found, later = np.zeros_like(error), np.zeros_like(error[0])
    here = np.append(ahead[:-1] == square[1:], np.zeros_like(ahead[:1], dtype=bool), axis=0)  # not put elsewhere
    for t in reversed(range(LENGTH)):
        later = error[t] + LAMBDA * discount[t] * here[t] * later
        found[t] = later
    count, total = np.zeros_like(value), np.zeros_like(value)
    np.add.at(count, (rows, square), 1)
    np.add.at(total, (rows, square), found)
    value += 0.5 * total / np.maximum(count, 1)
    return found


def loss(method: str, log_probs: Tensor, old: Tensor, advantage: Tensor) -> Tensor:
    """The loss of every step under each of the four rules that learn a policy."""
    if method == "PPO":
        return ppo_loss(log_probs, old, advantage, reduction="none")
    if method == "ratio":
        return -(log_probs - old).exp() * advantage
    return -advantage * log_probs  # policy_gradient_loss, given log-probabilities in place of logits


def learn_policy(method: str, rates: list[float], rng: np.random.Generator) -> np.ndarray:
    """The policies that a method learns, one for each learning rate, shape (runs, 48, 4)."""
    runs, rate = len(rates), torch.tensor(rates).double()[:, None, None]
    logits, value = torch.zeros(runs, 48, 4).double(), np.zeros((runs, 48))
    mean, square_mean, count = torch.zeros_like(logits), torch.zeros_like(logits), 0
    where = rng.integers(SQUARES, size=(runs, WALKERS))
    for _ in range(BATCHES):
        policy = logits.softmax(2).numpy()
        steps, where = batch(policy, where, rng)
        found = advantages(value, steps[0], *steps[2:])
        square, action, advantage = (torch.as_tensor(part).transpose(0, 1).flatten(1)
                                     for part in (steps[0], steps[1], found))  # fmt: skip
        old = None
        for _ in range(STEPS[method]):
            logits.requires_grad_()
            seen = logits[torch.arange(runs)[:, None], square]
            log_probs = seen.log_softmax(2).gather(2, action[..., None])[..., 0]
            old = log_probs.detach() if old is None else old
            total = loss(method, log_probs, old, advantage).mean(1).sum()
            (slope,) = torch.autograd.grad(total, logits)
            count += 1
            mean, square_mean = 0.9 * mean + 0.1 * slope, 0.999 * square_mean + 0.001 * slope**2
            size = (square_mean / (1 - 0.999**count)).sqrt() + 1e-8
            logits = (logits - rate * mean / (1 - 0.9**count) / size).detach()
    return logits.softmax(2).numpy()


def learn_values(rates: list[float], rng: np.random.Generator) -> np.ndarray:
    """Q-learning on the same steps, one action in ten drawn at random: the greedy policies, shape (runs, 48, 4)."""
    runs, rate = np.arange(len(rates)), np.array(rates)[:, None]
    q, where = np.zeros((len(rates), 48, 4)), rng.integers(SQUARES, size=(len(rates), WALKERS))
    rows = runs[:, None]
    for _ in range(BATCHES * LENGTH):
        random = rng.random(where.shape) < 0.1
        action = np.where(random, rng.integers(4, size=where.shape), q[rows, where].argmax(2))
        reward, discount, ahead, placed = walk(where, action, rng)
        error = reward + discount * q[rows, ahead].max(2) - q[rows, where, action]
        for i in range(WALKERS):
            q[runs, where[:, i], action[:, i]] += (rate * error)[:, i]
        where = placed
    return np.eye(4)[q.argmax(2)]


def repeat(method: str, settings: list[dict], seed: int) -> dict:
    rng, rates = np.random.default_rng(seed), 4 * [setting["lr"] for setting in settings]
    policy = learn_values(rates, rng) if method == "Q-learning" else learn_policy(method, rates, rng)
    value = exact_value(policy).reshape(4, -1)
    greedy = exact_value(np.eye(4)[policy.argmax(2)]).reshape(4, -1)
    validation = value[:3].mean(0)
    chosen = int(validation.argmax())
    return {"chosen": chosen, "validation": validation.tolist(),
            "value": value[3, chosen], "greedy value": greedy[3, chosen]}  # fmt: skip
