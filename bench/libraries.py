"""The libraries that are measured: their names, their versions, and the names that a measured call may use.

A measured call is a string of Python, such as "F.cross_entropy(z, y)": the page shows the very text that ran.
``NAMES`` is what such a string sees. A library is imported when a call first uses it, so that lossbook and torch
can be measured where no other library is installed.
"""

import importlib
import importlib.util
import os
import sys
import types
import warnings
from importlib import metadata
from pathlib import Path

import torch
import torch.nn.functional as F

import lossbook

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# How the pages call a library, and the package that gives its version.
PACKAGES = {
    "torch": "torch", "torchvision": "torchvision", "kornia": "kornia", "MONAI": "monai",
    "SMP": "segmentation-models-pytorch", "timm": "timm", "mmpretrain": "mmpretrain", "keras": "keras",
    "optax": "optax", "torchmetrics": "torchmetrics", "balanced-loss": "balanced-loss",
    "imbalanced-losses": "imbalanced-losses", "scipy": "scipy",
    "PML": "pytorch-metric-learning", "geomloss": "geomloss", "POT": "POT", "rlax": "rlax",
}


def versions() -> dict[str, str]:
    """Return the version of each installed library, and of those they stand on."""
    found = {"lossbook": lossbook.__version__}
    for name, package in (PACKAGES | {"jax": "jax", "numpy": "numpy", "mpmath": "mpmath"}).items():
        try:
            found[name] = metadata.version(package).split("+")[0]
        except metadata.PackageNotFoundError:
            continue
    found["python"] = sys.version.split()[0]
    return found


def load(name: str) -> types.ModuleType:
    """Import a module; two libraries need help where there is no GPU build or no OpenMMLab."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name.startswith(("torchvision", "segmentation_models_pytorch", "timm")):
            # Registers compiled operators that the wheel lacks on this platform; the losses are plain Python.
            sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("skipped"))
        if name.startswith("mmpretrain"):
            return load_mmpretrain(name)
        return importlib.import_module(name)


def load_mmpretrain(name: str) -> types.ModuleType:
    """Import one loss file of mmpretrain by its path: the package itself asks for mmcv, which it does not use."""
    if "mmpretrain" not in sys.modules:
        spec = importlib.util.find_spec("mmpretrain")
        folder = Path(spec.submodule_search_locations[0]) / "models" / "losses"
        registry = types.SimpleNamespace(register_module=lambda: lambda cls: cls)
        for part, path in (("mmpretrain", None), ("mmpretrain.losses", folder), ("mmpretrain.registry", None)):
            module = types.ModuleType(part)
            module.__path__ = [str(path)] if path else []
            module.MODELS = registry
            sys.modules[part] = module
    return importlib.import_module(name)


class Lazy:
    """Stands for a module and imports it when an attribute is asked for."""

    def __init__(self, name: str):
        self.name = name

    def __getattr__(self, attribute: str):
        return getattr(load(self.name), attribute)


NAMES = {
    "torch": torch, "F": F, "lossbook": lossbook,
    "tv": Lazy("torchvision.ops"), "kornia": Lazy("kornia.losses"), "monai": Lazy("monai.losses"),
    "smp": Lazy("segmentation_models_pytorch.losses"), "smpf": Lazy("segmentation_models_pytorch.losses._functional"),
    "timm": Lazy("timm.loss"), "mm_focal": Lazy("mmpretrain.losses.focal_loss"),
    "mm_asl": Lazy("mmpretrain.losses.asymmetric_loss"), "keras": Lazy("keras.losses"),
    "optax": Lazy("optax"), "optax_losses": Lazy("optax.losses"), "jax": Lazy("jax"), "jnp": Lazy("jax.numpy"),
    "torchmetrics": Lazy("torchmetrics.functional"),
    "tm_regression": Lazy("torchmetrics.functional.regression"), "balanced": Lazy("balanced_loss"),
    "imbalanced": Lazy("imbalanced_losses"),
    "scipy_distance": Lazy("scipy.spatial.distance"), "scipy_stats": Lazy("scipy.stats"),
    "pml": Lazy("pytorch_metric_learning.losses"), "pml_distances": Lazy("pytorch_metric_learning.distances"),
    "pml_reducers": Lazy("pytorch_metric_learning.reducers"),
    "geomloss": Lazy("geomloss"), "ot": Lazy("ot"), "rlax": Lazy("rlax"), "distributions": torch.distributions,
}


def function(call: str, arguments: str = "z, y"):
    """Return the function of ``arguments`` that the string ``call`` writes out."""
    return eval(f"lambda {arguments}: {call}", dict(NAMES))
