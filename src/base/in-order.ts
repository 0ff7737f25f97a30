/** Work that may take its time, one piece after another: the next begins when the one before it has said that it is done. */
export class InOrder {
  #busy = false;
  readonly #waiting: ((done: () => void) => void)[] = [];

  /** Runs now when nothing is under way. `work` calls `done` exactly once, at once or later; one that throws is over, and the next begins. */
  run(work: (done: () => void) => void): void {
    if (this.#busy) this.#waiting.push(work);
    else this.#begin(work);
  }

  #begin(first: (done: () => void) => void): void {
    this.#busy = true;
    for (let work: ((done: () => void) => void) | undefined = first; work !== undefined; work = this.#waiting.shift()) {
      let isDone = false;
      let isLate = false;
      try {
        work(() => {
          isDone = true;
          // The loop below has stopped at this piece: it goes on here.
          if (isLate) this.#goOn();
        });
      } catch (error) {
        this.#goOn();
        throw error;
      }
      if (!isDone) {
        isLate = true;
        return;
      }
    }
    this.#busy = false;
  }

  #goOn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#busy = false;
    else this.#begin(next);
  }
}
