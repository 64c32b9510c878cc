"""All translation methods on the same held-out faces: distances to real art (Table 1), and what they keep and take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from ...base.errors import ParameterError, TrainingError
from ...fid import measures
from ...fid.frechet import frechet_distance
from ...fid.questions import Questions
from .following import following

if TYPE_CHECKING:
    from ...shapes.space import ShapeSet, ShapeSpace
    from ...translation.method import Method

DIVERSITY_PEOPLE, DIVERSITY_EXEMPLARS = 50, 20
INVERSE_PENALTY = 100.0  # of the judge; weak: there are hundreds of faces a class
OURS, WITHOUT_CLASS_LOSS = "ours", "ours_without_class_loss"

Answer = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Answers:
    """What a method can be asked, on arrays of float64.

    Attributes:
        translate: contents (N, K), exemplars (N, K) -> (N, K). content, art_content: faces (N, K) -> codes
            (N, C), None for a method without codes. reconstruct: art faces (N, K) -> (N, K).
    """

    translate: Answer
    reconstruct: Answer
    content: Answer | None = None
    art_content: Answer | None = None


COPIES = {
    "exemplar_itself": Answers(translate=lambda x, y: y, reconstruct=lambda y: y),
    "content_itself": Answers(translate=lambda x, y: x, reconstruct=lambda y: y),
}
"""Two translations that need no network, between which every method lies."""


def answers(method: Method) -> Answers:
    """A trained method, on whatever device it is, as functions of arrays.

    Raises:
        TrainingError: (from each function) the answer has a number that is not finite.
    """

    def asking(name: str) -> Answer:
        return lambda *faces: _ask(method, name, *faces)

    return Answers(**{name: asking(name) for name in ("translate", "reconstruct", "content", "art_content")})


def _ask(method: Method, question: str, *faces: np.ndarray) -> np.ndarray:
    import torch

    device = next((weight.device for weight in method.parameters()), torch.device("cpu"))
    with torch.no_grad():
        inputs = (torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device) for values in faces)
        answer = getattr(method, question)(*inputs).double().cpu().numpy()
    if not np.isfinite(answer).all():
        raise TrainingError(
            f"{method.name}: {question} answers with a number that is not finite; train it again with a lower "
            "learning rate"
        )
    return answer


def train_judge(coefficients: np.ndarray, labels: np.ndarray, scale: np.ndarray) -> Answer:
    """An independent judge of style classes, (B, K) whitened coefficients -> (B,) classes; for evaluation only.

    Our network trains against a perceptron that names the style class of a face (eq. 4); asking the same perceptron
    afterwards would only tell how well it was obeyed. This one, a multinomial logistic regression, no translation has
    seen, and it suits its task: classes of K-means are parted by planes. It is convex: the same faces, the same judge.

    Args:
        coefficients: (N, K) of art faces. labels: (N,) their classes.
        scale: (K,) standard deviations of the shape space; classes are regions of unwhitened coefficients.

    Raises:
        ParameterError: all faces are of one class.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import

    if len(np.unique(labels)) < 2:
        raise ParameterError(
            "all art faces are of one style class, so no judge of classes can be trained; raise shape_space.classes"
        )
    units = scale / np.sqrt(((coefficients * scale) ** 2).mean())
    with threadpool_limits(1):  # the same bits whatever the number of cores
        model = LogisticRegression(C=INVERSE_PENALTY, max_iter=2000).fit(coefficients * units, labels)
    return lambda faces: model.predict(np.asarray(faces, float) * units)


def measure(asked: Answers, judge: Answer, questions: Questions) -> dict[str, float]:
    """All measures of one trained method.

    Returns:
        ``class_agreement``, ``class_distance`` (Frechet distance to the art of the exemplar's class, mean over
        classes; for sets with classes large enough), ``held_out_distance`` (Frechet distance to the held-out art),
        ``content_distance`` and ``content_retrieval`` (for methods with codes), ``diversity``, ``sensitivity`` and
        ``sensitivity_direction`` (response to the small difference between an exemplar and its nearest real neighbour),
        ``person_response`` and ``person_direction`` (response to the difference between two people: does the method
        keep what makes a person differ from another?), ``reconstruction``.
    """
    x, y, strangers = questions.contents, questions.exemplars, questions.strangers
    z = asked.translate(x, y)
    style = measures.response(z - asked.translate(x, questions.neighbours), y - questions.neighbours)
    person = measures.response(z - asked.translate(strangers[:, 0], y), x - strangers[:, 0])
    return {
        "class_agreement": measures.class_agreement(judge(z), questions.labels),
        **_within_classes(asked, questions),
        "held_out_distance": frechet_distance(z, questions.held_out),
        **_content(asked, questions, z),
        "diversity": _diversity(asked, x[:DIVERSITY_PEOPLE], y[:DIVERSITY_EXEMPLARS]),
        "sensitivity": style[0],
        "sensitivity_direction": style[1],
        "person_response": person[0],
        "person_direction": person[1],
        "reconstruction": measures.reconstruction_error(questions.floor, asked.reconstruct(questions.floor)),
    }


def _within_classes(asked: Answers, questions: Questions) -> dict[str, float]:
    crowd = asked.translate(questions.crowd_contents, questions.crowd_exemplars)
    distance = measures.class_distance(crowd, questions.crowd_labels, questions.reference, questions.reference_labels)
    return {} if distance is None else {"class_distance": distance}


def _content(asked: Answers, questions: Questions, translated: np.ndarray) -> dict[str, float]:
    if asked.content is None or asked.art_content is None:
        return {}
    count, others, size = questions.strangers.shape
    strangers = asked.content(questions.strangers.reshape(-1, size)).reshape(count, others, -1)
    codes = asked.art_content(translated), asked.content(questions.contents), strangers
    return {
        "content_distance": measures.content_distance(*codes),
        "content_retrieval": measures.content_retrieval(*codes),
    }


def _diversity(asked: Answers, people: np.ndarray, exemplars: np.ndarray) -> float:
    """Every person in every style."""
    x, y = np.repeat(people, len(exemplars), axis=0), np.tile(exemplars, (len(people), 1))
    return measures.diversity(asked.translate(x, y).reshape(len(people), *exemplars.shape), exemplars)


def mean_following(asked: Answers, space: ShapeSpace, questions: Questions) -> float:
    """Share of an exemplar's deviations from the average normal face that arrives, mean over facial measures."""
    x, y = questions.contents, questions.exemplars
    faces = (space.decode(values) for values in (x, y, asked.translate(x, y)))
    return float(np.mean(list(following(*faces, space.decode(space.normal_mean)).values())))


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation over seeds (of the sample, n - 1; 0 for one seed)."""
    if len(set(values)) == 1:  # exactly, where the variance of equal numbers would leave round-off
        return float(values[0]), 0.0
    return float(np.mean(values)), float(np.std(values, ddof=1))


def table_of_distances(
    methods: Mapping[str, Sequence[Method]], questions: Questions, delivered: np.ndarray
) -> dict[str, Any]:
    """Table 1: Frechet distances to the real art faces that the networks were trained on, in whitened coefficients.

    Args:
        methods: name to trained methods, one for each seed; ours, ours without the class loss, and the rivals.
        questions: held-out pairs, the same for all methods.
        delivered: (S, K) what a pair gets (``exaggerate``), which stays nearer to the person.

    Returns:
        every model: mean over its seeds. ``real_floor``: the same number of held-out real art faces.
        ``samples``; ``floor_samples``, where fewer are held out. ``ours_delivered``. ``untranslated``: the normal faces
        themselves. ``seeds``. ``spread``: standard deviation of every model over its seeds. ``ratios``: ours to the
        best rival, and to ours without the class loss.

    Raises:
        TrainingError: a method answers with a number that is not finite.
    """
    contents, exemplars = questions.contents, questions.exemplars
    summary = {
        name: mean_and_spread(
            [frechet_distance(answers(method).translate(contents, exemplars), questions.reference) for method in seeds]
        )
        for name, seeds in methods.items()
    }
    mean = {name: value[0] for name, value in summary.items()}
    rivals = [name for name in methods if name not in (OURS, WITHOUT_CLASS_LOSS)]
    return {
        **mean,
        "real_floor": frechet_distance(questions.floor, questions.reference),
        "samples": len(questions.contents),
        "floor_samples": len(questions.floor),
        "ours_delivered": frechet_distance(delivered, questions.reference),
        "untranslated": frechet_distance(questions.contents, questions.reference),
        "seeds": min(len(seeds) for seeds in methods.values()),
        "spread": {name: value[1] for name, value in summary.items()},
        "ratios": {
            "to_best_baseline": mean[OURS] / min(mean[name] for name in rivals),
            "to_without_class_loss": mean[OURS] / mean[WITHOUT_CLASS_LOSS],
        },
    }


def table_of_translations(
    methods: Mapping[str, Sequence[Method]], space: ShapeSpace, shapes: ShapeSet, questions: Questions
) -> dict[str, Any]:
    """Every measure of every method, mean over its seeds.

    Args:
        methods: trained methods by name, one for each seed.
        space, shapes: where the questions come from; the judge learns on the training art and its classes.

    Returns:
        each method's name to its :func:`measure` and :func:`mean_following`, the same for ``COPIES``; ``spread``:
        standard deviations over the seeds; ``classifier_accuracy``: share of held-out real art that the judge classes
        rightly; ``seeds``, ``samples``.

    Raises:
        TrainingError: a method answers with a number that is not finite.
        ParameterError: a measure is undefined on these faces.
    """
    judge = train_judge(questions.reference, shapes.art_labels[~shapes.art_held_out], space.scale)
    held_out = shapes.art[shapes.art_held_out], shapes.art_labels[shapes.art_held_out]

    def measured(asked: Answers) -> dict[str, float]:
        return measure(asked, judge, questions) | {"following": mean_following(asked, space, questions)}

    table = {}
    for name, seeds in methods.items():
        rows = [measured(answers(method)) for method in seeds]
        table[name] = {key: mean_and_spread([row[key] for row in rows]) for key in rows[0]}
    return {
        **{name: {key: value[0] for key, value in row.items()} for name, row in table.items()},
        **{name: measured(copy) for name, copy in COPIES.items()},
        "spread": {name: {key: value[1] for key, value in row.items()} for name, row in table.items()},
        "classifier_accuracy": measures.class_agreement(judge(held_out[0]), held_out[1]),
        "seeds": min(len(seeds) for seeds in methods.values()),
        "samples": len(questions.contents),
    }
