import pytest

from neurofm_bids.readouts.domains import domain_of


@pytest.mark.parametrize(
    ("name", "text", "domain"),
    [
        ("raven_score", "", "cognitive"),
        ("sex", "", "developmental"),
        ("Group", "", "clinical"),
        ("NEO_C", "Score on the scale", "socio-behavioural"),
        ("q1", "Severity of depressive symptoms", "clinical"),
        ("snr_brain", "", "image quality"),
        ("image_quality", "", "image quality"),
        ("q2", "Rating of the scan by two readers", "image quality"),
        ("SDS", "Zung Self-Rating Depression Scale", "clinical"),
        ("psqi", "Pittsburgh Sleep Quality Index", "socio-behavioural"),
    ],
)
def test_words_say_the_domain(name, text, domain):
    assert domain_of(name, text) == (domain, True)


def test_without_a_word_it_is_a_guess():
    assert domain_of("x", "something") == ("clinical", False)
