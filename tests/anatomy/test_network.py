import pytest
import torch

from neurofm_bids.anatomy.network import CLASSES, AnatomyArchitecture, AnatomyNet
from neurofm_bids.anatomy.regions import STRUCTURES

SMALL = AnatomyArchitecture((4, 6, 8), (1, 1, 2), (2, 1), 2)


def random_network(architecture=SMALL, seed=0):
    """Return a network of which every parameter matters: heads start at zero."""
    torch.manual_seed(seed)
    network = AnatomyNet(architecture)
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return network


def test_the_classes_are_background_csf_and_the_structures():
    assert len(CLASSES) == 25
    assert CLASSES[:2] == ("background", "csf")
    assert CLASSES[2:] == tuple(structure.name for structure in STRUCTURES)


def test_the_default_is_small():
    assert sum(p.numel() for p in AnatomyNet().parameters()) < 2_000_000


@pytest.mark.parametrize("size", [(8, 8, 8), (9, 10, 11), (1, 2, 17)])
def test_boxes_of_any_size(size):
    network, x = random_network(), torch.randn(2, 1, *size)
    with torch.no_grad():
        fine, coarse = network(x)
        (alone,) = network.eval()(x)
    assert fine.shape == (2, 26, *size)
    assert coarse.shape == (2, 26, *(-(-n // 2) for n in size))
    torch.testing.assert_close(alone, fine)


@pytest.mark.parametrize("background", [0.0, -0.7])
def test_the_rest_of_the_box_is_background(background):
    """The network pads to its stride; a caller who pads so with the background gets the same logits."""
    network = random_network().eval()
    small = torch.full((1, 1, 18, 22, 25), background)
    small[..., 4:14, 5:17, 6:20] += torch.rand(10, 12, 14)
    padded = torch.full((1, 1, 20, 24, 28), background)
    padded[..., :18, :22, :25] = small
    with torch.inference_mode():
        torch.testing.assert_close(
            network(small, background)[0], network(padded, background)[0][..., :18, :22, :25]
        )


def test_each_box_of_a_batch_is_computed_alone():
    network, x = random_network().eval(), torch.randn(2, 1, 9, 12, 8)
    with torch.inference_mode():
        together = network(x)[0]
        for index in range(2):
            torch.testing.assert_close(
                together[index], network(x[index : index + 1])[0][0], atol=1e-5, rtol=1e-4
            )


def test_every_parameter_is_trained():
    network = random_network()
    sum(logits.square().mean() for logits in network(torch.randn(1, 1, 12, 12, 12))).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_maps_keep_their_scale_at_first():
    """Without normalisation, the first weights must neither blow maps up nor let them vanish."""
    torch.manual_seed(0)
    network = AnatomyNet()
    scales = []

    def note(_module, _inputs, output):
        scales.append(float(output.detach().std()))

    for stage in (*network.encoder, *network.decoder):
        stage.register_forward_hook(note)
    network(torch.randn(1, 1, 32, 32, 32))
    assert len(scales) == 7
    assert all(0.4 < scale < 4 for scale in scales), scales


def test_it_learns_to_tell_two_intensities():
    torch.manual_seed(0)
    network = AnatomyNet(SMALL)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    x = torch.nn.functional.interpolate((torch.rand(1, 1, 3, 3, 3) > 0.5).float(), scale_factor=4)
    truth = x[:, 0].long()
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(network(x)[0], truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.3  # ln 26 = 3.26 at first


@pytest.mark.parametrize(
    "values",
    [
        {"widths": [4]},
        {"widths": [4, 10**6], "encoder_blocks": [1, 1], "decoder_blocks": [1], "outputs": 1},
        {"encoder_blocks": [1, 1]},
        {"encoder_blocks": [1, 1, 1, 10**6]},
        {"decoder_blocks": [1]},
        {"outputs": 4},
        {"outputs": 0},
    ],
)
def test_what_is_no_architecture_is_refused(values):
    with pytest.raises(ValueError, match="no network has this architecture"):
        AnatomyArchitecture.from_dict(values)
