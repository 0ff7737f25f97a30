/**
 * What waits, by owner. Owners have their turns one after the other, so that one who has much waits for itself. Of one owner what is urgent
 * comes first, of either kind in the order in which it came.
 */
export class OwnersInTurn<T> {
  readonly #owners = new Map<string, { readonly urgent: Set<T>; readonly patient: Set<T> }>();

  get isEmpty(): boolean {
    return this.#owners.size === 0;
  }

  /** How much of one owner's waits. */
  countOf(owner: string): number {
    const waiting = this.#owners.get(owner);
    return waiting === undefined ? 0 : waiting.urgent.size + waiting.patient.size;
  }

  /** What waits already keeps its place, unless it became urgent or ceased to be. */
  add(owner: string, item: T, isUrgent = false): void {
    const waiting = this.#owners.get(owner) ?? { urgent: new Set(), patient: new Set() };
    this.#owners.set(owner, waiting);
    const { urgent, patient } = waiting;
    (isUrgent ? patient : urgent).delete(item);
    (isUrgent ? urgent : patient).add(item);
  }

  delete(owner: string, item: T): void {
    const waiting = this.#owners.get(owner);
    waiting?.urgent.delete(item);
    waiting?.patient.delete(item);
    if (this.countOf(owner) === 0) this.#owners.delete(owner);
  }

  /** What is next of the owner that has waited longest since its last turn, of those that may have one; it waits no longer. */
  take(may: (owner: string) => boolean = () => true): T | undefined {
    for (const [owner, waiting] of this.#owners) {
      if (!may(owner)) continue;
      // Behind all other owners.
      this.#owners.delete(owner);
      this.#owners.set(owner, waiting);
      for (const item of waiting.urgent.size > 0 ? waiting.urgent : waiting.patient) {
        this.delete(owner, item);
        return item;
      }
    }
    return undefined;
  }
}
