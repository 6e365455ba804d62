"""Emo18: P. Tzirakis, J. Zhang, B. Schuller, "End-to-end speech emotion recognition using deep neural networks", ICASSP 2018."""

from torch import nn

from staa_cli.victims.recurrent import ConvolutionalLSTM


def emo18(classes: int) -> ConvolutionalLSTM:
    """The network as the STAA-Net paper uses it: 1,302,087 parameters at 7 classes."""
    return ConvolutionalLSTM(classes, channels=(64, 128, 256), kernels=(8, 6, 6), pools=(10, 8, 8), activation=nn.LeakyReLU)
