import pickle

from neurofm_bids.errors import Exit, NeuroFMError


def test_exit_codes_are_those_of_the_specification():
    expected = {
        "OK": 0,
        "SOME_FAILED": 1,
        "INVALID_BIDS": 16,
        "UNKNOWN_LEVEL": 17,
        "NOTHING_SELECTED": 18,
        "USAGE": 64,
        "DATA": 65,
        "NO_INPUT": 66,
        "SOFTWARE": 70,
        "CANT_CREATE": 73,
        "IO": 74,
        "TRY_AGAIN": 75,
    }
    assert {code.name: int(code) for code in Exit} == expected


def test_error_survives_a_process_boundary():
    error = NeuroFMError("bad", where="file", fix="Fix it.", code=Exit.IO)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "bad: file. Fix it."
    assert again.code is Exit.IO


def test_every_exit_code_has_a_meaning_of_its_own():
    meanings = [code.meaning for code in Exit]
    assert all(meanings)
    assert len(set(meanings)) == len(meanings)
