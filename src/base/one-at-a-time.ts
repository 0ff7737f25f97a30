/** Works one after the other, in the order in which they were asked for. One that fails keeps none behind it from its turn. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve();

  /** Settles as `work` does, once it had its turn. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    // What it answers is its asker's: nothing of it is kept here.
    this.#last = done.then(nothing, nothing);
    return done;
  }
}

function nothing(): void {}
