"""What mpiexec runs in test_distributed.py: the answers of a DistributedEnv, as a line of JSON."""

import hashlib
import json
import sys

from distributable import Pulse, Times

from livn.env.distributed import DistributedEnv

backend, size = sys.argv[1], int(sys.argv[2])
env = DistributedEnv("EI1", "Izhikevich", backend=backend, subworld_size=size).init()
if env.is_root():
    env.set_noise({"level": 1.0})
    answers = env(Times(duration=50), [0.05, 0.1, 0.2], Pulse())
    env.shutdown()
    digest = [hashlib.sha256(spikes).hexdigest() for spikes, _ in answers]
    sys.stdout.write(json.dumps([digest, [len(s) for s, _ in answers]]) + "\n")
