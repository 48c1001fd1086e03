from tests.daemon.rig import rig as rig
