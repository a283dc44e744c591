"""Metadata of a meta-estimator's `fit` on its way to the inner model, with routing off and on."""

from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import has_fit_parameter

from healthml.exceptions import InputError


class RoutesFit:
    """A meta-estimator whose `fit` hands metadata to the `fit` of its `estimator`."""

    def get_metadata_routing(self):
        """Return what is requested here and by the inner model.

        Returns
        -------
        MetadataRouter
        """
        fit_to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=fit_to_fit)


def inner_fit_params(owner, *, groups=None, sample_weight=None, **params):
    """Return the keywords that the `fit` of a meta-estimator's `estimator` gets.

    With metadata routing the requests decide. Without, patients and weights go where `fit` takes
    them, at the end of a Pipeline too; weights that nothing takes are refused.

    Parameters
    ----------
    owner : estimator
        The meta-estimator; its inner model is `estimator`.
    groups, sample_weight : array-like of shape (n_samples,), optional
        Patient and weight of each row.
    **params : dict
        Further metadata.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If weights are given and the inner model takes none.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from sklearn.linear_model import Ridge
    >>> from healthml._core._routing import inner_fit_params
    >>> owner = SimpleNamespace(estimator=Ridge())
    >>> inner_fit_params(owner, groups=[1, 2], sample_weight=[1.0, 2.0])
    {'sample_weight': [1.0, 2.0]}
    """
    given = {"groups": groups, "sample_weight": sample_weight, **params}
    given = {name: value for name, value in given.items() if value is not None}
    if get_config()["enable_metadata_routing"]:
        return dict(process_routing(owner, "fit", **given)["estimator"]["fit"]) if given else {}
    for name in ("groups", "sample_weight"):
        if name in given:
            value, keyword = given.pop(name), fit_keyword(owner.estimator, name)
            if keyword is not None:
                given[keyword] = value
            elif name == "sample_weight":
                kind = type(owner.estimator).__name__
                raise InputError(f"{kind} takes no sample_weight; leave it out.")
    return given


def fit_keyword(model, name):
    """Return the keyword by which a model's `fit` takes `name`, or None.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from healthml._core._routing import fit_keyword
    >>> fit_keyword(make_pipeline(LogisticRegression()), "sample_weight")
    'logisticregression__sample_weight'
    """
    prefix = ""
    while not has_fit_parameter(model, name):
        if not isinstance(model, Pipeline):
            return None
        prefix += f"{model.steps[-1][0]}__"
        model = model.steps[-1][1]
    return prefix + name
