from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from staa_cli.runtime.errors import UsageError
from staa_cli.victims.checkpoint import NETWORKS, build_victim
from staa_cli.victims.emo18 import emo18
from staa_cli.victims.recurrent import ConvolutionalLSTM
from staa_cli.victims.zhao19 import zhao19
from tests.victims.plain import PlainConvolutionalLSTM

PARAMETERS = {("emo18", 7): 1_302_087, ("emo18", 4): 1_301_316, ("zhao19", 7): 1_010_759, ("zhao19", 4): 1_009_988}
LABELS = list("abcdefg")


@pytest.mark.parametrize(("model", "classes"), PARAMETERS)
def test_parameter_counts_of_the_paper(model: str, classes: int) -> None:
    victim = build_victim(model, LABELS[:classes])
    assert sum(parameter.numel() for parameter in victim.parameters()) == PARAMETERS[model, classes]


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("length", [1, 2, 100, 1_279, 1_280, 5_000])
def test_any_length_gives_finite_logits(model: str, length: int) -> None:
    victim = build_victim(model, LABELS).eval()
    for waveforms in (torch.zeros(2, length), torch.ones(2, length), torch.rand(2, length)):
        logits = victim(waveforms)
        assert logits.shape == (2, 7)
        assert logits.isfinite().all()


@pytest.mark.parametrize("model", NETWORKS)
def test_loudness_and_offset_do_not_matter(model: str) -> None:
    victim = build_victim(model, LABELS).eval()
    waveforms = torch.randn(2, 3_000, generator=torch.Generator().manual_seed(0)) / 10
    assert torch.allclose(victim(waveforms), victim(0.01 * waveforms + 0.3), atol=1e-3)


@pytest.mark.parametrize("model", NETWORKS)
def test_seed_decides_the_weights_and_leaves_the_global_state_alone(model: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (build_victim(model, LABELS, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("model", NETWORKS)
def test_lstm_alone_stays_in_training_mode(model: str) -> None:
    """cuDNN refuses the backward pass of an LSTM in evaluation mode."""
    victim = build_victim(model, LABELS)
    assert all(module.training for module in victim.modules())
    victim.eval()
    assert [name for name, module in victim.named_modules() if module.training] == ["network.lstm"]


def test_unknown_model_and_single_label() -> None:
    with pytest.raises(UsageError, match="did you mean 'emo18'"):
        build_victim("emo", LABELS)
    with pytest.raises(UsageError, match="at least 2 emotions"):
        build_victim("emo18", ["joy"])


def scramble(network: ConvolutionalLSTM) -> ConvolutionalLSTM:
    """Statistics and factors as after a training, and some factors below zero, which turn the order of values around."""
    with torch.no_grad():
        for norm in (layer for layer in network.features if isinstance(layer, torch.nn.BatchNorm2d)):
            for number, values in enumerate((norm.weight, norm.bias, norm.running_mean)):
                values.normal_(generator=torch.Generator().manual_seed(number))
            norm.running_var.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(3))
    return network


@pytest.mark.parametrize("build", [emo18, zhao19])
@pytest.mark.parametrize("training", [False, True])
def test_layout_and_order_of_layers_do_not_matter_to_the_numbers(build: Callable[[int], ConvolutionalLSTM], training: bool) -> None:
    """Logits, gradients to the waveform and to the weights, statistics: those of the network as the papers draw it."""
    network = scramble(build(7).double())
    pair = [network.train(training), PlainConvolutionalLSTM(network).train(training)]
    found = []
    for one in pair:
        waveforms = torch.randn(3, 3_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_(not training)
        one.requires_grad_(training)
        logits = one(waveforms)
        logits[:, 0].sum().backward()
        gradients = {name: parameter.grad for name, parameter in one.named_parameters()} if training else {"waveforms": waveforms.grad}
        found.append({"logits": logits.detach(), **gradients, **dict(one.named_buffers())})
    assert found[0].keys() == found[1].keys()
    for name, ours in found[0].items():
        assert torch.allclose(ours, found[1][name], rtol=1e-9, atol=1e-12), name


@pytest.mark.parametrize("build", [emo18, zhao19])
def test_fused_network_gives_the_same_numbers(build: Callable[[int], ConvolutionalLSTM]) -> None:
    network = scramble(build(7).double()).eval().requires_grad_(False)
    plain = PlainConvolutionalLSTM(network).eval()
    network.fuse()
    assert not [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    waveforms = torch.randn(3, 3_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    outputs = [one(waveforms) for one in (network, plain)]
    gradients = [torch.autograd.grad(output[:, 0].sum(), waveforms)[0] for output in outputs]
    for ours, theirs in (outputs, gradients):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)
