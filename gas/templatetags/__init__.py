"""Tags of the bottom layer's templates."""
