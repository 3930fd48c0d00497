"""Our `qrnn` as one would write it in PyTorch: Bradbury et al. 2017, fo-pooling, the convolution as a product."""
import torch
from torch import nn


class QrnnLayer(nn.Module):
    """One layer; window 2 sees the position before, too. The carry is C, and the last input of window 2."""

    def __init__(self, inputs, width, window):
        super().__init__()
        self.window = window
        self.linear = nn.Linear(window * inputs, 3 * width)

    def forward(self, x, carry):
        cell, last = carry
        if self.window == 2:
            before, last = torch.cat([last.unsqueeze(0), x[:-1]]), x[-1].detach()
            x = torch.cat([x, before], dim=2)
        z, f, o = self.linear(x).chunk(3, dim=2)
        f = f.sigmoid()
        new, kept, cells = (f * z.tanh()).unbind(0), (1 - f).unbind(0), []
        for candidate, keep in zip(new, kept):
            cell = torch.addcmul(candidate, keep, cell)
            cells.append(cell)
        return o.sigmoid() * torch.stack(cells), (cell.detach(), last)


class Qrnn(nn.Module):
    """Tokens [positions][batch] to the loss of the labels; the names of parameters are ours."""

    def __init__(self, classes, layers, embedding, hidden, window):
        super().__init__()
        self.encoder = nn.Embedding(classes, embedding)
        widths = [embedding] + layers * [hidden]
        self.rnns = nn.ModuleList(QrnnLayer(widths[i], hidden, window if i == 0 else 1) for i in range(layers))
        self.decoder = nn.Linear(hidden, classes)

    def start(self, batch):
        """The carries of a text's beginning."""
        return [(torch.zeros(batch, layer.linear.out_features // 3),
                 torch.zeros(batch, layer.linear.in_features // layer.window)) for layer in self.rnns]

    def loss(self, tokens, labels, carries):
        """carries [layers] is replaced by those of the last position."""
        x = self.encoder(tokens)
        for i, layer in enumerate(self.rnns):
            x, carries[i] = layer(x, carries[i])
        return nn.functional.cross_entropy(self.decoder(x).flatten(0, 1), labels.flatten())
