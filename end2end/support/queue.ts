//! A queue of items that can be awaited, in order.

export class Queue<T> {
  readonly all: T[] = [];
  private taken = 0;
  private waiting: Array<() => void> = [];

  push(item: T): void {
    this.all.push(item);
    this.waiting.splice(0).forEach((wake) => wake());
  }

  /** Waits for the first item not taken yet, up to the time limit of the test. */
  async next(): Promise<T> {
    while (this.taken >= this.all.length) {
      await new Promise<void>((wake) => this.waiting.push(wake));
    }
    return this.all[this.taken++] as T;
  }
}
