"""Emo18 and Zhao19 as their papers draw them: Conv1d, BatchNorm, activation, MaxPool. Ours must give their numbers, faster."""

from __future__ import annotations

from torch import Tensor, nn

from staa_cli.victims.recurrent import ConvolutionalLSTM


class PlainConvolutionalLSTM(nn.Module):
    """Takes the weights of `network`, under the same names, with their precision and device.

    Shape:
        `(B, T)` → `(B, K)`
    """

    def __init__(self, network: ConvolutionalLSTM) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        blocks = [network.features[start : start + 4] for start in range(0, len(network.features), 4)]
        for convolution, norm, pool, activation in blocks:
            (kernel,) = convolution.kernel_size
            layers += [
                nn.Conv1d(convolution.in_channels, convolution.out_channels, kernel, padding=(kernel - 1) // 2),
                nn.BatchNorm1d(norm.num_features),
                type(activation)(),
                nn.MaxPool1d(pool.kernel_size[1]),
            ]
        self.features = nn.Sequential(*layers)
        self.lstm = nn.LSTM(layers[-4].out_channels, 256, num_layers=2, batch_first=True)  # type: ignore[arg-type]
        self.classifier = nn.Linear(256, network.classifier.out_features)
        self.to(network.classifier.weight).load_state_dict(network.state_dict())

    def train(self, mode: bool = True) -> PlainConvolutionalLSTM:
        """As ours: cuDNN refuses the LSTM's backward pass in evaluation mode, and libraries put their victims into it."""
        super().train(mode)
        self.lstm.train(True)
        return self

    def forward(self, waveforms: Tensor) -> Tensor:
        hidden, _ = self.lstm(self.features(waveforms.unsqueeze(1)).transpose(1, 2))
        logits: Tensor = self.classifier(hidden).mean(dim=1)
        return logits
