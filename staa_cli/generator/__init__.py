"""STAA-Net: the generator, its losses and its training."""
