"""The conductor's network in torch, to train it; `ensemble.conduct.conductor_network` is the same in numpy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ensemble.conduct.conductor_features import HEARD_ROWS, NUM_METRE, metre
from ensemble.conduct.conductor_file import FAMILIES, QUANTILES, ROLES, ConductorCard, ConductorWeights
from ensemble.conduct.conductor_network import ROTARY_BASE
from ensemble.conduct.summary import NUM_SUMMARY
from ensemble.types.music import DRUM_CLASSES


class AttentionBlock(nn.Module):
    """Attention over the leader's last frames, then a network for every frame alone; both before a norm, both added.

    Source: Vaswani et al., 2017 (arXiv:1706.03762), with the norms first and rotary positions (Su et al., 2021,
    arXiv:2104.09864, section 3.2).
    """

    def __init__(self, width: int, heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attend_norm, self.think_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.joined = nn.Linear(width, width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, expansion * width), nn.Linear(expansion * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, flow: Tensor, heard: Tensor | None, turns: Tensor, mask: Tensor) -> Tensor:
        """One block.

        Args:
            flow: who asks.  [batch, askers, frames, width]
            heard: what is attended to, or None where the one asker attends to itself.  [batch, frames, width]
            turns: the rotary angles.  [frames, half a head]
            mask: which frame may hear which.  [frames, frames]
        """
        batch, askers, frames, _ = flow.shape
        asking = self.attend_norm(flow)
        source = asking[:, 0] if heard is None else heard
        asked = self._rotated(self.query(asking), turns).permute(0, 3, 1, 2, 4)
        key = self._rotated(self.key(source)[:, None], turns)[:, 0].transpose(1, 2)
        value = self.value(source).view(batch, frames, self.heads, -1).transpose(1, 2)
        asked = asked.reshape(batch, self.heads, askers * frames, -1)
        met = nn.functional.scaled_dot_product_attention(asked, key, value, attn_mask=mask.repeat(askers, 1))
        met = met.view(batch, self.heads, askers, frames, -1).permute(0, 2, 3, 1, 4).reshape(flow.shape)
        flow = flow + self.drop(self.joined(met))
        thought = nn.functional.gelu(self.widen(self.think_norm(flow)), approximate="tanh")
        after: Tensor = flow + self.drop(self.narrow(thought))
        return after

    def _rotated(self, rows: Tensor, turns: Tensor) -> Tensor:
        """[batch, askers, frames, width] -> [batch, askers, frames, heads, width / heads]"""
        split = rows.reshape(*rows.shape[:-1], self.heads, 2, -1)
        first, second = split[..., 0, :], split[..., 1, :]
        cosine, sine = turns.cos()[:, None], turns.sin()[:, None]
        return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class Regression(nn.Module):
    """A linear answer per instrument, solved before training (`conductor_regression.py`) and left as it is."""

    def __init__(self, num_instruments: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(num_instruments, NUM_SUMMARY), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(num_instruments), requires_grad=False)

    def forward(self, inputs: Tensor, instrument: Tensor) -> Tensor:
        """[batch, frames, inputs], [batch, followers] -> [batch, followers, frames]"""
        answer: Tensor = self.weight[instrument] @ inputs.transpose(1, 2) + self.bias[instrument][..., None]
        return answer


class ConductorNet(nn.Module):
    """Hears the leader once; every follower asks what that means for it, with the same weights."""

    def __init__(self, card: ConductorCard, dropout: float = 0.0) -> None:
        super().__init__()
        self.card = card
        width = card.width
        self.read = nn.Linear(card.num_rows + NUM_SUMMARY, width)
        self.leader = nn.ModuleList(
            AttentionBlock(width, card.heads, card.expansion, dropout) for _ in range(card.layers)
        )
        self.follower = AttentionBlock(width, card.heads, card.expansion, dropout)
        self.leader_norm, self.follower_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.listen = nn.Linear(width, width)
        self.family = nn.Embedding(1 + len(FAMILIES), width, padding_idx=0)
        self.instrument = nn.Embedding(1 + len(card.instruments), width, padding_idx=0)
        self.role = nn.Embedding(1 + len(ROLES), width, padding_idx=0)
        self.level = nn.Linear(width, len(QUANTILES))
        self.weigh = nn.Linear(width + NUM_SUMMARY + NUM_METRE, width)
        self.strokes = nn.Linear(width, 2 * len(DRUM_CLASSES))
        self.drop = nn.Dropout(dropout)
        self.regression = Regression(1 + len(card.instruments))
        for table in (self.family, self.instrument, self.role):
            nn.init.normal_(table.weight[1:], std=0.3)
        nn.init.zeros_(self.level.weight)
        nn.init.zeros_(self.level.bias)

    @classmethod
    def from_weights(cls, conductor: ConductorWeights) -> ConductorNet:
        """The network of a checkpoint."""
        network = cls(conductor.card)
        network.load_state_dict({name: torch.from_numpy(one.copy()) for name, one in conductor.tensors.items()})
        return network

    def forward(self, rows: Tensor, summed_up: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Hear a leader from its first frame on. No gradient of the strokes reaches what the levels rest on.

        Args:
            rows: the features.  [batch, frames, rows]
            summed_up: their `summary`.  [batch, frames, NUM_SUMMARY]
            ids: family, instrument and role of each follower, 0 where unknown.  [batch, followers, 3]

        Returns:
            quantiles of the loudness against anchor and balance, in units of 10 dB [batch, followers, frames, 5];
            logits and velocities of strokes [batch, followers, frames, 2 * classes].
        """
        frames = rows.shape[1]
        place = torch.arange(frames, device=rows.device)
        behind = place[:, None] - place[None, :]
        mask = (behind >= 0) & (behind < self.card.window)
        half = self.card.width // self.card.heads // 2
        speed = ROTARY_BASE ** (-torch.arange(half, device=rows.device) / half)
        turns = place[:, None] * speed
        flow = self.read(torch.cat([rows, summed_up], dim=-1))[:, None]
        for block in self.leader:
            flow = block(flow, None, turns, mask)
        heard = self.leader_norm(flow[:, 0])
        who = self.family(ids[..., 0]) + self.instrument(ids[..., 1]) + self.role(ids[..., 2])
        asking = self.follower(who[:, :, None] + self.listen(heard)[:, None], heard, turns, mask)
        answer = self.follower_norm(asking)
        usual = self.regression(summed_up, ids[..., 1])
        placed = rows[..., len(HEARD_ROWS) :].unbind(dim=-1)
        around = torch.cat([summed_up, torch.stack(metre(placed), dim=-1)], dim=-1)
        known_by_all = around[:, None].expand(-1, answer.shape[1], -1, -1)
        told = torch.cat([answer.detach(), known_by_all], dim=-1)
        strokes = self.strokes(self.drop(nn.functional.gelu(self.weigh(told), approximate="tanh")))
        return ordered(self.level(answer)) + usual[..., None], strokes


def ordered(raw: Tensor) -> Tensor:
    """Quantiles that never cross: the median, and steps up and down from it.  [..., 5]"""
    below, above = nn.functional.softplus(raw[..., :2] - 1.0), nn.functional.softplus(raw[..., 3:] - 1.0)
    low = raw[..., 2:3] - below.flip(-1).cumsum(-1).flip(-1)
    return torch.cat([low, raw[..., 2:3], raw[..., 2:3] + above.cumsum(-1)], dim=-1)
