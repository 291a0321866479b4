"""Activations and blocks of a resolved config in PyTorch that torch.nn does not have."""

import torch
from torch import nn
from torch.nn import functional

from _pytorch_normalizations import SharedBatchNorm, make_normalization


def activation(function, negative_slope):
    return {"identity": nn.Identity, "relu": nn.ReLU, "leaky_relu": lambda: nn.LeakyReLU(negative_slope),
            "elu": nn.ELU, "softplus": nn.Softplus, "gelu": nn.GELU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}[function]()


class RecordedDropout(nn.Module):
    """Dropout with masks from outside, (steps, N, ...); in evaluation it passes its input on."""

    def __init__(self, rate):
        super().__init__()
        self.rate, self.masks, self.step = rate, None, 1

    def forward(self, x):
        if not self.training:
            return x
        if self.masks is None:
            return functional.dropout(x, self.rate)
        return x * torch.from_numpy(self.masks[self.step - 1]).to(x.dtype) / (1 - self.rate)


class StandardizedConv2d(nn.Conv2d):
    """Convolution with weights of mean 0 and variance 1 in each output channel (Qiao et al. 2019)."""

    def forward(self, x):
        return self._conv_forward(x, standardized(self.weight), self.bias)


def standardized(weight):
    variance, mean = torch.var_mean(weight, (1, 2, 3), unbiased=False, keepdim=True)
    return (weight - mean) / torch.sqrt(variance + 1e-5)


class PaddingShortcut(nn.Module):
    """Every stride-th pixel, and zeros in the new channels (He et al. 2016, option A)."""

    def __init__(self, stride, channels):
        super().__init__()
        self.stride, self.channels = stride, channels

    def forward(self, x):
        return functional.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.channels - x.shape[1]))


class Residual(nn.Module):
    def __init__(self, body, shortcut, scalar):
        super().__init__()
        self.body, self.shortcut = body, shortcut
        self.scalar = None if scalar is None else nn.Parameter(torch.tensor([float(scalar)]))

    def forward(self, x):
        y = self.body(x)
        return self.shortcut(x) + (y if self.scalar is None else self.scalar * y)


class Concat(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Recurrent(nn.Module):
    """h_t = f(gamma * normalization(W_h h + W_x x_t) + beta) over the rows of an image; gives the last h."""

    def __init__(self, x, options, normalization, negative_slope):
        super().__init__()
        steps, features, units = x.shape[2], x.shape[1] * x.shape[3], options["units"]
        self.units = units
        self.input_weights = nn.Parameter(torch.zeros(units, features))
        self.hidden_weights = nn.Parameter(torch.zeros(units, units))
        self.function = activation(options.get("activation", "tanh"), negative_slope)
        self.gamma = self.beta = self.bias = None
        self.shared = None
        self.steps = nn.ModuleList()
        if normalization is not None:
            if normalization["affine"]:
                self.gamma, self.beta = nn.Parameter(torch.ones(units)), nn.Parameter(torch.zeros(units))
            like = torch.zeros(2, units)
            if normalization["type"] == "batch" and normalization["recurrent_statistics"] == "shared":
                self.shared = SharedBatchNorm(units, normalization)
            else:
                self.steps.extend(make_normalization(normalization, like, affine=False) for _ in range(steps))
        if self.gamma is None:
            self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x):
        rows = x.movedim(2, 0).flatten(2)  # (H, N, C * W)
        h = x.new_zeros(len(x), self.units)
        inputs = functional.linear(rows, self.input_weights)
        for t in range(len(rows)):
            z = torch.addmm(inputs[t], h, self.hidden_weights.t())
            one = self.steps[t] if len(self.steps) else None
            if type(one) is nn.BatchNorm1d and self.gamma is not None:  # in one call, which is faster
                z = functional.batch_norm(z, one.running_mean, one.running_var, self.gamma, self.beta, one.training,
                                          one.momentum, one.eps)
            else:
                z = self.shared(z) if self.shared is not None else z if one is None else one(z)
                z = z + self.bias if self.gamma is None else z * self.gamma + self.beta
            h = self.function(z)
        if self.shared is not None:
            self.shared.end(len(x))
        return h
