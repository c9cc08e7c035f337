#!/usr/bin/env bash
# All that docs/tasks.md shows, for 16 cores: bash benchmarks/learning.sh out
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out}
python=${PYTHON:-python}
export OMP_NUM_THREADS=1 PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$out"
$python -c 'from livn import make; make("EI1", backend="native").run(1)'  # compiles once for all
$python examples/cartpole.py --seeds 5 --workers 5 --steps 24000 --output "$out" >"$out/cartpole.txt" &
$python examples/rate_control.py --seeds 5 --workers 5 --steps 16000 --output "$out" >"$out/rate_control.txt" &
$python examples/bursts.py --seeds 3 --workers 3 --steps 10000 --output "$out" >"$out/bursts.txt" &
$python examples/reservoir.py --seeds 3 --workers 3 --steps 1000 --output "$out" >"$out/reservoir.txt" &
$python benchmarks/baselines.py --workers 3 --output "$out" >"$out/baselines.txt" &
wait
$python benchmarks/gym_steps.py --seconds 1.5 --systems EI1 EI2 >"$out/gym_steps.txt"
$python benchmarks/gym_steps.py --seconds 1.5 --systems EI3 --copies 1 8 >>"$out/gym_steps.txt"
cat "$out"/*.txt
