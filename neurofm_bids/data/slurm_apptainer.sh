#!/bin/bash
# NeuroFM-BIDS @VERSION@ on SLURM with Apptainer, written by neurofm-tools slurm-script.
# Review the settings, then run it on a machine that submits jobs: bash THIS_FILE
# It submits an array for the participants, and a job for the group that starts when the array has ended.
# Run it again to continue: finished scans are skipped.
set -euo pipefail

bids=@BIDS@
out=@OUT@
image=@IMAGE@
binds=(@BINDS@)  # further folders that the container sees: PATH or PATH:PATH:ro
selection=(@SELECTION@)  # options that select scans
participant=(@PARTICIPANT@)  # further options of the participant level
group=(@GROUP@)  # further options of the group level
has_group=@HAS_GROUP@

tasks=@TASKS@  # of the array; each processes the participants I, I+N, I+2N, ... of the index
limits=(--cpus-per-task=@CPUS@ --mem=@MEMORY@M --time=@MINUTES@)
use=(--nprocs @CPUS@ --mem @USED@)  # --cleanenv hides what SLURM says; without unit in MB
group_limits=(--cpus-per-task=1 --mem=@GROUP_MEMORY@M --time=120)
group_use=(--nprocs 1 --mem @GROUP_USED@)
sbatch=(@SBATCH@)  # further arguments of sbatch

run() {  # run COMMAND ARGUMENT... in the container, with an empty home and a work folder on this node
  local mount mounts=(-B "$bids:$bids:ro" -B "$out")
  for mount in "${binds[@]}"; do mounts+=(-B "$mount"); done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  apptainer exec --containall --cleanenv "${mounts[@]}" -B "$work:/work" "$image" "$@"
}

case ${1:-submit} in
  submit)
    logs=$out/logs/$(date -u +%Y%m%dT%H%M%SZ)-slurm
    mkdir -p "$logs/tasks"
    run neurofm-tools index "$bids" "$logs/index.jsonl" "${selection[@]}"
    array=$(sbatch --parsable --job-name=neurofm --array=1-"$tasks" --requeue --open-mode=append \
      --output="${logs//%/%%}/tasks/%a.out" "${limits[@]}" "${sbatch[@]}" "$0" participant "$logs")
    echo "participants: job ${array%%;*}, log $logs"
    [ "$has_group" = yes ] || exit 0
    # afterany: with afterok, one failed scan would leave the job pending.
    last=$(sbatch --parsable --job-name=neurofm-group --dependency=afterany:"${array%%;*}" \
      --output="${logs//%/%%}/group.out" "${group_limits[@]}" "${sbatch[@]}" "$0" group "$logs")
    echo "group: job ${last%%;*}"
    ;;
  participant)
    run neurofm "$bids" "$out" participant "${selection[@]}" "${participant[@]}" -w /work "${use[@]}" \
      --index "$2/index.jsonl" --shard "$SLURM_ARRAY_TASK_ID/$tasks"
    ;;
  group)
    run neurofm "$bids" "$out" group "${selection[@]}" "${group[@]}" -w /work "${group_use[@]}"
    ;;
esac
