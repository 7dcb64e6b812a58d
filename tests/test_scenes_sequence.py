"""What the data sets of CTC, of generative models and of reinforcement learning promise."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.testing import assert_close

from lossbook.scenes import cliff_walk, digit_lines, ring


def test_the_columns_of_a_line_say_its_labels_in_order():
    images, labels, lengths, columns = digit_lines(300)
    for row, target, length in zip(columns.tolist(), labels.tolist(), lengths.tolist(), strict=True):
        runs = [label for label, _ in itertools.groupby(row) if label != 0]
        assert target[length:] == [0] * (5 - length)
        expected = [label for label, _ in itertools.groupby(target[:length])]  # equal neighbours may touch
        assert [label for label, _ in itertools.groupby(runs)] == expected
    assert images.shape == (300, 8, 48)
    assert ((images.amax(1) > 0) <= (columns > 0)).all()  # all ink belongs to a digit


def test_lines_have_2_to_5_digits_of_every_kind_and_gaps_anywhere():
    lines = digit_lines(600)
    assert lines.lengths.unique().tolist() == [2, 3, 4, 5]
    assert lines.lengths.bincount()[2:].min() > 100
    assert lines.labels.unique().tolist() == list(range(11))
    assert (lines.columns > 0).sum(0).min() > 0  # no column is always empty
    assert 0.5 < (lines.columns == 0).float().mean() < 0.65


def test_a_line_is_made_of_the_digits_of_scikit_learn():
    digits, names = load_digits(return_X_y=True)
    for part, start, end in [("train", 0, 1200), ("test", 1200, 1797)]:
        lines = digit_lines(5, part=part)
        known = {image.tobytes(): int(name) for image, name in zip(digits[start:end], names[start:end], strict=True)}
        for image, labels, length in zip(lines.images, lines.labels.tolist(), lines.lengths, strict=True):
            found = [known.get((16 * image[:, at : at + 8]).double().numpy().tobytes()) for at in range(41)]
            assert [name + 1 for name in found if name is not None] == labels[: int(length)]


def test_ink_lies_in_0_to_1_and_types_are_those_of_the_book():
    lines = digit_lines(10)
    assert (lines.images.min(), lines.images.max()) == (0, 1)
    assert [part.dtype for part in lines] == [torch.float32, torch.int64, torch.int64, torch.int64]


def test_lines_come_from_their_seed():
    a, b, c = digit_lines(5, seed=3), digit_lines(5, seed=3), digit_lines(5, seed=4)
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(a.images, c.images)
    assert not torch.equal(digit_lines(5, part="test").images, digit_lines(5).images)
    with pytest.raises(ValueError, match=r'part must be "train" or "test", got \'val\''):
        digit_lines(5, part="val")


@pytest.mark.parametrize("modes", [1, 3, 8])
def test_a_ring_has_its_centres_on_the_unit_circle_and_its_points_around_them(modes):
    points, centres = ring(4000, modes=modes, spread=0.02)
    at = 2 * math.pi * torch.arange(modes) / modes
    assert_close(centres, torch.stack([at.cos(), at.sin()], 1))
    assert_close(centres[0], torch.tensor([1.0, 0.0]))
    distance, nearest = torch.cdist(points, centres).min(1)
    assert nearest.bincount(minlength=modes).min() > 4000 / modes * 0.8
    # The mean square of a distance in the plane is twice the square of the spread.
    assert_close(distance.square().mean().item(), 2 * 0.02**2, rtol=0.1, atol=0)


def test_a_ring_comes_from_its_seed_and_refuses_what_it_cannot_draw():
    assert torch.equal(ring(7, seed=2)[0], ring(7, seed=2)[0])
    assert not torch.equal(ring(7, seed=2)[0], ring(7, seed=3)[0])
    assert ring(0)[0].shape == (0, 2)
    with pytest.raises(ValueError, match=r"spread must be in \[0, inf\), got -1"):
        ring(5, spread=-1)
    with pytest.raises(ValueError, match=r"modes must be in \[1, inf\), got 0"):
        ring(5, modes=0)
    with pytest.raises(TypeError, match=r"modes must be an integer, got float"):
        ring(5, modes=2.5)


def test_the_cliff_walk_moves_by_one_and_stays_inside():
    next_state, reward, terminal = cliff_walk()
    assert next_state.shape == reward.shape == terminal.shape == (48, 4)
    assert (next_state.dtype, reward.dtype, terminal.dtype) == (torch.int64, torch.float32, torch.float32)
    # State 14 is row 1, column 2; the actions are up, right, down, left.
    assert next_state[14].tolist() == [2, 15, 26, 13]
    assert next_state[0].tolist() == [0, 1, 12, 0]
    assert next_state[11].tolist() == [11, 11, 23, 10]
    assert next_state[35].tolist() == [23, 35, 47, 34]


def test_the_cliff_sends_back_to_the_start_and_the_goal_ends_the_walk():
    next_state, reward, terminal = cliff_walk()
    onto_cliff = [(state, 2) for state in range(25, 35)]
    assert all(next_state[s, a] == 36 and reward[s, a] == -100 and terminal[s, a] == 0 for s, a in onto_cliff)
    assert next_state[36].tolist() == [24, 36, 36, 36]
    assert reward[36].tolist() == [-1, -100, -1, -1]
    standing = [state for state in range(48) if not 37 <= state <= 47]
    assert sorted(np.unique(reward[standing])) == [-100, -1]
    ends = terminal[standing].nonzero().tolist()
    assert ends == [[standing.index(35), 2]]


def test_the_shortest_safe_walk_has_13_steps():
    next_state, reward, terminal = cliff_walk()
    ways, here = {36: 0}, [36]
    while here:
        state = here.pop(0)
        for a in range(4):
            there = int(next_state[state, a])
            if reward[state, a] == -1 and there not in ways:
                ways[there] = ways[state] + 1
                here += [] if terminal[state, a] else [there]
    assert ways[47] == 13
    assert len(ways) == 38  # everywhere but on the cliff
