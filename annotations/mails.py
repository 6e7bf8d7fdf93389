"""The mail at the end of a job: done, or failed with the sentence that says what to do.

Promised in the transaction that ends the job, so there is one promise for a job; sent by the
outbox, which may repeat it when the mail server's answer was lost, then with the same Message-ID.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.urls import reverse

from annotations import failures
from annotations.models import Job, JobStatus
from annotations.transitions import JOB_ENDED
from gas import registry
from gas.models import OutboxMessage


@registry.outbox_handler(JOB_ENDED)
def send_job_ended(message: OutboxMessage) -> None:
    """Tell the owner how the job ended; nothing when the job is deleted, was cancelled, or they want no such mail."""
    job = Job.objects.select_related("owner").filter(pk=message.payload["job"]).first()
    if job is None or job.status not in (JobStatus.COMPLETED, JobStatus.FAILED) or not job.owner.is_active:
        return
    if not job.owner.mail_job_ended:
        return
    compose(job).send()


def compose(job: Job) -> EmailMessage:
    """The mail about a job that was done or failed. It says nothing about what is in the file."""
    link = settings.BASE_URL + reverse("annotations:job", args=[job.pk])
    choice = settings.BASE_URL + reverse("accounts:notifications")
    is_done = job.status == JobStatus.COMPLETED
    subject = f"{'Done' if is_done else 'Failed'}: {job.name}"
    what = "Your annotation is done." if is_done else failures.sentence(job)
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    return EmailMessage(
        subject=" ".join(subject.split())[:200],
        body=f"{job.name}\n\n{what}\n\n{link}\n\nWhich mails you get: {choice}\n",
        to=[job.owner.email],
        headers={"Message-ID": f"<job-{job.pk}-ended@{host}>", "Auto-Submitted": "auto-generated"},
    )
