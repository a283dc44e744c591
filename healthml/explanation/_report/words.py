"""Sentences of the patient report, by language; another language is a dict with the same keys."""

from healthml.exceptions import InputError

ENGLISH = {
    "language": "en",
    "title": "Why the model predicts this",
    "risk": "Predicted risk: {risk}.",
    "risk_interval": "Predicted risk: {risk} ({level} interval over {n} refits of the model: "
    "{lower} to {upper}).",
    "risk_alone": "How far another sample of patients would move this risk is not known: the model "
    "was not refitted.",
    "prediction": "Prediction: {risk}.",
    "prediction_interval": "Prediction: {risk} ({level} interval over {n} refits of the model: "
    "{lower} to {upper}).",
    "average": "Mean prediction of the {n} patients compared with: {mean}.",
    "event_rate": "Events in the training data: {rate}.",
    "reference": "The points below lead from {base}, the risk at the average log odds of these "
    "patients, to {risk}.",
    "reference_mean": "The points below lead from {base}, the mean of these patients, to {risk}.",
    "raises": "Raises the prediction:",
    "lowers": "Lowers the prediction:",
    "reason": "{points} points: {feature} {value}, {status}{mark}",
    "reason_number": "{points}: {feature} {value}, {status}{mark}",
    "off_support": " (beyond what the patients compared with show: read with care)",
    "unstable": "Not stable, the direction does not hold in enough refits: {features}; together "
    "{points} points.",
    "unstable_number": "Not stable, the direction does not hold in enough refits: {features}; "
    "together {points}.",
    "few_refits": "Not known to be stable, {n} refits are too few to say so: {features}; together "
    "{points} points.",
    "few_refits_number": "Not known to be stable, {n} refits are too few to say so: {features}; "
    "together {points}.",
    "unassessed": "Whether these reasons would hold in another sample of patients is not known.",
    "rest": "All other columns together: {points} points.",
    "rest_number": "All other columns together: {points}.",
    "comparable": "Comparable patients: {count} of {n} have a predicted risk within {width} points "
    "of this.",
    "no_causes": "This describes the model, not causes: changing a value need not change what "
    "happens to the patient.",
    "points": "probability points",
    "prediction_axis": "prediction",
    "measured": "measured",
    "imputed": "not measured, filled in",
    "missing": "not measured",
    "out of range": "out of range",
    "below detection": "below detection",
    "none": "nothing that is stable",
    "nothing": "nothing",
    "none_shown": "nothing stable among the {k} largest",
    "nothing_shown": "nothing among the {k} largest",
    "no_value": "no value",
}
"""What the report says; the words in braces are filled in."""

GERMAN = {
    "language": "de",
    "title": "Warum das Modell dies vorhersagt",
    "risk": "Vorhergesagtes Risiko: {risk}.",
    "risk_interval": "Vorhergesagtes Risiko: {risk} ({level}-Intervall über {n} neu angepasste "
    "Modelle: {lower} bis {upper}).",
    "risk_alone": "Wie weit eine andere Stichprobe von Patienten dieses Risiko verschöbe, ist "
    "nicht bekannt: das Modell wurde nicht neu angepasst.",
    "prediction": "Vorhersage: {risk}.",
    "prediction_interval": "Vorhersage: {risk} ({level}-Intervall über {n} neu angepasste Modelle: "
    "{lower} bis {upper}).",
    "average": "Mittlere Vorhersage der {n} Patienten, mit denen verglichen wird: {mean}.",
    "event_rate": "Ereignisse in den Trainingsdaten: {rate}.",
    "reference": "Die Punkte unten führen von {base}, dem Risiko beim mittleren Logit dieser "
    "Patienten, zu {risk}.",
    "reference_mean": "Die Punkte unten führen von {base}, dem Mittel dieser Patienten, zu {risk}.",
    "raises": "Erhöht die Vorhersage:",
    "lowers": "Senkt die Vorhersage:",
    "reason": "{points} Punkte: {feature} {value}, {status}{mark}",
    "reason_number": "{points}: {feature} {value}, {status}{mark}",
    "off_support": " (außerhalb dessen, was die verglichenen Patienten zeigen: mit Vorsicht lesen)",
    "unstable": "Nicht stabil, die Richtung gilt in zu wenigen der neuen Anpassungen: {features}; "
    "zusammen {points} Punkte.",
    "unstable_number": "Nicht stabil, die Richtung gilt in zu wenigen der neuen Anpassungen: "
    "{features}; zusammen {points}.",
    "few_refits": "Nicht als stabil bekannt, {n} neue Anpassungen sind dafür zu wenige: "
    "{features}; zusammen {points} Punkte.",
    "few_refits_number": "Nicht als stabil bekannt, {n} neue Anpassungen sind dafür zu wenige: "
    "{features}; zusammen {points}.",
    "unassessed": "Ob diese Gründe bei einer anderen Stichprobe von Patienten gälten, ist nicht "
    "bekannt.",
    "rest": "Alle übrigen Spalten zusammen: {points} Punkte.",
    "rest_number": "Alle übrigen Spalten zusammen: {points}.",
    "comparable": "Vergleichbare Patienten: {count} von {n} haben ein vorhergesagtes Risiko, das "
    "höchstens {width} Punkte entfernt liegt.",
    "no_causes": "Dies beschreibt das Modell, keine Ursachen: einen Wert zu ändern muss nicht "
    "ändern, was dem Patienten geschieht.",
    "points": "Prozentpunkte",
    "prediction_axis": "Vorhersage",
    "measured": "gemessen",
    "imputed": "nicht gemessen, ergänzt",
    "missing": "nicht gemessen",
    "out of range": "außerhalb des Bereichs",
    "below detection": "unter der Nachweisgrenze",
    "none": "nichts, das stabil ist",
    "nothing": "nichts",
    "none_shown": "nichts Stabiles unter den {k} größten",
    "nothing_shown": "nichts unter den {k} größten",
    "no_value": "ohne Wert",
}
"""The same in German."""

LANGUAGES = {"en": ENGLISH, "de": GERMAN}


def templates(language):
    """Return the sentences of a language, or of a dict that has them all.

    Examples
    --------
    >>> templates("de")["measured"]
    'gemessen'
    """
    if isinstance(language, dict):
        lost = sorted(set(ENGLISH) - set(language))
        if lost:
            raise InputError(f"language has no sentence for {', '.join(lost)}; give every key.")
        return language
    if language not in LANGUAGES:
        raise InputError(
            f"language is {language!r}; pass one of {', '.join(map(repr, LANGUAGES))}, or a dict "
            "of sentences with the keys of the English ones."
        )
    return LANGUAGES[language]
