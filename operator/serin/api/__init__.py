"""What a user can write in a ModelDeployment, its translation for the domain, and the CRD made from it."""
