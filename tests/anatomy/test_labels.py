from neurofm_bids.anatomy.labels import LABELS, label_names
from neurofm_bids.anatomy.regions import STRUCTURES


def test_every_class_has_one_label():
    structures = sorted(index for label in LABELS for index in label.structures)
    assert structures == list(range(len(STRUCTURES)))
    codes = [code for label in LABELS for code in {label.left, label.right}]
    assert len(codes) == len(set(codes))
    assert (LABELS[2].left, LABELS[2].right) == (3, 42)


def test_every_label_has_a_name():
    names = label_names()
    assert {names[code] for code in (0, 24, 3, 42, 4, 43, 192)} == {
        "Unknown",
        "CSF",
        "Left-Cerebral-Cortex",
        "Right-Cerebral-Cortex",
        "Left-Lateral-Ventricle",
        "Right-Lateral-Ventricle",
        "Corpus_Callosum",
    }
    assert set(names) == {code for label in LABELS for code in (label.left, label.right)}
