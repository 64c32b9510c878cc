"""What DVC sees: every file of a pair wherever it lies, and outputs that cannot meet."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from clone import call, changed, clone, stages_run
from house import ROOT
from PIL import Image
from ruamel.yaml import YAML

from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.base.params import PAIR_NAME
from portrait_pipeline.base.stage import Layout
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.inputs.step import pair_record, shared_records
from portrait_pipeline.landmarks.params import Pair, load_pairs
from portrait_pipeline.perception.files import write_points
from portrait_pipeline.report.report import PAIR_STAGES, SHARED_STAGES, runtime_metrics

PAIRS = {
    "me": {"photo": "me.png", "art": "pictures/art.png", "more_photos": ["pictures/side.png"]},
    "you": {"photo": "pictures/you.png", "art": "sample:oil_strokes"},
}
FILES = ("me.png", "pictures/art.png", "pictures/side.png", "pictures/you.png")


def pipeline() -> dict[str, dict]:
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


def picture(path: Path, grey: int, face: np.ndarray) -> None:
    """A flat picture, and its points beside it: nothing is to be found in it."""
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((160, 160, 3), grey, np.uint8)).save(path)
    write_points(path.with_name(f"{path.name}.pts"), face)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    model = load_bundled_model()
    return model.mean[model.landmarks][:, :2] * [8.0, -8.0] + 80.0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, face: np.ndarray) -> Path:
    """Two pairs whose pictures lie anywhere in the project, their landmarks found."""
    folder = tmp_path_factory.mktemp("graph")
    clone(folder)
    for name in FILES:
        picture(folder / name, 60, face)
    yaml = YAML()
    params = yaml.load((folder / "params.yaml").read_text(encoding="utf-8"))
    params["pairs"] = PAIRS
    params["landmarks"]["max_side"] = 160
    yaml.dump(params, folder / "params.yaml")
    assert stages_run(call("dvc", "repro", "landmarks", cwd=folder)) == {"landmarks@me", "landmarks@you"}
    return folder


def test_a_changed_file_reruns_its_pair_and_no_other(project: Path, face: np.ndarray) -> None:
    for points, stages in ((face + 1, {"landmarks@me"}), (face, set())):
        write_points(project / "me.png.pts", points)
        assert stages_run(call("dvc", "repro", "inputs", cwd=project)) == set()  # besides itself
        assert changed(project, "landmarks") == stages


def test_every_file_of_a_pair_is_in_its_record(tmp_path: Path, face: np.ndarray) -> None:
    """One edit after the other."""
    pairs = {name: Pair(**pair) for name, pair in PAIRS.items()}
    for name in FILES:
        picture(tmp_path / name, 60, face)
    mask = tmp_path / "me.png.mask.png"
    edits = {
        "points": lambda: write_points(tmp_path / "me.png.pts", face + 1),
        "photo": lambda: picture(tmp_path / "me.png", 70, face + 1),
        "artwork": lambda: picture(tmp_path / "pictures" / "art.png", 99, face),
        "further photo": lambda: picture(tmp_path / "pictures" / "side.png", 88, face),
        "further photo's points": lambda: write_points(tmp_path / "pictures" / "side.png.pts", face - 1),
        "new mask": lambda: Image.fromarray(np.full((160, 160, 3), 200, np.uint8)).save(mask),
        "no points": lambda: (tmp_path / "me.png.pts").unlink(),
        "points of the stem": lambda: write_points(tmp_path / "me.pts", face),
        "no photo": lambda: (tmp_path / "me.png").unlink(),
    }
    seen = [pair_record(pairs["me"], tmp_path)]
    yours = pair_record(pairs["you"], tmp_path)
    for name, edit in edits.items():
        edit()
        seen.append(pair_record(pairs["me"], tmp_path))
        assert seen[-1] not in seen[:-1], name
        assert pair_record(pairs["you"], tmp_path) == yours, name
    assert pipeline()["landmarks"]["deps"].count("data/artifacts/inputs/pairs/${key}.json") == 1


def test_hidden_files_change_nothing(project: Path) -> None:
    for folder in ("data/artifacts/inputs", "data/artifacts/landmarks", "data/landmarks", "portrait_pipeline/base"):
        for name in (".DS_Store", ".astronaut.half-abcd1234.h5", "Thumbs.db"):
            (project / folder / name).write_text("x")
    assert changed(project, "landmarks", "landmark_sets") == {"landmark_sets"}  # which has not run yet
    status = call("dvc", "data", "status", "--granular", cwd=project)
    assert "DS_Store" not in status and "half" not in status and "Thumbs" not in status


def test_outputs_of_two_pairs_cannot_meet_whatever_their_names() -> None:
    """If one name and an ending spelt another name and another ending, there would be two pairs with one file."""
    seen = 0
    for stage in pipeline().values():
        outs = [out for out in stage.get("outs", ()) if "${key}" in out]
        for one in outs:
            for other in outs:
                (folder, ending), (place, tail) = one.split("${key}"), other.split("${key}")
                if one != other and folder == place and ending.endswith(tail):
                    rest = ending.removesuffix(tail)
                    assert not PAIR_NAME.fullmatch(f"X{rest}"), f"{one} of X is {other} of X{rest}"
                    seen += 1
    assert seen  # animation: X.photo.h5 and X.h5


def test_pairs_that_differ_in_capitals_only_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("pairs:\n  me: {photo: a.png, art: b.png}\n  Me: {photo: a.png, art: b.png}\n")
    with pytest.raises(ParameterError, match=r"pairs 'me' and 'Me' differ in capitals only; rename one"):
        load_pairs(path)


def test_records_say_what_hinders_and_stay_the_same_elsewhere(tmp_path: Path, face: np.ndarray) -> None:
    pair = Pair(photo="a.png", art="gone.png")
    picture(tmp_path / "one" / "a.png", 50, face)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    record = pair_record(pair, tmp_path / "one")
    assert record == pair_record(pair, tmp_path / "two")
    assert record["art"] == [{"picture": "no file"}] and len(record["photo"][0]["picture"]) == 64
    (tmp_path / "two" / "a.jpg").write_bytes(b"")
    (tmp_path / "two" / "a.png.pts").rename(tmp_path / "two" / "a.pts")
    assert "may belong to" in pair_record(pair, tmp_path / "two")["photo"][0]["problem"]


def test_files_that_all_pairs_share_are_recorded(tmp_path: Path) -> None:
    sets, model, weights = tmp_path / "my_sets", tmp_path / "model.h5", tmp_path / "vgg.safetensors"
    values = {
        "fit": {"model": "model.h5"},
        "texture": {"weights": str(weights)},
        "landmark_sets": {"normal": "generated", "art": ["generated", "my_sets", "data/landmarks/mine"]},
    }
    sets.mkdir()
    for path in (model, weights, sets / "a.pts"):
        path.write_text("1")
    before = dict(shared_records(values, tmp_path))
    assert set(before["landmark_sets"]) == {"my_sets"}  # dvc.yaml watches data/landmarks itself
    (sets / ".DS_Store").write_text("")
    assert dict(shared_records(values, tmp_path)) == before
    for name, path in (("model", model), ("weights", weights), ("landmark_sets", sets / "b.pts")):
        path.write_text("2")
        after = dict(shared_records(values, tmp_path))
        assert {key for key in after if after[key] != before[key]} == {name}
        before = after
    assert all(not record for record in dict(shared_records({"fit": None}, tmp_path)).values())
    deps = {name: stage["deps"] for name, stage in pipeline().items()}
    readers = {
        record: {name for name in deps if f"data/artifacts/inputs/{record}.json" in deps[name]} for record in before
    }
    assert readers == {
        "model": {"fit", "animation"},
        "weights": {"texture", "picture", "report"},
        "landmark_sets": {"landmark_sets"},
    }


def test_a_report_leaves_out_what_is_not_known(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert runtime_metrics(layout, ["a"]) == {}  # a fresh clone after `dvc pull`
    runs = [*((stage, None) for stage in SHARED_STAGES), *((stage, "a") for stage in PAIR_STAGES)]
    for stage, pair in runs[:-1]:
        path = layout.runtime(stage, pair)
        path.parent.mkdir(parents=True)
        path.write_text('{"seconds": 2.0, "peak_memory_mb": 100.0}')
    some = runtime_metrics(layout, ["a"])
    assert set(some) == {"seconds"} and len(some["seconds"]) == len(runs) - 1
    stage, pair = runs[-1]
    layout.runtime(stage, pair).parent.mkdir()
    layout.runtime(stage, pair).write_text('{"seconds": 3.0, "peak_memory_mb": 200.0}')
    whole = runtime_metrics(layout, ["a"])
    assert whole["total_seconds"] == 2.0 * (len(runs) - 1) + 3.0 and whole["peak_memory_mb"] == 200.0
