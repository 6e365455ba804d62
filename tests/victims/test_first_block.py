"""The first convolution and pool of a frozen network as one step: the numbers of the two layers, without their memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, max_pool1d

from staa_cli.victims import first_block
from staa_cli.victims.first_block import FirstBlock


def plain(signal: Tensor, convolution: nn.Conv1d, padding: int, pool: int) -> Tensor:
    return max_pool1d(conv1d(signal, convolution.weight, convolution.bias, padding=padding), pool)


@pytest.mark.parametrize(("kernel", "pool", "samples"), [(8, 10, 1_000), (3, 4, 1_000), (3, 4, 1_003), (6, 8, 16), (1, 1, 5), (9, 2, 64)])
@pytest.mark.parametrize("batch", [1, 3])
def test_values_and_gradients_are_those_of_both_layers(kernel: int, pool: int, samples: int, batch: int) -> None:
    """Also of samples that no window holds, and of windows that overlap in the signal."""
    random = torch.Generator().manual_seed(kernel * samples + batch)
    convolution = nn.Conv1d(1, 5, kernel).double()
    padding = (kernel - 1) // 2
    block = FirstBlock(convolution, padding, pool)
    signal = torch.randn(batch, 1, samples, generator=random, dtype=torch.float64).requires_grad_()
    wanted = plain(signal, convolution, padding, pool)
    found = block(signal.unsqueeze(2)).squeeze(2)
    upstream = torch.randn(wanted.shape, generator=random, dtype=torch.float64)
    (expected,) = torch.autograd.grad(wanted, signal, upstream)
    (gradient,) = torch.autograd.grad(found, signal, upstream)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)
    assert torch.allclose(gradient, expected, rtol=1e-12, atol=1e-12)


def test_the_size_of_the_pieces_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    block = FirstBlock(nn.Conv1d(1, 64, 8), 3, 10)
    signal = torch.randn(5, 1, 1, 1_000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    results = []
    for at_once in (first_block.AT_ONCE, 2 * 64 * 1_000, 1):
        monkeypatch.setattr(first_block, "AT_ONCE", at_once)
        values = block(signal)
        results.append((values, *torch.autograd.grad(values.square().sum(), signal)))
    for values, gradient in results[1:]:
        assert torch.equal(values, results[0][0])
        assert torch.equal(gradient, results[0][1])


def test_its_gradient_is_that_of_finite_differences() -> None:
    block = FirstBlock(nn.Conv1d(1, 4, 3).double(), 1, 4)
    signal = torch.randn(2, 1, 1, 21, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(block, (signal,))


def test_what_is_kept_for_the_way_back_is_small() -> None:
    kept = 0

    def weigh(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    block = FirstBlock(nn.Conv1d(1, 64, 8), 3, 10)
    signal = torch.randn(1, 1, 1, 10_000).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
        block(signal)
    # A byte for each of 64 channels and 1,000 windows, and the kernels; 64 × 10,000 features of 4 bytes would be 2.5 MB.
    assert 64_000 <= kept < 200_000
