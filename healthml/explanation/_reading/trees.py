"""Trees of scikit-learn, LightGBM and XGBoost as one list of nodes."""

import json
from functools import partial

import numpy as np

from healthml.explanation._reading.forms import (
    Encoder,
    Form,
    Term,
    as_matrix,
    as_single,
    join_trees,
)

# Nodes of scikit-learn's histogram boosting know categories up to this code.
_HIST_LEVELS = 256
# XGBoost adds up in single precision, 24 bits for the sum of its trees.
_SINGLE = 2e-5


def tree_nodes(tree, column):
    """Return the nodes of one of scikit-learn's trees; `column` is the class, None for a number."""
    value = tree.value[:, 0, :]
    value = value[:, 0] if column is None else value[:, column] / value.sum(axis=1)
    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    return {
        "feature": np.maximum(tree.feature, 0),
        "threshold": tree.threshold,
        "left": tree.children_left,
        "right": tree.children_right,
        "missing_left": missing,
        "value": value,
    }


def mean_of_trees(trees, column):
    """Return the mean of fitted trees (all reading the same columns) as a form."""
    part = join_trees([tree_nodes(tree.tree_, column) for tree in trees])
    return Form(0.0, (Term(1 / len(trees), Encoder(as_single), part),))


def bag_of_trees(model, column):
    """Return the mean of trees that may each read columns of their own."""
    nodes = []
    for tree, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        own = tree_nodes(tree.tree_, column)
        nodes.append({**own, "feature": np.asarray(columns)[own["feature"]]})
    return Form(0.0, (Term(1 / len(nodes), Encoder(as_single), join_trees(nodes)),))


def sum_of_trees(model):
    """Return scikit-learn's gradient boosting without its constant."""
    part = join_trees([tree_nodes(tree.tree_, None) for tree in model.estimators_[:, 0]])
    return Form(0.0, (Term(float(model.learning_rate), Encoder(as_single), part),))


def histogram_boosting(model):
    """Return scikit-learn's histogram boosting without its constant."""
    nodes, levels = [], []
    for (predictor,) in model._predictors:
        record = predictor.nodes
        leaf = record["is_leaf"].astype(bool)
        chosen = record["is_categorical"].astype(bool)
        rows = np.where(chosen, record["bitset_idx"].astype(np.int64) + len(levels), -1)
        levels += [_bits(row) for row in predictor.raw_left_cat_bitsets]
        nodes.append(
            {
                "feature": record["feature_idx"],
                "threshold": record["num_threshold"],
                "left": np.where(leaf, -1, record["left"].astype(np.int64)),
                "right": np.where(leaf, -1, record["right"].astype(np.int64)),
                "missing_left": record["missing_go_to_left"],
                "category": rows,
                "value": np.where(leaf, record["value"], 0.0),
            }
        )
    encode = Encoder(partial(_histogram_matrix, model))
    return Form(0.0, (Term(1.0, encode, join_trees(nodes, levels)),))


def _bits(words):
    """Return 8 words of 32 bits as 256 flags."""
    return np.unpackbits(np.asarray(words, dtype="<u4").view(np.uint8), bitorder="little") == 1


def _histogram_matrix(model, table):
    """Return what histogram boosting reads; a category that it does not know is missing."""
    matrix = np.array(model._preprocess_X(table, reset=False), dtype=float)
    known, place = model._bin_mapper.make_known_categories_bitsets()
    flags = getattr(model, "_is_categorical_remapped", model.is_categorical_)
    for column in () if flags is None else np.flatnonzero(flags):
        codes = matrix[:, column]
        inside = (codes >= 0) & (codes < _HIST_LEVELS)
        code = np.where(inside, codes, 0).astype(int)
        matrix[~(inside & _bits(known[place[column]])[code]), column] = np.nan
    return matrix


def lightgbm_trees(model):
    """Return LightGBM's boosted trees without what it adds to them."""
    dump, nodes, levels = model.booster_.dump_model(), [], []
    for tree in dump["tree_info"]:
        listed = []
        _list_nodes(tree["tree_structure"], listed, levels)
        nodes.append({name: np.array([node[name] for node in listed]) for name in listed[0]})
    encode = Encoder(partial(_lightgbm_matrix, model.booster_.pandas_categorical))
    return Form(0.0, (Term(1.0, encode, join_trees(nodes, levels)),))


def _list_nodes(node, listed, levels):
    """Add a node of LightGBM and those below it to a list; return its place."""
    place = len(listed)
    leaf = "leaf_value" in node
    entry = {
        "feature": 0 if leaf else node["split_feature"],
        "threshold": 0.0,
        "left": -1,
        "right": -1,
        "missing_left": False,
        "category": -1,
        "value": node["leaf_value"] if leaf else 0.0,
    }
    listed.append(entry)
    if leaf:
        return place
    if node["decision_type"] == "==":
        codes = [int(code) for code in str(node["threshold"]).split("||")]
        row = np.zeros(max(codes) + 1, dtype=bool)
        row[codes] = True
        entry["category"] = len(levels)
        levels.append(row)
    else:
        entry["threshold"] = float(node["threshold"])
        nan_is_zero = node["missing_type"] == "None"
        entry["missing_left"] = entry["threshold"] >= 0 if nan_is_zero else node["default_left"]
    entry["left"] = _list_nodes(node["left_child"], listed, levels)
    entry["right"] = _list_nodes(node["right_child"], listed, levels)
    return place


def _lightgbm_matrix(categories, table):
    """Return what LightGBM reads: categories as the codes that it has learnt."""
    if not hasattr(table, "columns"):
        return as_matrix(table)
    chosen = [name for name in table.columns if str(table[name].dtype) == "category"]
    known = dict(zip(chosen, categories or [], strict=False))
    return _with_codes(table, known)


def _with_codes(table, known):
    """Return a matrix of a table, its categories as codes; one that is not known is missing."""
    import pandas as pd

    columns = []
    for name in table.columns:
        if name in known:
            code = pd.Categorical(table[name], categories=known[name]).codes.astype(float)
            columns.append(np.where(code < 0, np.nan, code))
        else:
            columns.append(table[name].to_numpy(dtype=float, na_value=np.nan))
    return np.column_stack(columns)


def xgboost_trees(model):
    """Return XGBoost's trees of numbers without what it adds to them."""
    booster = model.get_booster()
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    last = getattr(model, "best_iteration", None) if hasattr(model, "best_iteration") else None
    trees = trees if last is None else trees[: last + 1]
    nodes = []
    for tree in trees:
        if any(tree.get("split_type", ())):
            return None  # its categories are read by enumeration or sampling
        left = np.asarray(tree["left_children"])
        condition = np.asarray(tree["split_conditions"], dtype=np.float32)
        # below the threshold there is at most the number before it here
        below = np.nextafter(condition, np.float32(-np.inf)).astype(float)
        nodes.append(
            {
                "feature": np.asarray(tree["split_indices"]),
                "threshold": below,
                "left": left,
                "right": np.asarray(tree["right_children"]),
                "missing_left": np.asarray(tree["default_left"], dtype=bool),
                "value": np.where(left < 0, condition.astype(float), 0.0),
            }
        )
    return Form(0.0, (Term(1.0, Encoder(as_single), join_trees(nodes)),), _SINGLE)
