"""What each library answers about overlap, boxes, clouds, embeddings, order, alignments, generation and policies.

``BEHAVIOURS`` goes on with the table of behaviours.py, in the same form, for the losses beyond classification.
"""

import references
import torch
from behaviours import ERROR, GRADIENT, HELPERS, OTHER, OVERFLOW, WRONG, Behaviour, exact_slope
from exact_families import angular, chamfer, divergence, gaussian_kl, share, squares, sup_con, tversky
from mpmath import mp, mpf

SEGMENTATION = "Segmentation"
BOXES = "Boxes"
CLOUDS = "Point clouds and transport"
EMBEDDINGS = "Embeddings"
RANKING = "Ranking"
SEQUENCES = "Sequences"
GENERATION = "Generative models"
POLICIES = "Reinforcement learning"

VISION = "https://github.com/pytorch/vision/issues/"
PT = "https://github.com/pytorch/pytorch/issues/"
SMP = "https://github.com/qubvel-org/segmentation_models.pytorch/issues/"
GEOMLOSS = "https://github.com/jeanfeydy/geomloss/issues/"
POT = "https://github.com/PythonOT/POT/issues/"
PML = "https://github.com/KevinMusgrave/pytorch-metric-learning/issues/"


# What the calls use besides the libraries.


def heard(loss):
    """Return the share of pixels, of those whose hinge is above 0, that ``loss`` gives a gradient.

    One pixel in a hundred is object, and the model has found none yet.
    """
    generator = torch.Generator().manual_seed(0)
    y = (torch.rand(1, 1024, 1024, generator=generator) < 0.01).float()
    z = (torch.randn(y.shape, generator=generator) - 1).requires_grad_()
    slope = torch.autograd.grad(loss(z, y), z)[0]
    return (slope[(1 - (2 * y - 1) * z) > 0] != 0).double().mean()


def far():
    """Return two clouds of 30 points, 100 from the origin and 0.002 apart."""
    x = 100 + torch.rand(1, 30, 3, generator=torch.Generator().manual_seed(0))
    return x, x + 0.001


def frames(count=4):
    """Return the log-probabilities of blank, 1 and 2 in the first frames of one sequence, shape (frames, 1, 3)."""
    p = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.4, 0.1], [0.1, 0.7, 0.2]])
    return p.log()[:count, None]


def impossible():
    """Return the frames as lists, with a probability of 0 for class 2 in the second."""
    z = frames()
    z[1, 0, 2] = -torch.inf
    return z.log_softmax(2).tolist()


HELPERS.update(heard=heard, far=far, frames=frames, impossible=impossible)


def digits_of(number):
    """Return the float32 that is closest to a number, exactly."""
    return mpf(float(torch.tensor(number)))


# Written once, used in several calls.

TRIANGLE, PAIR = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], [[0.5, 0.25], [2.0, 1.0]]
CLOUD, SECOND = f"tensor({TRIANGLE})", f"tensor({PAIR})"
UNIFORM = "torch.ones(3) / 3, torch.ones(2) / 2"
# The cheapest plan: the first point of three and half of the second to the first of two, the rest to the other.
COST = squares(TRIANGLE, PAIR)
SPLIT = COST[0][0] / 3 + (COST[1][0] + COST[1][1]) / 6 + COST[2][1] / 3
CLOSE = [[1.0, 0.2], [0.9, 0.3], [-0.5, 1.0], [-0.3, 1.2]]
CROSSED = [[1.0, 0.2], [0.2, 1.0], [0.9, 0.3], [0.1, 1.1]]
SIX = [*CLOSE, [0.2, -1.0], [1.0, -0.4]]
ARCFACE = "F.normalize(z) @ torch.eye(2, 3)"


def nt_xent(rows, temperature):
    """Return the calls for pairs that lie one after the other in ``rows``."""
    return {
        "lossbook": f"lossbook.nt_xent_loss(tensor({rows[::2]}), tensor({rows[1::2]}), temperature={temperature})",
        "MONAI": f"monai.ContrastiveLoss(temperature={temperature})(tensor({rows[::2]}), tensor({rows[1::2]}))",
        "PML": f"pml.NTXentLoss(temperature={temperature})(tensor({rows}), tensor([0, 0, 1, 1]))",
        "optax": f"optax.ntxent(jnp.array({rows}), jnp.array([0, 0, 1, 1]), temperature={temperature})",
    }


def ctc(targets, count=4, given="frames({})"):
    """Return the calls for one sequence of ``count`` frames, summed."""
    x, u = given.format(count), len(targets)
    return {
        "lossbook": f"lossbook.ctc_loss({x}, tensor([{targets}]), tensor([{count}]), tensor([{u}]))",
        "torch": f"F.ctc_loss({x}, tensor([{targets}]), ({count},), ({u},), reduction='sum')",
        "keras": f"keras.ctc(tensor([{targets}]), {x}.movedim(0, 1))",
        "optax": f"optax.ctc_loss(jnp.asarray({x}.movedim(0, 1).numpy()), jnp.zeros((1, {count})), "
                 f"jnp.array([{targets}]), jnp.zeros((1, {u})))",
    }


BEHAVIOURS = [
    Behaviour(SEGMENTATION, "Dice loss of a mask that is right, logits 20 and -20", 1 / (1 + mp.exp(20)), {
        "lossbook": "lossbook.dice_loss(tensor([[20., 20, -20, -20]]), tensor([[1, 1, 0, 0]]))",
        "MONAI": "monai.DiceLoss(sigmoid=True, smooth_nr=0, smooth_dr=0)(t(20, 20, -20, -20)[None, None], "
                 "t(1, 1, 0, 0)[None, None])",
        "SMP": "smp.DiceLoss('binary')(t(20, 20, -20, -20)[None, None], t(1, 1, 0, 0)[None, None])",
        "keras": "keras.dice(t(1, 1, 0, 0), t(20, 20, -20, -20).sigmoid())",
    }),
    Behaviour(SEGMENTATION, "Dice loss in float16, a mask of 1024 x 1024 pixels, all object, logits 0", mpf(1) / 3, {
        "lossbook": "lossbook.dice_loss(torch.zeros(1, 1024, 1024).half(), torch.ones(1, 1024, 1024))",
        "MONAI": "monai.DiceLoss(sigmoid=True, smooth_nr=0, smooth_dr=0)(torch.zeros(1, 1, 1024, 1024).half(), "
                 "torch.ones(1, 1, 1024, 1024).half())",
        "SMP": "smp.DiceLoss('binary')(torch.zeros(1, 1, 1024, 1024).half(), torch.ones(1, 1, 1024, 1024).half())",
        "keras": "keras.dice(torch.ones(1, 1024, 1024).half(), torch.zeros(1, 1024, 1024).half().sigmoid())",
    }, [SMP + "463"], "A sum above 65,504 is infinite in float16.", harm=OVERFLOW),
    Behaviour(SEGMENTATION, "Dice loss of logits (1, -2, -1, -3), mask (1, 1, 0, 0)",
              tversky([1, -2, -1, -3], [1, 1, 0, 0]), {
        "lossbook": "lossbook.dice_loss(tensor([[1., -2, -1, -3]]), tensor([[1, 1, 0, 0]]))",
        "MONAI": "monai.DiceLoss(sigmoid=True)(t(1, -2, -1, -3)[None, None], t(1, 1, 0, 0)[None, None])",
        "SMP": "smp.DiceLoss('binary')(t(1, -2, -1, -3)[None, None], t(1, 1, 0, 0)[None, None])",
        "kornia": "kornia.dice_loss(tensor([[[[0., 0, 0, 0]], [[1, -2, -1, -3]]]]), tensor([[[1, 1, 0, 0]]]))",
        "keras": "keras.dice(t(1, 1, 0, 0), t(1, -2, -1, -3).sigmoid())",
    }, ["https://github.com/kornia/kornia/pull/2264"], "kornia pools the background with the object, so a large "
        "background makes the loss small.", harm=OTHER),
    Behaviour(SEGMENTATION, "Dice loss of two masks, of 2 pixels, one missed, and of 3, all found", None, {
        "lossbook": "lossbook.dice_loss(tensor([[30., -30, -30, -30], [30, 30, 30, -30]]), "
                    "tensor([[1, 1, 0, 0], [1, 1, 1, 0]]))",
        "MONAI": "monai.DiceLoss(sigmoid=True)(tensor([[[30., -30, -30, -30]], [[30, 30, 30, -30]]]), "
                 "tensor([[[1, 1, 0, 0]], [[1, 1, 1, 0]]]))",
        "SMP": "smp.DiceLoss('binary')(tensor([[[30., -30, -30, -30]], [[30, 30, 30, -30]]]), "
               "tensor([[[1, 1, 0, 0]], [[1, 1, 1, 0]]]))",
        "keras": "keras.dice(tensor([[1., 1, 0, 0], [1, 1, 1, 0]]), "
                 "tensor([[30., -30, -30, -30], [30, 30, 30, -30]]).sigmoid())",
    }, note="1/6 is the mean of 1/3 and 0; 1/9 is the loss of one mask of eight pixels."),
    Behaviour(SEGMENTATION, "An empty mask, logits (1, -1, 2, -2): the Dice loss, and its first slope", None, {
        "lossbook": "[lossbook.dice_loss(tensor([[1., -1, 2, -2]]), torch.zeros(1, 4)), slope(lambda z: "
                    "lossbook.dice_loss(z, torch.zeros(1, 4)), [[1., -1, 2, -2]])[0, 0]]",
        "MONAI": "[monai.DiceLoss(sigmoid=True)(tensor([[[1., -1, 2, -2]]]), torch.zeros(1, 1, 4)), slope(lambda z: "
                 "monai.DiceLoss(sigmoid=True)(z[None], torch.zeros(1, 1, 4)), [[1., -1, 2, -2]])[0, 0]]",
        "SMP": "[smp.DiceLoss('binary')(tensor([[[1., -1, 2, -2]]]), torch.zeros(1, 1, 4)), slope(lambda z: "
               "smp.DiceLoss('binary')(z[None], torch.zeros(1, 1, 4)), [[1., -1, 2, -2]])[0, 0]]",
        "keras": "[keras.dice(torch.zeros(1, 4), tensor([[1., -1, 2, -2]]).sigmoid()), slope(lambda z: "
                 "keras.dice(torch.zeros(1, 4), z.sigmoid()), [[1., -1, 2, -2]])[0, 0]]",
    }, note="With an empty mask nothing overlaps, whatever the prediction: no library can learn from it without a "
            "smoothing term, which in MONAI is 0.00001. SMP leaves the mask out."),
    Behaviour(SEGMENTATION, "A mask with a 2 in it, logits 0", ERROR, {
        "lossbook": "lossbook.dice_loss(torch.zeros(1, 4), tensor([[2., 1, 0, 0]]))",
        "MONAI": "monai.DiceLoss(sigmoid=True)(torch.zeros(1, 1, 4), tensor([[[2., 1, 0, 0]]]))",
        "SMP": "smp.DiceLoss('binary')(torch.zeros(1, 1, 4), tensor([[[2., 1, 0, 0]]]))",
        "keras": "keras.dice(t(2, 1, 0, 0), t(0, 0, 0, 0).sigmoid())",
    }),
    Behaviour(SEGMENTATION, "Tversky, alpha 0.3 on false positives, beta 0.7 on false negatives; one miss, one hit",
              1 - 1 / (1 + mpf("0.7")), {
        "lossbook": "lossbook.tversky_loss(tensor([[30., -30, -30, -30]]), tensor([[1, 1, 0, 0]]), alpha=0.3, "
                    "beta=0.7)",
        "MONAI": "monai.TverskyLoss(alpha=0.3, beta=0.7, smooth_nr=0, smooth_dr=0)(t(1, 0, 0, 0)[None, None], "
                 "t(1, 1, 0, 0)[None, None])",
        "SMP": "smp.TverskyLoss('binary', from_logits=False, alpha=0.3, beta=0.7)(t(1, 0, 0, 0)[None, None], "
               "t(1, 1, 0, 0)[None, None])",
        "keras": "keras.tversky(t(1, 1, 0, 0), t(1, 0, 0, 0), alpha=0.3, beta=0.7)",
    }, ["https://github.com/keras-team/keras/pull/23333"], "Repaired in keras after this release.", harm=WRONG),
    Behaviour(SEGMENTATION, "The same, averaged over the channels background and object",
              (1 - 2 / mpf("2.3") + 1 - 1 / mpf("1.7")) / 2, {
        "kornia": "kornia.tversky_loss(tensor([[[[-30., 30, 30, 30]], [[30., -30, -30, -30]]]]), "
                  "tensor([[[1, 1, 0, 0]]]), alpha=0.3, beta=0.7)",
        "kornia 0.8.2": "older_kornia('kornia.tversky_loss(tensor([[[[-30., 30, 30, 30]], [[30., -30, -30, -30]]]]), "
                        "tensor([[[1, 1, 0, 0]]]), alpha=0.3, beta=0.7)')",
    }, note="The earlier release depends on alpha + beta only; the later one weighs the two kinds of error apart.",
              harm=WRONG),
    Behaviour(SEGMENTATION, "Focal Tversky, gamma 0.75, a mask that is right, logits 20 and -20: first slope",
              exact_slope(tversky, 20, 20, -20, -20, target=[1, 1, 0, 0], alpha=0.3, beta=0.7, gamma=0.75), {
        "lossbook": "slope(lambda z: lossbook.focal_tversky_loss(z, tensor([[1, 1, 0, 0]]), alpha=0.3, beta=0.7, "
                    "gamma=0.75), [[20., 20, -20, -20]])[0, 0]",
        "SMP": "slope(lambda z: smp.TverskyLoss('binary', alpha=0.3, beta=0.7, gamma=0.75)(z[None], "
               "t(1, 1, 0, 0)[None, None]), [[20., 20, -20, -20]])[0, 0]",
    }, ["https://github.com/nabsabraham/focal-tversky-unet/issues/29"], "The loss has rounded to 0, where a power "
        "below 1 has an infinite slope. The link leads to the code of the paper's authors.", harm=GRADIENT),
    Behaviour(SEGMENTATION, "Lovász hinge, 1024 x 1024 pixels: of those with an error, the share with a slope",
              mpf(1), {
        "lossbook": "heard(lossbook.lovasz_hinge_loss)",
        "SMP": "heard(lambda z, y: smp.LovaszLoss('binary')(z, y))",
        "kornia": "heard(lambda z, y: kornia.lovasz_hinge_loss(z[None], y.long()))",
    }, note="The weight of a pixel is the difference of two Jaccard values, which agree to seven digits in a large "
            "image.", harm=GRADIENT),
    Behaviour(SEGMENTATION, "Lovász-softmax of classes (0, 1, 2, 2) called (0, 1, 1, 2): 1 - mean Jaccard",
              mpf(1) / 3, {
        "lossbook": "lossbook.lovasz_softmax_loss(50 * F.one_hot(tensor([[0, 1, 1, 2]])).movedim(-1, 1).float(), "
                    "tensor([[0, 1, 2, 2]]))",
        "kornia": "kornia.lovasz_softmax_loss(50 * F.one_hot(tensor([[[0, 1, 1, 2]]])).movedim(-1, 1).float(), "
                  "tensor([[[0, 1, 2, 2]]]))",
        "kornia 0.8.2": "older_kornia('kornia.lovasz_softmax_loss(50 * torch.nn.functional.one_hot(tensor("
                        "[[[0, 1, 1, 2]]])).movedim(-1, 1).float(), tensor([[[0, 1, 2, 2]]]))')",
        "SMP": "smp.LovaszLoss('multiclass')(50 * F.one_hot(tensor([[[0, 1, 1, 2]]])).movedim(-1, 1).float(), "
               "tensor([[[0, 1, 2, 2]]]))",
    }, harm=WRONG),
    Behaviour(SEGMENTATION, "Lovász-softmax of two pixels of classes 0 and 1; class 2 gets 0.1 and 0.3", None, {
        "lossbook": "lossbook.lovasz_softmax_loss(tensor([[[.7, .2], [.2, .5], [.1, .3]]]).log(), tensor([[0, 1]]))",
        "kornia": "kornia.lovasz_softmax_loss(tensor([[[[.7, .2]], [[.2, .5]], [[.1, .3]]]]).log(), "
                  "tensor([[[0, 1]]]))",
        "SMP": "smp.LovaszLoss('multiclass')(tensor([[[[.7, .2]], [[.2, .5]], [[.1, .3]]]]).log(), tensor([[[0, 1]]]))",
    }, note="The mean over the classes that the image has, or over all of them."),
    Behaviour(SEGMENTATION, "Generalized Dice (Sudre), 4 pixels, classes of 3 and 1, all called the first",
              1 - mpf(6) / 16, {
        "MONAI": "monai.GeneralizedDiceLoss(smooth_nr=0, smooth_dr=0)(tensor([[[1., 1, 1, 1], [0, 0, 0, 0]]]), "
                 "tensor([[[1., 1, 1, 0], [0, 0, 0, 1]]]))",
        "optax": "optax_losses.multiclass_generalized_dice_loss(jnp.array([[[1., 0]] * 4]), "
                 "jnp.array([[[1., 0], [1, 0], [1, 0], [0, 1]]]), smooth=0., apply_softmax=False)",
    }, harm=WRONG),
    Behaviour(BOXES, "GIoU loss of a box of side 0.0001 with itself", mpf(0), {
        "lossbook": "lossbook.giou_loss(tensor([[0, 0, 1e-4, 1e-4]]), tensor([[0, 0, 1e-4, 1e-4]]))",
        "torchvision": "tv.generalized_box_iou_loss(tensor([[0, 0, 1e-4, 1e-4]]), tensor([[0, 0, 1e-4, 1e-4]])).sum()",
    }, note="torchvision adds 0.0000001 to every area, which is ten times this one. In pixels it does no harm.",
              harm=WRONG),
    Behaviour(BOXES, "GIoU loss of (10, 10, 20, 20) and (10, 10, 20.00001, 20)",
              1 - 10 / (digits_of(20.00001) - 10), {
        "lossbook": "lossbook.giou_loss(tensor([[10., 10, 20, 20]]), tensor([[10, 10, 20.00001, 20]]))",
        "torchvision": "tv.generalized_box_iou_loss(tensor([[10., 10, 20, 20]]), "
                       "tensor([[10, 10, 20.00001, 20]])).sum()",
    }),
    Behaviour(BOXES, "GIoU loss of the inverted box (2, 2, 0, 0) against (0, 0, 2, 2)", ERROR, {
        "lossbook": "lossbook.giou_loss(tensor([[2., 2, 0, 0]]), tensor([[0., 0, 2, 2]]))",
        "torchvision": "tv.generalized_box_iou_loss(t(2, 2, 0, 0)[None], t(0, 0, 2, 2)[None])",
    }, [VISION + "2582"], "torchvision documents that boxes must not be inverted, and leaves the check out for speed. "
        "Its DIoU loss of the same boxes is 1."),
    Behaviour(BOXES, "CIoU loss of the flat box (0.5, 1, 1.2, 1) against (0, 0, 2, 2): slope in its right side",
              -mpf(15) / 100 / 8, {  # of the squared distance of the centres, in squared diagonals; the rest has none
        "lossbook": "slope(lambda z: lossbook.ciou_loss(z, tensor([[0., 0, 2, 2]])), [[0.5, 1, 1.2, 1]])[0, 2]",
        "torchvision": "slope(lambda z: tv.complete_box_iou_loss(z, tensor([[0., 0, 2, 2]])), "
                       "[[0.5, 1, 1.2, 1]])[0, 2]",
    }, ["https://github.com/Zzh-tju/DIoU-pytorch-detectron/issues/19"], "Its width over its height is infinite. The "
        "link leads to the code of the paper's authors.", harm=GRADIENT),
    Behaviour(BOXES, "GIoU loss of the empty box (1, 1, 1, 1) with itself", None, {
        "lossbook": "lossbook.giou_loss(tensor([[1., 1, 1, 1]]), tensor([[1., 1, 1, 1]]))",
        "torchvision": "tv.generalized_box_iou_loss(tensor([[1., 1, 1, 1]]), tensor([[1., 1, 1, 1]])).sum()",
    }, [VISION + "7746"], "0/0, so a matter of definition."),
    Behaviour(CLOUDS, "Chamfer loss of 30 points, 100 from the origin, and the same moved by 0.002",
              chamfer(*(cloud[0].tolist() for cloud in far())), {
        "lossbook": "lossbook.chamfer_loss(*far())",
        "torch": "(lambda d: (d.amin(1) ** 2).mean() + (d.amin(2) ** 2).mean())(torch.cdist(*far()))",
    }, [PT + "42479"], "From 25 points on, torch.cdist takes |x|² + |y|² - 2xy by a matrix product.", harm=WRONG),
    Behaviour(CLOUDS, "Sinkhorn divergence of three points and two, blur 0.5, default settings",
              divergence(TRIANGLE, PAIR, blur=0.5), {
        "lossbook": f"lossbook.sinkhorn_divergence({CLOUD}, {SECOND}, blur=0.5)",
        "geomloss": f"geomloss.SamplesLoss('sinkhorn', p=2, blur=0.5)({CLOUD}, {SECOND})",
    }, [GEOMLOSS + "25"], "geomloss lowers the blur in steps and stops at the last, before the plan has converged; "
        "it documents that scaling closer to 1 costs time and gains digits.", harm=WRONG),
    Behaviour(CLOUDS, "Sinkhorn loss of three points and two, regularisation 0.001", SPLIT, {
        "lossbook": f"lossbook.sinkhorn_loss({CLOUD}, {SECOND}, reg=0.001)",
        "POT": f"ot.sinkhorn2({UNIFORM}, ot.dist({CLOUD}, {SECOND}), 0.001)",
        "POT, log": f"ot.sinkhorn2({UNIFORM}, ot.dist({CLOUD}, {SECOND}), 0.001, method='sinkhorn_log')",
    }, [POT + "54"], "Every entry of exp(-cost / regularisation) has rounded to 0. POT warns, and offers the method in "
        "logarithms.", harm=WRONG),
    Behaviour(CLOUDS, "A cloud of three points with itself, both parameters 0.5", None, {
        "lossbook": f"[lossbook.sinkhorn_loss({CLOUD}, {CLOUD}, reg=0.5), "
                    f"lossbook.sinkhorn_divergence({CLOUD}, {CLOUD}, blur=0.5)]",
        "geomloss": f"[geomloss.SamplesLoss('sinkhorn', blur=0.5, debias=False)({CLOUD}, {CLOUD}), "
                    f"geomloss.SamplesLoss('sinkhorn', blur=0.5)({CLOUD}, {CLOUD})]",
        "POT": f"ot.sinkhorn2(torch.ones(3) / 3, torch.ones(3) / 3, ot.dist({CLOUD}, {CLOUD}), 0.5)",
    }, [POT + "667", GEOMLOSS + "36"], "Entropy spreads the plan, so a cloud is not at distance 0 from itself; the "
        "second number of lossbook and geomloss takes that off."),
    Behaviour(CLOUDS, "Sinkhorn between one point at 0 and one at 2", None, {
        "lossbook": "[lossbook.sinkhorn_loss(t(0)[None], t(2)[None], reg=0.5), "
                    "lossbook.sinkhorn_divergence(t(0)[None], t(2)[None], blur=0.5)]",
        "geomloss": "geomloss.SamplesLoss('sinkhorn', p=2, blur=0.5)(t(0)[None], t(2)[None])",
        "POT": "ot.sinkhorn2(t(1), t(1), ot.dist(t(0)[None], t(2)[None]), 0.5)",
    }, note="The cost is the squared distance, or half of it."),
    Behaviour(CLOUDS, "EMD of a cloud with itself: its largest slope", mpf(0), {
        "lossbook": f"slope(lambda z: lossbook.emd_loss(z, {CLOUD}), {TRIANGLE}).abs().max()",
        "geomloss": f"slope(lambda z: geomloss.SamplesLoss('sinkhorn', p=1, blur=0.001)(z, {CLOUD}), "
                    f"{TRIANGLE}).abs().max()",
        "POT": "slope(lambda z: ot.emd2(torch.ones(3) / 3, torch.ones(3) / 3, ot.dist(z, "
               f"{CLOUD}, metric='euclidean')), {TRIANGLE}).abs().max()",
    }, note="The slope of a square root at 0 is infinite, and 0 times infinity is NaN.", harm=GRADIENT),
    Behaviour(CLOUDS, "Transport from masses (1, 2) to masses (1, 1)", ERROR, {
        "lossbook": "lossbook.emd_loss(t(1, 2), t(1, 1), cost=tensor([[0., 1], [1, 0]]))",
        "geomloss": "geomloss.SamplesLoss('sinkhorn')(t(1, 2), tensor([[0.], [1]]), t(1, 1), tensor([[0.], [1]]))",
        "POT": "ot.sinkhorn2(t(1, 2), t(1, 1), tensor([[0., 1], [1, 0]]), 0.5)",
    }, note="POT checks the totals in its exact solver, and not in this one."),
    Behaviour(CLOUDS, "Transport from masses (1, -1) to masses (-1, 1)", ERROR, {
        "lossbook": "lossbook.emd_loss(t(1, -1), t(-1, 1), cost=tensor([[0., 1], [1, 0]]))",
        "POT": "ot.emd2(t(1, -1), t(-1, 1), tensor([[0., 1], [1, 0]]))",
    }),
    Behaviour(EMBEDDINGS, "NT-Xent of two pairs, all wrong, temperature 0.011",
              sup_con(CROSSED, [0, 0, 1, 1], temperature=0.011), nt_xent(CROSSED, 0.011),
              ["https://github.com/Lightning-Universe/lightning-bolts/issues/811"], "exp(1 / temperature) overflows. "
              "The link leads to another library in which it does.", harm=OVERFLOW),
    Behaviour(EMBEDDINGS, "NT-Xent of two pairs, all right, temperature 0.05",
              sup_con(CLOSE, [0, 0, 1, 1], temperature=0.05),
              nt_xent(CLOSE, 0.05)),
    Behaviour(EMBEDDINGS, "NT-Xent with an embedding of zeros", ERROR,
              nt_xent([[0.0, 0.0], *CLOSE[1:]], 0.5), note="Zeros have no direction, and in PML a slope of 10¹²."),
    Behaviour(EMBEDDINGS, "SupCon of six rows, labels (0, 0, 1, 1, 2, 2), temperature 0.05",
              sup_con(SIX, [0, 0, 1, 1, 2, 2], temperature=0.05), {
        "lossbook": f"lossbook.sup_con_loss(tensor({SIX}), tensor([0, 0, 1, 1, 2, 2]), temperature=0.05)",
        "PML": f"pml.SupConLoss(temperature=0.05)(tensor({SIX}), tensor([0, 0, 1, 1, 2, 2]))",
    }, note="PML averages over the rows whose loss is above 0, as it documents; four have rounded to 0 here.",
              harm=OTHER),
    Behaviour(EMBEDDINGS, "Contrastive loss, margin 1: 0 and 0.5 are alike, 0.6 is not", None, {
        "lossbook": "lossbook.contrastive_loss(tensor([[0.], [0], [.5]]), tensor([[.5], [.6], [.6]]), "
                    "tensor([1, 0, 0]))",
        "PML": "pml.ContrastiveLoss(distance=pml_distances.LpDistance(normalize_embeddings=False))"
               "(tensor([[0.], [.5], [.6]]), tensor([0, 0, 1]))",
    }, note="The paper halves and squares both parts; PML does neither, and adds the mean over alike pairs to the mean "
            "over the others."),
    Behaviour(EMBEDDINGS, "Angular loss of six rows, labels (0, 0, 1, 1, 2, 2), 40 degrees",
              angular(SIX, [0, 0, 1, 1, 2, 2]), {
        "lossbook": f"lossbook.angular_loss(tensor({SIX}), tensor([0, 0, 1, 1, 2, 2]))",
        "PML": f"pml.AngularLoss(alpha=40)(tensor({SIX}), tensor([0, 0, 1, 1, 2, 2]))",
    }, note="PML normalises anchors and positives, and not negatives; rows of length 1 give the same in both.",
              harm=WRONG),
    Behaviour(EMBEDDINGS, "Triplet with norm 1, margin 5: anchor (0, 0), positive (1, -1), negative (3, 3)", mpf(1), {
        "lossbook": "lossbook.triplet_loss(tensor([[0., 0]]), tensor([[1., -1]]), tensor([[3., 3]]), margin=5, p=1)",
        "torch": "F.triplet_margin_loss(t(0, 0)[None], t(1, -1)[None], t(3, 3)[None], margin=5, p=1)",
        "optax": "optax_losses.triplet_margin_loss(jnp.zeros((1, 2)), jnp.array([[1., -1]]), jnp.array([[3., 3]]), "
                 "norm_degree=1, margin=5.)",
    }, note="optax sums the differences with their signs.", harm=WRONG),
    Behaviour(EMBEDDINGS, "Triplet whose anchor lies on its positive, (1, 2), negative (4, 6): first slope",
              mpf(3) / 5, {
        "lossbook": "slope(lambda z: lossbook.triplet_loss(z, tensor([[1., 2]]), tensor([[4., 6]]), margin=10), "
                    "[[1., 2]])[0, 0]",
        "torch": "slope(lambda z: F.triplet_margin_loss(z, tensor([[1., 2]]), tensor([[4., 6]]), margin=10), "
                 "[[1., 2]])[0, 0]",
        "optax": "jax_slope(lambda z: optax_losses.triplet_margin_loss(z, jnp.array([[1., 2]]), "
                 "jnp.array([[4., 6]]), margin=10.), [1., 2])[0]",
    }, note="torch adds 0.000001 to each difference, so that equal points are pushed along (1, 1) with full strength.",
              harm=WRONG),
    Behaviour(EMBEDDINGS, "One anchor, shape (1, 2), with three positives and three negatives, shape (3, 2)", ERROR, {
        "lossbook": "lossbook.triplet_loss(torch.zeros(1, 2), torch.ones(3, 2), 2 * torch.ones(3, 2))",
        "torch": "F.triplet_margin_loss(torch.zeros(1, 2), torch.ones(3, 2), 2 * torch.ones(3, 2))",
        "optax": "optax_losses.triplet_margin_loss(jnp.zeros((1, 2)), jnp.ones((3, 2)), 2 * jnp.ones((3, 2))).shape",
    }),
    Behaviour(EMBEDDINGS, "ArcFace of an embedding that points at its class: largest slope, to six places",
              mpf(0), {
        "lossbook": f"slope(lambda z: lossbook.arcface_loss({ARCFACE}, tensor([0])), [[1., 0]]).abs().max()"
                    ".round(decimals=6)",
        "PML": "(lambda loss: (setattr(loss.W, 'data', torch.eye(2, 3)), slope(lambda z: loss(z, tensor([0])), "
               "[[1., 0]]).abs().max().round(decimals=6))[1])(pml.ArcFaceLoss(3, 2))",
    }, [PML + "209"], "The slope of the inverse cosine is infinite at 1. The link leads to NaN in training, for which "
        "no cause was found.", harm=GRADIENT),
    Behaviour(RANKING, "Margin ranking with target 0, scores 1 and 2", ERROR, {
        "lossbook": "lossbook.margin_ranking_loss(t(1), t(2), t(0))",
        "torch": "F.margin_ranking_loss(t(1), t(2), t(0))",
    }, note="Targets are 1 and -1. With 0 torch returns the margin, and no slope."),
    Behaviour(RANKING, "Softmax loss of a list, scores (2, 1, 0.5), grades (3, 1, 0)", None, {
        "lossbook": "lossbook.list_net_loss(tensor([[2., 1, 0.5]]), tensor([[3., 1, 0]]))",
        "optax": "optax_losses.ranking_softmax_loss(jnp.array([2., 1, 0.5]), jnp.array([3., 1, 0]))",
    }, note="ListNet makes a distribution of the grades first; optax weighs the logarithms by the grades themselves, "
            "so that lists with high grades count more."),
    Behaviour(RANKING, "Mean over that list and one in which nothing is relevant", None, {
        "lossbook": "lossbook.list_net_loss(tensor([[2., 1, 0.5], [2, 1, 0.5]]), tensor([[3., 1, 0], [0, 0, 0]]))",
        "optax": "optax_losses.ranking_softmax_loss(jnp.array([[2., 1, 0.5]] * 2), jnp.array([[3., 1, 0], [0, 0, 0]]))",
    }),
    Behaviour(RANKING, "Bradley-Terry: scores -100 and 100 in the wrong order", mpf(200), {
        "lossbook": "lossbook.preference_loss(t(-100), t(100))",
        "formula as written": "-torch.log(torch.sigmoid(t(-100) - t(100)))",
    }, harm=OVERFLOW),
    Behaviour(SEQUENCES, "CTC of (1, 1) in two frames, which is impossible", ERROR, ctc([1, 1], 2), [PT + "31557"],
              "Equal neighbours need a blank between them. torch can turn the infinite loss into 0 (zero_infinity), "
              "which hides the row."),
    Behaviour(SEQUENCES, "CTC of (1, 3), where classes end at 2", ERROR, {
        name: call for name, call in ctc([1, 3], 3).items() if name != "keras"
    }, [PT + "193794"],
              "torch reads beyond the row, and backward writes there: this can end the "
        "process. keras calls torch."),
    Behaviour(SEQUENCES, "CTC of (1, 0), where 0 is the blank", ERROR, ctc([1, 0])),
    Behaviour(SEQUENCES, "CTC of (1, 2) from log-probabilities plus 5", ERROR, {
        name: call for name, call in ctc([1, 2], given="5 + frames({})").items() if name in {"lossbook", "torch"}
    }, note="Logits by mistake. keras and optax ask for logits, and normalise them."),
    Behaviour(SEQUENCES, "CTC mean over (1, 2), with loss 2.128, and (1), with loss 1.387", None, {
        "lossbook": "lossbook.ctc_loss(frames().expand(4, 2, 3), tensor([[1, 2], [1, 0]]), tensor([4, 4]), "
                    "tensor([2, 1]))",
        "torch": "F.ctc_loss(frames().expand(4, 2, 3), tensor([[1, 2], [1, 0]]), (4, 4), (2, 1))",
        "keras": "keras.ctc(tensor([[1, 2], [1, 0]]), frames().expand(4, 2, 3).movedim(0, 1)).mean()",
        "optax": "optax.ctc_loss(jnp.asarray(frames().expand(4, 2, 3).movedim(0, 1).numpy()), jnp.zeros((2, 4)), "
                 "jnp.array([[1, 2], [1, 0]]), jnp.array([[0, 0], [0, 1]])).mean()",
    }, [PT + "19838"], "torch divides each loss by the length of its target first."),
    Behaviour(SEQUENCES, "CTC of (1) in two frames: slope in the first log-probability of blank",
              -mpf(30) / (30 + 6 + 15), {  # of the alignments blank 1, 1 blank and 1 1, the share of the first
        "lossbook": "slope(lambda z: lossbook.ctc_loss(z, tensor([[1]]), tensor([2]), tensor([1])), "
                    "frames(2).tolist())[0, 0, 0]",
        "torch": "slope(lambda z: F.ctc_loss(z, tensor([[1]]), (2,), (1,)), frames(2).tolist())[0, 0, 0]",
    }, [PT + "181534"], "torch returns the slope in the logits, which is right only behind a log-softmax.",
              harm=WRONG),
    Behaviour(SEQUENCES, "CTC of (1, 2) where the second frame cannot be 2: slope in its log-probability of 1",
              -share([frame[0] for frame in impossible()], [1, 2], frame=1, label=1), {
        "lossbook": "slope(lambda z: lossbook.ctc_loss(z, tensor([[1, 2]]), tensor([4]), tensor([2])), "
                    "impossible())[1, 0, 1]",
        "optax": "jax_slope(lambda z: optax.ctc_loss(z[None, :, 0], jnp.zeros((1, 4)), jnp.array([[1, 2]]), "
                 "jnp.zeros((1, 2))), impossible())[1, 0, 1]",
    }, note="A logit of minus infinity, as a mask writes it.", harm=GRADIENT),
    Behaviour(GENERATION, "KL divergence from the standard normal: mean 0.0001, log-variance 0.0001",
              gaussian_kl([mpf("1e-4"), mpf("1e-4")], None), {
        "lossbook": "lossbook.gaussian_kl_loss(t(1e-4)[None], t(1e-4)[None])",
        "formula as written": "(t(1e-4) ** 2 + t(1e-4).exp() - 1 - t(1e-4)) / 2",
        "torch": "distributions.kl_divergence(distributions.Normal(t(1e-4), (t(1e-4) / 2).exp()), "
                 "distributions.Normal(0., 1.))",
    }),
    Behaviour(GENERATION, "The same: mean 0, log-variance -200", gaussian_kl([mpf(0), mpf(-200)], None), {
        "lossbook": "lossbook.gaussian_kl_loss(t(0)[None], t(-200)[None])",
        "formula as written": "(t(0) ** 2 + t(-200).exp() - 1 - t(-200)) / 2",
        "torch": "distributions.kl_divergence(distributions.Normal(t(0), (t(-200) / 2).exp()), "
                 "distributions.Normal(0., 1.))",
    }, note="torch takes the logarithm of a squared scale, which has rounded to 0.", harm=OVERFLOW),
    Behaviour(GENERATION, "Hinge loss of a generator, discriminator at -20: slope", mpf(-1), {
        "lossbook": "slope(lambda z: lossbook.hinge_generator_loss(z), -20)",
        "MONAI": "slope(lambda z: monai.PatchAdversarialLoss(criterion='hinge')(z[None], True, False), -20)",
    }, note="MONAI puts a tanh before the hinge, and uses the discriminator's hinge for the generator too.",
              harm=GRADIENT),
    Behaviour(GENERATION, "Non-saturating loss of a generator, discriminator at -200: slope", mpf(-1), {
        "lossbook": "slope(lambda z: lossbook.non_saturating_generator_loss(z), -200)",
        "MONAI": "slope(lambda z: monai.PatchAdversarialLoss(criterion='bce')(z[None], True, False), -200)",
        "formula as written": "slope(lambda z: -torch.log(torch.sigmoid(z)), -200)",
    }, harm=GRADIENT),
    Behaviour(GENERATION, "Least-squares loss of a generator, discriminator at -2", None, {
        "lossbook": "lossbook.least_squares_generator_loss(t(-2))",
        "MONAI": "monai.PatchAdversarialLoss(criterion='least_squares')(t(-2)[None], True, False)",
    }, ["https://github.com/Project-MONAI/GenerativeModels/issues/255"], "The paper halves the square: 4.5. MONAI puts "
        "a leaky ReLU in front, which an option takes away."),
    Behaviour(POLICIES, "PPO, log-ratio 100, advantage 2, clip 0.2: slope in the log-probability", mpf(0), {
        "lossbook": "slope(lambda z: lossbook.ppo_loss(z, t(-100), t(2)), 0)",
        "formula as written": "slope(lambda z: -2 * torch.minimum((z + 100).exp(), (z + 100).exp().clamp(0.8, 1.2)), "
                              "0)",
        "rlax": "jax_slope(lambda z: rlax.clipped_surrogate_pg_loss(jnp.exp(z + 100), jnp.array([2.]), 0.2), 0.)",
    }, ["https://github.com/THUDM/slime/pull/2198"], "The ratio is infinite, and 0 times infinity is NaN. The link "
        "leads to another library with the same loss.", harm=GRADIENT),
    Behaviour(POLICIES, "Entropy of logits (0, 1, minus infinity): first slope",
              -references.sigmoid(-1) * references.sigmoid(1) * -1, {
        "lossbook": "slope(lambda z: lossbook.entropy_bonus(z), [[0, 1, -math.inf]])[0, 0]",
        "formula as written": "slope(lambda z: -(z.softmax(1) * z.log_softmax(1)).sum(1), [[0, 1, -math.inf]])[0, 0]",
        "torch": "slope(lambda z: distributions.Categorical(logits=z).entropy(), [[0, 1, -math.inf]])[0, 0]",
        "rlax": "-jax_slope(lambda z: rlax.entropy_loss(z, jnp.ones(1)), [[0, 1, -math.inf]])[0, 0]",
    }, harm=GRADIENT),
    Behaviour(POLICIES, "Policy gradient for action 3, where actions end at 2", ERROR, {
        "lossbook": "lossbook.policy_gradient_loss(tensor([[1., 2, 0.5]]), tensor([3]), t(2))",
        "torch": "-2 * distributions.Categorical(logits=tensor([[1., 2, 0.5]])).log_prob(tensor([3]))",
        "rlax": "rlax.policy_gradient_loss(jnp.array([[1., 2, 0.5]]), jnp.array([3]), jnp.array([2.]), jnp.ones(1))",
    }),
]
