#!/bin/bash
# A list of pictures, searched by an array of tasks: sbatch slurm.sh LIST OUT WEIGHTS
#SBATCH --job-name=yolo10-burn
#SBATCH --array=0-99
#SBATCH --cpus-per-task=2
#SBATCH --mem=512M
#SBATCH --requeue
set -euo pipefail

# How many parts there are: as many as --array has. Not SLURM_ARRAY_TASK_COUNT, which is less when some tasks are run
# again by --array=3,17.
shards=100

exec yolo10-burn run --list "$1" --shard "$SLURM_ARRAY_TASK_ID/$shards" --out "$2" --weights "$3" \
    --threads "$SLURM_CPUS_PER_TASK"
