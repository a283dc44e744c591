"""Public clinical tables: downloaded once, checked against known bytes, kept, with their roles."""

import logging
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pandas as pd

from healthml._core._tables import read_file
from healthml.exceptions import InputError, ReadError
from healthml.schema import Schema

_UCI = "https://archive.ics.uci.edu"
_HEART = f"{_UCI}/ml/machine-learning-databases/heart-disease"
_SECONDS = 60  # a server is given to answer; by judgement


@dataclass(frozen=True)
class SourceFile:
    """A file of a public table: its name here, its address and the SHA-256 of its bytes."""

    name: str
    url: str
    sha256: str


# As the archive served them in 2026. A file that differs is refused: a changed table would change
# every number that was published of it.
FILES = {
    "support2": (
        SourceFile(
            "support2.csv",
            f"{_UCI}/static/public/880/data.csv",
            "9da794bbd5c3a6a816e677cc17535e58c122d9ef4cbefd404489330a9f9cd2de",
        ),
    ),
    "diabetes130": (
        SourceFile(
            "diabetes130.zip",
            f"{_UCI}/static/public/296/diabetes+130-us+hospitals+for+years+1999-2008.zip",
            "f82ac129da2ddd2299391ff6fbae3a6a58b3edcf59ac9d7bd480c00fe453112a",
        ),
    ),
    "heart_disease": (
        SourceFile(
            "processed.cleveland.data",
            f"{_HEART}/processed.cleveland.data",
            "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
        ),
        SourceFile(
            "processed.hungarian.data",
            f"{_HEART}/processed.hungarian.data",
            "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796",
        ),
        SourceFile(
            "processed.switzerland.data",
            f"{_HEART}/processed.switzerland.data",
            "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314",
        ),
        SourceFile(
            "processed.va.data",
            f"{_HEART}/processed.va.data",
            "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f",
        ),
    ),
}

_HEART_COLUMNS = [
    "age",
    "sex",
    "cp",
    "trestbps",
    "chol",
    "fbs",
    "restecg",
    "thalach",
    "exang",
    "oldpeak",
    "slope",
    "ca",
    "thal",
    "num",
]
# Known after day 3, on which the study's own model predicts, or because of the outcome
_SUPPORT_LATER = [
    "death",
    "slos",
    "d.time",
    "hday",
    "sfdm2",
    "charges",
    "totcst",
    "totmcst",
    "avtisst",
    "dnr",
    "dnrday",
]


@dataclass(frozen=True, repr=False, eq=False)
class PublicTable:
    """A public table with the roles of its columns and its source; made by ``fetch_*``.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows as they were published; missing cells are missing, nothing else is changed.
    schema : Schema
        What is known of the columns: ``healthml.audit(None, x.frame, schema=x.schema)``.
    citation, licence, source : str
        Whom to cite, on which terms, and where it came from.
    """

    frame: pd.DataFrame
    schema: Schema
    citation: str
    licence: str
    source: str

    def to_frame(self):
        """Return a copy of the table."""
        return self.frame.copy()

    def __repr__(self):
        rows, columns = self.frame.shape
        return (
            f"PublicTable of {rows:,} rows and {columns} columns, outcome "
            f"{self.schema.outcome!r}. Cite: {self.citation} {self.licence}, {self.source}"
        )


def fetch_support2(*, data_home=None, mirror=None, download=True):
    """Fetch SUPPORT2: 9,105 seriously ill adults in five US centres, 1989 to 1994.

    One row is one patient. The outcome is death in hospital (25.9%). What became known after day 3,
    or because of the outcome, is declared in the schema as such [1]_.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder in which files are kept; by default the one that the system gives to caches, or the
        environment variable ``HEALTHML_DATA``.
    mirror : str, default=None
        Address of a folder on another server that holds the same files under the names
        that an error names; the bytes are checked all the same.
    download : bool, default=True
        Whether a file that is not there may be fetched.

    Returns
    -------
    PublicTable
        With `frame` and `schema`.

    Raises
    ------
    ReadError
        If the file can be neither found nor fetched, or its bytes are not the known ones.
    InputError
        If the package pooch, which fetches and checks, is not installed.

    See Also
    --------
    fetch_diabetes130 : Many encounters of a patient.
    fetch_heart_disease : Four hospitals.
    make_ehr_cohort : Simulated patients, without a network.

    References
    ----------
    .. [1] Knaus WA, Harrell FE, Lynn J, et al. The SUPPORT prognostic model. Ann Intern Med.
       1995;122:191-203.

    Examples
    --------
    >>> from healthml.datasets import fetch_support2
    >>> from healthml.exceptions import ReadError
    >>> try:
    ...     patients = fetch_support2(data_home="an empty folder", download=False)
    ... except ReadError as error:
    ...     print(str(error).partition(",")[0])
    support2.csv is not in 'an empty folder'

    With a network, ``fetch_support2().frame`` is the table.
    """
    (path,) = _files("support2", data_home, mirror, download)
    schema = Schema(
        outcome="hospdead",
        identifier="id",
        sensitive=("sex", "race"),
        known_after=_SUPPORT_LATER,
        prediction_time="third day in hospital",
    )
    return PublicTable(
        read_file(path),
        schema,
        "Knaus WA, et al. The SUPPORT prognostic model. Ann Intern Med. 1995;122:191-203.",
        "CC BY 4.0",
        f"{_UCI}/dataset/880",
    )


def fetch_diabetes130(*, data_home=None, mirror=None, download=True):
    """Fetch 101,766 encounters of 71,518 patients with diabetes in 130 US hospitals, 1999 to 2008.

    One row is one stay in hospital. The outcome is another admission within 30 days (11.2%). The
    answer "None" of the laboratory columns ("not measured") stays text; ``?`` is missing. Stays
    that ended in death (``discharge_disposition_id`` 11, 19, 20, 21) cannot be readmitted: they are
    in the table, as published, and leaving them in teaches a model that the dead are at low
    risk [1]_.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder in which files are kept; by default the one that the system gives to caches, or the
        environment variable ``HEALTHML_DATA``.
    mirror : str, default=None
        Address of a folder on another server that holds the same files under the names
        that an error names; the bytes are checked all the same.
    download : bool, default=True
        Whether a file that is not there may be fetched.

    Returns
    -------
    PublicTable
        With `frame` and `schema`.

    Raises
    ------
    ReadError
        If the file can be neither found nor fetched, or its bytes are not the known ones.
    InputError
        If the package pooch, which fetches and checks, is not installed.

    See Also
    --------
    fetch_support2 : One row a patient, many columns known too late.
    fetch_heart_disease : Four hospitals.

    References
    ----------
    .. [1] Strack B, DeShazo JP, Gennings C, et al. Impact of HbA1c measurement on hospital
       readmission rates. Biomed Res Int. 2014;2014:781670.

    Examples
    --------
    >>> from healthml.datasets import fetch_diabetes130
    >>> from healthml.exceptions import ReadError
    >>> try:
    ...     stays = fetch_diabetes130(data_home="an empty folder", download=False)
    ... except ReadError as error:
    ...     print(str(error).partition(",")[0])
    diabetes130.zip is not in 'an empty folder'
    """
    (path,) = _files("diabetes130", data_home, mirror, download)
    schema = Schema(
        outcome="readmitted",
        event="<30",
        patient="patient_nbr",
        identifier="encounter_id",
        sensitive=("race", "gender", "age"),
        prediction_time="discharge",
    )
    with TemporaryDirectory() as folder, ZipFile(path) as archive:
        table = read_file(archive.extract("diabetic_data.csv", folder), missing=["?"])
    return PublicTable(
        table,
        schema,
        "Strack B, et al. Impact of HbA1c measurement. Biomed Res Int. 2014;2014:781670.",
        "CC BY 4.0",
        f"{_UCI}/dataset/296",
    )


def fetch_heart_disease(*, data_home=None, mirror=None, download=True):
    """Fetch the heart disease tables of four hospitals, pooled, each row with its site.

    920 patients in Cleveland, Budapest, Zurich and Basel, and Long Beach. The outcome is coronary
    disease at angiography, ``num > 0`` (55.3%). A cholesterol of 0 is a missing one, and is in the
    table as published [1]_.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder in which files are kept; by default the one that the system gives to caches, or the
        environment variable ``HEALTHML_DATA``.
    mirror : str, default=None
        Address of a folder on another server that holds the same files under the names
        that an error names; the bytes are checked all the same.
    download : bool, default=True
        Whether a file that is not there may be fetched.

    Returns
    -------
    PublicTable
        With `frame` and `schema`.

    Raises
    ------
    ReadError
        If a file can be neither found nor fetched, or its bytes are not the known ones.
    InputError
        If the package pooch, which fetches and checks, is not installed.

    See Also
    --------
    fetch_support2 : One row a patient, many columns known too late.
    fetch_diabetes130 : Many encounters of a patient.

    References
    ----------
    .. [1] Detrano R, Janosi A, Steinbrunn W, et al. International application of a new probability
       algorithm for the diagnosis of coronary artery disease. Am J Cardiol. 1989;64:304-310.

    Examples
    --------
    >>> from healthml.datasets import fetch_heart_disease
    >>> from healthml.exceptions import ReadError
    >>> try:
    ...     patients = fetch_heart_disease(data_home="an empty folder", download=False)
    ... except ReadError as error:
    ...     print(str(error).partition(",")[0])
    processed.cleveland.data is not in 'an empty folder'
    """
    parts = []
    for path in _files("heart_disease", data_home, mirror, download):
        part = pd.read_csv(path, header=None, names=_HEART_COLUMNS, na_values=["?", "-9", "-9.0"])
        part.insert(0, "site", path.name.split(".")[1])
        parts.append(part)
    schema = Schema(outcome="num", event=">0", site="site", sensitive=("sex", "age"))
    return PublicTable(
        pd.concat(parts, ignore_index=True),
        schema,
        "Janosi A, Steinbrunn W, Pfisterer M, Detrano R. Heart disease. 1989.",
        "CC BY 4.0",
        f"{_UCI}/dataset/45",
    )


def _files(name, data_home, mirror, download):
    """Return the paths of a table's files, each checked."""
    pooch = _pooch()
    home = Path(data_home) if data_home is not None else _home(pooch)
    return [_file(pooch, source, home, mirror, download) for source in FILES[name]]


def _pooch():
    try:
        import pooch
    except ImportError as error:
        raise InputError(
            "fetch_* needs pooch, which fetches files and checks them: pip install "
            "'healthml[datasets]'."
        ) from error
    return pooch


def _home(pooch):
    return Path(os.environ.get("HEALTHML_DATA") or pooch.os_cache("healthml"))


def _file(pooch, source, home, mirror, download):
    path = home / source.name
    url = source.url if mirror is None else f"{str(mirror).rstrip('/')}/{source.name}"
    if not download and not path.is_file():
        raise ReadError(
            f"{source.name} is not in {str(home)!r}, and download=False; put it there, from "
            f"{source.url}, or let it be fetched."
        )
    try:
        if path.is_file() and not download:
            _check_bytes(pooch, path, source)
            return path
        with _quiet(pooch):
            fetched = pooch.retrieve(
                url,
                known_hash=f"sha256:{source.sha256}",
                fname=source.name,
                path=home,
                downloader=pooch.HTTPDownloader(timeout=_SECONDS),
            )
    except ValueError as error:
        raise ReadError(_OTHER_BYTES.format(name=source.name, place=url)) from error
    except OSError as error:  # what requests raises is one too
        raise ReadError(
            f"{source.name} could not be fetched from {url} ({type(error).__name__}); check the "
            f"network, name a mirror, or put the file into {str(home)!r} yourself."
        ) from error
    return Path(fetched)


_OTHER_BYTES = (
    "{name} from {place} is not the file that is known here (its SHA-256 differs), and was not "
    "used; delete it and fetch it again, or report that the source has changed."
)


def _check_bytes(pooch, path, source):
    if pooch.file_hash(str(path), alg="sha256") != source.sha256:
        raise ReadError(_OTHER_BYTES.format(name=source.name, place=repr(str(path))))


@contextmanager
def _quiet(pooch):
    """Keep pooch from printing; what matters is raised."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
