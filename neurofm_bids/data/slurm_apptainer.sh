#!/bin/bash
# NeuroFM-BIDS @VERSION@ on SLURM with Apptainer, written by neurofm-tools slurm-script.
# Review the settings, then run it on a machine that submits jobs: bash THIS_FILE
# It submits an array for the participants, with gpu_tasks above 0 a second one that encodes what the first has
# preprocessed, and a job for the group; each starts when what is before it has ended.
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
gpu_tasks=@GPU_TASKS@  # of the array that encodes; 0: the first array does that itself
gpu_limits=(--cpus-per-task=@CPUS@ --mem=@GPU_MEMORY@M --time=@GPU_MINUTES@)
gpu_use=(--nprocs @CPUS@ --mem @GPU_USED@)
gpu_sbatch=(@GPU_SBATCH@)  # further arguments of sbatch for that array, after those below
group_limits=(--cpus-per-task=1 --mem=@GROUP_MEMORY@M --time=120)
group_use=(--nprocs 1 --mem @GROUP_USED@)
sbatch=(@SBATCH@)  # further arguments of sbatch

stage=all gpu=()

run() {  # run COMMAND ARGUMENT... in the container, with an empty home and a work folder on this node
  local mount mounts=(-B "$bids:$bids:ro")
  for mount in "${binds[@]}"; do mounts+=(-B "$mount"); done
  mounts+=(-B "$out")  # last, as it may lie in a folder above
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  apptainer exec --containall --cleanenv "${gpu[@]}" "${mounts[@]}" -B "$work:/work" "$image" "$@"
}

case ${1:-submit} in
  submit)
    logs=$out/logs/$(date -u +%Y%m%dT%H%M%SZ)-slurm
    mkdir -p "$logs/tasks"
    run neurofm-tools index "$bids" "$logs/index.jsonl" "${selection[@]}"
    first=participant
    [ "$gpu_tasks" = 0 ] || first=preprocess
    array=$(sbatch --parsable --job-name=neurofm --array=1-"$tasks" --requeue --open-mode=append \
      --output="${logs//%/%%}/tasks/%a.out" "${limits[@]}" "${sbatch[@]}" "$0" "$first" "$logs")
    echo "participants: job ${array%%;*}, log $logs"
    # afterany: with afterok, one failed scan would leave the next job pending.
    if [ "$gpu_tasks" != 0 ]; then
      encode=$logs-encode
      mkdir -p "$encode/tasks"
      cp "$logs/index.jsonl" "$encode"
      array=$(sbatch --parsable --job-name=neurofm-gpu --array=1-"$gpu_tasks" --requeue --open-mode=append \
        --dependency=afterany:"${array%%;*}" --output="${encode//%/%%}/tasks/%a.out" "${gpu_limits[@]}" \
        "${sbatch[@]}" "${gpu_sbatch[@]}" "$0" encode "$encode")
      echo "encoding: job ${array%%;*}, log $encode"
    fi
    [ "$has_group" = yes ] || exit 0
    last=$(sbatch --parsable --job-name=neurofm-group --dependency=afterany:"${array%%;*}" \
      --output="${logs//%/%%}/group.out" "${group_limits[@]}" "${sbatch[@]}" "$0" group "$logs")
    echo "group: job ${last%%;*}"
    ;;
  participant | preprocess | encode)
    [ "$1" = participant ] || stage=$1
    [ "$1" != encode ] || { gpu=(--nv); tasks=$gpu_tasks use=("${gpu_use[@]}"); }
    run neurofm "$bids" "$out" participant "${selection[@]}" "${participant[@]}" -w /work "${use[@]}" \
      --stage "$stage" --index "$2/index.jsonl" --shard "$SLURM_ARRAY_TASK_ID/$tasks"
    ;;
  group)
    run neurofm "$bids" "$out" group "${selection[@]}" "${group[@]}" -w /work "${group_use[@]}"
    ;;
esac
