import type { Flow } from '../sip/transport/index.ts';

/** Lines by the flow that their registration was made over, so that one that closes finds them among thousands. */
export class FlowLines<Line> {
  readonly #byFlow = new Map<string, Set<Line>>();
  readonly #flowOf = new Map<Line, string>();

  /** A line is registered over this flow from now on; undefined: over none. */
  set(line: Line, flow: Pick<Flow, 'key'> | undefined): void {
    const before = this.#flowOf.get(line);
    if (before === flow?.key) return;
    if (before !== undefined) this.#remove(line, before);
    if (flow === undefined) return;
    this.#flowOf.set(line, flow.key);
    const lines = this.#byFlow.get(flow.key);
    if (lines === undefined) this.#byFlow.set(flow.key, new Set([line]));
    else lines.add(line);
  }

  /** Those over a flow now, whatever is set while one goes through them. */
  over({ key }: Pick<Flow, 'key'>): readonly Line[] {
    return [...(this.#byFlow.get(key) ?? [])];
  }

  #remove(line: Line, key: string): void {
    this.#flowOf.delete(line);
    const lines = this.#byFlow.get(key);
    lines?.delete(line);
    if (lines?.size === 0) this.#byFlow.delete(key);
  }
}
