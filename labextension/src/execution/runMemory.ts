/**
 * The unfinished runs of this browser tab, kept over a reload of the page.
 *
 * Without it a question of running code could not be answered any more after a reload.
 */

/** The part of `sessionStorage` that is used. */
export type TabStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const MAX_RUNS_PER_ROOM = 100;

/**
 * A bounded list of run ids per room; the oldest are forgotten first.
 */
export class RunMemory {
  constructor(private readonly storage: TabStorage) {}

  /** Return the unfinished runs of a room, oldest first. */
  list(roomId: string): string[] {
    const stored = this.storage.getItem(keyOf(roomId));
    return stored === null ? [] : stored.split(' ');
  }

  /** Remember that a run was started. */
  add(roomId: string, runId: string): void {
    this.store(roomId, [...this.list(roomId), runId].slice(-MAX_RUNS_PER_ROOM));
  }

  /** Forget a run that has ended. */
  remove(roomId: string, runId: string): void {
    this.store(
      roomId,
      this.list(roomId).filter(id => id !== runId)
    );
  }

  private store(roomId: string, runIds: string[]): void {
    if (runIds.length === 0) {
      this.storage.removeItem(keyOf(roomId));
    } else {
      this.storage.setItem(keyOf(roomId), runIds.join(' '));
    }
  }
}

function keyOf(roomId: string): string {
  return `cocalc-jupyter:runs:${roomId}`;
}
