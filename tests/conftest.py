"""What all tests share: one thread, so that runs in parallel do not fight over the cores."""

import torch

torch.set_num_threads(1)
