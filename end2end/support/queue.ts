//! A queue of items that can be awaited, in order.

export class Queue<T> {
  readonly all: T[] = [];
  private taken = 0;
  private waiting: Array<() => void> = [];

  push(item: T): void {
    this.all.push(item);
    this.waiting.splice(0).forEach((wake) => wake());
  }

  /** The first item not taken yet; the test's own time limit is the limit. */
  async next(): Promise<T> {
    while (this.taken >= this.all.length) {
      await new Promise<void>((wake) => this.waiting.push(wake));
    }
    return this.all[this.taken++] as T;
  }
}
