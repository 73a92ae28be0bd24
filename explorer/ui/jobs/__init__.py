"""Long work beside the app, with progress and a way to stop it."""
