#!/usr/bin/python3
"""Batch renormalization from the paper (Ioffe 2017, "Batch Renormalization", algorithm 1), in NumPy.

Writes batch_renorm.npz beside this file:  /usr/bin/python3 tests/golden/batch_renorm.py

Each case is a few training steps of one layer, whose outputs y are the logits of a mean cross-entropy. Arrays are
CASE.NAME with the step as the first axis; x (N, C, H, W) or (N, C), channel statistics (C). running_mean and
running_variance are those after the step. Only the moving average differs from the paper, which averages sigma: here it
is the variance that is averaged, and sigma = sqrt(variance + epsilon), as batch normalization's evaluation has it.
"""
import pathlib

import numpy

EPSILON = 1e-5
STEPS = 6


def cross_entropy(logits, labels):
    """The mean over the batch and its gradient; logits (N, K)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - numpy.log(numpy.exp(shifted).sum(axis=1, keepdims=True))
    rows = numpy.arange(len(labels))
    gradient = numpy.exp(log_p)
    gradient[rows, labels] -= 1
    return -log_p[rows, labels].mean(), gradient / len(labels)


def step(x, labels, gamma, beta, running_mean, running_variance, r_max, d_max):
    axes = (0,) + tuple(range(2, x.ndim))

    def wide(v):  # (C) beside x
        return v.reshape((1, -1) + (1,) * (x.ndim - 2))

    m = x.size // x.shape[1]
    mu_b = x.mean(axis=axes)
    variance_b = ((x - wide(mu_b)) ** 2).mean(axis=axes)
    sigma_b = numpy.sqrt(EPSILON + variance_b)
    mu, sigma = running_mean, numpy.sqrt(EPSILON + running_variance)
    r = numpy.clip(sigma_b / sigma, 1 / r_max, r_max)
    d = numpy.clip((mu_b - mu) / sigma, -d_max, d_max)
    x_hat = (x - wide(mu_b)) / wide(sigma_b) * wide(r) + wide(d)
    y = wide(gamma) * x_hat + wide(beta)

    loss, dy = cross_entropy(y.reshape(len(y), -1), labels)
    dy = dy.reshape(y.shape)
    # The paper's gradients; r and d are constants.
    dx_hat = dy * wide(gamma)
    dsigma_b = (dx_hat * (x - wide(mu_b)) * wide(-r / sigma_b**2)).sum(axis=axes)
    dmu_b = (dx_hat * wide(-r / sigma_b)).sum(axis=axes)
    dx = dx_hat * wide(r / sigma_b) + wide(dsigma_b) * (x - wide(mu_b)) / wide(m * sigma_b) + wide(dmu_b) / m
    return dict(y=y, loss=loss, dy=dy, dx=dx, dgamma=(dy * x_hat).sum(axis=axes), dbeta=dy.sum(axis=axes),
                mu_b=mu_b, variance_b=variance_b, r=r, d=d)


def ramp(initial, final, begin, end, now):
    return initial + (final - initial) * min(max((now - begin) / (end - begin), 0), 1)


def case(random, shape, decay, unbiased):
    """Batches that drift away from the running statistics, some channels up and some down."""
    channels, m = shape[1], numpy.prod(shape) // shape[1]
    beside = (1, channels) + (1,) * (len(shape) - 2)
    running_mean, running_variance = numpy.zeros(channels), numpy.ones(channels)
    steps = []
    for t in range(1, STEPS + 1):
        scale = numpy.exp(0.25 * t * random.uniform(-1, 1, channels)).reshape(beside)
        offset = (0.4 * t * random.uniform(-1, 1, channels)).reshape(beside)
        x = (scale * random.standard_normal(shape) + offset).astype("f4")
        labels = random.randint(0, numpy.prod(shape[1:]), shape[0]).astype("i4")
        gamma = random.uniform(0.5, 1.5, channels).astype("f4")
        beta = random.uniform(-0.5, 0.5, channels).astype("f4")
        r_max = ramp(1.0, 2.5, 1, 4, t)  # over steps 1 to 4
        d_max = ramp(0.0, 1.5, 0.25, 0.75, t / STEPS)  # from a quarter to three quarters of the run
        seen = step(x.astype("f8"), labels, gamma.astype("f8"), beta.astype("f8"), running_mean, running_variance,
                    r_max, d_max)
        variance = seen["variance_b"] * (m / (m - 1) if unbiased else 1)
        running_mean = running_mean + (1 - decay) * (seen.pop("mu_b") - running_mean)
        running_variance = running_variance + (1 - decay) * (variance - running_variance)
        seen.pop("variance_b")
        steps.append(dict(seen, x=x, labels=labels, gamma=gamma, beta=beta, running_mean=running_mean,
                          running_variance=running_variance, r_max=r_max, d_max=d_max))
    return {name: numpy.stack([s[name] for s in steps]) for name in steps[0]}


random = numpy.random.RandomState(2017)
cases = {"images": case(random, (5, 3, 3, 2), decay=0.9, unbiased=True),
         "vectors": case(random, (7, 5), decay=0.75, unbiased=False)}
arrays = {f"{name}.{array}": values for name, arrays_of in cases.items() for array, values in arrays_of.items()}
numpy.savez(pathlib.Path(__file__).with_suffix(".npz"), **arrays)
