"""The CNN-LSTM on log-Mel spectrograms of the second paper.

N. Facchinetti, F. Simonetta, S. Ntalampiras, "A Systematic Evaluation of Adversarial Attacks against Speech Emotion Recognition Models",
Intelligent Computing 3, 2024.

What is taken from where:
- the paper and its published notebooks: 16 kHz, n_fft 368, hop 184, 128 bands; 3 s pieces of 261 frames, cut and repeated on the
  spectrogram; nine blocks of 29 frames, each through the same unpadded convolutions 16 (5×5), 32 (3×3), 64 (3×3) with ReLU and pools
  4×4 (stride 2), 2×2 (stride 2), 2×2 (stride 1); dropout; a bidirectional LSTM whose last states of both directions meet one linear layer;
- section 3 of our design notes: 256 LSTM units, batch normalisation after every convolution (the notebooks search over smaller ones);
- decided here, where nothing is said: dropout 0.3, the middle of the range that the notebooks search; a fixed scale, dB / 40 + 1, in
  place of their standardisation by the statistics of the whole corpus, test set included; several pieces of one utterance vote with
  their logits, each by its share of the frames; silence is not trimmed, because an attacker's file must keep its length.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from staa_cli.victims.layout import quick_layout
from staa_cli.victims.log_mel import LogMel


class CNNLSTM(nn.Module):
    """The network in two steps, `features` and `classify`.

    Args:
        classes: K.

    Shape:
        `(B, T)` → `(B, K)`; T ≥ `min_samples`.
    """

    FRAMES = 261
    """A piece: 3 s."""
    BLOCK = 29

    def __init__(self, classes: int, mels: int = 128, dropout: float = 0.3) -> None:
        super().__init__()
        self.log_mel = LogMel(mels=mels)
        self.blocks = nn.Sequential(
            nn.Conv2d(1, 16, 5),
            nn.ReLU(),
            nn.BatchNorm2d(16),
            nn.MaxPool2d(4, 2),
            nn.Conv2d(16, 32, 3),
            nn.ReLU(),
            nn.BatchNorm2d(32),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.BatchNorm2d(64),
            nn.MaxPool2d(2, 1),
            nn.Flatten(),
        )
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            width = self.blocks.eval()(torch.zeros(1, 1, self.BLOCK, mels)).shape[1]
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width, 256, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(512, classes)
        self.min_samples = self.log_mel.n_fft
        self.train()

    def train(self, mode: bool = True) -> CNNLSTM:
        """As usual, but the LSTM stays in training mode: it has no dropout, and cuDNN refuses its backward pass in evaluation mode."""
        super().train(mode)
        self.lstm.train(True)
        return self

    def features(self, waveforms: Tensor) -> Tensor:
        """Log-Mel spectrograms of whole utterances. `(B, T)` → `(B, 1 + T // 184, 128)` dB, 3 s → 261 frames."""
        features: Tensor = self.log_mel(waveforms)
        return features

    def classify(self, features: Tensor) -> Tensor:
        """`(B, frames, 128)` dB → `(B, K)`; frames ≥ 1."""
        total = features.shape[1]
        logits = torch.stack([share / total * self.classify_piece(piece) for piece, share in self.pieces(features)])
        return logits.sum(dim=0)

    def pieces(self, features: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Cut into pieces of 3 s, the last one repeated to that length (figure 2). `(B, 261, mels)` each, and its own frames."""
        for piece in features.split(self.FRAMES, dim=1):
            repeats = -(-self.FRAMES // piece.shape[1])
            yield piece.repeat(1, repeats, 1)[:, : self.FRAMES], piece.shape[1]

    def classify_piece(self, piece: Tensor) -> Tensor:
        """`(B, 261, mels)` → `(B, K)`"""
        batch, _, mels = piece.shape
        blocks = quick_layout((piece / 40 + 1).reshape(-1, 1, self.BLOCK, mels))
        sequence = self.dropout(self.blocks(blocks).reshape(batch, self.FRAMES // self.BLOCK, -1))
        _, (last, _) = self.lstm(sequence)
        logits: Tensor = self.classifier(torch.cat([last[0], last[1]], dim=1))
        return logits

    def forward(self, waveforms: Tensor) -> Tensor:
        return self.classify(self.features(waveforms))
