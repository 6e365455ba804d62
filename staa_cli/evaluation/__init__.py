"""An attacker over utterances: inputs → task → perturb → write → read back → measure → judge → record → summary."""
