/** What the latest calls, played again, come to: of one node, and of several as one. */

/** Calls of a plan that are shown; all are counted. */
const MAX_SHOWN = 100;

/** As a plan says it. */
export interface PlayedInPlan<Call = { readonly at: string }> {
  readonly callsPlayed: number;
  readonly callsChanged: number;
  /** The latest first. */
  readonly calls: readonly Call[];
}

/** @param changed all of those that would leave differently, the latest first */
export function shownPlays<Call>(played: number, changed: readonly Call[]): PlayedInPlan<Call> {
  return { callsPlayed: played, callsChanged: changed.length, calls: changed.slice(0, MAX_SHOWN) };
}

export function mergedPlays(plays: readonly PlayedInPlan[]): PlayedInPlan {
  const sum = (count: (play: PlayedInPlan) => number) => plays.reduce((total, play) => total + count(play), 0);
  const calls = plays.flatMap((play) => play.calls).sort((one, other) => (one.at < other.at ? 1 : -1));
  return {
    callsPlayed: sum(({ callsPlayed }) => callsPlayed),
    callsChanged: sum(({ callsChanged }) => callsChanged),
    calls: calls.slice(0, MAX_SHOWN),
  };
}
