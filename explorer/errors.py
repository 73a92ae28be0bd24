"""What a user can fix."""


class ExplorerError(Exception):
    """A problem that the user can fix: one clear sentence that says what was expected, what came and what to do.

    The pages show it and stop; the command line prints it and exits with 2. A bug is any other exception.
    """
