/** Objects and texts by small whole numbers, for records that can hold numbers only: each for as long as one of them holds it. */
export class Numbered<T extends object | string> {
  readonly #numbers = new Map<T, number>();
  readonly #objects: (T | undefined)[] = [];
  readonly #holders: number[] = [];
  readonly #free: number[] = [];

  /** The object's number, the same for each that shares it. */
  share(object: T): number {
    let number = this.#numbers.get(object);
    if (number === undefined) {
      number = this.add(object);
      this.#numbers.set(object, number);
      return number;
    }
    this.#holders[number] = (this.#holders[number] as number) + 1;
    return number;
  }

  /** A number of its own for an object that nobody shares. */
  add(object: T): number {
    const number = this.#free.pop() ?? this.#objects.length;
    this.#objects[number] = object;
    this.#holders[number] = 1;
    return number;
  }

  /** The object of a number that is held. */
  get(number: number): T {
    return this.#objects[number] as T;
  }

  /** One of those who hold it does so no more. */
  release(number: number): void {
    const holders = (this.#holders[number] as number) - 1;
    this.#holders[number] = holders;
    if (holders > 0) return;
    const object = this.get(number);
    if (this.#numbers.get(object) === number) this.#numbers.delete(object);
    this.#objects[number] = undefined;
    this.#free.push(number);
  }

  clear(): void {
    this.#numbers.clear();
    this.#objects.length = 0;
    this.#holders.length = 0;
    this.#free.length = 0;
  }
}
