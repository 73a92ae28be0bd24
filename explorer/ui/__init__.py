"""The app: Streamlit stands here, in pages/ and in streamlit_app.py, and nowhere else.

Rooms, each of which may enter those before it: state, components, frame, jobs, view, panels, sections. A section
enters no other section; a page imports its sections by name.
"""
