"""Seven workers of a small mlp, by votes: beside the loop over workers that one would write in PyTorch."""
import sys

import kit

WORKERS, BATCH, RATE, BETA = 7, 32, 1e-4, 0.9
EXPERIMENT = {"name": "mlp", "workers": WORKERS, "batch": BATCH, "model": {"kind": "mlp", "hidden": [100]},
              "data": {"kind": "glyphs"}, "momentum": BETA, "lr": RATE, "eval": {"every": 0}}


def loop(torch):
    net = torch.nn.Sequential(torch.nn.Linear(784, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10)).cuda()
    parameters, loss = list(net.parameters()), torch.nn.CrossEntropyLoss()
    momenta = [[torch.zeros_like(p) for p in parameters] for _ in range(WORKERS)]
    batches = [(torch.randn(BATCH, 784, device="cuda"), torch.randint(10, (BATCH,), device="cuda")) for _ in range(WORKERS)]

    def step():
        votes = [torch.zeros_like(p) for p in parameters]
        for (x, label), own in zip(batches, momenta):
            for momentum, g, vote in zip(own, torch.autograd.grad(loss(net(x), label), parameters), votes):
                momentum.mul_(BETA).add_(g, alpha=1 - BETA)
                vote.add_(momentum.sign())
        with torch.no_grad():
            for p, vote in zip(parameters, votes):
                p.sub_(vote.sign_(), alpha=RATE)

    return kit.timed(torch, step, 2)


def main():
    torch = kit.torch_here()
    steps = 2 if kit.SMALL else 400
    row = {"what": "mlp 784-100-10, 7 workers, batch 32", "ours_s": kit.step_s(EXPERIMENT, steps, "--lanes", 1)}
    kit.record("mlp", row)
    try:
        row["fused_s"] = kit.step_s(EXPERIMENT, steps, "--lanes", 1, "--set", f"fuse={WORKERS}")
    except RuntimeError as e:
        row["fused_why_not"] = str(e)
    if torch:
        row["loop_s"] = loop(torch)
    kit.record("mlp", row)


if __name__ == "__main__":
    sys.exit(main())
