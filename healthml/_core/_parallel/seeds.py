"""Seeds for the parts of an estimator that have none."""


def unseeded(estimator):
    """Return the names of the `random_state` parameters, at any depth, that are None."""
    return tuple(
        name
        for name, value in estimator.get_params(deep=True).items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    )


def seeded(model, seed):
    """Give `seed` to every `random_state` of an estimator and its parts that is None.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> seeded(LogisticRegression(), 7).random_state
    7
    """
    names = unseeded(model)
    return model.set_params(**dict.fromkeys(names, seed)) if names else model
