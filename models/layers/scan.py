"""State-space scans of short sequences in plain matrix products: no loop, no overflow, no flip.

A scan keeps a state (P x N) that fades and takes in one element after the other:

    state_i = exp(a_i) * state_before + value_i write_i^T,    result_i = state_i read_i

with a_i <= 0, where "before" is whatever an order says. Unrolled, it is one product with a
matrix of decays, result = (M * (read write^T)) values, M[i, j] = exp of the sum of all a
after j up to i, and 0 where j is not before i. Every exponent is <= 0, so nothing overflows.

Source: state-space duality (Dao 2024, "Transformers are SSMs") sections 3 and 6; orders as
masks and mixing in any order are derived here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_NEVER = 1e4  # exp(-1e4) is 0, and half precision still holds the exponent
# exp(-16) is 1e-7: what fades faster has gone. Unbounded sums would lose the digits of slow
# decays behind fast ones, and overflow half precision.
_FASTEST = 16.0


def forward_order(length: int, like: Tensor) -> Tensor:
    """Return (length, length): 1 where element j of row i is i or comes before it."""
    return torch.ones(length, length, dtype=torch.float32, device=like.device).tril()


def backward_order(length: int, like: Tensor) -> Tensor:
    """Return `forward_order` of the sequence read from its end: the transposed mask."""
    return forward_order(length, like).transpose(0, 1)


def decays(log_decay: Tensor, order: Tensor) -> Tensor:
    """Return (..., L, L): what is left at element i of what element j wrote.

    Args:
        log_decay: (..., L), a_i <= 0, single precision.
        order: Broadcast to (..., L, L); row i is 1 at i and all elements before it. Any
            total order of the elements will do: the mask stands for moving them.
    """
    sums = _running_sums(log_decay, order)
    between = sums.unsqueeze(-1) - sums.unsqueeze(-2)
    return torch.exp(torch.minimum(between, between.new_full((), 0.0)) + (order - 1.0) * _NEVER)


def _running_sums(log_decay: Tensor, order: Tensor) -> Tensor:
    bounded = torch.maximum(log_decay, log_decay.new_full((), -_FASTEST))
    # Multiplied and summed, not a matrix product: it stays in single precision under
    # autocast, and no quantiser takes the mask for a weight.
    return (bounded.unsqueeze(-2) * order).sum(-1)


def scan(values: Tensor, log_decay: Tensor, write: Tensor, read: Tensor, order: Tensor) -> Tensor:
    """Scan sequences as single blocks; costs L^2, so for rows of up to about 64.

    Args:
        values: (..., L, P).
        log_decay: (..., L), <= 0.
        write: (..., L, N), or with axes of 1 that broadcast.
        read: Like `write`.
        order: As in `decays`.

    Returns:
        (..., L, P).
    """
    return (decays(log_decay, order) * (read @ write.transpose(-1, -2))) @ values


def before_mask(length: int, like: Tensor) -> Tensor:
    """Return (length, length): 1 where chunk j of row i comes before chunk i, in natural order."""
    return torch.ones(length, length, dtype=torch.float32, device=like.device).tril(-1)


def mixing(log_decay: Tensor, before: Tensor) -> Tensor:
    """Return (..., n, n): the share of chunk j's state that enters chunk i.

    With R the mask `before` and t the chunks' summed log decays it is
    R * exp(R diag(t) R): the chunks between j and i are those after j and before i. No
    chunk is moved, and R may be soft, so that an order can be learned.

    Args:
        log_decay: (..., n, Q), <= 0: of n chunks of Q elements.
        before: (..., n, n) in [0, 1], with a diagonal of 0.
    """
    totals = log_decay.sum(-1)
    between = (before.unsqueeze(-1) * (totals.unsqueeze(-1) * before).unsqueeze(-3)).sum(-2)
    return before * torch.exp(between)


def chunked_scan(
    values: Tensor, log_decay: Tensor, write: Tensor, read: Tensor, mixed: Tensor
) -> Tensor:
    """Scan long sequences that are cut into n chunks of Q; costs n Q^2 + n^2.

    Inside a chunk elements keep their natural order. The order of the chunks is that of
    `mixed`, from `mixing`; a mean of several such matrices gives the mean of the scans.

    Args:
        values: (..., n, Q, P).
        log_decay: (..., n, Q), <= 0.
        write: (..., n, Q, N), or with axes of 1 that broadcast.
        read: Like `write`.
        mixed: (..., n, n).

    Returns:
        (..., n, Q, P).
    """
    order = forward_order(log_decay.shape[-1], log_decay)
    sums = _running_sums(log_decay, order)
    to_the_end = torch.exp(sums[..., -1:] - sums)
    left_behind = (values * to_the_end.unsqueeze(-1)).transpose(-1, -2) @ write
    entering = torch.unflatten(mixed @ left_behind.flatten(-2), -1, left_behind.shape[-2:])
    carried = (read * torch.exp(sums).unsqueeze(-1)) @ entering.transpose(-1, -2)
    return scan(values, log_decay, write, read, order) + carried


class BidirectionalScan(nn.Module):
    """Let every element of a sequence see all others, from both ends.

    Both directions are one product: their decay matrices, masked by an order and by its
    transpose, are summed before they meet the values. They have steps, writes and reads of
    their own and share the projections. A gate made from the element itself closes the
    block. Steps are bounded, sigmoid where Mamba has softplus: half precision holds them,
    and no engine lacks the operator.

    Args:
        channels: Of the elements, in and out.
        inner: Channels that are scanned; a multiple of `heads`.
        heads: Parallel states with a decay of their own.
        states: Width N of each state.

    Source: after Mamba-2 (Dao 2024) section 7; both directions as in Vim (Zhu 2024), here
        in one matrix.
    """

    def __init__(self, channels: int, *, inner: int, heads: int, states: int) -> None:
        super().__init__()
        self.heads = heads
        self.widths = (inner, inner, 2 * states, 2 * states, 2 * heads)
        self.enter = nn.Linear(channels, sum(self.widths))
        self.leave = nn.Linear(inner, channels)
        self.log_rate = nn.Parameter(torch.linspace(0, 2, heads).repeat(2, 1))  # ln(1) to ln(7)
        self.skip = nn.Parameter(torch.ones(inner))
        steps = torch.logspace(-1.7, -0.3, heads).repeat(2)  # a row is tens of elements long
        with torch.no_grad():
            self.enter.bias[-2 * heads :] = steps.logit()

    def forward(self, x: Tensor) -> Tensor:
        """Map (R, L, channels) to (R, L, channels): R sequences, each on its own."""
        values, gate, write, read, step = self.enter(x).split(self.widths, -1)
        matrix = self._matrix(_by_direction(write), _by_direction(read), step)
        heads = torch.unflatten(values, -1, (self.heads, -1)).transpose(1, 2)
        seen = (matrix @ heads).transpose(1, 2).flatten(2)
        left: Tensor = self.leave((seen + self.skip * values) * functional.silu(gate))
        return left

    def _matrix(self, write: Tensor, read: Tensor, step: Tensor) -> Tensor:
        """Return (R, heads, L, L): what each element gets from each, both directions summed.

        Args:
            write: (R, 2, L, N).
            read: (R, 2, L, N).
            step: (R, L, 2 * heads), logits.
        """
        length = step.shape[1]
        steps = torch.unflatten(step.float().sigmoid().transpose(1, 2), 1, (2, self.heads))
        ahead = forward_order(length, step)
        order = torch.stack([ahead, ahead.transpose(0, 1)]).unsqueeze(1)
        left = decays(steps * -self.log_rate.exp().unsqueeze(-1), order)
        alike = (read @ write.transpose(-1, -2)).unsqueeze(2)
        return (left * alike * steps.unsqueeze(-2)).sum(1)


def _by_direction(x: Tensor) -> Tensor:
    return torch.unflatten(x, -1, (2, -1)).transpose(1, 2)


def rows_of(x: Tensor) -> Tensor:
    """Return the rows of maps (B, C, H, W) as sequences (B * H, W, C)."""
    return x.permute(0, 2, 3, 1).flatten(0, 1)


def from_rows(rows: Tensor, height: int) -> Tensor:
    """Return the maps (B, C, H, W) whose rows are (B * H, W, C)."""
    return torch.unflatten(rows, 0, (-1, height)).permute(0, 3, 1, 2)
