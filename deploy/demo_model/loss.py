"""YOLOv8's loss written anew from the papers: task-aligned assignment (TOOD), complete IoU, distribution focal loss.

Shapes: B pictures, A anchors, M boxes at most, C classes. Boxes are corners in pixels of the input.
"""

from __future__ import annotations

import math

import network
import tensorflow as tf

_CENTRES, _STRIDES = network.anchors()
_BEST = 10
_GAIN = {"box": 7.5, "class": 0.5, "dfl": 1.5}


def decoded(sides: tf.Tensor) -> tf.Tensor:
    """Box corners (B, A, 4) from the distributions (B, A, 64)."""
    spread = tf.nn.softmax(tf.reshape(sides, (-1, len(_CENTRES), 4, network.BINS)))
    distance = tf.reduce_sum(spread * tf.range(network.BINS, dtype=tf.float32), -1) * _STRIDES
    return tf.concat([_CENTRES - distance[..., :2], _CENTRES + distance[..., 2:]], -1)


def _overlap(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    low, high = tf.maximum(a[..., :2], b[..., :2]), tf.minimum(a[..., 2:], b[..., 2:])
    common = tf.reduce_prod(tf.maximum(high - low, 0.0), -1)
    area_a = tf.reduce_prod(tf.maximum(a[..., 2:] - a[..., :2], 0.0), -1)
    area_b = tf.reduce_prod(tf.maximum(b[..., 2:] - b[..., :2], 0.0), -1)
    union = area_a + area_b - common + 1e-7
    return common / union, union


def complete_iou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """IoU less the distance of the centres and the difference in proportions (CIoU)."""
    iou, _ = _overlap(a, b)
    low, high = tf.minimum(a[..., :2], b[..., :2]), tf.maximum(a[..., 2:], b[..., 2:])
    diagonal = tf.reduce_sum((high - low) ** 2, -1) + 1e-7
    apart = tf.reduce_sum((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2, -1) / 4
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    lean = tf.atan(size_b[..., 0] / (size_b[..., 1] + 1e-7)) - tf.atan(size_a[..., 0] / (size_a[..., 1] + 1e-7))
    shape = 4 / math.pi**2 * lean**2
    weight = tf.stop_gradient(shape / (shape - iou + 1 + 1e-7))
    return iou - apart / diagonal - shape * weight


def _assigned(
    scores: tf.Tensor, boxes: tf.Tensor, truth: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """For each anchor: whether it is responsible, for which box, the target score (B, A, C), and whether it counts."""
    classes = tf.cast(tf.maximum(truth[..., 0], 0.0), tf.int32)
    real = tf.cast((truth[..., 0] >= 0) & (truth[..., 5] < 0.5), tf.float32)
    ignored = (truth[..., 0] >= 0) & (truth[..., 5] >= 0.5)
    corners = truth[..., 1:5]
    # A box narrower than the grid must still hold an anchor's centre.
    middle = (corners[..., :2] + corners[..., 2:]) / 2
    half = tf.maximum((corners[..., 2:] - corners[..., :2]) / 2, 5.0)
    inside_wide = _inside(tf.concat([middle - half, middle + half], -1))
    iou, _ = _overlap(corners[:, :, None, :], boxes[:, None, :, :])
    score = tf.transpose(tf.gather(tf.transpose(scores, (0, 2, 1)), classes, batch_dims=1), (0, 1, 2))
    metric = tf.sqrt(score) * iou**6 * inside_wide * real[..., None]
    best, _ = tf.math.top_k(metric, _BEST)
    chosen = tf.cast((metric >= best[..., -1:]) & (metric > 1e-12), tf.float32)
    # An anchor that several boxes want goes to the one that it overlaps most.
    several = tf.reduce_sum(chosen, 1, keepdims=True) > 1
    favourite = tf.one_hot(tf.argmax(iou * chosen, 1), tf.shape(iou)[1], axis=1)
    chosen = tf.where(several, favourite * chosen, chosen)
    responsible = tf.reduce_sum(chosen, 1)
    which = tf.argmax(chosen, 1)
    metric *= chosen
    strength = metric / (tf.reduce_max(metric, -1, keepdims=True) + 1e-9)
    strength *= tf.reduce_max(iou * chosen, -1, keepdims=True)
    strength = tf.reduce_max(strength, 1)
    target = tf.one_hot(tf.gather(classes, which, batch_dims=1), network.CLASSES) * strength[..., None]
    hidden = tf.reduce_max(_inside(corners) * tf.cast(ignored, tf.float32)[..., None], 1)
    counts = tf.maximum(1.0 - hidden, tf.cast(responsible > 0, tf.float32))
    return responsible, which, target, counts


def _inside(corners: tf.Tensor) -> tf.Tensor:
    """(B, M, A): 1 where the anchor's centre lies in the box."""
    low = _CENTRES[None, None] - corners[:, :, None, :2]
    high = corners[:, :, None, 2:] - _CENTRES[None, None]
    return tf.cast(tf.reduce_min(tf.concat([low, high], -1), -1) > 0, tf.float32)


def detection_loss(logits: tf.Tensor, sides: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
    """The whole loss of a batch, three numbers: box, class, distribution. `truth` is (B, M, 6), see render.py."""
    boxes = decoded(sides)
    responsible, which, target, counts = _assigned(tf.stop_gradient(tf.sigmoid(logits)), tf.stop_gradient(boxes), truth)
    total = tf.maximum(tf.reduce_sum(target), 1.0)
    crossed = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)
    of_class = tf.reduce_sum(crossed * counts[..., None]) / total
    where = tf.where(responsible > 0)
    weight = tf.gather_nd(tf.reduce_sum(target, -1), where)
    wanted = tf.gather_nd(tf.gather(truth[..., 1:5], which, batch_dims=1), where)
    of_box = tf.reduce_sum((1.0 - complete_iou(tf.gather_nd(boxes, where), wanted)) * weight) / total
    centres, strides = tf.gather(_CENTRES, where[:, 1]), tf.gather(_STRIDES, where[:, 1])
    distance = tf.concat([centres - wanted[:, :2], wanted[:, 2:] - centres], -1) / strides
    distance = tf.clip_by_value(distance, 0.0, network.BINS - 1.01)
    lower = tf.floor(distance)
    share = distance - lower
    raw = tf.reshape(tf.gather_nd(sides, where), (-1, 4, network.BINS))
    spread = tf.nn.log_softmax(raw)
    low = tf.gather(spread, tf.cast(lower, tf.int32), batch_dims=2)
    high = tf.gather(spread, tf.cast(lower, tf.int32) + 1, batch_dims=2)
    of_sides = -tf.reduce_sum(tf.reduce_mean(low * (1 - share) + high * share, -1) * weight) / total
    return tf.stack([_GAIN["box"] * of_box, _GAIN["class"] * of_class, _GAIN["dfl"] * of_sides])
