"""Where in the brain a number comes from: attributions of the outputs of the network to its voxels."""
