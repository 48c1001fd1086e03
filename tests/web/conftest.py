from tests.daemon.rig import rig as rig
from tests.web.identity import entry as entry
from tests.web.identity import oidc as oidc
from tests.web.identity import provider as provider
from tests.web.people import client as client
from tests.web.people import tokens as tokens
