"""Networks on the device, beside PyTorch's eager mode and torch.compile: forward, backward and a step of SGD."""
import sys

import kit

NETS = [("resnet18", 128, (3, 32, 32), 10), ("resnet50", 64, (3, 224, 224), 1000)]
if kit.SMALL:
    NETS = [("resnet20", 1, (3, 8, 8), 10)]
PRECISIONS = ["fp32"] if kit.SMALL else ["fp32", "tf32", "bf16"]
SECONDS = 0.01 if kit.SMALL else 2


def ours(name, batch, shape, classes, precision):
    line, = kit.program("bench", "model", name, "--backend", f'{{"kind":"cuda","precision":"{precision}"}}', "--batch", batch,
                        "--input", "x".join(map(str, shape)), "--classes", classes, "--lanes", 1, "--seconds", SECONDS,
                        "--json")
    return line["round_s"]


def theirs(torch, name, batch, shape, classes, precision, compiled):
    import torchvision  # pylint: disable=import-outside-toplevel
    import torch_nets  # pylint: disable=import-outside-toplevel
    tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    make = torchvision.models.resnet50 if name == "resnet50" else torch_nets.NETS[name][0]
    net = (make() if name == "resnet50" else make(classes)).cuda().to(memory_format=torch.channels_last).train()
    x = torch.randn(batch, *shape, device="cuda").contiguous(memory_format=torch.channels_last)
    label = torch.randint(classes, (batch,), device="cuda")
    sgd, loss = torch.optim.SGD(net.parameters(), lr=1e-3, fused=True), torch.nn.CrossEntropyLoss()
    run = torch.compile(net) if compiled else net

    def step():
        sgd.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
            error = loss(run(x), label)
        error.backward()
        sgd.step()

    return kit.timed(torch, step, SECONDS)


def main():
    torch = kit.torch_here()
    rows = {}
    for net in NETS:
        for precision in PRECISIONS:
            rows[net, precision] = {"model": net[0], "batch": net[1], "precision": precision,
                                    "ours_s": ours(*net, precision)}
            if torch:
                rows[net, precision]["eager_s"] = theirs(torch, *net, precision, False)
            kit.record("models", rows[net, precision])
    for (net, precision), row in rows.items():  # last, because compiling takes its time
        if torch:
            kit.record("models", {**row, "compiled_s": theirs(torch, *net, precision, True)})


if __name__ == "__main__":
    sys.exit(main())
