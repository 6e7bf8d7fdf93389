"""What a person marked."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint


class VariantNote(models.Model):
    """A star, a text or both, of one author on one variant of one result; no row without either."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="variant_notes")
    job = models.ForeignKey("annotations.Job", on_delete=models.CASCADE, related_name="variant_notes")
    contig = models.TextField()
    pos = models.BigIntegerField()
    ref = models.TextField()
    alt = models.TextField()
    digest = models.CharField(max_length=64)  # SHA-256 of the four: alleles are longer than an index may hold
    is_starred = models.BooleanField(default=False)
    text = models.TextField(max_length=5000, blank=True, default="")
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["author", "job", "digest"], name="variant_note_one_a_variant"),
            CheckConstraint(name="variant_note_says_something", condition=Q(is_starred=True) | ~Q(text="")),
        ]

    def __str__(self) -> str:
        return f"note on {self.contig}:{self.pos} of {self.job_id}"
