"""Find all problems of the declared flows in one run."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock._arguments import did_you_mean, from_here
from penstock._graph import cycles, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from penstock._declare import Flow, Registry, Step

    Place = tuple[str, str]  # the flow and the name of a step
    Edges = dict[Place, list[Place]]  # the successors of each step

_LONGEST = 12  # steps of a cycle that a message names


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem to fix.

    `kind` is "unknown-after", "cycle", "unreachable", "no-flow", "no-kind", "no-entrypoint" or
    "conflict". `flow` and `step` are "" if there is none. `file` is the path that Python has.
    """

    kind: str
    message: str
    flow: str
    step: str
    file: str | None
    line: int | None

    def __str__(self) -> str:
        return f"{_place(self.file, self.line)}: {self.message}"


def check(registry: Registry) -> list[Problem]:
    """Return the problems of `registry`, by file and line."""
    flows = registry.flows
    found = [
        *_conflicts(registry),
        *_homeless(registry),
        *_without_entrypoint(flows),
    ]
    successors: Edges = {
        (name, step): [] for name, flow in sorted(flows.items()) for step in sorted(flow.steps)
    }
    doubtful: set[Place] = set()  # steps that come after something unknown
    for place in list(successors):
        for reference in flows[place[0]].steps[place[1]].after:
            source = resolve(flows, place[0], reference)
            if source in successors:
                successors[source].append(place)
            else:
                doubtful.add(place)
                found.append(_unknown(flows, place, reference))
    found += _cycles(flows, successors)
    found += _unreachable(flows, successors, doubtful)
    return sorted(
        found, key=lambda each: (each.file or "", each.line or 0, each.kind, each.message)
    )


def _problem(kind: str, message: str, step: Step) -> Problem:
    return Problem(kind, message, step.flow, step.name, step.file, step.line)


def _conflicts(registry: Registry) -> Iterable[Problem]:
    for chosen, other in registry.conflicts:
        here, there = other.qualname, chosen.qualname
        place, shown = (other.file, other.line), (chosen.file, chosen.line)
        hidden, hidden_there = other.hidden_from(chosen), chosen.hidden_from(other)
        declared, declared_there = other.declared_at, chosen.declared_at
        is_hidden = place == shown or (place == declared and shown == declared_there)
        if is_hidden and hidden is not None and hidden_there is not None:
            # One decorator without functools.wraps is around both.
            here, there = f"{here} of {hidden.co_name}", f"that of {hidden_there.co_name}"
            place = hidden.co_filename, hidden.co_firstlineno
            shown = hidden_there.co_filename, hidden_there.co_firstlineno
        elif place == shown:  # two partials, or methods of two objects
            place, shown = declared or place, declared_there or shown
        yield Problem(
            "conflict",
            f"Two functions are the step {other.name!r} of the flow {other.flow!r}: {here} here, "
            f"and {there} ({_place(*shown)}), which the map shows. Give one of them another name=.",
            other.flow,
            other.name,
            *place,
        )


def _homeless(registry: Registry) -> Iterable[Problem]:
    for step in registry.unclaimed:
        if step.call_kind == "task" and step.kind == "entrypoint" and not step.after:
            continue  # a plain task: no decorator says that it is in a flow
        yield _problem(
            "no-flow",
            f"The {step.kind} {step.name!r} is in no flow. Put @flow(...) above it or over its "
            "class.",
            step,
        )
    for step in registry.loose:
        yield _problem(
            "no-kind",
            f"{step.name!r} is in the flow {step.flow!r}, but is neither an @entrypoint nor a "
            "@step.",
            step,
        )


def _without_entrypoint(flows: Mapping[str, Flow]) -> Iterable[Problem]:
    for name, flow in flows.items():
        steps = sorted(flow.steps.values(), key=lambda step: (step.file or "", step.line or 0))
        if not any(step.kind == "entrypoint" for step in steps):
            first = steps[0]
            message = f"The flow {name!r} has no entrypoint, so no run of it ever begins."
            yield Problem("no-entrypoint", message, name, "", first.file, first.line)


def _unknown(flows: Mapping[str, Flow], place: Place, reference: str) -> Problem:
    flow, name = place
    step = flows[flow].steps[name]
    elsewhere = sorted(other for other in flows if reference in flows[other].steps)
    if elsewhere:
        hint = f" The flow {elsewhere[0]!r} has one: write {f'{elsewhere[0]}:{reference}'!r}."
    else:
        known = {each for each in flows[flow].steps if each != name}
        if ":" in reference:
            known |= {f"{other}:{each}" for other in flows for each in flows[other].steps}
        hint = did_you_mean(reference, known)
    return _problem(
        "unknown-after", f"Unknown step {reference!r} in after= of {name!r}.{hint}", step
    )


def _cycles(flows: Mapping[str, Flow], successors: Edges) -> Iterable[Problem]:
    """Report one cycle for each edge that closes a cycle."""
    places = list(successors)
    number = {place: at for at, place in enumerate(places)}
    targets = [[number[target] for target in each] for each in successors.values()]
    for cycle in cycles(targets, range(len(places))):
        yield _cycle(flows, [places[at] for at in cycle])


def _cycle(flows: Mapping[str, Flow], places: list[Place]) -> Problem:
    first = places.index(min(places))
    places = [*places[first:], *places[:first], places[first]]
    is_one_flow = len({flow for flow, _ in places}) == 1
    names = [name if is_one_flow else f"{flow}:{name}" for flow, name in places]
    if len(names) > _LONGEST:
        left_out = len(names) - _LONGEST
        names[_LONGEST // 2 : -_LONGEST // 2] = [f"({left_out} more)"]
    flow, name = places[0]
    return _problem(
        "cycle", f"These come after each other: {' -> '.join(names)}.", flows[flow].steps[name]
    )


def _unreachable(
    flows: Mapping[str, Flow], successors: Edges, doubtful: set[Place]
) -> Iterable[Problem]:
    """Report the steps that no entrypoint leads to, in flows that have an entrypoint.

    A step after an unknown step counts as reachable, so that one mistake is one problem.
    """
    begun = {
        flow
        for flow in flows
        if any(step.kind == "entrypoint" for step in flows[flow].steps.values())
    }
    reached = {
        place
        for place in successors
        if place in doubtful
        or place[0] not in begun
        or flows[place[0]].steps[place[1]].kind == "entrypoint"
    }
    waiting = deque(reached)
    while waiting:
        for following in successors[waiting.popleft()]:
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    for flow, name in successors:
        if (flow, name) not in reached:
            step = flows[flow].steps[name]
            before = ", ".join(map(repr, step.after))
            why = (
                f"nothing leads to {before}" if before else "it has no after= and is no entrypoint"
            )
            message = f"No entrypoint of the flow {flow!r} leads to {name!r}: {why}."
            yield _problem("unreachable", message, step)


def _place(file: str | None, line: int | None) -> str:
    return "(no file)" if file is None else f"{from_here(file)}:{line}"
