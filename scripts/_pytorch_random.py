"""bnlab's random numbers: Philox4x32-10 (Salmon et al. 2011), counted in words.

A stream belongs to a seed, a purpose and a substream. Its word i is word i % 4 of the block that the counter
(i / 4, substream, purpose) gives with the seed as the key, so any part of it can be drawn alone.
"""

import numpy as np

# Purposes.
NOISE = 4  # of normalization.type noise and noisy_batch, and of the first state of recurrent layers
PERMUTATION = 13
WORD = np.uint64(0xffffffff)
HALF = np.uint64(32)


def substream_of(name):
    """FNV-1a, 32 bits."""
    code = 2166136261
    for byte in name.encode():
        code = (code ^ byte) * 16777619 & 0xffffffff
    return code


class Stream:
    def __init__(self, seed, purpose, substream):
        self.seed, self.purpose, self.substream = seed, purpose, substream

    def words(self, first, count):
        """`count` words from word `first` on, a multiple of 4, as uint64."""
        blocks = np.arange(first // 4, first // 4 + -(-count // 4), dtype=np.uint64)
        c = [blocks & WORD, blocks >> HALF, np.full_like(blocks, self.substream), np.full_like(blocks, self.purpose)]
        key = [self.seed & 0xffffffff, self.seed >> 32]
        for _ in range(10):
            a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
            c = [b >> HALF ^ c[1] ^ np.uint64(key[0]), b & WORD, a >> HALF ^ c[3] ^ np.uint64(key[1]), a & WORD]
            key = [key[0] + 0x9E3779B9 & 0xffffffff, key[1] + 0xBB67AE85 & 0xffffffff]
        return np.stack(c, axis=1).reshape(-1)[:count]

    def fractions(self, first, count):
        """The upper 24 bits of each word, in [0, 1)."""
        return (self.words(first, count) >> np.uint64(8)).astype(np.float64) / 2 ** 24

    def normal(self, first, count):
        """Box-Muller: numbers 2k and 2k + 1 from words 2k (radius) and 2k + 1 (angle)."""
        fractions = self.fractions(first, count + count % 2)
        radius = np.sqrt(-2 * np.log(fractions[::2] + 2.0 ** -24))
        angle = 2 * np.pi * fractions[1::2]
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]


def permutation(number, count):
    """The order of that number of `count` steps: Fisher-Yates, each draw without bias (Lemire 2019)."""
    drawn, order = iter(Stream(number, PERMUTATION, 0).words(0, 2 * count + 64).tolist()), list(range(count))
    for left in range(count, 1, -1):
        product = next(drawn) * left
        while product & 0xffffffff < 2 ** 32 % left:
            product = next(drawn) * left
        place = product >> 32
        order[left - 1], order[place] = order[place], order[left - 1]
    return order


def initial_state(seed, layer, step, shape):
    """Standard normal numbers of h_0 in that step of training."""
    stream = Stream(seed, NOISE, substream_of(f"{layer}.initial_state"))
    return stream.normal(step << 32, shape[0] * shape[1]).reshape(shape)
