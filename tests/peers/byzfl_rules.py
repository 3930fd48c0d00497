#!/usr/bin/env python3
"""What ByzFL makes of experiments/rules-small.json: test accuracy of each rule under each attack.

    python3 tests/peers/byzfl_rules.py [EXPERIMENT.json] [--threads T] [--only RULE] [--skip RULE]

The same workers, batch, model, rates, momentum, steps and shards of equal size (its own draw) as the experiment,
through ByzFL's own Client, ByzantineClient and Server, as its training loop puts them together. Its Byzantine
workers have no data: under label-flip they send the mean of the honest workers' gradients on flipped labels. Rules
that it does not have (vote, bulyan) are left out, and so are rules that it ends on. Needs numpy, torch and byzfl,
and Fashion-MNIST under SIGNSGD_DATA.
"""
import argparse
import gzip
import json
import os
import pathlib

import numpy
import torch
from byzfl import ByzantineClient, Client, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLASSES = 10

# ours: its name there, and its parameters of ours
RULES = {
    "mean": ("Average", lambda rule, f: {}),
    "median": ("Median", lambda rule, f: {}),
    "trimmed-mean": ("TrMean", lambda rule, f: {"f": f}),
    "meamed": ("Meamed", lambda rule, f: {"f": f}),
    "krum": ("Krum", lambda rule, f: {"f": f}),
    "multi-krum": ("MultiKrum", lambda rule, f: {"f": f}),
    "mda": ("MDA", lambda rule, f: {"f": f}),
    "smea": ("SMEA", lambda rule, f: {"f": f}),
    "monna": ("MoNNA", lambda rule, f: {"f": f, "idx": 0}),  # an honest one: the honest stand first there
    "caf": ("CAF", lambda rule, f: {"f": f}),
    "geometric-median": ("GeometricMedian", lambda rule, f: {}),
    "centered-clipping": ("CenteredClipping", lambda rule, f: {"tau": float(rule["tau"])}),
}
BEFORE = {
    "nnm": ("NNM", lambda pre, f: {"f": f}),
    "arc": ("ARC", lambda pre, f: {"f": f}),
    "clipping": ("Clipping", lambda pre, f: {"c": float(pre["limit"])}),
    "bucketing": ("Bucketing", lambda pre, f: {"s": pre.get("s", 2)}),
}
ATTACKS = {
    "ipm": ("InnerProductManipulation", lambda attack: {"tau": float(attack["tau"])}),
    "alie": ("ALittleIsEnough", lambda attack: {"tau": float(attack["z"])}),
    "mimic": ("Mimic", lambda attack: {"epsilon": attack["target"]}),
    "label-flip": ("LabelFlipping", lambda attack: {}),
}


def as_object(row):
    return {"kind": row} if isinstance(row, str) else row


def named(row, table, *more):
    name, parameters = table[row["kind"]]
    return {"name": name, "parameters": parameters(row, *more)}


def read_idx(name):
    folder = pathlib.Path(os.environ["SIGNSGD_DATA"]) / "fashion-mnist"
    with gzip.open(folder / name) as file:
        raw = file.read()
    rank = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


def samples(part, mean, std):
    pixels = read_idx(f"{part}-images-idx3-ubyte.gz").astype("f4") / 255
    labels = torch.from_numpy(read_idx(f"{part}-labels-idx1-ubyte.gz").astype("i8"))
    return torch.utils.data.TensorDataset(torch.from_numpy((pixels[:, None] - mean) / std), labels)


def train(experiment, rule, attack, data):
    training, test = data
    workers, f = experiment["workers"], experiment["adversaries"]["count"]
    honest, shard = workers - f, len(training) // workers
    torch.manual_seed(experiment["seed"])
    order = torch.randperm(len(training), generator=torch.Generator().manual_seed(experiment["seed"]))
    test_loader = torch.utils.data.DataLoader(test, batch_size=500)
    common = {"model_name": "cnn_mnist", "device": "cpu", "optimizer_name": "SGD", "learning_rate": 0.1,
              "weight_decay": experiment["weight_decay"], "milestones": [10**9], "learning_rate_decay": 0.5}
    clients = []
    for i in range(honest):
        own = torch.utils.data.Subset(training, order[i * shard:(i + 1) * shard].tolist())
        loader = torch.utils.data.DataLoader(own, batch_size=experiment["batch"], shuffle=True, drop_last=True)
        clients.append(Client({**common, "loss_name": "CrossEntropyLoss", "nb_labels": CLASSES,
                               "LabelFlipping": attack["kind"] == "label-flip", "momentum": experiment["momentum"],
                               "training_dataloader": loader, "store_per_client_metrics": False}))
    info = named(rule, RULES, f)
    before = [named(as_object(pre), BEFORE, f) for pre in rule.get("before", [])]
    server = Server({**common, "test_loader": test_loader, "validation_loader": None, "aggregator_info": info,
                     "pre_agg_list": before})
    byzantine = ByzantineClient({**named(attack, ATTACKS), "f": f})
    for client in clients:
        client.set_model_state(server.get_dict_parameters())
    for _ in range(experiment["steps"]):
        for client in clients:
            client.compute_gradients()
        vectors = [client.get_flat_gradients_with_momentum() for client in clients]
        seen = [c.get_flat_flipped_gradients() for c in clients] if attack["kind"] == "label-flip" else vectors
        server.update_model_with_gradients(vectors + byzantine.apply_attack(seen))
        state = server.get_dict_parameters()
        for client in clients:
            client.set_model_state(state)
    return 100 * server.compute_test_accuracy()


def label(rule):
    before = [as_object(pre)["kind"] for pre in rule.get("before", [])]
    return " + ".join(before + [rule["kind"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", nargs="?", default=ROOT / "experiments/rules-small.json")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--only", help="rules whose label contains this")
    parser.add_argument("--skip", default="smea", help="a rule to leave out (default: smea, whose call takes minutes)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    experiment = json.loads(pathlib.Path(args.experiment).read_text())
    attacks = [as_object(attack) for attack in experiment["sweep"]["adversaries.attack"]]
    rules = [as_object(pair[0]) for pair in experiment["sweep"]["aggregator,lr"]]
    pixels = read_idx("train-images-idx3-ubyte.gz") / 255
    mean, std = numpy.float32(pixels.mean()), numpy.float32(pixels.std())
    data = samples("train", mean, std), samples("t10k", mean, std)
    print(f"{'rule':34}" + "".join(f"{attack['kind']:>12}" for attack in attacks), flush=True)
    for rule in rules:
        if rule["kind"] not in RULES or rule["kind"] == args.skip or (args.only and args.only not in label(rule)):
            continue
        print(f"{label(rule):34}", end="", flush=True)
        for attack in attacks:
            try:
                print(f"{train(experiment, rule, attack, data):12.1f}", end="", flush=True)
            except Exception as error:  # what a peer ends on is part of the answer
                print(f"{type(error).__name__:>12}", end="", flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
