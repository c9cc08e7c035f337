#!/usr/bin/env bash
# Start a SLURM of one node on this machine, for tests: controller, node and munge, no accounting.
# Needs root on Debian or Ubuntu; installs slurm-wlm where it is missing. Running it again is fine.
set -euo pipefail

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurm-wlm munge
fi
if scontrol ping 2>/dev/null | grep -q 'is UP' && sinfo -h -o %t 2>/dev/null | grep -qE 'idle|mix|alloc'; then
    echo "SLURM is up"
    exit 0
fi

state=/var/lib/livn-slurm
mkdir -p "$state/controller" "$state/node" /etc/slurm /run/munge
chown munge: /run/munge
if [ ! -s /etc/munge/munge.key ]; then
    dd if=/dev/urandom bs=1 count=1024 of=/etc/munge/munge.key status=none
    chown munge: /etc/munge/munge.key
    chmod 400 /etc/munge/munge.key
fi
munge -n >/dev/null 2>&1 || runuser -u munge -- /usr/sbin/munged --force  # also after a kill

node=$(hostname -s)
memory=$(($(grep MemTotal /proc/meminfo | tr -dc 0-9) / 1024 * 9 / 10))
cat >/etc/slurm/slurm.conf <<EOF
ClusterName=livn
SlurmctldHost=$node
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/node
SlurmctldPidFile=$state/controller.pid
SlurmdPidFile=$state/node.pid
SlurmctldLogFile=$state/controller.log
SlurmdLogFile=$state/node.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
DefMemPerCPU=$((memory / $(nproc) * 8 / 10))
ReturnToService=2
MinJobAge=600
KillWait=3
BatchStartTimeout=20
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
NodeName=$node CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=normal Nodes=$node Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=$node MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
EOF
slurmctld
slurmd
for _ in $(seq 30); do
    if sinfo -h -o %t 2>/dev/null | grep -qE 'idle|mix|alloc'; then
        echo "SLURM is up"
        exit 0
    fi
    sleep 1
done
tail -5 "$state/controller.log" "$state/node.log" >&2
echo "SLURM did not come up" >&2
exit 1
