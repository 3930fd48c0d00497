#!/bin/bash
# A Slurm of one node, for tests: its own munged, slurmctld and slurmd, on free ports of the loopback interface,
# everything in one folder. It lives until standard input ends, then takes all down, jobs included: whoever
# started it may die as it likes.
#
#   tests/support/slurm.sh FOLDER      prints "ready" once jobs can run; SLURM_CONF is FOLDER/slurm.conf
#
# Exit code: 0 it was up; 1 it did not come up (FOLDER has the logs); 77 and a word: it cannot be here.
set -u
folder=$1
host=$(hostname -s)
cores=$(nproc)

for program in munged slurmctld slurmd srun sbatch scancel squeue sinfo; do
	command -v "$program" >/dev/null || { echo "there is no $program"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "only root can start Slurm's daemons"; exit 77; }
[ "$cores" -ge 2 ] || { echo "two tasks need two cores"; exit 77; }

mkdir -p "$folder/spool" "$folder/state"
chmod 755 "$folder"
export SLURM_CONF=$folder/slurm.conf
daemons=()

in_the_folder() { # processes that were started with this folder's settings: daemons, steps, tasks
	local p
	for p in /proc/[0-9]*; do
		[ "${p#/proc/}" -ne $$ ] || continue
		tr '\0' '\n' 2>/dev/null <"$p/environ" | grep -qx "SLURM_CONF=$SLURM_CONF" && echo "${p#/proc/}"
	done 2>/dev/null
}

take_down() {
	if [ ${#daemons[@]} -gt 1 ]; then
		timeout 10 scancel --full --signal=KILL --user=root 2>/dev/null
		timeout 10 scancel --user=root 2>/dev/null
	fi
	[ ${#daemons[@]} -eq 0 ] || kill "${daemons[@]}" 2>/dev/null
	for _ in $(seq 50); do
		jobs -rp | grep -q . || break
		sleep 0.1
	done
	local left
	left=$(in_the_folder)
	[ -z "$left" ] || kill -KILL $left 2>/dev/null
	[ ${#daemons[@]} -eq 0 ] || kill -KILL "${daemons[@]}" 2>/dev/null
	wait
}
trap take_down EXIT
trap 'exit 1' INT TERM HUP

settings() { # from port $1 on
	cat <<-END
		ClusterName=test
		SlurmctldHost=$host(127.0.0.1)
		SlurmctldPort=$1
		SlurmdPort=$(($1 + 1))
		SrunPortRange=$(($1 + 2))-$(($1 + 99))
		SlurmUser=root
		SlurmdUser=root
		AuthType=auth/munge
		CredType=cred/munge
		AuthInfo=socket=$folder/munge.socket
		StateSaveLocation=$folder/state
		SlurmdSpoolDir=$folder/spool
		SlurmctldPidFile=$folder/slurmctld.pid
		SlurmdPidFile=$folder/slurmd.pid
		SlurmctldLogFile=$folder/slurmctld.log
		SlurmdLogFile=$folder/slurmd.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/affinity
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core
		MpiDefault=none
		SwitchType=switch/none
		JobAcctGatherType=jobacct_gather/none
		AccountingStorageType=accounting_storage/none
		ReturnToService=2
		KillWait=300
		SlurmdParameters=config_overrides
		NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores
		PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
	END
}

(umask 077 && dd if=/dev/urandom of="$folder/munge.key" bs=64 count=1 2>/dev/null)
munged --foreground --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
	--pid-file="$folder/munge.pid" --log-file="$folder/munge.log" --seed-file="$folder/munge.seed" \
	</dev/null >"$folder/munged.out" 2>&1 &
daemons+=($!)
for _ in $(seq 600); do
	[ -S "$folder/munge.socket" ] && break
	sleep 0.1
done

# Ports that are taken are found out by the daemons, which then end.
for try in $(seq 20); do
	settings $((20000 + (($$ * 7 + try) % 120) * 100)) >"$SLURM_CONF"
	slurmctld -D -i </dev/null >"$folder/slurmctld.out" 2>&1 &
	controller=$!
	slurmd -D </dev/null >"$folder/slurmd.out" 2>&1 &
	node=$!
	daemons=("${daemons[0]}" "$controller" "$node")
	for _ in $(seq 600); do
		kill -0 "$controller" 2>/dev/null && kill -0 "$node" 2>/dev/null || break
		if timeout 10 sinfo --noheader --format=%t 2>/dev/null | grep -qx idle; then
			echo ready
			cat >/dev/null
			exit 0
		fi
		sleep 0.1
	done
	kill "$controller" "$node" 2>/dev/null
	wait "$controller" "$node"
	daemons=("${daemons[0]}")
done
exit 1
