"""Losses, optimizers and learning rates of a resolved config in PyTorch."""

import fnmatch
import warnings

import torch
from torch import nn
from torch.nn import functional

from _pytorch_network import named_tensors


def loss_of(config, output, labels):
    """The loss that the config's section names, on class labels (N)."""
    if config["type"] == "squared_error":
        targets = functional.one_hot(labels, output.shape[1]).to(output.dtype)
        return functional.mse_loss(output, targets, reduction=config["reduction"])
    return functional.cross_entropy(output, labels, reduction=config["reduction"],
                                    label_smoothing=config["label_smoothing"])


def factors_of(optimizer, name, decay):
    """(factor of the rate, factor of the decay) of a parameter: those of the last override that fits, else 1 and
    `decay`."""
    for one in reversed(optimizer.get("overrides") or []):
        if fnmatch.fnmatchcase(name, one["parameters"].replace("[", "[[]")):
            own = one.get("weight_decay_factor")
            return one.get("learning_rate_factor", 1.0), decay if own is None else own
    return 1.0, decay


class Optimizer:
    """torch.optim's, with decay on weights only or on all, decoupled decay for each type, clipping, and factors on the
    rate and the decay of named parameters."""

    def __init__(self, network, optimizer):
        self.clip_norm = optimizer.get("clip_norm", 0)
        everything = optimizer["decay_normalization_and_biases"]
        parameters = {name: tensor for name, tensor in named_tensors(network).items()
                      if isinstance(tensor, nn.Parameter)}
        select = optimizer.get("trainable", {}).get("select", "all")
        if select == "random":
            raise ValueError("optimizer.trainable.select: random is not known to this script")
        if select == "normalization":
            parameters = {name: tensor for name, tensor in parameters.items() if name.endswith((".gamma", ".beta"))}
        self.parameters = list(parameters.values())
        kind = optimizer["type"]
        decoupled = (optimizer.get("decay") or ("decoupled" if kind == "adamw" else "coupled")) == "decoupled"
        # AdamW has decoupled decay of its own; for the others it is one line here.
        is_ours = decoupled and kind != "adamw"
        rate, groups = optimizer["learning_rate"], {}
        for name, tensor in parameters.items():
            factor, decay = factors_of(optimizer, name, 1.0 if everything or name.endswith("weights") else 0.0)
            groups.setdefault((factor, decay * optimizer["weight_decay"]), []).append(tensor)
        # The factor and the decay of each group, in torch's order.
        self.factors = [factor for factor, _ in groups]
        self.decays = [decay if is_ours else 0.0 for _, decay in groups]
        groups = [{"params": tensors, "lr": rate * factor, "weight_decay": 0.0 if is_ours else decay}
                  for (factor, decay), tensors in groups.items()]
        if kind == "sgd":
            self.torch = torch.optim.SGD(groups, lr=rate, momentum=optimizer["momentum"],
                                         nesterov=optimizer.get("nesterov", False))
        elif kind == "rmsprop":
            self.torch = torch.optim.RMSprop(groups, lr=rate, alpha=optimizer["smoothing"], eps=optimizer["epsilon"],
                                             momentum=optimizer["momentum"])
        else:
            make = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]
            self.torch = make(groups, lr=rate, betas=(optimizer["beta1"], optimizer["beta2"]),
                              eps=optimizer["epsilon"])

    def zero_grad(self):
        self.torch.zero_grad(set_to_none=True)

    def step(self, rate=None):
        if rate is not None:
            for group, factor in zip(self.torch.param_groups, self.factors):
                group["lr"] = rate * factor
        if self.clip_norm:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        with torch.no_grad():
            for group, decay in zip(self.torch.param_groups, self.decays):
                for tensor in group["params"] if decay else ():
                    tensor.mul_(1 - group["lr"] * decay)
        self.torch.step()


def make_optimizer(network, optimizer):
    return Optimizer(network, optimizer)


def learning_rates(optimizer, steps):
    """The rate of each step, from PyTorch's own schedulers."""
    schedule, rate = optimizer["schedule"], optimizer["learning_rate"]
    carrier = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    kinds = torch.optim.lr_scheduler
    kind, warmup = schedule["type"], schedule.get("warmup_steps", 0)

    def main_schedule():
        if kind == "step":
            return kinds.StepLR(carrier, schedule["every"], schedule["factor"])
        if kind == "exponential":
            return kinds.ExponentialLR(carrier, schedule["factor"] ** (1 / schedule["every"]))
        if kind == "doubling":
            return kinds.ExponentialLR(carrier, 2 ** (1 / schedule["every"]))
        if kind == "cosine":
            return kinds.CosineAnnealingLR(carrier, steps - warmup, rate * schedule["final_fraction"])
        if kind == "one_cycle":
            first, last = schedule["initial_fraction"], schedule["final_fraction"]
            return kinds.OneCycleLR(carrier, rate, total_steps=steps, pct_start=schedule["peak"], div_factor=1 / first,
                                    final_div_factor=first / max(last, 1e-30), cycle_momentum=False)
        return kinds.LambdaLR(carrier, lambda _: 1.0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no optimizer steps
        if warmup:
            start = schedule["warmup_start"]
            rise = kinds.LambdaLR(carrier, lambda t: start + (1 - start) * t / warmup)
            scheduler = kinds.SequentialLR(carrier, [rise, main_schedule()], [warmup])
        else:
            scheduler = main_schedule()
        rates = []
        for _ in range(steps):
            rates.append(carrier.param_groups[0]["lr"])
            if len(rates) < steps:
                scheduler.step()
    return rates
