"""Normalizations of a resolved config in PyTorch."""

import torch
from torch import nn
from torch.nn import functional

from _pytorch_random import NOISE, Stream, substream_of


class BiasedVariance:
    """Mixed into BatchNorm: the running variance averages the biased batch variance, not PyTorch's unbiased one."""

    def forward(self, x):
        kept = (1 - self.momentum) * self.running_var
        y = super().forward(x)
        if self.training:
            m = x.numel() // x.shape[1]
            self.running_var = kept + (self.running_var - kept) * (m - 1) / m
        return y


class BiasedBatchNorm1d(BiasedVariance, nn.BatchNorm1d):
    pass


class BiasedBatchNorm2d(BiasedVariance, nn.BatchNorm2d):
    pass


class FrozenBatchNorm(nn.Module):
    """Normalizes with running statistics that stay as they are, in training too."""

    def __init__(self, channels, eps, affine):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.eps = eps

    def forward(self, x):
        return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0, self.eps)


def per_channel(values, x):
    return values.reshape(1, -1, *[1] * (x.dim() - 2))


def batch_moments(x):
    """Mean and biased variance of each channel, with gradient."""
    dims = [0, *range(2, x.dim())]
    mean = x.mean(dims)
    return mean, (x - per_channel(mean, x)).square().mean(dims)


class SetNorm(FrozenBatchNorm):
    """Normalizes each `virtual_batch_size` images in turn, or the batch, by statistics of their own. The running
    statistics take the means over these sets, weighted by their images."""

    def __init__(self, channels, normalization):
        super().__init__(channels, normalization["epsilon"], normalization["affine"])
        self.options = normalization
        self.has_variance = True  # what `normalized` gives for the running variance is the biased one

    def normalized(self, x):
        """(x_hat, mean, variance) of one set."""
        raise NotImplementedError

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        sets = x.split(self.options.get("virtual_batch_size") or len(x))
        parts, means, variances = zip(*map(self.normalized, sets))
        shares = [len(part) / len(x) for part in sets]
        is_unbiased = self.options["running_variance"] == "unbiased" and self.has_variance
        values = [part.numel() // x.shape[1] for part in sets]
        factors = [m / max(m - 1, 1) if is_unbiased else 1 for m in values]
        decay = self.options["running_average_decay"]
        self.running_mean = decay * self.running_mean + (1 - decay) * sum(
            share * mean.detach() for share, mean in zip(shares, means))
        self.running_var = decay * self.running_var + (1 - decay) * sum(
            share * factor * variance.detach() for share, factor, variance in zip(shares, factors, variances))
        y = torch.cat(parts)
        return y if self.weight is None else y * per_channel(self.weight, x) + per_channel(self.bias, x)


class GhostNorm(SetNorm):
    """Ghost batch normalization (Hoffer et al. 2017, algorithm 1)."""

    def normalized(self, x):
        mean, variance = batch_moments(x)
        return (x - per_channel(mean, x)) / per_channel((variance + self.eps).sqrt(), x), mean, variance


class BatchRenorm(SetNorm):
    """Batch renormalization (Ioffe 2017, algorithm 1), from the paper alone."""

    def __init__(self, channels, normalization):
        super().__init__(channels, normalization)
        self.step, self.steps = 1, 1

    def limit(self, name):
        ramp = self.options[name]
        moment = self.step / self.steps if ramp["unit"] == "fraction" else self.step
        if moment <= ramp["begin"]:
            return ramp["initial"]
        if moment >= ramp["end"]:
            return ramp["final"]
        part = (moment - ramp["begin"]) / (ramp["end"] - ramp["begin"])
        return ramp["initial"] + part * (ramp["final"] - ramp["initial"])

    def normalized(self, x):
        mean, variance = batch_moments(x)
        sigma = (variance + self.eps).sqrt()
        running_sigma = (self.running_var + self.eps).sqrt()
        r_max, d_max = self.limit("r_max"), self.limit("d_max")
        r = (sigma / running_sigma).detach().clamp(1 / r_max, r_max)
        d = ((mean - self.running_mean) / running_sigma).detach().clamp(-d_max, d_max)
        y = (x - per_channel(mean, x)) / per_channel(sigma, x) * per_channel(r, x) + per_channel(d, x)
        return y, mean, variance


class LpNorm(SetNorm):
    """Batch normalization by another norm, of the centred values or of the raw ones (Santurkar et al. 2018)."""

    def __init__(self, channels, normalization):
        super().__init__(channels, normalization)
        self.is_raw = normalization.get("norm_of") == "raw"
        self.has_variance = normalization["norm"] == "l2" and not self.is_raw

    def normalized(self, x):
        dims, (mean, _) = [0, *range(2, x.dim())], batch_moments(x)
        centred = x - per_channel(mean, x)
        measured, kind = x if self.is_raw else centred, self.options["norm"]
        square = (measured.abs().mean(dims).square() if kind == "l1" else measured.square().mean(dims) if kind == "l2"
                  else measured.abs().amax(dims).square())
        return centred / per_channel((square + self.eps).sqrt(), x), mean, square


class Noise(nn.Module):
    """y = s x + m (Santurkar et al. 2018, appendix A), with the numbers that bnlab draws for this layer and step,
    counted in the order N, C, H, W; in evaluation it passes its input on."""

    def __init__(self, name, options, seed):
        super().__init__()
        self.options, self.step = options, 1
        if options["in_evaluation"]:
            raise ValueError("normalization.noise.in_evaluation: must be false for this script")
        self.units, self.means, self.deviations = (Stream(seed, NOISE, substream_of(f"{name}.{what}"))
                                                   for what in ("units", "means", "stds"))

    def forward(self, x):
        if not self.training:
            return x
        first, options = self.step << 32, self.options
        units = self.units.fractions(first, 2 * x.shape[1]).reshape(-1, 2)
        mean = options["mean"] * (2 * units[:, 0] - 1)
        scale = 1 + (options["std"] - 1) * units[:, 1]
        m = options["mean_jitter"] * (2 * self.means.fractions(first, x.numel()) - 1)
        s = options["std_jitter"] * self.deviations.normal(first, x.numel())

        def around(centres, jitter):
            return per_channel(torch.from_numpy(centres), x) + torch.from_numpy(jitter).reshape(x.shape)

        return around(scale, s).to(x.dtype) * x + around(mean, m).to(x.dtype)


class PositionLayerNorm(nn.LayerNorm):
    """Layer normalization over the channels of each position of an image (ConvNeXt)."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def make_normalization(normalization, x, affine=None):
    """The module for inputs like x: (N, C) or (N, C, H, W)."""
    kind, channels, eps = normalization["type"], x.shape[1], normalization["epsilon"]
    affine = normalization["affine"] if affine is None else affine
    if kind == "batch":
        make = {("biased", 2): BiasedBatchNorm1d, ("biased", 4): BiasedBatchNorm2d, ("unbiased", 2): nn.BatchNorm1d,
                ("unbiased", 4): nn.BatchNorm2d}[normalization["running_variance"], x.dim()]
        return make(channels, eps=eps, affine=affine, momentum=1 - normalization["running_average_decay"])
    if kind == "frozen":
        return FrozenBatchNorm(channels, eps, affine)
    if kind == "batch_renorm":
        return BatchRenorm(channels, {**normalization, "affine": affine})
    if kind == "ghost":
        return GhostNorm(channels, {"virtual_batch_size": 32, **normalization, "affine": affine})
    if kind == "lp":
        return LpNorm(channels, {**normalization, "affine": affine})
    if kind == "layer" and normalization["over"] == "position" and x.dim() == 4:
        return PositionLayerNorm(channels, eps=eps, elementwise_affine=affine)
    if kind in ("layer", "instance", "group"):
        groups = {"layer": 1, "instance": channels}.get(kind)
        if groups is None:
            groups = channels // normalization["channels_per_group"] if normalization.get("channels_per_group") \
                else normalization["groups"]
        return nn.GroupNorm(groups, channels, eps=eps, affine=affine)
    if kind == "local_response":
        return make_local_response(normalization["local_response"])
    raise ValueError(f"normalization.type: {kind} is not known to this script")


def make_local_response(options):
    options = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0, **options}
    return nn.LocalResponseNorm(options["size"], options["alpha"], options["beta"], options["k"])


class SharedBatchNorm(nn.Module):
    """Batch statistics of each step in training; one running mean and variance for all steps, which take the mean over
    the steps, once a run over them."""

    def __init__(self, channels, normalization):
        super().__init__()
        self.options = normalization
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.moments = []

    def forward(self, x):
        if not self.training:
            return functional.batch_norm(x, self.running_mean, self.running_var, eps=self.options["epsilon"])
        self.moments.append(tuple(moment.detach() for moment in batch_moments(x)))
        return functional.batch_norm(x, None, None, training=True, eps=self.options["epsilon"])

    def end(self, m):
        if not self.moments:
            return
        mean, variance = (torch.stack(moments).mean(0) for moments in zip(*self.moments))
        self.moments = []
        factor = m / max(m - 1, 1) if self.options["running_variance"] == "unbiased" else 1
        decay = self.options["running_average_decay"]
        self.running_mean = decay * self.running_mean + (1 - decay) * mean
        self.running_var = decay * self.running_var + (1 - decay) * factor * variance
