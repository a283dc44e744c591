"""One pass over a table's categories: levels first, then what other columns say, then the mark."""

from dataclasses import dataclass, field

from healthml.cleaning._categories.columns import is_code_name
from healthml.cleaning._categories.dependencies import (
    DEPENDENCY,
    SMUDGE,
    Contradictions,
    learn_dependencies,
)
from healthml.cleaning._categories.levels import TYPO, LevelPlan, learn_levels
from healthml.cleaning._categories.smudges import Smudges, learn_mark
from healthml.cleaning._columns import tidy


@dataclass
class Round:
    """What one pass learnt; `apply` repeats it on any rows."""

    plans: dict = field(default_factory=dict)
    contradictions: Contradictions | None = None
    smudges: Smudges | None = None

    def apply(self, columns):
        """Rewrite the columns (a dict of TextColumn) in place."""
        self._rewrite_levels(columns)
        if self.contradictions is not None:
            self._settle_contradictions(columns)

    def _rewrite_levels(self, columns):
        for name, plan in self.plans.items():
            if name not in columns:
                continue
            rewritten = plan.rewrite(columns[name].levels)
            if any(rule is not None for _, rule, _ in rewritten):
                levels, rules, _ = zip(*rewritten, strict=True)
                columns[name].relabel(list(levels), list(rules))

    def _settle_contradictions(self, columns):
        mark = self.smudges.mark
        repairs = [
            (column, usual, rows)
            for column in columns.values()
            for _, usual, rows in self.contradictions.of(column, columns, mark)
        ]
        for column, usual, rows in repairs:
            column.put(rows, usual, DEPENDENCY)
        if mark is None:
            return
        for name, column in columns.items():
            read = [self.smudges.read(name, level) for level in column.levels]
            new = [old if r is None else r for old, r in zip(column.levels, read, strict=True)]
            if new != column.levels:
                rules = [
                    None if a == b else SMUDGE for a, b in zip(new, column.levels, strict=True)
                ]
                column.relabel(new, rules)


def learn_round(columns, kinds, *, synonyms, vocabularies, typos, dependencies):
    """Learn one pass from the training rows and apply it to them.

    `kinds` says "closed", "open" or "number" for each column; columns are rewritten in place.
    """
    linked = [c for n, c in columns.items() if kinds[n] != "number" or is_code_name(n)]

    def plan(name, real=()):
        return learn_levels(
            columns[name].level_counts(),
            synonyms=synonyms.get(name),
            vocabulary=vocabularies.get(name, ()),
            typos=typos,
            real=real,
        )

    plans = {name: plan(name) for name in columns if kinds[name] == "closed"}
    repaired = [name for name, made in plans.items() if TYPO in {r for _, r in made.exact.values()}]
    if repaired and dependencies:
        borne_out = _borne_out(learn_dependencies(linked))
        plans |= {name: plan(name, borne_out.get(name, ())) for name in repaired}
    plans |= {name: LevelPlan(is_open=True) for name in columns if kinds[name] == "open"}
    step = Round(plans)
    step.apply(columns)
    if dependencies and typos:
        counts = {name: column.level_counts() for name, column in columns.items()}
        step.contradictions = Contradictions(learn_dependencies(linked), counts)
        step.smudges = Smudges(counts, learn_mark(_sure_pairs(step, columns)))
        step._settle_contradictions(columns)
    return step


def _borne_out(dependencies):
    """Return {column: levels that some group of another column holds}."""
    borne_out = {}
    for dependency in dependencies:
        levels = borne_out.setdefault(dependency.dependent, set())
        levels.update(tidy(level) for level in dependency.usual.values())
    return borne_out


def _sure_pairs(step, columns):
    """Yield (error, level) known from the levels or from other columns, without any mark."""
    for plan in step.plans.values():
        yield from ((old, new) for old, (new, rule) in plan.exact.items() if rule == TYPO)
    for column in columns.values():
        yield from ((old, new) for old, new, _ in step.contradictions.of(column, columns, None))
