"""What a column's name suggests: a hint to be confirmed, never a decision.

The words are general English and clinical ones. A name is cut at separators, digits and capitals
(``d.time``, ``losDays``); names written as one word (``dischargeweight``) are searched for words
that are long enough, or cut into known parts (``hosp`` + ``los``).
"""

import re
from functools import lru_cache

_CUT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def _words(text):
    return tuple(text.split())


# Known only after the prediction. LATER_STEMS may stand anywhere in a word; LATER_PHRASES
# anywhere in the name without its separators; LATER_WORDS are whole words or glued to LATER_GLUE.
LATER_STEMS = _words(
    "discharge dischg dischrg mortality death deceas autops necrops postmortem readmi rehospitali "
    "survival surviv fatalit posthospital hospice palliat"
)
LATER_PHRASES = _words(
    "followup lengthofstay lengthstay staylength stayduration durationofstay timeinhospital "
    "timeinicu daysinhospital daysinicu hospitaldays hospdays icudays ventdays ventilatordays "
    "freedays timetoevent daystoevent eventtime vitalstatus lifestatus exitstatus finalstatus "
    "laststatus lastcontact lastalive transferout causeofdeath postop finaldiagnosis reoperation "
    "reintubation outtime comfortcare comfortmeasure onfile"
)
LATER_WORDS = _words(
    "los died dead mort dod expire expired dnr cost costs cst charge charges payment payments paid "
    "reimbursement billed billing claims outcome disposition drg relapse recurrence progression "
    "complication complications censored censoring censor followup fup fatal disch dsch futime "
    "recur recurred relapsed "
    "fustat fudays lstdte lstdt lastdte lastdt lastfu"
)
LATER_GLUE = _words(
    "hospital hosp icu ccu unit ward ed in on at of the actual total tot sum study inpatient day "
    "days date time times hours year years flag ind indicator yn code amount usd within observed "
    "unabridged patient"
)
LATER_LEVELS = ("followup", "death", "deceas", "mortality")  # inside the text of a level
# known at discharge, which is when a readmission is usually predicted
_AT_DISCHARGE = frozenset(
    [
        "discharge",
        "dischg",
        "dischrg",
        "disch",
        "dsch",
        "disposition",
        "los",
        "drg",
        "timeinhospital",
        "timeinicu",
        "lengthofstay",
        "hospitaldays",
        "hospdays",
        "charge",
        "charges",
        "cost",
        "costs",
        "cst",
        "icudays",
        "ventdays",
    ]
)
# "status" counts only alone: smoking status and marital status are known before
_ALONE = {("status",), ("d", "time"), ("d", "date"), ("d", "day"), ("d", "days")}
_ABBREVIATION = re.compile(r"[bcdfghj-np-tv-z]{1,4}")  # no vowel: hspx + los

# Whole names of a bare time, and what stands before "time" in abbreviations of a follow-up (days to
# death, relapse-free, progression-free, overall survival). A prothrombin or a waiting time is none.
FOLLOW_UP_TIMES = frozenset(_words("time times days months stop tstop stoptime"))
FOLLOW_UP_STARTS = frozenset(
    _words(
        "s d r p f t fu os pg pfs rfs dfs efs dss mfs ttf ttp surv obs event exit end stop last "
        "relapse progression"
    )
)

# Words that make a name mean something known before, or another thing altogether.
EARLIER = _words("prior previous previously prev past history hx family before since earlier old")
FORECAST = re.compile(r"pred(?!is|ia|ni|ea|om)|expected$|forecast|(risks?|prob|proba|probability)$")
OTHER_SENSE = _words(
    "vaginaldischarge nippledischarge nasaldischarge eardischarge eyedischarge wounddischarge "
    "urethraldischarge predischarge deadspace expiredco expiredair expiredvolume expiredtidal "
    "nonfatal"
)

# What is counted as it happens, so that a count may hold what came after the prediction.
COUNTED = _words(
    "visit encounter contact admission stay hospitalization hospitalisation appointment "
    "consultation measurement test exam scan image prescription claim besuch kontakt aufenthalt"
)
# a count of a stated time
_WITHIN = _words("last year years month months week weeks baseline day days")

ROLE_WORDS = {
    "sensitive": _words(
        "sex gender race ethnicity ethnic ethnicgroup age agegroup ageband agecat insurance payer "
        "payor language religion marital maritalstatus nationality income citizenship ancestry "
        "deprivation socioeconomic disability"
    ),
    "patient": _words("patient subject person participant member beneficiary pat pt pid mrn"),
    "visit": _words("encounter visit stay admission hadm episode specimen sample result"),
    "id": _words("id ids nbr mrn uuid guid uid pid identifier key rowid no number num nr"),
    "name": _words(
        "surname lastname firstname fullname patientname email phone telephone address ssn mrn"
    ),
    "date": _words("date datetime timestamp year admittime admissiontime admitdate"),
    "start": _words("admission admit index encounter visit enrolment enrollment prediction"),
    "birth": _words("birth dob birthdate birthday born"),
    "score": _words("risk score prob pred surv mortality apache saps sofa model estimate prg"),
    "outcome": _words(
        "outcome target label y event response endpoint disease diseased readmitted readmission "
        "readmit died death dead mortality expired expire deceased"
    ),
}
_LONG_WORD = 4  # words this long are also found inside a name written as one word
_ID_ENDING = re.compile(
    r"(patient|subject|person|hospital|clinic|site|center|centre|facility|ward|unit|stay|visit|"
    r"encounter|admission|case|record|row|sample|study|hadm|member|results?|var|unique|event)s?p?id"
)
_SITE_NAME = re.compile(
    r"(hospital|hosp|site|center|centre|facility|institution|clinic|practice|trust|ward|unit|"
    r"department)(id|ids|code|name|nr|no|nbr|num|number|key|label)?"
)


@lru_cache(maxsize=4096)
def name_words(column):
    """Cut a column's name into lower-case words.

    Parameters
    ----------
    column : str
        Name of a column.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import name_words
    >>> name_words("d.time"), name_words("hospitalStayDays"), name_words("surv2m")
    (('d', 'time'), ('hospital', 'stay', 'days'), ('surv', '2', 'm'))
    """
    return tuple(word.lower() for word in _CUT.findall(str(column)))


def later_hint(column, levels=()):
    """Return the word by which a name or a level is known only after the prediction, or None.

    Parameters
    ----------
    column : str
        Name of a column.
    levels : iterable of str, default=()
        Levels of a categorical column, searched only when the name says nothing.

    Returns
    -------
    str or None
        The matched word.

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import later_hint
    >>> later_hint("dischargeweight"), later_hint("hosplos"), later_hint("hospitalid")
    ('discharge', 'los', None)
    >>> later_hint("sfdm2", levels=["adl>=4", "<2 mo. follow-up"])
    'followup'
    """
    in_name = _later_in_name(str(column))
    if in_name is not None:
        return in_name
    return next((hint for hint in map(_later_in_level, levels) if hint), None)


def follow_up_hint(column):
    """Return the word by which a name may mean the time that a patient was followed, or None.

    A bare "time" or "days" says less than the words of `later_hint`: it may be the time since
    something. It is a hint only for a column of numbers.

    Parameters
    ----------
    column : str
        Name of a column.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import follow_up_hint
    >>> follow_up_hint("rfstime"), follow_up_hint("days"), follow_up_hint("pg.time")
    ('rfstime', 'days', 'pgtime')
    >>> follow_up_hint("protime"), follow_up_hint("wait_time"), follow_up_hint("days_since_op")
    (None, None, None)
    """
    joined = "".join(name_words(column))
    begins, found, after = joined.partition("time")
    glued = found and not after and begins in FOLLOW_UP_STARTS
    return joined if glued or joined in FOLLOW_UP_TIMES else None


def known_at_discharge(word, outcome):
    """Say whether a word of `later_hint` is known in time because the outcome is a readmission.

    Parameters
    ----------
    word : str
        The matched word.
    outcome : str or None
        Name of the outcome's column.

    Returns
    -------
    bool

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import known_at_discharge
    >>> known_at_discharge("los", "readmitted"), known_at_discharge("los", "hospdead")
    (True, False)
    """
    return bool(outcome) and later_hint(outcome) == "readmi" and word in _AT_DISCHARGE


def counted_hint(column):
    """Return the word by which a name counts visits or tests up to an unknown day, or None.

    Parameters
    ----------
    column : str
        Name of a column.

    Returns
    -------
    str or None
        None where a word says that they lie before, or within which time.

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import counted_hint
    >>> counted_hint("n_visits"), counted_hint("prior_visits"), counted_hint("visit_date")
    ('visits', None, None)
    """
    words = name_words(column)
    if any(word in EARLIER or word in _WITHIN for word in words):
        return None
    if "count" in words or "number" in words or words[:1] in (("n",), ("num",), ("no",)):
        counted = (word for word in words if word.rstrip("s") in COUNTED or word in COUNTED)
    else:
        counted = (word for word in words if word.endswith("s") and word.rstrip("s") in COUNTED)
    return next(counted, None)


def has_word(column, role):
    """Return the first word of a name that belongs to a role of `ROLE_WORDS`, or None.

    Parameters
    ----------
    column : str
        Name of a column.
    role : str
        A key of `ROLE_WORDS`.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import has_word
    >>> has_word("Payer_Code", "sensitive"), has_word("stage", "sensitive")
    ('payer', None)
    """
    words = name_words(column)
    known = ROLE_WORDS[role]
    joined = "".join(words)
    return joined if joined in known else next((word for word in words if word in known), None)


def contains_word(column, role):
    """Return a word of a role that stands anywhere in a name, also inside a longer word, or None.

    Parameters
    ----------
    column : str
        Name of a column.
    role : str
        A key of `ROLE_WORDS`.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import contains_word
    >>> contains_word("diedinhospital", "outcome"), contains_word("key", "outcome")
    ('died', None)
    """
    joined = "".join(name_words(column))
    inside = (word for word in ROLE_WORDS[role] if len(word) >= _LONG_WORD and word in joined)
    return has_word(column, role) or next(inside, None)


def id_hint(column):
    """Return the part of a name that says identifier, or None.

    Parameters
    ----------
    column : str
        Name of a column.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import id_hint
    >>> id_hint("patient_nbr"), id_hint("uniquepid"), id_hint("steroid"), id_hint("num_meds")
    ('nbr', 'uniquepid', None, None)
    """
    words = name_words(column)
    hint = has_word(column, "name")
    if hint is None and words and words[-1] in ROLE_WORDS["id"] and words != ("num",):
        hint = words[-1]
    joined = "".join(words)
    return hint or (joined if re.search(_ID_ENDING.pattern + "$", joined) else None)


def site_hint(column):
    """Return the word by which a name means the place of care, or None.

    Parameters
    ----------
    column : str
        Name of a column.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import site_hint
    >>> site_hint("hospitalid"), site_hint("ward_name"), site_hint("hospital_stay")
    ('hospital', 'ward', None)
    """
    match = _SITE_NAME.fullmatch("".join(name_words(column)))
    return match[1] if match else None


def score_hint(column):
    """Return the word by which a name means a predicted risk or a score, or None.

    Parameters
    ----------
    column : str
        Name of a column.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml._core._knowledge.name_hints import score_hint
    >>> score_hint("surv2m"), score_hint("predictedicumortality"), score_hint("sodium")
    ('surv', 'pred', None)
    """
    words = name_words(column)
    starts = ("pred", *ROLE_WORDS["score"])
    return next((w for w in starts if any(word.startswith(w) for word in words)), None)


def _later_in_name(column):
    words = name_words(column)
    joined = "".join(words)
    if set(words) & set(EARLIER) or any(sense in joined for sense in OTHER_SENSE):
        return None
    if any(FORECAST.match(word) for word in words):
        return None
    if words in _ALONE:
        return " ".join(words)
    phrase = next((phrase for phrase in LATER_PHRASES if phrase in joined), None)
    stem = next((stem for word in words for stem in LATER_STEMS if stem in word), None)
    glued = (_glued_word(word) for word in (*words, joined))
    return phrase or stem or next(filter(None, glued), None)


def _later_in_level(level):
    joined = "".join(name_words(level))
    return next((part for part in LATER_LEVELS if part in joined), None)


@lru_cache(maxsize=4096)
def _glued_word(word):
    """Return the later word that a single word is, or is made of together with known parts."""
    for later in LATER_WORDS:
        at = word.find(later)
        if at < 0:
            continue
        before, after = word[:at], word[at + len(later) :]
        short = (later == "los" and _ABBREVIATION.fullmatch(before)) or later == "cst"
        if (short and not after) or (_is_glue(before) and _is_glue(after)):
            return later
    return None


def _is_glue(text):
    return text == "" or any(
        text.startswith(part) and _is_glue(text[len(part) :]) for part in LATER_GLUE
    )
