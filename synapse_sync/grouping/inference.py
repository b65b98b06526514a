"""Finds a feed's layout from samples of its files, where the config leaves it open; decides only what is clear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synapse_sync.grouping.members import Member
from synapse_sync.grouping.metadata_files import MetadataFiles
from synapse_sync.grouping.places import Choice
from synapse_sync.grouping.scoring import Score, score
from synapse_sync.records import Spec

ENOUGH = 0.95  # a layout that explains less is not taken
CLEARLY = 0.05  # nor one that is not better than the next by this much
SHARED = 20  # units for each file of a specification that they lack, from which on they seem to share it
DEEPEST = 8  # folder levels that are tried for "directory"


@dataclass(frozen=True, slots=True)
class Inference:
    """What the samples say. choice is None where a person must decide.

    explained and runner_up_explained are shares of files in complete units (0 to 1). summary tells a person in one or
    two sentences what was seen; config_lines: where choice is None, the lines to write into the feed, one or the other.
    """

    choice: Choice | None
    explained: float
    runner_up: Choice | None
    runner_up_explained: float
    summary: str
    config_lines: tuple[str, ...]


NO_METADATA = MetadataFiles()


def infer(
    samples: Sequence[Sequence[Member]], specs: Sequence[Spec], metadata: MetadataFiles = NO_METADATA
) -> Inference:
    """The layout that puts nearly all sampled files into complete, unambiguous units, if it is clearly the best.

    samples: one or two samples of one tree, cut differently (by directory, by file name), so that each kind of layout
    finds whole units in one of them; each layout is scored where it does best. A feed with assets groups by stem unless
    its files say otherwise.
    """
    tried = _tried(samples, specs, metadata)
    if not any(result.files for results in tried for result in results):
        return Inference(
            None, 0.0, None, 0.0, "There are no files to infer a layout from yet.", _config_lines(None, None)
        )
    assets = any(member.asset for sample in samples for member in sample)
    return _conclude(tried, assets)


def compared(
    samples: Sequence[Sequence[Member]], specs: Sequence[Spec], metadata: MetadataFiles = NO_METADATA
) -> list[Score]:
    """Each layout that infer() tries, where it does best; those that explain most come first."""
    return sorted(map(_best, _tried(samples, specs, metadata)), key=lambda best: -best.explained)


def _tried(samples: Sequence[Sequence[Member]], specs: Sequence[Spec], metadata: MetadataFiles) -> list[list[Score]]:
    """Each layout that may be meant, with its scores per sample."""
    depth = max((member.path.count("/") for sample in samples for member in sample), default=0)
    choices = [Choice("stem"), *(Choice("directory", level) for level in range(1, min(depth, DEEPEST) + 1))]
    return [[score(choice, sample, specs, metadata) for sample in samples] for choice in choices]


def _conclude(tried: Sequence[Sequence[Score]], assets: bool) -> Inference:
    """Rank the layouts (each with its scores per sample) and take the best if it is good enough and clear."""
    ranked = sorted(tried, key=lambda scores: -_best(scores).explained)
    alike = [scores for scores in ranked if scores is ranked[0] or _same_units(scores, ranked[0])]
    winner = _preferred(alike, assets)
    rivals = [scores for scores in ranked if not any(scores is one for one in alike) and _best(scores).explained > 0]
    rival = _best(rivals[0]) if rivals else None
    gap = winner.explained - rival.explained if rival else 1.0
    if winner.explained >= ENOUGH and round(gap, 9) > CLEARLY:
        return _inference(winner.choice, winner, rival, f"Grouping {words(winner.choice)}: {account(winner)}.")
    stem = next(best for scores in tried if (best := _best(scores)).choice.by == "stem")
    if assets and winner.explained - stem.explained <= CLEARLY:
        others = winner if winner.choice != stem.choice else rival
        return _inference(stem.choice, stem, others, f"Grouping by stem, as is usual for assets: {account(stem)}.")
    if winner.explained >= ENOUGH:
        problem = "Two layouts explain the files about equally well"
    else:
        problem = f"No layout explains the files ({ENOUGH:.0%} is asked for)"
    summary = f"{problem}. Best is grouping {words(winner.choice)}: {account(winner)}"
    summary += f"; next is grouping {words(rival.choice)}: {account(rival)}." if rival else "."
    summary += _shared(winner)
    return _inference(None, winner, rival, summary)


def _shared(result: Score) -> str:
    """What is to be said where nearly all units lack a specification of which there are a few files: "" for others."""
    for spec, units in sorted(result.lacking.items()):
        files = result.filled.get(spec, 0)
        if files and units >= SHARED * files:
            there = f"{'is' if files == 1 else 'are'} {_count(files, 'file')}"
            refused = "a file that several units share is not supported, each unit needs its own"
            return f" {units:,} units lack {spec}, of which there {there}: {refused}."
    return ""


def _best(scores: Sequence[Score]) -> Score:
    """A layout's score on the sample where it does best."""
    return max(scores, key=lambda result: result.explained)


def _same_units(one: Sequence[Score], other: Sequence[Score]) -> bool:
    """Whether two layouts make the same units on each sample where either does its best, and do make some."""
    tops = [_best(scores).explained for scores in (one, other)]
    telling = [
        pair for pair in zip(one, other, strict=True) if any(s.explained == t for s, t in zip(pair, tops, strict=True))
    ]
    return min(tops) > 0 and all(mine.partition == theirs.partition for mine, theirs in telling)


def _preferred(alike: Sequence[Sequence[Score]], assets: bool) -> Score:
    """Of layouts that make the same units, the one that is likelier to stay right.

    Folders with several files each, and more than one such folder, are units: the deepest level that explains them
    merges least. Otherwise the stem, which does not depend on how full a folder gets.
    """
    bests = [_best(scores) for scores in alike]
    folders = [best for best in bests if best.choice.by == "directory"]
    stems = [best for best in bests if best.choice.by == "stem"]
    if not stems:
        return max(folders, key=lambda best: best.choice.depth)
    stem = stems[0]
    if folders and not assets and stem.units > 1 and stem.in_units > stem.units:
        return max(folders, key=lambda best: best.choice.depth)
    return stem


def _inference(choice: Choice | None, best: Score, rival: Score | None, summary: str) -> Inference:
    return Inference(
        choice,
        best.explained,
        rival.choice if rival else None,
        rival.explained if rival else 0.0,
        summary,
        () if choice else _config_lines(best.choice, rival.choice if rival else None),
    )


def account(result: Score) -> str:
    """What a layout made of the files, in words: units, and what stands in the way of the rest."""
    parts = [f"{result.in_units:,} of {_count(result.files, 'file')} in {_count(result.units, 'complete unit')}"]
    parts += [f"{_count(units, 'unit')} without {spec}" for spec, units in sorted(result.lacking.items())]
    if result.ambiguous:
        parts.append(f"{result.ambiguous:,} ambiguous ({result.problem})")
    if result.unmatched:
        parts.append(f"{result.unmatched:,} unmatched ({result.unmatched_reason})")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def words(choice: Choice) -> str:
    """A layout in words."""
    return "by stem" if choice.by == "stem" else f"by directory (depth {choice.depth})"


def _config_lines(best: Choice | None, rival: Choice | None) -> tuple[str, ...]:
    """The TOML for the best layout, then for the other; both kinds where nothing is known."""
    first = best or Choice("stem")
    return _toml(first), _toml(rival or Choice("directory" if first.by == "stem" else "stem"))


def _toml(choice: Choice) -> str:
    depth = f", depth = {choice.depth}" if choice.by == "directory" else ""
    return f'grouping = {{ by = "{choice.by}"{depth} }}'
