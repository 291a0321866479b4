"""Activations and blocks of a resolved config in PyTorch that torch.nn does not have."""

import torch
from torch import nn
from torch.nn import functional

from _pytorch_normalizations import SharedBatchNorm, make_normalization, per_channel
from _pytorch_random import initial_state, permutation


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
    """`scalar` is one factor of the body, `layer_scale` one for each channel; None: none."""

    def __init__(self, body, shortcut, scalar, layer_scale, channels):
        super().__init__()
        self.body, self.shortcut = body, shortcut
        self.scalar = None if scalar is None else nn.Parameter(torch.tensor([float(scalar)]))
        self.layer_scale = None if layer_scale is None else nn.Parameter(torch.full((channels,), float(layer_scale)))

    def forward(self, x):
        y = self.body(x)
        if self.scalar is not None:
            y = self.scalar * y
        if self.layer_scale is not None:
            y = per_channel(self.layer_scale, y) * y
        return self.shortcut(x) + y


class Concat(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class Recurrent(nn.Module):
    """h_t = f(gamma * normalization(W_h h + W_x x_t) + beta) over the rows or pixels of an image; gives the last h.
    With `normalize: separate` the sum of gamma_h * normalization(W_h h) + beta and gamma_x * normalization(W_x x_t)."""

    def __init__(self, x, options, normalization, negative_slope, name, seed):
        super().__init__()
        self.name, self.seed, self.step = name, seed, 1
        self.noise = options.get("initial_state_noise") or 0
        self.reads_pixels = options.get("reads") == "pixels"
        steps, features, units = x.shape[2], x.shape[1] * x.shape[3], options["units"]
        if self.reads_pixels:
            steps, features = x.shape[2] * x.shape[3], x.shape[1]
        number = options.get("permutation")
        self.order = None if number is None else permutation(number, steps)
        self.units = units
        self.input_weights = nn.Parameter(torch.zeros(units, features))
        self.hidden_weights = nn.Parameter(torch.zeros(units, units))
        self.function = activation(options.get("activation", "tanh"), negative_slope)
        self.bias = None
        self.separate = normalization is not None and options.get("normalize") == "separate"
        self.parts = nn.ModuleDict()
        if normalization is None:
            self.bias = nn.Parameter(torch.zeros(units))
        elif self.separate:
            self.parts["hidden"] = Steps(units, steps, normalization, has_beta=True)
            self.parts["input"] = Steps(units, steps, normalization, has_beta=False)
        else:
            self.parts["sum"] = Steps(units, steps, normalization, has_beta=True)
            if not normalization["affine"]:
                self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x):
        # (T, N, values of a step)
        steps = x.flatten(2).movedim(2, 0) if self.reads_pixels else x.movedim(2, 0).flatten(2)
        if self.order is not None:
            steps = steps[self.order]
        h = x.new_zeros(len(x), self.units)
        if self.training and self.noise > 0:
            noise = self.noise * initial_state(self.seed, self.name, self.step, h.shape)
            h = torch.from_numpy(noise).to(h.dtype)
        inputs = functional.linear(steps, self.input_weights)
        for t in range(len(steps)):
            if self.separate:
                z = self.parts["hidden"](t, h @ self.hidden_weights.t()) + self.parts["input"](t, inputs[t])
            else:
                z = torch.addmm(inputs[t], h, self.hidden_weights.t())
                if self.bias is None:
                    z = self.parts["sum"](t, z)
                else:
                    z = self.parts["sum"](t, z) + self.bias if self.parts else z + self.bias
            h = self.function(z)
        for part in self.parts.values():
            part.end(len(x))
        return h


class Steps(nn.Module):
    """The normalizations of the steps of one sum, with one gamma and beta."""

    def __init__(self, units, steps, normalization, has_beta):
        super().__init__()
        self.gamma = self.beta = self.shared = None
        self.steps = nn.ModuleList()
        if normalization["affine"]:
            self.gamma = nn.Parameter(torch.ones(units))
            self.beta = nn.Parameter(torch.zeros(units)) if has_beta else None
        like = torch.zeros(2, units)
        if normalization["type"] == "batch" and normalization["recurrent_statistics"] == "shared":
            self.shared = SharedBatchNorm(units, normalization)
        else:
            self.steps.extend(make_normalization(normalization, like, affine=False) for _ in range(steps))

    def forward(self, t, z):
        one = self.shared if self.shared is not None else self.steps[t]
        if type(one) is nn.BatchNorm1d and self.gamma is not None:  # in one call, which is faster
            return functional.batch_norm(z, one.running_mean, one.running_var, self.gamma, self.beta, one.training,
                                         one.momentum, one.eps)
        z = one(z)
        if self.gamma is not None:
            z = z * self.gamma
        return z if self.beta is None else z + self.beta

    def end(self, images):
        if self.shared is not None:
            self.shared.end(images)
