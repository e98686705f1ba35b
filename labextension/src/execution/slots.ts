/**
 * A limit on how many tasks run at once; the others wait in order.
 */
export class Slots {
  constructor(private free: number) {}

  /** Run `task` as soon as a slot is free, and return its result. */
  async use<T>(task: () => Promise<T>): Promise<T> {
    await this.acquire();
    try {
      return await task();
    } finally {
      this.release();
    }
  }

  private async acquire(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return;
    }
    await new Promise<void>(resolve => this.waiting.push(resolve));
  }

  private release(): void {
    const next = this.waiting.shift();
    if (next) {
      next();
    } else {
      this.free += 1;
    }
  }

  private readonly waiting: (() => void)[] = [];
}
