"""What a page shows of work beside the app: the bar, the button, and the page again once it has ended."""

from streamlit.testing.v1 import AppTest

from explorer.ui.jobs.job import Job


def page(beside: int) -> None:
    import streamlit as st

    from explorer.ui.jobs.progress import show_progress

    job = st.session_state["job"]
    if job.running:
        cancel = st.session_state["cancel"] or job.cancel
        show_progress(
            job, lambda: f"{job.share:.0%} done", cancel, "stop", label="Stop", beside=beside,
            below=lambda: st.write(f"So far: {job.results}"),
        )  # fmt: skip
    else:
        st.write(f"Ended with {job.results}")


def shown(job: Job, cancel=None, beside: int = 0) -> AppTest:
    tested = AppTest.from_function(page, args=(beside,))
    tested.session_state["job"], tested.session_state["cancel"] = job, cancel
    return tested.run()


def test_running_work_has_a_bar_a_button_and_what_has_come():
    for beside in (0, 4):
        tested = shown(Job("key", 4, [7]), beside=beside)
        (bar,) = tested.get("progress")
        assert (bar.proto.value, bar.proto.text) == (25, "25% done")
        assert tested.button(key="stop").label == "Stop"
        assert [one.value for one in tested.markdown] == ["So far: [7]"]
        assert len(tested.columns) == (2 if beside else 0)


def test_a_job_that_is_cancelled_runs_to_the_end_of_its_step():
    job = Job("key", 4, [7])
    tested = shown(job).button(key="stop").click().run()
    assert job._stop.is_set()
    assert [one.value for one in tested.markdown] == ["So far: [7]"]
    job.running = False
    assert [one.value for one in tested.run().markdown] == ["Ended with [7]"]
    assert not tested.button


def test_work_that_ends_at_once_gives_the_page_back_at_once():
    job = Job("key", 4, [7])

    def cancel() -> None:
        job.running = False

    tested = shown(job, cancel).button(key="stop").click().run()
    assert [one.value for one in tested.markdown] == ["Ended with [7]"]
