"""Typed parameters: one class for each section of params.yaml, one line of documentation under each field.

The classes refuse strings for numbers (DVC writes ``1e-05``, which YAML 1.1 reads as a string; ruamel.yaml reads
YAML 1.2), NaN, unknown names and values out of range. Defaults live here and nowhere else; params.yaml may
leave any of them out, and the command line takes its defaults from these classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .errors import ParameterError

PAIR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Source = Annotated[str, Field(min_length=1, max_length=4096)]
Sources = Source | Annotated[list[Source], Field(min_length=1, max_length=64)]
TextureMethod = Literal["multi_view", "two_step", "uv_space", "single_view", "joint"]
SourceWeights = Annotated[list[Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]], Field(max_length=64)]


class Section(BaseModel):
    """Base of every section: strict types, no unknown names, immutable, fields documented by their docstrings."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)


class Pair(Section):
    """One photo and one artwork."""

    photo: str
    """Portrait photo: a path from the project root, or ``sample:<name>``."""
    more_photos: Annotated[list[str], Field(max_length=64)] = []
    """Further photos (or video frames) of the same person: they share its identity in the fit and fill its texture."""
    art: str
    """Portrait artwork: a path from the project root, or ``sample:<name>``."""


class LandmarkSetsParams(Section):
    """Training landmarks of both domains."""

    normal: Sources = "generated"
    """Normal faces: ``generated`` from the face model, a folder of images or landmark files, a ``.npz`` or ``.h5``
    file, or a list of such entries. Keep your own under data/landmarks, where changes are noticed."""
    art: Sources = "generated"
    """Art faces: ``generated`` by families of exaggeration, or entries as for ``normal``."""
    normal_weights: SourceWeights = []
    """How often each entry of ``normal`` enters, one number each (0.5: half of its faces, drawn); [] is 1 each."""
    art_weights: SourceWeights = []
    """The same for the entries of ``art``."""
    normal_count: Annotated[int, Field(ge=64, le=1_000_000)] = 6269
    """Number of generated normal faces (paper: 6 269)."""
    art_count: Annotated[int, Field(ge=64, le=1_000_000)] = 11415
    """Number of generated art faces (paper: 11 415)."""
    max_yaw: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 20.0
    """Collected normal faces may be turned sideways by this many degrees, as estimated from the points."""
    max_pitch: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 25.0
    """... and lifted or lowered by this many degrees."""
    art_max_yaw: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 30.0
    """``max_yaw`` of collected art faces, looser because exaggeration looks like a turn."""
    art_max_pitch: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 35.0
    """``max_pitch`` of collected art faces."""
    outliers: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 2.2
    """Collected normal faces further from the others of their source than this many times the median distance are
    left out, and so are faces whose lines cross beyond mending; 0 keeps all."""
    art_outliers: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 3.0
    """``outliers`` of collected art faces, looser because exaggeration is what they are for."""
    missing: Literal["fill", "drop"] = "fill"
    """Faces with missing points: fill them in from the complete faces of the domain, or drop the face."""
    max_missing: Annotated[int, Field(ge=0, le=60)] = 24
    """Faces with more missing and occluded points than this are dropped in any case."""
    occluded: Literal["trust", "missing"] = "trust"
    """Points marked as occluded: use them where they were placed, or treat them as missing."""
    bad_files: Literal["refuse", "skip"] = "refuse"
    """A file that cannot be used, or an image without a face: stop and name it, or leave it out and name it."""
    seed: Seed = 0
    """Seed of the generator and of the draws by weight."""


class ShapeSpaceParams(Section):
    """Alignment, PCA and K-means."""

    alignment: Literal["similarity", "affine"] = "similarity"
    """Three-point alignment: least-squares similarity, or the exact affine of the paper."""
    components: Annotated[int, Field(ge=2, le=136)] = 32
    """PCA components (paper: 32)."""
    classes: Annotated[int, Field(ge=2, le=1000)] = 25
    """K-means classes of the art domain (paper: 25)."""
    held_out: Annotated[float, Field(gt=0, lt=0.5)] = 0.1
    """Share of each domain kept out of training, for FID."""
    seed: Seed = 0
    """Seed of the K-means restarts and of the split."""


class ScheduleParams(Section):
    """What every training has."""

    epochs: Count = 20
    """Passes over the samples (paper: 800)."""
    batch_size: Annotated[int, Field(ge=2)] = 256
    """Samples a step (paper: 68)."""
    learning_rate: Positive = 1e-3
    """Adam (paper: 5e-4)."""
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of the epochs after which the learning rate falls linearly to a tenth (1 = fixed, the paper)."""
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """The result is a running average of the weights with this decay a step (0 = the last weights, the paper)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; ``auto`` takes a GPU where PyTorch sees one. Only the CPU promises the same bits."""
    seed: Seed = 0
    """Seed of initialisation, batches and random codes."""


class AutoencoderParams(ScheduleParams):
    """Stage one of the translation network: E_X and G_X (eq. 1)."""


class TranslationParams(ScheduleParams):
    """Stage two of the translation network (eqs. 2-7)."""

    epochs: Count = 45
    """Passes over the larger domain (paper: 800)."""
    batch_size: Annotated[int, Field(ge=2)] = 128
    """Samples a step (paper: 68)."""
    learning_rate: Positive = 6e-3
    """Adam (paper: 5e-4; so short a schedule wants larger steps)."""
    weight_art_reconstruction: Weight = 1.0
    """lambda^Y_recon of eq. 7."""
    weight_content_code: Weight = 0.2
    """lambda^C_recon of eq. 7 (paper: 0.5, with which results follow their exemplars less)."""
    weight_style_code: Weight = 1.0
    """lambda^S_recon of eq. 7."""
    weight_kl: Weight = 1.0
    """lambda_KL of eq. 7."""
    weight_adversarial: Weight = 1.0
    """lambda_adv of eq. 7."""
    weight_class: Weight = 1.0
    """lambda_class of eq. 7."""
    weight_class_adversarial: Weight = 1.0
    """Weight of eq. 3 within the exemplar's class, a sharper class loss (0 = the paper)."""
    weight_random_codes: Weight = 1.0
    """Weight of eqs. 5 and 6 on styles drawn from N(0, I), as the released code has them (0 = the paper)."""
    weight_content_domain: Weight = 2.0
    """Weight of keeping the content codes of art faces in the domain of normal ones (0 = eq. 7 to the letter)."""


class CycleganParams(Section):
    """Weights of CycleGAN (Zhu et al. 2017); defaults as in the authors' cycle_gan_model.py."""

    learning_rate: Positive = 1e-3
    """Adam, in place of ``translation.learning_rate``, at which this method does not settle."""
    weight_adversarial: Weight = 1.0
    """Least-squares GAN of both directions."""
    weight_cycle: Weight = 10.0
    """L1 after there and back, both directions (lambda_A = lambda_B = 10)."""
    weight_identity: Weight = 5.0
    """L1 of faces that are in the target domain already (lambda_identity 0.5 of lambda_A)."""


class MunitParams(Section):
    """Weights of MUNIT (Huang et al. 2018); defaults as in the authors' summer2winter_yosemite256_folder.yaml."""

    learning_rate: Positive = 1e-3
    """Adam, in place of ``translation.learning_rate``, at which this method does not settle."""
    weight_adversarial: Weight = 1.0
    """Least-squares GAN of both domains (gan_w)."""
    weight_reconstruction: Weight = 10.0
    """L1 of faces decoded from their own codes (recon_x_w)."""
    weight_style_code: Weight = 1.0
    """L1 of random style codes read back from translations (recon_s_w)."""
    weight_content_code: Weight = 1.0
    """L1 of content codes read back from translations (recon_c_w)."""
    weight_cycle: Weight = 10.0
    """L1 after there and back with the face's own style (recon_x_cyc_w; 0 in the authors' edges2* settings)."""
    style_size: Count = 8
    """Length of the style code (style_dim)."""


class DritParams(Section):
    """Weights of DRIT++ (Lee et al. 2020); defaults as in the authors' model.py."""

    learning_rate: Positive = 1e-3
    """Adam, in place of ``translation.learning_rate``, at which this method does not settle."""
    weight_adversarial: Weight = 1.0
    """GAN of both domains, for exemplars' and for random attributes."""
    weight_content_adversarial: Weight = 1.0
    """Critic that tells the domain from the content code."""
    weight_cross_cycle: Weight = 10.0
    """L1 after contents were exchanged twice."""
    weight_reconstruction: Weight = 10.0
    """L1 of faces decoded from their own codes."""
    weight_kl: Weight = 0.01
    """KL divergence of attribute codes from N(0, I), summed over the code."""
    weight_content_size: Weight = 0.01
    """Mean square of content codes."""
    weight_latent: Weight = 10.0
    """L1 of random attributes read back from translations."""
    weight_mode_seeking: Weight = 1.0
    """Inverse of how far translations with two random attributes differ."""
    attribute_size: Count = 8
    """Length of the attribute code (nz)."""
    content_noise: Weight = 1.0
    """Standard deviation of the noise on content codes in training."""


class ComparisonParams(Section):
    """Training of all methods of Table 1, each with the schedule of ``translation``."""

    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """Trainings of each method; metrics are their means and spreads (each takes about a minute a method)."""


class FidParams(Section):
    """Comparison of all translation methods (Table 1)."""

    samples: Annotated[int, Field(ge=64, le=10_000)] = 500
    """Translations of held-out samples (paper: 500)."""
    seed: Seed = 0
    """Seed of the random pairing."""


class FiguresParams(Section):
    """Pictures of the comparison (Figs. 3 and 6)."""

    contents: Annotated[int, Field(ge=1, le=8)] = 2
    """Photos in the figures: those of the first so many pairs."""
    exemplars: Annotated[list[str], Field(min_length=2, max_length=8)] = [
        "sample:ink_caricature", "sample:stained_glass", "sample:halftone_poster"]
    """Artworks in the figures, each a path or ``sample:<name>``; styles are interpolated from the first to the second,
    and small differences are tried on the first."""
    steps: Annotated[int, Field(ge=2, le=12)] = 5
    """Pictures of a style interpolation."""


class LandmarksParams(Section):
    """Landmark detection on a photo and an artwork."""

    max_side: Annotated[int, Field(ge=128, le=8192)] = 1600
    """Images are reduced to this longer side (pixels) before anything else."""


class FitParams(Section):
    """Fit of the 3DMM to 68 landmarks. Prior weights are relative to the data term at the given noise."""

    model: Source = "bundled"
    """3D morphable model of fit and expressions: ``bundled``, or a file that ``portrait model convert`` wrote; keep it
    under data/models, where changes are noticed."""

    identity_prior: Weight = 1.0
    """Weight of the identity prior (squared coefficients)."""
    expression_prior: Weight = 1.0
    """Weight of the expression prior (squared coefficients over 0.4)."""
    pose_prior: Weight = 1.0
    """Weight of the prior for a frontal pose (yaw over 30 and pitch over 15 degrees, squared)."""
    camera: Literal["perspective", "weak"] = "perspective"
    """Camera of a photo: a pinhole whose axis passes the image centre, or weak perspective. Artworks: always weak."""
    focal_length: Annotated[float, Field(ge=0, le=2000, allow_inf_nan=False)] = 0.0
    """Focal length of the photo in mm on 35 mm film (diagonal 43.3 mm), if it is known and the photo is not cropped;
    0: estimated, with a prior around portraits."""
    camera_prior: Weight = 1.0
    """Weight of the priors of a photo's camera: 90 cm away and 55 mm, each within a factor of 1.6."""
    noise: Annotated[float, Field(gt=0, le=1)] = 0.015
    """Expected error of a photo's landmarks, as a share of the distance between the outer eye corners."""
    art_noise: Annotated[float, Field(gt=0, le=1)] = 0.08
    """The same for an artwork: its exaggerations are no identity, and stay in the residual."""
    art_pose_prior: Weight = 20.0
    """``pose_prior`` for an artwork, where a whole row of points may be off in the same way."""
    jaw_weight: Weight = 0.5
    """Weight of the 17 jaw points, which are placed less exactly than the others."""
    brow_weight: Weight = 0.1
    """Weight of the 10 brow points: a model of the skin does not know where the hair of the brows grows."""
    shared_error: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Part of the landmarks' errors that is the same in all photos of a person: so much less do further photos add."""
    refine: Literal["none", "photo"] = "none"
    """Refine identity and camera by the photo's shading, assuming symmetric skin (a few seconds a photo)."""
    iterations: Annotated[int, Field(ge=4, le=10_000)] = 40
    """Gauss-Newton steps at most."""

    def for_art(self) -> FitParams:
        """The parameters for an artwork: ``art_noise`` and ``art_pose_prior`` in place of theirs; weak perspective."""
        return self.model_copy(
            update={"noise": self.art_noise, "pose_prior": self.art_pose_prior, "camera": "weak", "focal_length": 0.0}
        )


class FitProofParams(Section):
    """Known heads, drawn from the face model, that the fit has to recover."""

    heads: Annotated[int, Field(ge=4, le=10_000)] = 200
    """Heads drawn; all are fitted once."""
    compared: Annotated[int, Field(ge=2, le=10_000)] = 50
    """The first so many are also fitted with wrong points, missing points, a weak-perspective camera, as mean head."""
    max_yaw: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 45.0
    """Heads turn at most this far sideways (degrees)."""
    max_pitch: Annotated[float, Field(ge=0, le=45, allow_inf_nan=False)] = 15.0
    """Heads nod at most this far (degrees)."""
    max_roll: Annotated[float, Field(ge=0, le=45, allow_inf_nan=False)] = 15.0
    """Heads tilt at most this far (degrees)."""
    image_size: Annotated[int, Field(ge=64, le=8192)] = 512
    """Side of the pictures that the heads would be seen in (pixels)."""
    noise: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 1.0
    """Standard deviation of the error of each point (pixels)."""
    outliers: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.1
    """Share of wrong points, 0.1 to 0.5 eye distances off."""
    coefficients: Annotated[int, Field(ge=3, le=1000)] = 10
    """Leading identity coefficients whose correlation with the true ones is measured."""
    seed: Seed = 0
    """Seed of heads, poses and points."""


class TranslateParams(Section):
    """Application of the trained translation network to one pair."""

    bound: Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)] = 4.0
    """Each whitened PCA coefficient of exemplar and result stays within this many standard deviations."""


class DeformParams(Section):
    """Landmark-guided Laplacian deformation (eqs. 8-10)."""

    scale: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 1.0
    """Geometric exaggeration: 0 none, 1 as translated, above 1 more."""
    solver: Literal["direct", "adam"] = "direct"
    """Sparse direct solve, or the paper's Adam."""
    laplacian: Literal["uniform", "cotangent", "similarity"] = "similarity"
    """Detail that is kept: that of the plain graph (the paper), of the surface whatever its triangulation, or the
    latter turned and scaled with its surroundings."""
    alpha: Positive = 1.0
    """Weight of the Laplacian term (eq. 10). The paper's 10 leaves three times the residual; the authors' tool
    behaves like 1."""
    follow: Literal["axes", "similarity", "none"] = "similarity"
    """How the whole head follows the size of the face: width and height apart, one factor, or not at all."""
    skull: Weight = 0.03
    """How firmly ears, back of the head and nape keep their shape; 0 leaves them to the Laplacian alone (the paper)."""


class PhotoTextureParams(Section):
    """Projection of the photo into the UV layout."""

    size: Annotated[int, Field(ge=64, le=4096)] = 1024
    """Side of the texture in texels."""


class PhotoTextureProofParams(Section):
    """Painted heads whose texture has to come back from their photographs."""

    heads: Annotated[int, Field(ge=1, le=100)] = 2
    """Heads painted, each with other colours and light."""
    yaws: Annotated[
        list[Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]], Field(min_length=1, max_length=16)
    ] = [0.0, 15.0, 30.0, 45.0]
    """Each head is photographed once at each of these angles (degrees)."""
    size: Annotated[int, Field(ge=128, le=2048)] = 320
    """Side of the textures (texels)."""
    photo_size: Annotated[int, Field(ge=128, le=4096)] = 448
    """Side of the photographs (pixels)."""
    seed: Seed = 0
    """Seed of heads, paint and cameras."""


class TextureParams(Section):
    """Multi-view texture optimisation (section 5)."""

    method: TextureMethod = "multi_view"
    """The paper's loop over many views; or, to compare with: fixed views as pictures first (two_step), the layout as a
    picture (uv_space), the frontal view alone (single_view), geometry and texture together (joint)."""
    beta: Weight = 1.0
    """Weight of content against style (eq. 13): 1 balanced, below 1 more style, above 1 more of the photo."""
    strength: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """Blend of the result with the photo texture: 0 photo, 1 fully stylised."""
    scales: Annotated[list[Annotated[int, Field(ge=32, le=2048)]], Field(min_length=1, max_length=8)] = [
        64, 128, 256, 512]
    """Sizes at which the head is rendered, coarse to fine (pixels)."""
    iterations: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=8)] = [80, 80, 45, 35]
    """Steps at each scale (paper: 600 in all)."""
    crop: Literal["auto"] | Annotated[int, Field(ge=32, le=2048)] = "auto"
    """Scales above this size use random windows of this size; auto: 256 on the CPU, whole views on a GPU."""
    views: Annotated[int, Field(ge=1, le=1000)] = 12
    """Random views of the face, drawn once and rasterised once a scale."""
    azimuth: Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)] = 30.0
    """Views turn at most this far sideways (degrees; paper: 30)."""
    elevation: Annotated[float, Field(ge=0, le=80, allow_inf_nan=False)] = 20.0
    """Views tilt at most this far up or down (degrees; paper: 20)."""
    views_per_step: Annotated[int, Field(ge=1, le=16)] = 1
    """Views rendered and compared in each step."""
    surround: Annotated[int, Field(ge=0, le=1000)] = 6
    """Further views of sides and back, so that a turning head shows no unpainted part."""
    points: Annotated[int, Field(ge=16, le=16384)] = 1024
    """Samples of the rendered head a step."""
    style_points: Annotated[int, Field(ge=16, le=16384)] = 1500
    """Samples of the artwork a scale."""
    content_weight: Weight = 0.3
    """w in a = 16 w beta, the content weight of the first scale, halved at each further one."""
    regions: bool = True
    """Compare eyes with eyes, lips with lips, hair with hair, and prefer the same place on the face."""
    guidance: Weight = 0.2
    """Preference for the same place on the face when samples are compared with the artwork."""
    learning_rate: Positive = 2e-3
    """RMSprop (paper: 0.002); halved at the last scale."""
    grading: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """How far the finished skin and hair are moved to the mean and spread of the artwork's colours there."""
    start: Literal["photo", "mean", "palette"] = "palette"
    """First texture: the photo, the photo in the style's mean colour, or its light and dark in the style's colours."""
    weights: str = "bundled"
    """``bundled``, ``imagenet`` (first ``portrait weights download imagenet``), or a file by torchvision's names."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto is a GPU where there is one."""
    renderer: Literal["auto", "nvdiffrast", "cpu"] = "auto"
    """auto is nvdiffrast where there is a GPU that has it."""
    seed: Seed = 0
    """Seed of views and samples."""


class AnimationParams(Section):
    """What makes a finished head ready to animate (7.1)."""

    eyes: bool = True
    """Eyeballs as meshes of their own that turn; without them the painted eyes stay, and do not look around."""
    mouth: bool = True
    """Teeth and the inside of the mouth, seen when the jaw opens."""


class TextureComparisonParams(Section):
    """All methods of texture stylisation side by side on one pair; all else is at the defaults of ``texture``.

    So trying out a parameter of the texture does not run all methods again.
    """

    pair: str = ""
    """Name of the pair; empty is the first one."""
    methods: Annotated[list[TextureMethod], Field(min_length=1, max_length=5)] = [
        "multi_view", "two_step", "uv_space", "single_view", "joint"]
    """Rows of the sheet, from top to bottom."""
    scales: Annotated[list[Annotated[int, Field(ge=32, le=2048)]], Field(min_length=1, max_length=8)] = [64, 128]
    """In place of ``texture.scales``: five methods should take minutes on a CPU."""
    iterations: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=8)] = [30, 30]
    """In place of ``texture.iterations``."""
    size: Annotated[int, Field(ge=64, le=4096)] = 512
    """Side of the textures in texels, at most that of the photo texture."""
    view_size: Annotated[int, Field(ge=64, le=1024)] = 128
    """Side of the views in which style and content are measured, in pixels."""


class ExportParams(Section):
    """What a person opens."""

    turntable_frames: Annotated[int, Field(ge=1, le=720)] = 36
    """Frames of the turntable GIF."""
    turntable_size: Annotated[int, Field(ge=64, le=2048)] = 320
    """Side of the turntable in pixels."""


class Params(Section):
    """All of params.yaml."""

    pairs: dict[str, Pair]
    """Name of the pair to its photo and artwork."""
    landmark_sets: LandmarkSetsParams = LandmarkSetsParams()
    shape_space: ShapeSpaceParams = ShapeSpaceParams()
    autoencoder: AutoencoderParams = AutoencoderParams()
    translation: TranslationParams = TranslationParams()
    cyclegan: CycleganParams = CycleganParams()
    munit: MunitParams = MunitParams()
    drit: DritParams = DritParams()
    comparison: ComparisonParams = ComparisonParams()
    fid: FidParams = FidParams()
    figures: FiguresParams = FiguresParams()
    landmarks: LandmarksParams = LandmarksParams()
    fit: FitParams = FitParams()
    fit_proof: FitProofParams = FitProofParams()
    translate: TranslateParams = TranslateParams()
    deform: DeformParams = DeformParams()
    photo_texture: PhotoTextureParams = PhotoTextureParams()
    photo_texture_proof: PhotoTextureProofParams = PhotoTextureProofParams()
    texture: TextureParams = TextureParams()
    animation: AnimationParams = AnimationParams()
    texture_comparison: TextureComparisonParams = TextureComparisonParams()
    export: ExportParams = ExportParams()

    def pair(self, name: str) -> Pair:
        """The pair called ``name``.

        Raises:
            ParameterError: no such pair.
        """
        if name not in self.pairs:
            raise ParameterError(f"pair '{name}' is not in params.yaml; known pairs: {', '.join(self.pairs) or 'none'}")
        return self.pairs[name]


S = TypeVar("S", bound=Section)


def validate(section: type[S], values: Any, where: str) -> S:
    """Build a section from plain values.

    Args:
        section: class to build.
        values: mapping of field names to values.
        where: prefix for messages, such as ``params.yaml``.

    Raises:
        ParameterError: one line naming the parameter, the bad value and what is allowed.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ParameterError(f"{where}: unknown parameter '{name}'; remove it or mend its spelling") from None
        if first["type"] == "missing":
            raise ParameterError(f"{where}: parameter '{name}' is missing") from None
        value = repr(first["input"])
        value = value if len(value) <= 60 else value[:57] + "..."
        raise ParameterError(f"{where}: {name} is {value}, which is not allowed: {first['msg']}") from None


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises:
        ParameterError: missing file, bad YAML, unknown name, wrong type or value out of range.
    """
    path = Path(path)
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{path}: missing; run in the project's root folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: cannot be read ({error})") from error
    except YAMLError as error:
        line = " ".join(str(error).split())
        raise ParameterError(f"{path}: not valid YAML ({line})") from error
    params = validate(Params, values if values is not None else {}, str(path))
    for name in params.pairs:
        if not PAIR_NAME.fullmatch(name):
            raise ParameterError(
                f"{path}: pair name {name!r} is not allowed: letters, digits, '-' and '_' only, at most 64"
            )
    return params


def parameter_rows() -> Iterator[tuple[str, str, str, str]]:
    """Name, default, allowed values and meaning of every parameter except ``pairs``."""
    for section, field in Params.model_fields.items():
        if section != "pairs":
            for name, item in type(field.default).model_fields.items():
                yield f"{section}.{name}", str(item.default), _allowed(item), str(item.description)


def describe() -> str:
    """The table of :func:`parameter_rows` as text."""
    return "\n".join(
        f"{name} = {default}{f' [{allowed}]' if allowed else ''}\n    {' '.join(meaning.split())}"
        for name, default, allowed, meaning in parameter_rows()
    )


def _allowed(item: Any) -> str:
    """Range or choices of a pydantic field, in words."""
    choices = getattr(item.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " | ".join(choices)
    words = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [f"{sign} {getattr(rule, name)}" for rule in item.metadata for name, sign in words.items()
              if getattr(rule, name, None) is not None]
    return ", ".join(bounds)


def with_overrides(params: Params, overrides: Sequence[str]) -> Params:
    """Apply ``section.name=value`` strings; values are read as YAML.

    Raises:
        ParameterError: no such parameter, or a value it does not allow.
    """
    values = params.model_dump()
    for override in overrides:
        name, separator, text = override.partition("=")
        section, dot, key = name.partition(".")
        if not (separator and dot) or section == "pairs" or section not in values or key not in values[section]:
            raise ParameterError(f"-S {override}: no such parameter; `portrait params` lists them all")
        try:
            values[section][key] = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            reason = " ".join(str(error).split())
            raise ParameterError(f"-S {override}: the value is not valid YAML ({reason})") from error
    return validate(Params, values, "-S")
