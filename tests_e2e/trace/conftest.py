"""The owner of a real result, as the app's own tests make them."""

from annotations.tests.conftest import _own_storage, make_job, make_user, virus_reference  # noqa: F401
from annotations.tests.people import person, virus_files, virus_job  # noqa: F401
