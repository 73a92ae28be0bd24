"""What is around every page: menu, sidebar, title, and the small pieces that pages are made of."""
