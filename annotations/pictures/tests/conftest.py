from annotations.tests.conftest import _own_storage as _own_storage
from annotations.tests.conftest import make_job as make_job
from annotations.tests.conftest import make_user as make_user
from annotations.tests.conftest import virus_reference as virus_reference
from annotations.tests.people import browser as browser
from annotations.tests.people import make_done as make_done
from annotations.tests.people import person as person
