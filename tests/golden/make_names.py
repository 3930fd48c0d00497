#!/usr/bin/env python3
"""Write names.txt: the tensors of torchvision's models, in the order of their state_dicts.

    /usr/bin/python3 tests/golden/make_names.py     (Debian's python3-torchvision)

A line "model NAME PARAMETERS" begins a model; every line after it is a tensor: name and sides.
"""
import pathlib

import torchvision

MODELS = ("resnet18", "resnet34", "resnet50", "alexnet", "vgg11")

with open(pathlib.Path(__file__).with_name("names.txt"), "w") as out:
    for name in MODELS:
        model = getattr(torchvision.models, name)()
        print("model", name, sum(p.numel() for p in model.parameters()), file=out)
        for tensor, values in model.state_dict().items():
            if not tensor.endswith("num_batches_tracked"):
                print(tensor, *values.shape, file=out)
