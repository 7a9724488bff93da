"""To which of the five domains a column may belong, by words of its name and description."""

from __future__ import annotations

import re

from neurofm_bids.readouts.task import Domain

__all__ = ["domain_of"]

_WORDS: dict[Domain, str] = {
    "image quality": r"motion|artefact|artifact|snr\w*|cnr\w*|cjv|efc|blur|qc",
    "cognitive": r"iq|raven\w*|memory|cogniti\w*|mmse|moca|intelligence|attention|reading|verbal|fluency"
    r"|wais\w*|wisc\w*|stroop|trail\w*|digit|span|vocabulary|executive|education\w*|matrices",
    "socio-behavioural": r"neo\w*|personality|agreeableness|conscientiousness|extraversion|neuroticism"
    r"|openness|religi\w*|income|smok\w*|alcohol|drink\w*|handedness|sleep|exercise|loneliness|sociosexual\w*"
    r"|behaviou?r\w*|occupation|marital|politic\w*|employment|stai\w*|bis|bas|ses",
    "developmental": r"age|sex|gender|pubert\w*|tanner|gestation\w*|birth\w*|development\w*|height|weight"
    r"|bmi",
    "clinical": r"group|diagnos\w*|dx|patient|depress\w*|anxi\w*|bdi\w*|ham\w*|madrs|panss\w*|ymrs|phq\w*"
    r"|gad\w*|symptom\w*|disease|medic\w*|treatment|dementia|cdr\w*|disorder|episode\w*|illness|onset",
}
# Rating, quality and noise are of images only beside a word for them: scales of people are self-ratings.
_RATED = re.compile(
    r"(?<![a-z])(images?|scans?|mri|t1w?|visual)[\W_]+(quality|rating|noise)(?![a-z])"
    r"|(?<![a-z])(quality|rating|noise) (of|in) (the )?(images?|scans?|mri|t1w?)(?![a-z])"
)


def domain_of(name: str, text: str) -> tuple[Domain, bool]:
    """Return a domain, and whether a word says so; otherwise it is ``clinical``.

    >>> domain_of("NEO_O", ""), domain_of("x1", "Score of the digit span"), domain_of("x2", "")
    (('socio-behavioural', True), ('cognitive', True), ('clinical', False))
    """
    for words in (name, text):
        if _RATED.search(words.lower()):
            return "image quality", True
        parts = [part for part in re.split(r"[\W_]+", words.lower()) if part]
        for domain, pattern in _WORDS.items():
            if any(re.fullmatch(pattern, part) for part in parts):
                return domain, True
    return "clinical", False
