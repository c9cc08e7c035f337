"""A linear read-out learns to tell from the spikes which electrodes were stimulated.

python examples/reservoir.py --seeds 3 --workers 3 --output out

The culture is the reservoir; only the read-out learns, by ridge regression. Writes reservoir.png
with the accuracy by number of examples, what is confused, and how long a pattern is remembered;
reservoir.json has the numbers. Half a minute a seed.
"""

import json

import gymnasium as gym
import numpy as np
from learning import HELD_OUT, LINES, arguments, bare, means, over_seeds
from matplotlib.figure import Figure

import livn.tasks
from livn.plots.style import INK, PALETTE

N_PATTERNS = 8
RIDGE = 1e-2  # of the squared weights, inputs being between 0 and 1
TEST = 100  # most steps of an episode of the comparison
DELAYS = range(5)  # steps of 50 ms


def collect(env, seed, n):
    """Return n responses, shape (n, n_inputs), and the pattern played in each step."""
    observation, info = env.reset(seed=seed)
    observations, patterns = [], []
    for _ in range(n):
        observation, *_, info = env.step(np.zeros(N_PATTERNS, np.float32))
        observations.append(observation)
        patterns.append(info["pattern"])
    return np.array(observations), np.array(patterns)


def read_out(observations, patterns):
    """Return weights, shape (n_inputs, n_patterns), which give 1 for the pattern, else 0."""
    gram = observations.T @ observations + RIDGE * np.eye(observations.shape[1])
    return np.linalg.solve(gram, observations.T @ np.eye(N_PATTERNS)[patterns])


def answers(weights, observations):
    """Return the pattern that the read-out names for each response."""
    return np.argmax(observations @ weights, axis=-1)


def one(seed, asked):
    """Learn once and return accuracies, confusions, memory and the comparison."""
    make = {"max_steps": asked.steps, "n_patterns": N_PATTERNS, "disable_env_checker": True}
    env = gym.make(f"livn/{asked.system}-PatternSeparation-v0", **make)
    seen, played = collect(env, 2 * seed, asked.steps)
    new, truth = collect(env, 2 * seed + 1, asked.steps)
    env.close()
    sizes = np.unique(np.geomspace(N_PATTERNS, asked.steps, 12).astype(int))
    curve = [
        (int(n), float(np.mean(answers(read_out(seen[:n], played[:n]), new) == truth)))
        for n in sizes
    ]
    weights = read_out(seen, played)
    confusion = np.zeros((N_PATTERNS, N_PATTERNS))
    np.add.at(confusion, (truth, answers(weights, new)), 1)
    memory = []
    for d in DELAYS:
        delayed = read_out(seen[d:], played[: len(played) - d])
        memory.append(float(np.mean(answers(delayed, new[d:]) == truth[: len(truth) - d])))
    n_asked = min(TEST, asked.steps)
    make["max_steps"] = n_asked + 1  # the first step has nothing to answer to
    env = gym.make(f"livn/{asked.system}-PatternSeparation-v0", **make)
    policy = lambda observation: np.clip(observation @ weights, -1, 1)  # noqa: E731
    found = livn.tasks.compare(env, policy, asked.episodes, HELD_OUT + asked.episodes * seed)
    env.close()
    returns = {name: (100 * values / n_asked).tolist() for name, values in found.items()}
    return {"seed": seed, "curve": curve, "confusion": confusion.tolist(), "memory": memory,
            "returns": returns}  # fmt: skip


def draw(results):
    """Return the figure."""
    figure = Figure((11.0, 3.6), dpi=110, layout="constrained")
    curve, confused, memory = figure.subplots(1, 3, width_ratios=(1.6, 1, 1))
    for result in results:
        sizes, accuracy = np.array(result["curve"]).T
        curve.plot(sizes, 100 * accuracy, ".-", color=PALETTE[0], alpha=0.7)
        memory.plot([50 * d for d in DELAYS], 100 * np.array(result["memory"]), ".-",
                    color=PALETTE[0], alpha=0.7)  # fmt: skip
    found = means(results)
    for (name, label), colour in zip(LINES.items(), PALETTE[1:], strict=False):
        curve.axhline(found[name][0], color=colour, lw=1, ls="--", label=label)
    curve.set(xscale="log", ylim=(0, 102), xlabel="examples", ylabel="right answers (%)")
    curve.legend(fontsize=7, frameon=False, loc="center right")
    total = np.sum([r["confusion"] for r in results], axis=0)
    confused.imshow(total / total.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    confused.set(xlabel="answered", ylabel="played", title="patterns")
    memory.axhline(100 / N_PATTERNS, color=INK, ls=":", lw=1, label="chance")
    memory.set(ylim=(0, 102), xlabel="asked after (ms)", ylabel="right answers (%)")
    memory.legend(fontsize=7, frameon=False)
    for ax in (curve, memory):
        bare(ax)
    return figure


def main():
    """Learn, compare and draw."""
    asked = arguments("A linear read-out of a culture.", steps=600, episodes=2)
    results = over_seeds(one, asked)
    asked.output.mkdir(parents=True, exist_ok=True)
    draw(results).savefig(asked.output / "reservoir.png")
    table = means(results)
    kept = {"command": vars(asked), "means": table, "results": results}
    (asked.output / "reservoir.json").write_text(json.dumps(kept, default=str))
    for policy, (mean, deviation) in table.items():
        print(f"{policy:16} {mean:8.2f} +- {deviation:.2f} % right")


if __name__ == "__main__":
    main()
