"""What a report holds, asked in the way in which the items of guidelines ask for it."""

from dataclasses import dataclass

from healthml.reporting._items.item import DEVELOPMENT, EVALUATION, Evidence


@dataclass(frozen=True)
class Facts:
    """A report, as it leaves the session, and what was declared of its task.

    Parameters
    ----------
    report : AuditReport
        With small counts hidden.
    """

    report: object

    @property
    def kind(self):
        """Development where a procedure was refitted, evaluation where risks were judged."""
        return DEVELOPMENT if self.report.about.get("refit") else EVALUATION

    @property
    def declared(self):
        """What was declared, by name; only what is there."""
        return {k: v for k, v in self.report.declared.items() if v not in (None, "", (), [], {})}

    def has(self, key):
        """Say whether the report has a section."""
        return any(section.key == key for section in self.report.sections)

    def lead(self, *keys, whole=False, after=""):
        """Return the leads of the sections that are there as evidence, or None without any."""
        sections = [self.report.section(key) for key in keys if self.has(key)]
        if not sections:
            return None
        text = " ".join([*(section.lead for section in sections), after]).strip()
        return Evidence(text, tuple(section.key for section in sections), whole)

    def open_questions(self):
        """Return topics that the audit could not assess."""
        return [question.topic for question in self.report.not_assessed]

    def step_words(self):
        """Return the steps of the procedure in words."""
        return "; ".join(self.declared.get("procedure", ()))
