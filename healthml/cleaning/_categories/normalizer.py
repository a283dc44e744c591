"""Categories written one way: Unicode, spaces, case, synonyms and typing errors."""

import numpy as np

from healthml._core._checks import as_tuple
from healthml._core._routing import clear_errors
from healthml.cleaning._categories.columns import (
    TextColumn,
    is_wide,
    kind_of,
    needs_look,
    read_columns,
    text_levels,
)
from healthml.cleaning._categories.dependencies import DEPENDENCY, SMUDGE, as_table
from healthml.cleaning._categories.levels import (
    CASE,
    INVISIBLE,
    SPACES,
    SYNONYM,
    TYPO,
    LevelPlan,
)
from healthml.cleaning._categories.rounds import Round, learn_round
from healthml.cleaning._columns import factorized, is_text, variables_of
from healthml.cleaning._record import CellCleaner, Change
from healthml.exceptions import InputError

UNSEEN, CODED, UNREADABLE = "unseen_level", "coded_level", "unreadable_level"
# Passes over the table; each uses what the last repaired. It bounds the time.
MOST_ROUNDS = 4
_WHY = {
    INVISIBLE: ("note", "invisible or non-breaking characters"),
    SPACES: ("note", "spare spaces"),
    CASE: ("note", "differs from the commoner writing only by case, width or form of accents"),
    SYNONYM: ("note", "another spelling of a level in use"),
    TYPO: ("error", "one typing error per word from a level that is at least ten times as common"),
    SMUDGE: ("error", "characters replaced by a mark that damages the whole table; one level fits"),
    DEPENDENCY: (
        "error",
        "other columns determine another level, for which this is a typing error",
    ),
}


@clear_errors
class CategoryNormalizer(CellCleaner):
    """Write each level of a category one way, and repair typing errors only on strong evidence.

    Parameters
    ----------
    schema : Schema, default=None
        Declared vocabularies (never changed, and what errors are traced to), kinds, identifiers.
    synonyms : dict, default=None
        The user's own, ``{column: {writing: level}}``; the shipped ones (sex, smoking, race, yes
        and no, test result, vital status, side, marital status) are used where the levels of a
        column are recognised as such.
    typos : bool, default=True
        Repair typing errors.
    dependencies : {"learn", None}, default="learn"
        Learn at fit which columns determine others (a hospital its town) and repair a cell that
        both differs from what its determinants say and is near it; None does not look.

    Attributes
    ----------
    record_ : CleaningRecord
        Rules: ``invisible_characters``, ``spaces``, ``case``, ``synonym`` (repaired, note);
        ``typo``, ``dependency``, ``smudge`` (repaired, error); ``coded_level`` (a number among
        named levels, whose meaning is never guessed), ``unreadable_level``, ``unseen_level`` (not
        in the training rows) are flagged, to be verified.
    kinds_ : dict
        What each text column was taken for: "closed" (a category), "open" (names, identifiers,
        free text: only invisible characters go), "number" (left to other steps).
    dependencies_ : pandas.DataFrame
        The dependencies: determinant, dependent, share of rows in which they hold, groups, rows.
    mark_ : str or None
        A character that replaces others all over the table, where one was found.
    concepts_ : dict
        Columns whose levels were recognised as a shipped concept.

    Raises
    ------
    InputError
        If `dependencies` is unknown, or `synonyms` are no mapping or name a column X does not have.

    See Also
    --------
    CodeChecker : Diagnosis and laboratory codes.

    Notes
    -----
    A typing error is one letter too many, too few, wrong or exchanged in a word of four or more
    letters (a wrong letter: five), never the first one, in a level of at most a tenth of the rows
    of the level it is an error for (lower Wilson bound of its share at most 2%). None is repaired
    where a tenth of the rows lie in rare levels or more than 50 levels are common (an open
    vocabulary: places, drugs), or where common levels are near one another. A word of the
    dictionary is never rewritten. Levels differing in digits, signs, Roman numerals, opposites
    (hypo and hyper), negations or by a listed pair of real words never merge, nor do two declared
    words. It fails where a real rare level is one letter away from a common one and in no
    dictionary (a name, another language): declare a vocabulary.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import CategoryNormalizer
    >>> sex = ["male"] * 60 + ["female"] * 50 + ["MALE", "F", "femlae"]
    >>> normalizer = CategoryNormalizer()
    >>> normalizer.fit_transform(pd.DataFrame({"sex": sex})).tail(3)["sex"].tolist()
    ['male', 'female', 'female']
    >>> sorted(normalizer.record_.counts()["rule"])
    ['case', 'synonym', 'typo']
    """

    def __init__(self, schema=None, *, synonyms=None, typos=True, dependencies="learn"):
        self.schema = schema
        self.synonyms = synonyms
        self.typos = typos
        self.dependencies = dependencies

    def _learn(self, frame, y):
        self._check_parameters(frame)
        columns = self._columns(frame)
        fresh = {name: (column.codes, column.levels) for name, column in columns.items()}
        variables = variables_of(self.schema)
        self.kinds_ = {
            name: kind_of(
                name, column.levels, column.counts, variables.get(name), self._is_identifier(name)
            )
            for name, column in columns.items()
        }
        vocabularies = {
            name: [str(word) for word in variables[name].vocabulary]
            for name in columns
            if name in variables and variables[name].vocabulary
        }
        self._wide_ = [n for n in frame.columns if frame.of(n, is_text) and n not in columns]
        self._rounds_ = self._learn_rounds(columns, vocabularies)
        last = self._rounds_[-1]
        self._known_ = {
            name: set(column.level_counts())
            for name, column in columns.items()
            if name in last.plans and last.plans[name].closed
        }
        first = self._rounds_[0]
        learnt = [] if first.contradictions is None else first.contradictions.by_column.values()
        self.dependencies_ = as_table([d for dependencies in learnt for d in dependencies])
        self.mark_ = None if first.smudges is None else first.smudges.mark
        self.concepts_ = {name: plan.concept for name, plan in last.plans.items() if plan.concept}
        return fresh

    def _learn_rounds(self, columns, vocabularies):
        rounds = []
        while len(rounds) < MOST_ROUNDS:
            before = {name: column.codes for name, column in columns.items()}
            step = learn_round(
                columns,
                self.kinds_,
                synonyms=self.synonyms or {},
                vocabularies=vocabularies,
                typos=self.typos,
                dependencies=self.dependencies == "learn",
            )
            rounds.append(step)
            if all(columns[name].codes is codes for name, codes in before.items()):
                break
        return rounds

    def _columns(self, frame):
        """Return the text columns that may hold categories as {name: TextColumn}."""
        names = [n for n in frame.columns if frame.of(n, is_text)]
        return read_columns(frame, [n for n in names if not is_wide(frame[n], n)])

    def _fitted_columns(self, frame, fresh):
        if fresh is None:
            return read_columns(frame, [n for n in self.kinds_ if frame.of(n, is_text)])
        return {name: TextColumn(name, *parts) for name, parts in fresh.items()}

    def _changes(self, frame, prepared=None):
        columns = self._fitted_columns(frame, prepared)
        for name in self._wide_:
            if frame.of(name, is_text) and needs_look(frame[name]):
                levels = frame.of(name, text_levels, factorized)
                column = TextColumn(name, *(levels or ([], [])))
                Round({name: LevelPlan(is_open=True)}).apply({name: column})
                yield from _repairs(column)
        for step in self._rounds_:
            step.apply(columns)
        for column in columns.values():
            yield from _repairs(column)
            yield from self._flags(column)

    def _flags(self, column):
        name, smudges = column.name, self._rounds_[0].smudges
        plan = self._rounds_[-1].plans.get(name)
        why, mark = {}, None if smudges is None else smudges.mark
        if mark is None and name not in self._known_:
            return
        for i, level in enumerate(column.levels):
            if name in self.concepts_ and level.isdigit():
                why.setdefault(CODED, []).append(i)
            elif mark is not None and smudges.read(name, level) is None:
                why.setdefault(UNREADABLE, []).append(i)
            elif level not in self._known_.get(name, {level}) and not plan.rewrite([level])[0][2]:
                why.setdefault(UNSEEN, []).append(i)
        for rule, levels in why.items():
            wanted = np.zeros(len(column.levels) + 1, dtype=bool)
            wanted[levels] = True
            rows = np.flatnonzero(wanted[column.codes])
            evidence = _FLAG_EVIDENCE[rule].format(len(self._known_.get(name, ())))
            yield Change(name, rule, rows, None, "flagged", "verify", evidence)

    def _is_identifier(self, name):
        schema = self.schema
        roles = (getattr(schema, role, None) for role in ("patient", "identifier"))
        return name in {column for role in roles for column in as_tuple(role)}

    def _check_parameters(self, frame):
        if self.dependencies not in ("learn", None):
            raise InputError(f"dependencies={self.dependencies!r} is unknown; use 'learn' or None.")
        for column, writings in (self.synonyms or {}).items():
            if not isinstance(writings, dict):
                raise InputError(
                    f"synonyms[{column!r}] is no mapping; write {{column: {{writing: level}}}}."
                )
            if column not in frame.columns:
                raise InputError(
                    f"synonyms name the column {column!r}, which X does not have; correct the name."
                )


_FLAG_EVIDENCE = {
    CODED: "a number among named levels; its meaning is not guessed, declare it in synonyms",
    UNREADABLE: "characters are lost and several levels fit",
    UNSEEN: "not among the {} levels of the training rows, nor a typing error for one",
}


def _repairs(column):
    left = column.rows_changed()
    for rule in reversed(_WHY):
        mask = column.rules.get(rule)
        if mask is None or not (rows := np.flatnonzero(left & mask)).size:
            continue
        left &= ~mask
        severity, why = _WHY[rule]
        new = np.array(column.levels, dtype=object)[column.codes[rows]].tolist()
        yield Change(column.name, rule, rows, new, "repaired", severity, why)
