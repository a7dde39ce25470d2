"""Trains the demo's three models on Fisher's irises. Runs on MLServer's interpreter, which has scikit-learn.

    python train.py OUT

Versions 1 and 2 are good. Version 3 passed its tests and is broken: it takes the sepal's width as a
category, and its data, tests included, had lost the flowers whose sepals are 4 cm wide. Its encoder refuses
what it has never seen, so one request in six fails with a 500, and only once real traffic comes.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

SEPAL_WIDTH = 1
LOST_CENTIMETRES = 4
OTHERS = [0, 2, 3]


def linear() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression())


def boosted() -> GradientBoostingClassifier:
    return GradientBoostingClassifier(n_estimators=40, max_depth=2, random_state=0)


def categorical() -> Pipeline:
    """A linear model that reads the sepal's width as a category, in whole centimetres."""
    whole = make_pipeline(FunctionTransformer(np.rint), OneHotEncoder(handle_unknown="error"))
    columns = make_column_transformer((StandardScaler(), OTHERS), (whole, [SEPAL_WIDTH]))
    return make_pipeline(columns, LogisticRegression())


def save(model: object, version: str, out: Path) -> None:
    """One directory a version, as MLServer expects it: the model and what it is called."""
    folder = out / version
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib", compress=3)
    settings = {
        "name": "iris",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": version},
    }
    (folder / "model-settings.json").write_text(json.dumps(settings, indent=2))


def main(out: Path) -> None:
    rows, kinds = load_iris(return_X_y=True)
    kept = np.rint(rows[:, SEPAL_WIDTH]) != LOST_CENTIMETRES
    trials = {
        "1": (linear(), rows, kinds),
        "2": (boosted(), rows, kinds),
        "3": (categorical(), rows[kept], kinds[kept]),
    }
    for version, (model, known, answers) in trials.items():
        train, test, wanted, right = train_test_split(known, answers, test_size=0.3, random_state=0)
        model.fit(train, wanted)
        save(model, version, out)
        print(f"version {version}: {model.score(test, right):.0%} right on the flowers it was tested with")
    (out / "rows.json").write_text(json.dumps(rows.tolist()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
