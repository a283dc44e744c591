"""What each code means, in the plain words of its page in the documentation."""

from types import MappingProxyType

# The same words as "In plain words" in docs/checks; a test compares them.
MEANINGS = MappingProxyType(
    {
        "HM101": (
            "A model is judged on the rows that are there. If patients without a recorded "
            "outcome, or those who were excluded, differ from the others, the numbers of the "
            "report do not speak for them."
        ),
        "HM102": (
            "A model that may use many columns but has seen few events learns accidents. Its high "
            "risks are then too high and its low risks too low for the next patients."
        ),
        "HM103": (
            "Somebody who has died cannot be readmitted. If such patients stay in the table, the "
            'model learns "dead means low risk", looks better than it is, and gives a meaningless '
            "answer for them."
        ),
        "HM104": (
            '"Risk of death" means nothing until one says at which moment it is predicted, for '
            "whom, and how far ahead. Without these, no column can be called early or late and no "
            "patient eligible."
        ),
        "HM105": (
            "If one hospital writes the outcome as 0 to 4 and another only as 0 or 1, the two do "
            'not measure the same thing. Cutting both at "above 0" hides it.'
        ),
        "HM106": (
            "If three rows describe one stay, its death is counted three times. The table then "
            "looks larger and more certain than it is."
        ),
        "HM107": (
            'One hospital writes "male" and "female", the others "m" and "f"; one reports the '
            'ejection fraction as "normal" or "reduced", the others as a number. Pooled, these '
            "are other levels of one column, and a model learns the hospital instead of the "
            "patient."
        ),
        "HM201": (
            'A laboratory that writes -1, 0 or 999 for "not measured" has not measured -1. A '
            "model that reads the code as a value learns who was tested, or simply nonsense."
        ),
        "HM202": (
            '"Unknown", "?" or "not specified" is not an answer. Left as text it becomes a group '
            "of patients like any other, and nobody is counted as missing."
        ),
        "HM203": (
            "Nobody has a temperature of 3 °C or a height of 600 cm. Such values are slips, other "
            "units, or another column's numbers."
        ),
        "HM204": (
            "The same row twice means the same patient twice: once to learn from and once to be "
            "tested on."
        ),
        "HM206": (
            "A column with one value in all rows tells the model nothing, and may tell you that "
            "something was not recorded."
        ),
        "HM207": (
            '"> 89", "5,1" and "98%" are numbers to us and words to a computer. A column read as '
            "words loses its order. So does a date: as words, every day is a level of its own."
        ),
        "HM208": (
            "Admission type 6 is not twice admission type 3. A model that treats the code as a "
            "quantity draws a line through labels."
        ),
        "HM209": (
            "How much was not measured, and what goes missing together? A block of columns that "
            "vanish together was one form, one laboratory, one hospital or one year."
        ),
        "HM210": (
            "A clinician who worries orders a test. So the mere fact that something was measured "
            "can predict the outcome, and a model may follow the worry rather than the patient."
        ),
        "HM211": (
            "A laboratory value that is there for one hospital and absent in another marks the "
            "hospital."
        ),
        "HM212": (
            "A score made from other columns adds nothing new, hides what drives the risk, and "
            "may have been made with knowledge that you do not have."
        ),
        "HM213": (
            "If the sick come first in the file, the row number predicts death. Files are often "
            "sorted by hospital, by date, or by the outcome itself."
        ),
        "HM214": (
            "A laboratory value that is exactly 3.5 in every fifth patient was probably not "
            'measured: somebody filled in a "normal" value.'
        ),
        "HM215": (
            "A glucose of 5.5 mmol/L is one of 99 mg/dL. Where one hospital sends the first and "
            "the others the second, the model learns that its patients all have low sugar."
        ),
        "HM216": ("36.9 °C typed as 369 is a slip of one place; so is a heart rate of 8.6."),
        "HM217": (
            "A diastolic pressure above the systolic one, a BMI that height and weight do not "
            "give, a date of birth that contradicts the age: one of the cells is wrong."
        ),
        "HM218": (
            '"Emergency", "emergency" and "EMER" are one way of being admitted to us and three to '
            "a computer. What is called otherwise at one site or from one year on looks like "
            "another kind of patient."
        ),
        "HM219": (
            "Some patients recorded without the event had it, and the other way round. A model "
            "learns from both."
        ),
        "HM301": (
            "A column that already contains the answer makes any model look brilliant: the "
            "discharge ward of those who died, the days until death, an alert that was written "
            "afterwards."
        ),
        "HM302": (
            "The performance hangs on columns of which the table does not say when they become "
            "known. If that is after the prediction, the performance is not real."
        ),
        "HM303": (
            "You said that these columns are known only afterwards. What would a careless "
            "analysis have claimed with them?"
        ),
        "HM304": (
            "When a patient appears several times, a split by rows lets the model meet in the "
            "test those it has learnt by heart."
        ),
        "HM305": (
            "A join with a table that holds two lines per stay doubles every row. The copies "
            "differ in a cell or two, so nobody sees that they are copies."
        ),
        "HM306": (
            '"Number of this patient\'s rows in the file" counts visits that had not happened yet. '
            "At the bedside nobody knows it."
        ),
        "HM307": (
            "A column that holds another model's risk is a rival, not a measurement. As a feature "
            "it carries that model's mistakes, and whatever it knew."
        ),
        "HM308": (
            "A record number is a name tag. If it predicts, then because numbers were given out "
            "by hospital, by year or by outcome."
        ),
        "HM309": (
            "A ward is replaced by the death rate of its patients, and the patient to be "
            "predicted was counted in that rate. Or twenty markers are chosen for going well with "
            'the outcome, on all patients, and then "validated" on some of the same. The test is '
            "no longer a test."
        ),
        "HM401": ("If age and sex predict as well, nobody needs the model."),
        "HM402": (
            "When the model says 20%, does it happen to 20 of 100? A slope below 1 means that "
            "high risks are too high and low ones too low; a slope above 1 that the risks lie too "
            "close together: high ones are too low and low ones too high."
        ),
        "HM403": (
            "Would patients be better served by following the model than by treating everybody, "
            "or nobody?"
        ),
        "HM404": (
            "A model made in four hospitals is used in a fifth. Are its risks right there, and "
            "does it still tell the sick from the well?"
        ),
        "HM405": ("Care changes. A model made with last year's patients is used on next year's."),
        "HM406": (
            "A score is in use already. The new model must be better than that, not better than "
            "nothing."
        ),
        "HM407": (
            "What does the model look at? The list is short enough to ask a nurse about every "
            "name on it."
        ),
        "HM408": (
            "A score says 5% on average where 15% of the patients have the event: every single "
            "risk is then too low, whoever it ranks first."
        ),
        "HM409": (
            "A model that was shown as many patients with the event as without believes the event "
            "to be that frequent. Its ranking may be fine; its risks are several times too high, "
            "and so is every decision that compares a risk with a threshold."
        ),
        "HM501": (
            "Are the risks right for women, for the old, for every group for whom we ask? A model "
            "can be right on average and twice too high for some."
        ),
        "HM502": ("For whom does the model tell the sick from the well less reliably?"),
        "HM503": (
            "For these patients nothing can be said. That is a result: they must not disappear in "
            "the average."
        ),
    }
)
