"""The network of a resolved config in PyTorch, for the scripts that compare bnlab with it.

Layers have bnlab's names (conv1, normalization1, recurrent1, ...), counted as bnlab counts them.
"""

from collections import OrderedDict

import torch
from torch import nn

from _pytorch_blocks import (Concat, PaddingShortcut, RecordedDropout, Recurrent, Residual, StandardizedConv2d,
                             activation)
from _pytorch_normalizations import BatchRenorm, Noise, make_local_response, make_normalization


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
    """Builds modules in network order; `sites` is None in a first pass that counts them. `absorbs_bias`: a layer before
    a normalization has no bias of its own: beta, or the mean, makes it superfluous."""

    def __init__(self, config, sites, absorbs_bias):
        self.absorbs_bias = absorbs_bias
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
        return not (normalization_follows and self.is_active(self.site + 1) and self.absorbs_bias)

    def normalizations(self, name, x):
        """The normalization of a place and its noise, or one of the two."""
        kind, modules = self.normalization["type"], []
        if kind != "noise":
            plain = {**self.normalization, "type": "batch"} if kind == "noisy_batch" else self.normalization
            modules.append(self.leaf(name, make_normalization(plain, x)))
        if kind in ("noise", "noisy_batch"):
            modules.append((f"{name}_noise", Noise(name, self.normalization["noise"], self.config["training"]["seed"])))
        return modules

    def make(self, kind, options, x, normalization_follows):
        """The modules of one block."""
        if kind == "normalization":
            self.site += 1
            if not self.is_active(self.site):
                return []
            return self.normalizations(f"normalization{self.site}", x)
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
            standardizes = options.get("weight_standardization", self.network.get("weight_standardization", False))
            conv = StandardizedConv2d if standardizes else nn.Conv2d
            return [*before, self.leaf(name, conv(x.shape[1], options["channels"], kernel, stride, pair(padding),
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
            module = Recurrent(x, options, normalization, self.network.get("negative_slope", 0.01), name,
                               self.config["training"]["seed"])
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
        scalar, layer_scale = options.get("scalar"), options.get("layer_scale")
        if scalar is None and layer_scale is None:
            scalar, layer_scale = self.network.get("residual_scalar"), self.network.get("layer_scale")
        return Residual(body, shortcut.eval(), scalar, layer_scale, y.shape[1])


class Network(nn.Module):
    """The whole network; `leaves` maps bnlab's names to the modules with tensors of their own."""

    def __init__(self, config, image_shape, absorbs_bias):
        super().__init__()
        x = torch.zeros(2, *image_shape)
        counting = Assembler(config, None, absorbs_bias)
        counting.sequence(config["network"]["layers"], x)
        assembler = Assembler(config, counting.site, absorbs_bias)
        modules = OrderedDict()
        if config["normalization"].get("normalize_input"):
            modules.update(assembler.normalizations("input_normalization", x))
        modules["layers"], _ = assembler.sequence(config["network"]["layers"], x)
        self.whole = nn.Sequential(modules)
        self.leaves = assembler.leaves

    def forward(self, x):
        return self.whole(x)

    def set_step(self, step, steps, batch=None):
        """What batch renormalization goes by, and noise and recorded masks, where a step has several batches; all from
        1."""
        for module in self.modules():  # of the steps of a recurrent block too
            module.step = batch if batch and isinstance(module, (RecordedDropout, Noise)) else step
            if isinstance(module, BatchRenorm):
                module.steps = steps

    def set_dropout_masks(self, masks):
        """{name: (steps, N, ...)}."""
        for name, module in self.leaves.items():
            if isinstance(module, RecordedDropout):
                module.masks = masks[name]


def build_network(config, image_shape, absorbs_bias):
    """The network of a resolved config for images (C, H, W); `absorbs_bias` is the trait of its normalization."""
    return Network(config, image_shape, absorbs_bias)


def recurrent_tensors(name, module):
    tensors = {f"{name}.input_weights": module.input_weights, f"{name}.hidden_weights": module.hidden_weights}
    if module.bias is not None:
        tensors[f"{name}.bias"] = module.bias
    for name, part in module.parts.items():
        site = f"{module.site}.{name}" if module.separate else module.site
        for kind, tensor in (("gamma", part.gamma), ("beta", part.beta)):
            if tensor is not None:
                tensors[f"{site}.{kind}"] = tensor
        states = [(site, part.shared)] if part.shared is not None else \
            [(f"{site}.step{t}", step) for t, step in enumerate(part.steps, start=1)]
        for place, state in states:
            if getattr(state, "running_mean", None) is not None:
                tensors |= {f"{place}.running_mean": state.running_mean, f"{place}.running_variance": state.running_var}
    return tensors


def named_tensors(network):
    """{bnlab's name: tensor} of all parameters and running statistics."""
    tensors = {}
    for name, module in network.leaves.items():
        if isinstance(module, Recurrent):
            tensors |= recurrent_tensors(name, module)
            continue
        if isinstance(module, Residual):
            for kind, tensor in (("scalar", module.scalar), ("layer_scale", module.layer_scale)):
                if tensor is not None:
                    tensors[f"{name}.{kind}"] = tensor
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
    arrays = {name: array for name, array in arrays.items() if name != "folded"}  # what `bnlab fold` marks a file with
    if set(tensors) != set(arrays):
        raise ValueError(f"names of weights differ: only in bnlab's file {sorted(set(arrays) - set(tensors))}, only in "
                         f"the network rebuilt from config.json {sorted(set(tensors) - set(arrays))}")
    with torch.no_grad():
        for name, tensor in tensors.items():
            if tuple(tensor.shape) != arrays[name].shape:
                raise ValueError(f"{name}: bnlab's shape is {arrays[name].shape}, PyTorch's {tuple(tensor.shape)}")
            tensor.copy_(torch.from_numpy(arrays[name]))
