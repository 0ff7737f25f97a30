import { SetsByKey } from '../base/sets-by-key.ts';
import type { Flow } from '../sip/transport/index.ts';

/** Lines by the flow that their registration was made over, so that one that closes finds them among thousands. */
export class FlowLines<Line> {
  readonly #byFlow = new SetsByKey<string, Line>();
  readonly #flowOf = new Map<Line, string>();

  /** A line is registered over this flow from now on; undefined: over none. */
  set(line: Line, flow: Pick<Flow, 'key'> | undefined): void {
    const before = this.#flowOf.get(line);
    if (before === flow?.key) return;
    if (before !== undefined) this.#byFlow.removeFrom(before, line);
    this.#flowOf.delete(line);
    if (flow === undefined) return;
    this.#flowOf.set(line, flow.key);
    this.#byFlow.addTo(flow.key, line);
  }

  /** Those over a flow now, whatever is set while one goes through them. */
  over({ key }: Pick<Flow, 'key'>): readonly Line[] {
    return [...(this.#byFlow.get(key) ?? [])];
  }
}
