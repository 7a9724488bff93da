from neurofm_bids.cli import tools


def test_demo_prints_the_folder_of_the_dataset(offline, tmp_path, capsys):
    assert tools.main(["demo", str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'demo'}\n"


def test_demo_in_another_folder_is_refused(offline, tmp_path):
    (tmp_path / "notes.txt").write_text("keep")
    assert tools.main(["demo", str(tmp_path)]) == 73
