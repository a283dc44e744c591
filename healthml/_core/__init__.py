"""Ground floor of healthml: what two or more rooms share. Private, no promise to users."""
