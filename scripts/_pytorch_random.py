"""Random numbers of bnlab that a replay needs, from their definition: Philox4x32-10 (Salmon et al. 2011) of the
counters (block, substream, purpose), four words a block."""

import numpy as np

NOISE, PERMUTATION = 4, 13  # purposes


def substream(name):
    """FNV-1a."""
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 & 0xffffffff
    return value


def words(seed, purpose, stream, first, count):
    """Words first, first + 1, ... of a stream; `first` is a multiple of 4."""
    low = np.uint64(0xffffffff)
    blocks = np.arange(first // 4, first // 4 + -(-count // 4), dtype=np.uint64)
    a, b = blocks & low, blocks >> np.uint64(32)
    c, d = np.full_like(blocks, stream), np.full_like(blocks, purpose)
    key = [seed & 0xffffffff, seed >> 32]
    for _ in range(10):
        one, two = np.uint64(0xd2511f53) * a, np.uint64(0xcd9e8d57) * c
        a, b, c, d = (two >> np.uint64(32)) ^ b ^ np.uint64(key[0]), two & low, \
            (one >> np.uint64(32)) ^ d ^ np.uint64(key[1]), one & low
        key = [(key[0] + 0x9e3779b9) & 0xffffffff, (key[1] + 0xbb67ae85) & 0xffffffff]
    return np.stack([a, b, c, d], 1).ravel()[:count]


def permutation(number, count):
    """The order of that number of `count` steps: Fisher-Yates, each draw without bias (Lemire 2019)."""
    drawn, order = iter(words(number, PERMUTATION, 0, 0, 2 * count + 64).tolist()), list(range(count))
    for left in range(count, 1, -1):
        product = next(drawn) * left
        while product & 0xffffffff < 2 ** 32 % left:
            product = next(drawn) * left
        place = product >> 32
        order[left - 1], order[place] = order[place], order[left - 1]
    return order


def initial_state(seed, layer, step, shape):
    """Standard normal numbers of h_0 in that step of training: Box-Muller of 24 bits of each word."""
    count = shape[0] * shape[1]
    drawn = words(seed, NOISE, substream(f"{layer}.initial_state"), step << 32, count + count % 2) >> np.uint64(8)
    radius = np.sqrt(-2 * np.log((drawn[0::2].astype(np.float64) + 1) / 2 ** 24))
    angle = 2 * np.pi * drawn[1::2].astype(np.float64) / 2 ** 24
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:count].reshape(shape)
