"""Zhao19: J. Zhao, X. Mao, L. Chen, "Speech emotion recognition using deep 1D & 2D CNN LSTM networks", BSPC 47, 2019."""

from torch import nn

from staa_cli.victims.recurrent import ConvolutionalLSTM


def zhao19(classes: int) -> ConvolutionalLSTM:
    """The 1-D network as the STAA-Net paper uses it: 1,010,759 parameters at 7 classes."""
    return ConvolutionalLSTM(classes, channels=(64, 64, 128, 128), kernels=(3, 3, 3, 3), pools=(4, 4, 4, 4), activation=nn.ELU)
