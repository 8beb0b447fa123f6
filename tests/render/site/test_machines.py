from dataclasses import replace

from rig.render.site.machines import machines
from tests.render.site import made_up

BOOK = made_up.book(4, ())


def test_each_host_has_a_drawing_of_each_figure_and_its_nights() -> None:
    other = tuple(replace(duty, host="lab-0") for duty in BOOK.duties[:2])
    hosts = machines(replace(BOOK, duties=(*BOOK.duties, *other))).hosts
    assert [(host.name, len(host.plots), len(host.rows)) for host in hosts] == [("lab-0", 4, 2), ("lab-1", 4, 4)]


def test_expected_and_taken_count_the_jobs_that_were_done() -> None:
    estimate = machines(BOOK).estimates[1]  # of the third night, which left a job out
    jobs = [job for job in BOOK.chapters[1].jobs if job.state == "done"]
    assert estimate.jobs == len(jobs) == len(BOOK.chapters[1].jobs) - 1
    assert estimate.expected == sum(job.expected for job in jobs)
