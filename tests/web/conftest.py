from tests.daemon.rig import rig as rig
from tests.web.people import client as client
from tests.web.people import tokens as tokens
