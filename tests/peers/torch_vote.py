"""The plain loop of a vote that one would write in PyTorch: workers one after the other."""
import torch


class TorchVote:
    """
    For every worker gradients of its loss, its momentum and its signs; the sign of their sum moves the
    parameters. losses: a function for every worker that computes the loss of its batch.
    """

    def __init__(self, parameters, losses, rate, beta):
        self.parameters, self.losses, self.rate, self.beta = list(parameters), losses, rate, beta
        self.momenta = [[torch.zeros_like(p) for p in self.parameters] for _ in losses]

    def step(self):
        votes = [torch.zeros_like(p) for p in self.parameters]
        for loss, momenta in zip(self.losses, self.momenta):
            gradients = torch.autograd.grad(loss(), self.parameters)
            for momentum, gradient, vote in zip(momenta, gradients, votes):
                momentum.mul_(self.beta).add_(gradient, alpha=1 - self.beta)
                vote.add_(momentum.sign())
        with torch.no_grad():
            for p, vote in zip(self.parameters, votes):
                p.sub_(vote.sign_(), alpha=self.rate)
