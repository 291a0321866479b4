"""The network of a resolved config in PyTorch, for the scripts that compare bnlab with it.

Layers have bnlab's names (conv1, normalization1, recurrent1, ...), counted as bnlab counts them.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

# With these a layer before has no bias of its own: beta, or the mean, makes it superfluous.
ABSORBS_BIAS = {"batch", "batch_renorm", "ghost", "frozen", "noisy_batch", "instance", "lp"}


# ---- normalizations --------------------------------------------------------------------------------------------------

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


class BatchRenorm(FrozenBatchNorm):
    """Batch renormalization (Ioffe 2017, algorithm 1), from the paper alone."""

    def __init__(self, channels, normalization):
        super().__init__(channels, normalization["epsilon"], normalization["affine"])
        self.options = normalization
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

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        mean, variance = batch_moments(x)
        sigma = (variance + self.eps).sqrt()
        running_sigma = (self.running_var + self.eps).sqrt()
        r_max, d_max = self.limit("r_max"), self.limit("d_max")
        r = (sigma / running_sigma).detach().clamp(1 / r_max, r_max)
        d = ((mean - self.running_mean) / running_sigma).detach().clamp(-d_max, d_max)
        y = (x - per_channel(mean, x)) / per_channel(sigma, x) * per_channel(r, x) + per_channel(d, x)
        m = x.numel() // x.shape[1]
        factor = m / max(m - 1, 1) if self.options["running_variance"] == "unbiased" else 1
        decay = self.options["running_average_decay"]
        self.running_mean = decay * self.running_mean + (1 - decay) * mean.detach()
        self.running_var = decay * self.running_var + (1 - decay) * factor * variance.detach()
        if self.weight is None:
            return y
        return y * per_channel(self.weight, x) + per_channel(self.bias, x)


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


# ---- blocks ----------------------------------------------------------------------------------------------------------

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


# ---- assembly --------------------------------------------------------------------------------------------------------

def pair(extent):
    """(height, width) of an extent, which JSON writes as one number or as two."""
    return (extent, extent) if isinstance(extent, int) else tuple(extent)


def same_padding(size, kernel, stride):
    """(left, right, top, bottom) zeros with which the output is the input's size divided by the stride, rounded up; an
    odd one lies on the right and at the bottom."""
    sides = []
    for extent, window, step in reversed(list(zip(size, kernel, stride))):
        total = max(0, (-(-extent // step) - 1) * step + window - extent)
        sides += [total // 2, total - total // 2]
    return sides


def written_out(blocks, placement, default_activation):
    """Blocks without repeat, dense_block and conv_block: a list of (kind, its options)."""
    layers = []
    for block in blocks:
        (kind, options), = block.items()
        if kind == "repeat":
            layers += written_out(options["layers"], placement, default_activation) * options.get("count", 1)
        elif kind in ("dense_block", "conv_block"):
            function = ("activation", {"function": options.get("activation") or default_activation})
            rest = [("normalization", {}), function]
            layers += [(kind[:-len("_block")], options)] + (rest if placement == "before_activation" else rest[::-1])
        elif kind == "activation":
            layers.append((kind, {"function": options.get("function") or default_activation}))
        else:
            layers.append((kind, options))
    return layers


def is_masked_in(mask, site, sites):
    """Whether normalization site `site` (from 1, of `sites`) is normalized."""
    if isinstance(mask, list):
        return site in mask
    if isinstance(mask, dict):
        return site % mask["every"] == 0
    return {"all": True, "none": False, "first": site == 1, "last": site == sites}[mask]


class Assembler:
    """Builds modules in network order; `sites` is None in a first pass that counts them."""

    def __init__(self, config, sites):
        self.config, self.network, self.normalization = config, config["network"], config["normalization"]
        self.sites, self.site = sites, 0
        self.counts = {}
        self.leaves = OrderedDict()  # name: module

    def name(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}{self.counts[kind]}"

    def is_active(self, site):
        return (self.sites is not None and self.normalization["type"] != "none"
                and is_masked_in(self.normalization["mask"], site, self.sites))

    def sequence(self, blocks, x):
        """(nn.Sequential of the blocks, its output for the input x)."""
        layers = written_out(blocks, self.normalization["placement"], self.network.get("activation", "relu"))
        modules = OrderedDict()
        for index, (kind, options) in enumerate(layers):
            follows = index + 1 < len(layers) and layers[index + 1][0] == "normalization"
            for name, module in self.make(kind, options, x, follows):
                modules[name] = module.eval()
                with torch.no_grad():
                    x = module(x)
        return nn.Sequential(modules), x

    def leaf(self, name, module):
        self.leaves[name] = module
        return name, module

    def has_bias(self, options, normalization_follows):
        if options.get("bias") is not None:
            return options["bias"]
        return not (normalization_follows and self.is_active(self.site + 1)
                    and self.normalization["type"] in ABSORBS_BIAS)

    def make(self, kind, options, x, normalization_follows):
        """The modules of one block."""
        if kind == "normalization":
            self.site += 1
            if not self.is_active(self.site):
                return []
            return [self.leaf(f"normalization{self.site}", make_normalization(self.normalization, x))]
        name = self.name(kind)
        if kind == "dense":
            return [self.leaf(name, nn.Linear(x.shape[1], options["units"],
                                              bias=self.has_bias(options, normalization_follows)))]
        if kind == "conv":
            kernel, stride = pair(options.get("kernel", 3)), pair(options.get("stride", 1))
            padding, before = options.get("padding", "same"), []
            if padding == "same":
                sides = same_padding(x.shape[2:], kernel, stride)
                before, padding = [(f"{name}_padding", nn.ZeroPad2d(sides))], 0
                if sides[0] == sides[1] and sides[2] == sides[3]:
                    before, padding = [], (sides[2], sides[0])
            return [*before, self.leaf(name, nn.Conv2d(x.shape[1], options["channels"], kernel, stride, pair(padding),
                                                       groups=options.get("groups", 1),
                                                       bias=self.has_bias(options, normalization_follows)))]
        if kind in ("max_pool", "avg_pool"):
            kernel = pair(options.get("kernel", 2))
            stride, padding = pair(options.get("stride") or kernel), pair(options.get("padding", 0))
            return [(name, nn.MaxPool2d(kernel, stride, padding) if kind == "max_pool"
                     else nn.AvgPool2d(kernel, stride, padding, count_include_pad=False))]
        if kind == "global_avg_pool":
            return [(name, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))]
        if kind == "flatten":
            return [(name, nn.Flatten())]
        if kind == "activation":
            return [(name, activation(options["function"], self.network.get("negative_slope", 0.01)))]
        if kind == "local_response":
            return [(name, make_local_response(options))]
        if kind == "dropout":
            rate = options.get("rate", self.network.get("dropout", 0.0))
            return [self.leaf(name, RecordedDropout(rate))] if rate > 0 else []
        if kind == "residual":
            return [self.leaf(name, self.residual(options, x))]
        if kind == "concat":
            return [(name, Concat([self.sequence(branch, x)[0] for branch in options["branches"]]))]
        if kind == "recurrent":
            self.site += 1
            normalization = self.normalization if self.is_active(self.site) else None
            module = Recurrent(x, options, normalization, self.network.get("negative_slope", 0.01))
            module.site = f"normalization{self.site}"
            return [self.leaf(name, module)]
        raise ValueError(f"network.layers: {kind} is not known to this script")

    def residual(self, options, x):
        body, y = self.sequence(options["body"], x)
        kind = options.get("shortcut") or self.network.get("shortcut", "projection")
        shortcut = nn.Sequential()
        if x.shape[1:] != y.shape[1:]:
            stride = -(-x.shape[2] // y.shape[2]) if x.dim() == 4 else 1
            if kind == "padding":
                shortcut.add_module(self.name("padding_shortcut"), PaddingShortcut(stride, y.shape[1]))
            else:
                normalized = options.get("shortcut_normalization", True)
                block = ("conv", {"channels": y.shape[1], "kernel": 1, "stride": stride, "padding": 0}) \
                    if x.dim() == 4 else ("dense", {"units": y.shape[1]})
                (name, linear), = self.make(*block, x, normalized)
                shortcut.add_module(name, linear)
                if normalized:
                    for name, module in self.make("normalization", {}, y, False):
                        shortcut.add_module(name, module)
        scalar = options.get("scalar")
        return Residual(body, shortcut.eval(), self.network.get("residual_scalar") if scalar is None else scalar)


class Network(nn.Module):
    """The whole network; `leaves` maps bnlab's names to the modules with tensors of their own."""

    def __init__(self, config, image_shape):
        super().__init__()
        x = torch.zeros(2, *image_shape)
        counting = Assembler(config, None)
        counting.sequence(config["network"]["layers"], x)
        assembler = Assembler(config, counting.site)
        modules = OrderedDict()
        if config["normalization"].get("normalize_input"):
            name, modules[name] = assembler.leaf("input_normalization",
                                                 make_normalization(config["normalization"], x))
        modules["layers"], _ = assembler.sequence(config["network"]["layers"], x)
        self.whole = nn.Sequential(modules)
        self.leaves = assembler.leaves

    def forward(self, x):
        return self.whole(x)

    def set_step(self, step, steps):
        """What batch renormalization and recorded masks go by; from 1."""
        for module in self.modules():  # of the steps of a recurrent block too
            module.step = step
            if isinstance(module, BatchRenorm):
                module.steps = steps

    def set_dropout_masks(self, masks):
        """{name: (steps, N, ...)}."""
        for name, module in self.leaves.items():
            if isinstance(module, RecordedDropout):
                module.masks = masks[name]


def build_network(config, image_shape):
    """The network of a resolved config for images (C, H, W)."""
    return Network(config, image_shape)


def recurrent_tensors(name, module):
    tensors = {f"{name}.input_weights": module.input_weights, f"{name}.hidden_weights": module.hidden_weights}
    if module.bias is not None:
        tensors[f"{name}.bias"] = module.bias
    if module.gamma is not None:
        tensors |= {f"{module.site}.gamma": module.gamma, f"{module.site}.beta": module.beta}
    states = [(module.site, module.shared)] if module.shared is not None else \
        [(f"{module.site}.step{t}", step) for t, step in enumerate(module.steps, start=1)]
    for site, state in states:
        if getattr(state, "running_mean", None) is not None:
            tensors |= {f"{site}.running_mean": state.running_mean, f"{site}.running_variance": state.running_var}
    return tensors


def named_tensors(network):
    """{bnlab's name: tensor} of all parameters and running statistics."""
    tensors = {}
    for name, module in network.leaves.items():
        if isinstance(module, Recurrent):
            tensors |= recurrent_tensors(name, module)
            continue
        if isinstance(module, Residual):
            if module.scalar is not None:
                tensors[f"{name}.scalar"] = module.scalar
            continue
        is_linear = isinstance(module, (nn.Linear, nn.Conv2d))
        kinds = {"weight": "weights" if is_linear else "gamma", "bias": "bias" if is_linear else "beta",
                 "running_mean": "running_mean", "running_var": "running_variance"}
        for kind, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if kind in kinds:
                tensors[f"{name}.{kinds[kind]}"] = tensor
    return tensors


def load_weights(network, arrays):
    """Copies recorded arrays into the network; ValueError where names or shapes differ."""
    tensors = named_tensors(network)
    if set(tensors) != set(arrays):
        raise ValueError(f"names of weights differ: only in bnlab's file {sorted(set(arrays) - set(tensors))}, only in "
                         f"the network rebuilt from config.json {sorted(set(tensors) - set(arrays))}")
    with torch.no_grad():
        for name, tensor in tensors.items():
            if tuple(tensor.shape) != arrays[name].shape:
                raise ValueError(f"{name}: bnlab's shape is {arrays[name].shape}, PyTorch's {tuple(tensor.shape)}")
            tensor.copy_(torch.from_numpy(arrays[name]))
