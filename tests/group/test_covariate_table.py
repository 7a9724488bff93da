from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.group.cohort import collect
from neurofm_bids.group.covariate_table import covariate_table, unexplained
from tests.samples import one_folder, write_scan


def test_columns_of_the_dataset_and_acquisition_parameters(tmp_path):
    write_scan(tmp_path / "out", "sub-01")
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "participants.tsv").write_text("participant_id\tscan\tmoca\nsub-01\tbad\t29\n")
    covariates = Covariates(tmp_path)
    table = covariate_table(collect(one_folder(tmp_path / "out", covariates)), covariates)
    assert table.frame.loc[0, ["scan_2", "moca", "MagneticFieldStrength"]].to_list() == ["bad", 29, 3]
    assert table.columns["moca"] == unexplained("moca")
    assert table.columns["moca"]["Description"].startswith("Column moca of the source dataset")
