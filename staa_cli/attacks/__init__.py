"""The attacks, one file each; `core` holds what an attack is and what several share. See `core.attack` for how to add one."""
