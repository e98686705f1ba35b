/**
 * Who ran a cell and when, as the server notes it in the state that all pages share.
 */

const PREFIX = 'run:';

/** The latest run of one cell; times in milliseconds. */
export interface IRunNote {
  by: string;
  start: number;
  end: number | null;
}

/** Return the cell that an entry of the shared state is about, or `null` for other entries. */
export function cellOfEntry(name: string): string | null {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : null;
}

/** Return the name of the entry of a cell. */
export function entryOfCell(cellId: string): string {
  return `${PREFIX}${cellId}`;
}

/** Return the note in an entry, or `null` if it holds none. */
export function noteOf(entry: unknown): IRunNote | null {
  if (typeof entry !== 'object' || entry === null) {
    return null;
  }
  const { by, start, end } = entry as Record<string, unknown>;
  if (typeof start !== 'number') {
    return null;
  }
  return { by: typeof by === 'string' ? by : '', start, end: typeof end === 'number' ? end : null };
}

/** Return the duration of a run for people, or the empty text while it lasts. */
export function durationOf({ start, end }: IRunNote): string {
  if (end === null) {
    return '';
  }
  const seconds = Math.max(0, end - start) / 1000;
  return seconds < 60
    ? `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
